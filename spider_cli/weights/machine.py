"""Does a model fit this machine? Asked of the system and of NVIDIA's driver, without torch."""

import contextlib
import platform
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["Fit", "Gpu", "Machine", "fit", "this_machine"]

GB = 1e9
_OVERHEAD = 1.2
"""Weights and what a photo with its questions takes beside them."""
_LIBRARIES = int(1.0 * GB)
_HALF, _FULL = 2, 4
"""Bytes of a number: half precision on a GPU, float32 on the CPU."""
_CGROUP = Path("/sys/fs/cgroup/memory.max")


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
class Fit:
    """Whether a model fits, and why."""

    fits: bool
    why: str


@cache
def this_machine() -> Machine:
    """The memory of this machine, and its GPUs. A container's limit counts as all there is."""
    import psutil

    ram = int(psutil.virtual_memory().total)
    with contextlib.suppress(OSError, ValueError):  # "max" where there is no limit
        ram = min(ram, int(_CGROUP.read_text(encoding="ascii")))
    apple = sys.platform == "darwin" and platform.machine() == "arm64"
    return Machine(ram, _gpus(), apple)


def fit(parameters: int, machine: Machine) -> Fit:
    """Whether a model of so many parameters fits: on a GPU in half precision, else on the CPU in
    float32."""
    half = int(parameters * _HALF * _OVERHEAD) + _LIBRARIES
    full = int(parameters * _FULL * _OVERHEAD) + _LIBRARIES
    largest = max(machine.gpus, key=lambda gpu: gpu.memory, default=None)
    if largest is not None and half <= largest.memory:
        return Fit(True, f"needs {_gb(half)}; {largest.name} has {_gb(largest.memory)}")
    if machine.shared and half <= machine.ram:
        return Fit(True, f"needs {_gb(half)} of the {_gb(machine.ram)} that Apple's GPU shares")
    if full <= machine.ram:
        slow = "" if parameters < 5e8 else ", slowly"
        return Fit(True, f"on the CPU{slow}: needs {_gb(full)} of {_gb(machine.ram)}")
    on_cpu = f"the CPU needs {_gb(full)} and has {_gb(machine.ram)}"
    if machine.shared:
        return Fit(False, f"needs {_gb(half)}, and the machine has {_gb(machine.ram)}")
    if largest is None:
        return Fit(False, f"no NVIDIA GPU, and {on_cpu}")
    return Fit(
        False, f"a GPU needs {_gb(half)}, {largest.name} has {_gb(largest.memory)}; {on_cpu}"
    )


def _gb(size: int) -> str:
    return f"{size / GB:.{1 if size < 10 * GB else 0}f} GB"


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
