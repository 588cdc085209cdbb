"""One model over several GPUs: which of its modules goes where, found from their shapes alone."""

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spider_cli.errors import UsageError
from spider_cli.weights.adapter import adapter_in
from spider_cli.weights.loading import explained
from spider_cli.weights.quantizing import Quantize, is_layer, loading_options, quantize_layers

if TYPE_CHECKING:
    import torch

__all__ = ["placing_options", "settle", "spread"]

_FOUR_BITS = 0.8
"""accelerate counts half a byte for 4 bits; with its groups' numbers a weight takes 0.63."""


def spread(
    folder: Path,
    way: str,
    dtype: "torch.dtype",
    room: Mapping[int, int],
    quantize: Quantize | None = None,
) -> dict[str, int] | None:
    """Which module goes onto which GPU.

    Args:
        folder: a chat model's, or an adapter's of one.
        way: "auto" or "balanced" (as evenly as it goes), "balanced_low_0" (little on the first),
            "sequential" (one after the other).
        dtype: of its numbers.
        room: bytes for weights on each GPU, by torch's number.
        quantize: how its layers will be kept.

    Returns:
        Module -> GPU; None where they do not all fit. Nothing goes to the CPU or the disk.

    Raises:
        UsageError: accelerate is not installed, or the configuration does not load.
    """
    try:
        from accelerate import infer_auto_device_map
        from accelerate.utils import CustomDtype, get_balanced_memory
    except ImportError as error:
        raise UsageError(
            "a model over several GPUs needs the package accelerate, which is not installed",
            hint="pip install 'spider-iqa[gpus]'",
            code="missing_package",
        ) from error
    model = _skeleton(folder, dtype)
    shapes: dict[str, Any] = {"no_split_module_classes": list(model._no_split_modules or ())}
    if quantize is not None:
        bits = CustomDtype.INT4 if quantize == "int4" else _int8()
        names = [name for name, one in model.named_parameters() if is_layer(name, one.shape)]
        shapes["special_dtypes"] = dict.fromkeys(names, bits)
    share = _FOUR_BITS if quantize == "int4" else 1
    most = {number: int(size * share) for number, size in room.items()}
    if way != "sequential":
        low = way == "balanced_low_0"
        most = get_balanced_memory(model, max_memory=dict(most), low_zero=low, **shapes)
    found = infer_auto_device_map(model, max_memory=dict(most), **shapes)
    if any(not isinstance(device, int) for device in found.values()):
        return None
    return {name: int(device) for name, device in found.items()}


def placing_options(
    device: str, quantize: Quantize | None, device_map: Mapping[str, int | str] | None
) -> dict[str, Any]:
    """For transformers' ``from_pretrained``: weights go from the file to where they belong, one by
    one.

    Args:
        device: where all goes, where no `device_map` says more.
    """
    options = {} if quantize is None else loading_options(quantize)
    straight = device != "cpu" and importlib.util.find_spec("accelerate") is not None
    if device_map is not None or straight:
        options["device_map"] = dict(device_map or {"": device})
    return options


def settle(
    model: Any,
    *,
    device: str,
    quantize: Quantize | None,
    device_map: Mapping[str, int | str] | None,
) -> None:
    """Quantize the layers of a model that lies in the machine's own memory, and move it, in place.

    Args:
        device: as for `placing_options`.
    """
    places = device_map or {"": device}
    if quantize is not None:
        quantize_layers(model, quantize, lambda name: _place_of(name, places))
    if device_map is None:
        model.to(device)
        return
    from accelerate import dispatch_model

    # A cache of keys and values lies where its layers do.
    skip = getattr(model, "_skip_keys_device_placement", None)
    dispatch_model(model, device_map=dict(device_map), skip_keys=skip)


def _place_of(name: str, device_map: Mapping[str, int | str]) -> int | str:
    parts = name.split(".")
    longest = (".".join(parts[:count]) for count in range(len(parts), -1, -1))
    return device_map[next(one for one in longest if one in device_map)]


def _skeleton(folder: Path, dtype: "torch.dtype") -> Any:
    """The model on torch's "meta" device: shapes without memory."""
    import torch
    from transformers import AutoConfig

    from spider_cli.chat import chat_class

    adapter = adapter_in(folder)
    whole = folder if adapter is None else adapter.base
    with explained(whole, "an image-text-to-text model"):
        kind = json.loads((whole / "config.json").read_text(encoding="utf-8")).get("model_type")
        config = AutoConfig.from_pretrained(str(whole), local_files_only=True)
        with torch.device("meta"):
            model = chat_class(kind).from_config(config, dtype=dtype)
    model.tie_weights()
    return model


def _int8() -> "torch.dtype":
    import torch

    return torch.int8
