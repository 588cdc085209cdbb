"""A language model's layers in 8 or 4 bits a weight: they take less memory, and answers move a
little. Not a faster way: a layer's weights are widened each time it runs.

What shrinks are the matrices of the decoder's layers. The visual encoder, embeddings and the output
layer, from which the words' logits come, stay as they are. int8 is torchao's, a scale per row; int4
(`spider_cli.weights.int4`) keeps two numbers for every 32 weights of a row.
"""

import importlib.util
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from spider_cli.errors import UsageError

if TYPE_CHECKING:
    import torch

__all__ = [
    "GROUP",
    "QUANTIZE",
    "Quantize",
    "check_installed",
    "is_layer",
    "loading_options",
    "quantize_layers",
    "quantized_size",
]

Quantize: TypeAlias = Literal["int8", "int4"]

QUANTIZE: tuple[Quantize, ...] = ("int8", "int4")
GROUP = 32
"""Weights of a row that share a step and a lowest value, in 4 bits."""
_LAYER = r"(?:.*\.)?(?:language_model|text_model)\.(?:\w+\.)*layers\.\d+\.|model\.layers\.\d+\."
"""How a decoder's layers are named, in files and in models; the last is Phi's, and that of files
written before transformers' fifth version."""


def is_layer(name: str, shape: Sequence[int]) -> bool:
    """Is a tensor a matrix of one of the language model's layers?"""
    return len(shape) == 2 and name.endswith(".weight") and re.match(_LAYER, name) is not None


def quantized_size(kind: Quantize, shape: Sequence[int], width: int) -> int | None:
    """Bytes of a layer's matrix once it is quantized; None where it stays as it is.

    Args:
        shape: (rows, columns).
        width: bytes of the model's other numbers.
    """
    rows, columns = shape
    if kind == "int8":
        return rows * columns + rows * 5  # a float32 scale and an int8 zero a row
    if columns % GROUP:
        return None
    return rows * columns // 2 + rows * (columns // GROUP) * 2 * width


def check_installed(device: str) -> None:
    """See that quantizing is possible at all.

    Raises:
        UsageError: a package is missing.
    """
    wanted = ["torchao"] if device == "cpu" else ["torchao", "accelerate"]
    missing = [name for name in wanted if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"--quantize needs the package {missing[0]}, which is not installed",
            hint="pip install 'spider-iqa[quantize]'",
            code="missing_package",
        )


def loading_options(kind: Quantize) -> dict[str, Any]:
    """For transformers' ``from_pretrained``: each layer is quantized as soon as it is read."""
    from transformers import TorchAoConfig

    others = f"(?!{_LAYER}).*"  # patterns of names, which transformers leaves alone
    config: Any = TorchAoConfig(_config(kind), modules_to_not_convert=[others])
    return {"quantization_config": config}


def quantize_layers(
    model: Any, kind: Quantize, device_of: "Callable[[str], torch.device | str | int]"
) -> None:
    """Quantize a loaded model's layers in place.

    Args:
        device_of: where a module, by its name, is to be; it is moved there first.
    """
    from torch import nn
    from torchao.quantization import quantize_

    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and is_layer(f"{name}.weight", module.weight.shape):
            quantize_(module.to(device_of(name)), _config(kind), filter_fn=lambda *_: True)


def _config(kind: Quantize) -> Any:
    """What torchao is told."""
    if kind == "int4":
        from spider_cli.weights.int4 import Int4WeightConfig

        return Int4WeightConfig()
    from torchao.quantization import Int8WeightOnlyConfig

    # The other choice would change how precisely all of torch multiplies.
    return Int8WeightOnlyConfig(set_inductor_config=False, version=2)
