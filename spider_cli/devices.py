"""Where a model runs and in which precision; each choice comes with its reason."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spider_cli.errors import UsageError
from spider_cli.weights.quantizing import QUANTIZE, Quantize

if TYPE_CHECKING:
    import torch

__all__ = ["DEVICES", "DEVICE_MAPS", "DTYPES", "Wanted", "choose_device", "choose_dtype"]

DEVICES = ("auto", "cpu", "cuda", "mps")
DTYPES = ("auto", "float32", "bfloat16", "float16")
DEVICE_MAPS = ("auto", "balanced", "balanced_low_0", "sequential")
"""Ways of spreading a model over several GPUs, as accelerate names them."""
_LARGE = 1_000_000_000
"""Parameters from which on half the memory is worth rounded numbers on a CPU."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a user says of how a model is to run.

    Args:
        device: one of `DEVICES`.
        dtype: one of `DTYPES`.
        quantize: "int8" or "int4": layers of the language model in so many bits.
        device_map: one of `DEVICE_MAPS`: over several GPUs.

    Raises:
        UsageError: an unknown word, or two that exclude each other.
    """

    device: str = "auto"
    dtype: str = "auto"
    quantize: Quantize | None = None
    device_map: str | None = None

    def __post_init__(self) -> None:
        for name, value, known in (
            ("device", self.device, DEVICES),
            ("dtype", self.dtype, DTYPES),
            ("quantize", self.quantize, (None, *QUANTIZE)),
            ("device-map", self.device_map, (None, *DEVICE_MAPS)),
        ):
            if value not in known:
                words = ", ".join(word for word in known if word is not None)
                raise UsageError(f"unknown {name} {value!r}", hint=f"one of {words}")
        if self.device_map is not None and self.device in ("cpu", "mps"):
            raise UsageError(
                f"--device-map {self.device_map} spreads a model over CUDA GPUs: --device "
                f"{self.device} excludes it"
            )


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


def choose_dtype(wanted: str, device: str, parameters: int = 0) -> "tuple[torch.dtype, str]":
    """The precision and why.

    Args:
        device: of `choose_device`.
        parameters: of the model, where they are known: on a CPU that multiplies bfloat16 by itself,
            a large model takes it.

    Raises:
        UsageError: no such precision.
    """
    import torch

    if wanted not in DTYPES:
        raise UsageError(f"unknown dtype {wanted!r}", hint=f"one of {', '.join(DTYPES)}")
    if wanted != "auto":
        return getattr(torch, wanted), "asked for"
    if device == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return torch.bfloat16, "half the memory on CUDA"
        return torch.float16, "half the memory on CUDA; this GPU has no bfloat16"
    if device == "mps":
        return torch.float16, "half the memory on Apple's GPU"
    if parameters >= _LARGE and (unit := _fast_bfloat16()):
        return torch.bfloat16, f"half the memory, and this CPU has {unit}"
    return torch.float32, "exact and fast on CPU"


def _fast_bfloat16() -> str:
    """What of this CPU multiplies bfloat16, as torch found it; "" where nothing does."""
    import torch

    units = {"AMX": "_is_amx_tile_supported", "AVX512-BF16": "_is_avx512_bf16_supported"}
    for unit, name in units.items():
        asked = getattr(torch.cpu, name, None)
        if asked is not None and asked():
            return unit
    return ""
