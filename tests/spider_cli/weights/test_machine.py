"""Does it fit: pure, on machines that are told."""

import subprocess
import sys

import psutil
import pytest

from spider_cli.weights.machine import (
    Gpu,
    Machine,
    fit,
    free_memory,
    memory_text,
    needed,
    this_machine,
)

GB = 10**9
BIG, SMALL = 8_770_000_000, 7_000_000


@pytest.mark.parametrize(
    ("machine", "parameters", "fits", "says"),
    [
        (Machine(16 * GB, (Gpu("RTX 4090", 24 * GB),)), BIG, True, "needs 22 GB; RTX 4090 has 24"),
        (Machine(16 * GB, (Gpu("GTX 1080", 8 * GB),)), BIG, False, "GTX 1080 has 8.0 GB; the CPU"),
        (Machine(64 * GB, (Gpu("GTX 1080", 8 * GB),)), BIG, True, "on the CPU, slowly"),
        (Machine(64 * GB, (Gpu("a", 8 * GB), Gpu("b", 80 * GB))), BIG, True, "b has 80 GB"),
        (Machine(16 * GB, (Gpu("a", 16 * GB),) * 2), BIG, True, "spread over 2 GPUs with 32 GB"),
        (Machine(16 * GB), BIG, False, "no NVIDIA GPU, and the CPU needs 43 GB and has 16 GB"),
        (Machine(64 * GB), BIG, True, "on the CPU, slowly: needs 43 GB of 64 GB"),
        (Machine(32 * GB, shared=True), BIG, True, "Apple's GPU shares"),
        (Machine(16 * GB, shared=True), BIG, False, "needs 22 GB"),
        (Machine(4 * GB), SMALL, True, "on the CPU: needs 1.0 GB"),
        (Machine(GB // 2), SMALL, False, "no NVIDIA GPU"),
    ],
)
def test_fit(machine: Machine, parameters: int, fits: bool, says: str) -> None:
    found = fit(parameters, machine)
    assert found.fits == fits
    assert says in found.why


def test_this_machine_is_asked_without_torch() -> None:
    assert 0 < this_machine().ram <= psutil.virtual_memory().total
    code = (
        "import sys; from spider_cli.weights.machine import this_machine as m; m()\n"
        "assert not {'torch', 'transformers', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_is_free_is_less_than_all() -> None:
    [room] = free_memory("cpu")
    assert 0 < room.free < room.memory == this_machine().ram


def test_what_is_free_heeds_the_container(monkeypatch: pytest.MonkeyPatch) -> None:
    from spider_cli.weights.cgroup import Limit

    module = "spider_cli.weights.machine.memory_limits"
    monkeypatch.setattr(module, lambda: [Limit(10**15, 0), Limit(5_000_000, 1_000_000)])
    assert free_memory("cpu")[0].free == 4_000_000
    this_machine.cache_clear()
    try:
        assert this_machine().ram == 5_000_000
    finally:
        this_machine.cache_clear()


def test_a_fifth_on_top() -> None:
    assert needed(1_000_000) == 1_200_000


@pytest.mark.parametrize(
    ("size", "text"),
    [(22 * GB, "22 GB"), (4_260_000_000, "4.3 GB"), (27_000_000, "27 MB"), (640_000, "640 kB")],
)
def test_sizes_in_words(size: int, text: str) -> None:
    assert memory_text(size) == text
