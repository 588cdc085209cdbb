"""Muon for matrices beside AdamW for the rest: one optimizer, as the Trainer wants it.

torch.optim.Muon takes nothing but matrices, and turns them in bfloat16, which CPUs without such
units take ten times as long for as a whole step of nano's.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

__all__ = ["MuonAdamW", "orthogonal"]

_COEFFICIENTS = (3.4445, -4.775, 2.0315)
"""Of the quintic iteration; steepest at 0, so that small singular values come up in few steps."""
_STEPS = 5
_MOMENTUM = 0.95
_LIKE_ADAM = 0.2
"""Root mean square of AdamW's own steps, which a turned one is brought to (Liu et al. 2025, "Muon
is scalable for LLM training", section 2.2): one scale of learning rates, and of decay, for both."""


class MuonAdamW(torch.optim.AdamW):
    """Muon (Jordan et al. 2024) for the groups with "muon": True, AdamW for the others. Such groups
    hold matrices, and convolutions, (out, in, ...), which are taken as matrices (out, all else).
    Needs gradients of whole matrices: not for weights spread over processes."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """As every optimizer's."""
        groups = self.param_groups
        self.param_groups = [group for group in groups if not group.get("muon")]
        try:
            found = super().step(closure)
        finally:
            self.param_groups = groups
        for group in groups:
            if group.get("muon"):
                self._turned(group)
        return found

    @torch.no_grad()
    def _turned(self, group: dict[str, Any]) -> None:
        for matrix in group["params"]:
            if matrix.grad is None:
                continue
            state = self.state[matrix]
            if not state:
                state["step"] = torch.tensor(0.0)  # AdamW looks for it in all
                state["momentum_buffer"] = torch.zeros_like(matrix.grad)
            state["step"] += 1
            kept = state["momentum_buffer"]
            kept.lerp_(matrix.grad, 1 - _MOMENTUM)
            nesterov = matrix.grad.lerp(kept, _MOMENTUM).flatten(1)
            step = orthogonal(nesterov).view(matrix.shape)
            matrix.mul_(1 - group["lr"] * group["weight_decay"])
            matrix.add_(step, alpha=-group["lr"] * _LIKE_ADAM * max(nesterov.shape) ** 0.5)


def orthogonal(matrix: Tensor) -> Tensor:
    """Nearly U V^T of a matrix U S V^T, by Newton-Schulz: singular values between 0.5 and 1.5.

    Args:
        matrix: (rows, columns).

    Returns:
        The same shape and dtype.
    """
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    turned = wide.to(torch.bfloat16 if wide.is_cuda else torch.float32)
    turned = turned / turned.norm().clamp(min=1e-7)
    once, thrice, fifth = _COEFFICIENTS
    for _ in range(_STEPS):
        square = turned @ turned.T
        change = torch.addmm(square, square, square, beta=thrice, alpha=fifth)
        turned = torch.addmm(turned, change, turned, beta=once)
    turned = turned if wide is matrix else turned.T
    return turned.to(matrix.dtype)
