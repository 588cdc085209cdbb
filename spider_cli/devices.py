"""Where a model runs and in which precision; each choice comes with its reason."""

from typing import TYPE_CHECKING

from spider_cli.errors import UsageError

if TYPE_CHECKING:
    import torch

__all__ = ["DEVICES", "DTYPES", "choose_device", "choose_dtype"]

DEVICES = ("auto", "cpu", "cuda", "mps")
DTYPES = ("auto", "float32", "bfloat16", "float16")


def choose_device(wanted: str) -> tuple[str, str]:
    """The device and why.

    Raises:
        UsageError: no such device here.
    """
    import torch

    if wanted not in DEVICES:
        raise UsageError(f"unknown device {wanted!r}", hint=f"one of {', '.join(DEVICES)}")
    cuda = torch.cuda.is_available()
    mps = torch.backends.mps.is_available()
    if wanted == "auto":
        if cuda:
            return "cuda", f"a CUDA device is there: {torch.cuda.get_device_name()}"
        if mps:
            return "mps", "Apple's GPU is there"
        return "cpu", "torch sees no GPU"
    if (wanted == "cuda" and not cuda) or (wanted == "mps" and not mps):
        raise UsageError(
            f"--device {wanted}: torch {torch.__version__} sees no such device",
            hint="use --device auto, or install a torch build for it",
            code="device_missing",
        )
    return wanted, "asked for"


def choose_dtype(wanted: str, device: str) -> "tuple[torch.dtype, str]":
    """The precision and why.

    Raises:
        UsageError: no such precision.
    """
    import torch

    if wanted not in DTYPES:
        raise UsageError(f"unknown dtype {wanted!r}", hint=f"one of {', '.join(DTYPES)}")
    if wanted != "auto":
        return getattr(torch, wanted), "asked for"
    if device == "cuda":
        return torch.bfloat16, "half the memory on CUDA"
    if device == "mps":
        return torch.float16, "half the memory on Apple's GPU"
    return torch.float32, "exact and fast on CPU"
