"""How much memory this machine has, and has free; does a model fit? Asked of the system and of
NVIDIA's driver, without torch; only what is free on a GPU is asked of torch, which is to use it."""

import platform
import sys
from dataclasses import dataclass
from functools import cache

from spider_cli.weights.cgroup import memory_limits

__all__ = [
    "Fit",
    "Gpu",
    "Machine",
    "Room",
    "fit",
    "free_memory",
    "memory_text",
    "needed",
    "this_machine",
]

GB = 1e9
_OVERHEAD = 1.2
"""Weights and what a photo with its questions takes beside them."""
_LIBRARIES = int(1.0 * GB)
_HALF, _FULL = 2, 4
"""Bytes of a number: half precision on a GPU, float32 on the CPU."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU and its whole memory in bytes."""

    name: str
    memory: int


@dataclass(frozen=True, slots=True)
class Machine:
    """Memory in bytes: all there is, used or not."""

    ram: int
    gpus: tuple[Gpu, ...] = ()
    shared: bool = False
    """Does the GPU work in the machine's own memory, as Apple's does?"""


@dataclass(frozen=True, slots=True)
class Room:
    """Memory of one device in bytes: what is free of all of it."""

    name: str
    free: int
    memory: int


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a model fits, and why."""

    fits: bool
    why: str


@cache
def this_machine() -> Machine:
    """The memory of this machine, and its GPUs. A container's limit counts as all there is."""
    import psutil

    ram = min([int(psutil.virtual_memory().total), *(limit.most for limit in memory_limits())])
    apple = sys.platform == "darwin" and platform.machine() == "arm64"
    return Machine(ram, _gpus(), apple)


def free_memory(kind: str) -> tuple[Room, ...]:
    """What is free now.

    Args:
        kind: "cpu", "cuda" or "mps".

    Returns:
        A room for each GPU as torch numbers them; for the others one.
    """
    if kind == "cuda":
        return _free_on_cuda()
    import psutil

    memory = psutil.virtual_memory()
    free = min([int(memory.available), *(limit.free for limit in memory_limits())])
    if kind == "cpu":
        return (Room("the machine", free, this_machine().ram),)
    import torch

    most = int(torch.mps.recommended_max_memory())
    left = max(0, most - int(torch.mps.driver_allocated_memory()))
    return (Room("Apple's GPU", min(free, left), most),)


def needed(weights: int) -> int:
    """Bytes that a model of so many bytes of weights takes at work: a fifth on top."""
    return int(weights * _OVERHEAD)


def fit(parameters: int, machine: Machine) -> Fit:
    """Whether a model of so many parameters fits: on a GPU in half precision, else on the CPU in
    float32."""
    text = memory_text
    half = needed(parameters * _HALF) + _LIBRARIES
    full = needed(parameters * _FULL) + _LIBRARIES
    largest = max(machine.gpus, key=lambda gpu: gpu.memory, default=None)
    together = sum(gpu.memory for gpu in machine.gpus)
    if largest is not None and half <= largest.memory:
        return Fit(True, f"needs {text(half)}; {largest.name} has {text(largest.memory)}")
    if len(machine.gpus) > 1 and half <= together:
        count = len(machine.gpus)
        return Fit(
            True,
            f"needs {text(half)}, spread over {count} GPUs with {text(together)}",
        )
    if machine.shared and half <= machine.ram:
        return Fit(
            True,
            f"needs {text(half)} of the {text(machine.ram)} that Apple's GPU shares",
        )
    if full <= machine.ram:
        slow = "" if parameters < 5e8 else ", slowly"
        return Fit(True, f"on the CPU{slow}: needs {text(full)} of {text(machine.ram)}")
    on_cpu = f"the CPU needs {text(full)} and has {text(machine.ram)}"
    if machine.shared:
        return Fit(False, f"needs {text(half)}, and the machine has {text(machine.ram)}")
    if largest is None:
        return Fit(False, f"no NVIDIA GPU, and {on_cpu}")
    return Fit(
        False,
        f"a GPU needs {text(half)}, {largest.name} has {text(largest.memory)}; {on_cpu}",
    )


def memory_text(size: int) -> str:
    """ "22 GB", "4.3 GB", "27 MB", "600 kB"."""
    if size < 1e6:
        return f"{size / 1e3:.0f} kB"
    if size < GB:
        return f"{size / 1e6:.0f} MB"
    return f"{size / GB:.{1 if size < 10 * GB else 0}f} GB"


def _free_on_cuda() -> tuple[Room, ...]:
    import torch

    found = []
    for number in range(torch.cuda.device_count()):
        free, whole = torch.cuda.mem_get_info(number)
        # What torch holds in reserve counts as used there, and is to be had.
        free += torch.cuda.memory_reserved(number) - torch.cuda.memory_allocated(number)
        found.append(Room(torch.cuda.get_device_name(number), int(free), int(whole)))
    return tuple(found)


def _gpus() -> tuple[Gpu, ...]:
    """What NVIDIA's driver knows; nothing where there is none."""
    try:
        import pynvml
    except ImportError:
        return ()
    found = []
    try:
        pynvml.nvmlInit()
        for number in range(pynvml.nvmlDeviceGetCount()):
            device = pynvml.nvmlDeviceGetHandleByIndex(number)
            memory = int(pynvml.nvmlDeviceGetMemoryInfo(device).total)
            found.append(Gpu(str(pynvml.nvmlDeviceGetName(device)), memory))
        pynvml.nvmlShutdown()
    except pynvml.NVMLError:  # no driver, or one that does not answer
        return tuple(found)
    return tuple(found)
