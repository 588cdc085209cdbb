"""Weights of 4 bits, for torchao's ``quantize_``: on any device, in any precision.

torchao's own forms of int4 each want one kind of GPU. This one is plain torch: two weights a byte,
and for every group of a row its step and its lowest value. It is widened whenever its layer runs.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchao.core.config import AOBaseConfig
from torchao.quantization.transform_module import register_quantize_module_handler
from torchao.utils import TorchAOBaseTensor

from spider_cli.weights.quantizing import GROUP

__all__ = ["Int4WeightConfig", "Packed"]

_MOST = 15


@dataclass
class Int4WeightConfig(AOBaseConfig):  # type: ignore[misc]  # torchao has no types
    """Linear layers' weights in 4 bits; those whose rows do not divide into groups stay."""


class Packed(TorchAOBaseTensor):  # type: ignore[misc]
    """A matrix (rows, columns) in 4 bits a number.

    Args:
        halves: (rows, columns / 2) uint8: the first half of the columns in the low bits, the second
            in the high ones.
        step: (rows, columns / GROUP), of the dtype that the matrix is taken for.
        low: likewise; what 0 stands for.
    """

    tensor_data_names = ["halves", "step", "low"]  # noqa: RUF012  # torchao looks for lists
    tensor_attribute_names: list[str] = []  # noqa: RUF012

    def __new__(cls, halves: Tensor, step: Tensor, low: Tensor) -> "Packed":
        shape = (halves.shape[0], 2 * halves.shape[1])
        made: Packed = torch.Tensor._make_wrapper_subclass(
            cls, shape, dtype=step.dtype, device=halves.device, requires_grad=False
        )
        return made

    def __init__(self, halves: Tensor, step: Tensor, low: Tensor) -> None:
        super().__init__()
        self.halves = halves
        self.step = step
        self.low = low

    @classmethod
    def of(cls, weight: Tensor) -> "Packed":
        """Quantize a matrix (rows, columns), whose columns divide into groups."""
        rows, columns = weight.shape
        groups = weight.detach().float().view(rows, -1, GROUP)
        low, high = groups.amin(-1), groups.amax(-1)
        step = ((high - low) / _MOST).to(weight.dtype)
        step = torch.where(step == 0, torch.ones_like(step), step)
        low = low.to(weight.dtype)
        # Against the two as they are kept, so that their rounding does not add to the weights'.
        levels = (groups - low.float()[..., None]) / step.float()[..., None]
        whole = levels.round_().clamp_(0, _MOST).to(torch.uint8).view(rows, 2, columns // 2)
        return cls(whole[:, 0] | whole[:, 1] << 4, step, low)

    def dequantize(self) -> Tensor:
        """The matrix (rows, columns), in the dtype of `step`."""
        rows, half = self.halves.shape
        whole = torch.empty((rows, 2, half), dtype=self.step.dtype, device=self.halves.device)
        whole[:, 0] = self.halves & _MOST
        whole[:, 1] = self.halves >> 4
        groups = whole.view(rows, -1, GROUP).mul_(self.step[..., None]).add_(self.low[..., None])
        return groups.view(rows, 2 * half)


@Packed.implements(torch.ops.aten.linear.default)  # type: ignore[untyped-decorator]
@Packed.implements_torch_function(F.linear)  # type: ignore[untyped-decorator]
def _linear(func: Any, types: Any, args: Any, kwargs: Any) -> Tensor:
    given, weight, bias = args[0], args[1], args[2] if len(args) > 2 else kwargs.get("bias")
    return F.linear(given, weight.dequantize().to(given.dtype), bias)


@register_quantize_module_handler(Int4WeightConfig)  # type: ignore[untyped-decorator]
def _quantized(module: nn.Module, config: Int4WeightConfig) -> nn.Module:
    weight: Any = module.weight
    if weight.shape[1] % GROUP == 0:
        module.weight = nn.Parameter(Packed.of(weight), requires_grad=False)
    return module
