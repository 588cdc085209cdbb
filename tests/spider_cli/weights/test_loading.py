"""Weights from a folder: mapped into memory, read once, and errors in one line."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from spider_cli.chat import chat_class
from spider_cli.errors import UsageError
from spider_cli.weights.loading import explained, load_whole


def mapped(file: Path) -> list[range]:
    """Where a file lies in this process's memory."""
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    own = [line.split()[0].split("-") for line in lines if line.endswith(str(file))]
    return [range(int(start, 16), int(end, 16)) for start, end in own]


def read_so_far() -> int:
    """Bytes that this process has read by calls; what is mapped does not count."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("rchar")))


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux's /proc")
def test_weights_are_mapped_and_not_read(tiny_checkpoint: Callable[[str], Path]) -> None:
    folder = tiny_checkpoint("qwen3_vl")
    file = folder / "model.safetensors"
    load_whole(chat_class("qwen3_vl"), folder, dtype=torch.float32)  # what is imported for it
    assert mapped(file) == []
    before = read_so_far()
    model = load_whole(chat_class("qwen3_vl"), folder, dtype=torch.float32)
    assert read_so_far() - before < file.stat().st_size / 4
    places = mapped(file)
    lie_there = [any(one.data_ptr() in place for place in places) for one in model.parameters()]
    assert sum(lie_there) > 0.9 * len(lie_there)


class OutOfMemoryError(RuntimeError):
    """As torch's is called."""


@pytest.mark.parametrize(
    "error",
    [
        OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore of it."),
        MemoryError("no more"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 8 bytes"),
    ],
)
def test_memory_that_runs_out_all_the_same(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(UsageError) as caught, explained(tmp_path, "a model"):
        raise error
    assert caught.value.code == "memory_short"
    assert str(error).splitlines()[0] in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.__cause__ is error
