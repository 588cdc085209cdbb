"""What a model's weights will take of memory, told by the heads of their files."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from spider_cli.weights.adapter import WEIGHTS as ADAPTER
from spider_cli.weights.adapter import adapter_in
from spider_cli.weights.cached import INDEX, WHOLE
from spider_cli.weights.headers import Stored, read_header
from spider_cli.weights.loading import damaged
from spider_cli.weights.quantizing import Quantize, is_layer, quantized_size
from spider_cli.weights.selection import read_json

__all__ = ["Weights", "weights_in"]

_FLOATS = frozenset(["F64", "F32", "F16", "BF16"])
_HEAD = "lm_head.weight"


@dataclass(frozen=True)
class Weights:
    """A model's weights as they lie on the disk."""

    tensors: tuple[Stored, ...]
    adapter: int = 0
    """Bytes of an adapter, which is folded in once all of its base is there."""
    quantized: str = ""
    """How the folder has quantized them itself; "" where it has not."""

    @cached_property
    def parameters(self) -> int:
        """Numbers that are no whole numbers."""
        return sum(_count(one) for one in self.tensors if one.kind in _FLOATS)

    @property
    def layers(self) -> bool:
        """Does it have layers of a language model, that can be quantized?"""
        return any(is_layer(one.name, one.shape) for one in self.tensors)

    def size(self, width: int, quantize: Quantize | None = None) -> int:
        """Bytes once they are loaded.

        Args:
            width: bytes of a number.
            quantize: how the language model's layers are kept.
        """
        return sum(self._sizes(width, quantize)) + (self.adapter if quantize is None else 0)

    def _sizes(self, width: int, quantize: Quantize | None) -> Iterator[int]:
        for one in self.tensors:
            if self.quantized or one.kind not in _FLOATS:
                yield one.size
                continue
            shrunk = None
            if quantize is not None and is_layer(one.name, one.shape):
                shrunk = quantized_size(quantize, one.shape, width)
            yield _count(one) * width if shrunk is None else shrunk


def weights_in(folder: Path) -> Weights:
    """The weights of a model's folder, or of an adapter's with its base; no tensors where there are
    no safetensors.

    Raises:
        UsageError: a file is truncated or damaged, or an adapter's base is not here.
    """
    adapter = adapter_in(folder)
    whole = folder if adapter is None else adapter.base
    tensors = [one for file in _files(whole) for one in _read(whole, file)]
    beside = sum(one.size for one in _read(folder, folder / ADAPTER)) if adapter else 0
    config = read_json(whole / "config.json")
    if config.get("tie_word_embeddings") or _text(config).get("tie_word_embeddings"):
        # Some files have the output layer nevertheless; it becomes the embeddings.
        tensors = [one for one in tensors if one.name != _HEAD]
    own = config.get("quantization_config")
    method = str(own.get("quant_method", "quantized")) if isinstance(own, dict) else ""
    return Weights(tuple(tensors), beside, method)


def _files(folder: Path) -> list[Path]:
    """Those that transformers reads, of those that are there."""
    if (folder / WHOLE).is_file():
        return [folder / WHOLE]
    try:
        listed = json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"].values()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    files = [folder / name for name in sorted(set(map(str, listed)))]
    return [file for file in files if file.is_file()]


def _read(folder: Path, file: Path) -> tuple[Stored, ...]:
    try:
        return read_header(file)
    except OSError as error:
        raise damaged(folder, file.name, f"cannot be read: {error.strerror or error}") from error
    except ValueError as fault:
        raise damaged(folder, file.name, str(fault)) from fault


def _text(config: dict[str, Any]) -> dict[str, Any]:
    text = config.get("text_config")
    return text if isinstance(text, dict) else {}


def _count(one: Stored) -> int:
    return math.prod(one.shape)
