"""Layers in one pass of the processor's own library (oneDNN), where it can.

On AMD's processors torch multiplies matrices of 64 rows and more in twice the time otherwise, and
ReLU6 after a convolution is a pass of its own: a quarter of the trunk's time.
"""

import torch
from torch import Tensor, nn

__all__ = ["Linear", "fuses", "with_fused_linears"]

_ROWS = 64
"""Fewer are quicker as torch multiplies them."""


def fuses(x: Tensor) -> bool:
    """Can the processor's library do it? It keeps nothing for a backward pass."""
    return (
        x.device.type == "cpu"
        and x.dtype == torch.float32
        and not torch.is_grad_enabled()
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


class Linear(nn.Linear):
    """`torch.nn.Linear`: the same weights, the same values but for rounding."""

    def forward(self, input: Tensor) -> Tensor:
        """(..., inputs) -> (..., outputs)"""
        if input.numel() < _ROWS * self.in_features or not fuses(input):
            return super().forward(input)
        made: Tensor = torch.ops.mkldnn._linear_pointwise(
            input, self.weight, self.bias, "none", [], ""
        )
        return made


def with_fused_linears(model: nn.Module) -> None:
    """Make every linear layer of a model one of these, those of other libraries too; in place."""
    for module in model.modules():
        if type(module) is nn.Linear:
            module.__class__ = Linear
