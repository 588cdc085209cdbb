"""Does it fit: pure, on machines that are told."""

import subprocess
import sys

import psutil
import pytest

from spider_cli.weights.machine import Gpu, Machine, fit, this_machine

GB = 10**9
BIG, SMALL = 8_770_000_000, 7_000_000


@pytest.mark.parametrize(
    ("machine", "parameters", "fits", "says"),
    [
        (Machine(16 * GB, (Gpu("RTX 4090", 24 * GB),)), BIG, True, "needs 22 GB; RTX 4090 has 24"),
        (Machine(16 * GB, (Gpu("GTX 1080", 8 * GB),)), BIG, False, "GTX 1080 has 8.0 GB; the CPU"),
        (Machine(64 * GB, (Gpu("GTX 1080", 8 * GB),)), BIG, True, "on the CPU, slowly"),
        (Machine(64 * GB, (Gpu("a", 8 * GB), Gpu("b", 80 * GB))), BIG, True, "b has 80 GB"),
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
