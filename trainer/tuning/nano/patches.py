"""Dense supervision of nano's encoder: every patch of a view knows its distortions from the masks.

Per patch and family three binary labels (at least mild, moderate, severe), and where two
distortions meet, which came last. The projector's `readout` learns them, and the language model
reads what it tells.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from spider_cli.nano.modeling import ViewTensor
from spider_cli.nano.vision import PATCH
from spider_cli.vocabulary import FAMILIES, SEVERITIES
from trainer.truth import BoolMask, Sample

__all__ = ["PatchTargets", "patch_loss", "patch_targets"]

_FAMILIES, _STEPS = len(FAMILIES), len(SEVERITIES)
_FEW = 3.0
"""Patches with a known order below which their loss is not weighed up."""


@dataclass(frozen=True, slots=True)
class PatchTargets:
    """What the patches of a view should tell; h x w of them."""

    severity: Tensor
    """(12, 3, h, w) 0 or 1: the family is there, at least mild, moderate, severe."""
    weight: Tensor
    """(h, w) 0-1: low where a border crosses the patch, 0 outside the photo."""
    last: Tensor
    """(12, h, w): 1 for the family applied last of two, 0 for the one before, -1 elsewhere."""

    def to(self, device: torch.device) -> "PatchTargets":
        """On another device."""
        return PatchTargets(self.severity.to(device), self.weight.to(device), self.last.to(device))


def patch_targets(sample: Sample, view: ViewTensor) -> PatchTargets:
    """Labels of a view's patches from the truth about the photo.

    Args:
        sample: its masks have the photo's own size, whatever the view's.
        view: the overview, or a 100% tile.
    """
    height, width = (side // PATCH for side in view.pixels.shape[1:])
    severity = np.zeros((_FAMILIES, _STEPS, height, width), np.float32)
    last = np.full((_FAMILIES, height, width), -1, np.float32)
    weight = _share(None, view, height, width)
    parts = [(region.mask, region.distortions) for region in sample.regions]
    for mask, distortions in [*parts, (None, sample.whole)]:
        if not distortions:
            continue
        share = _share(mask, view, height, width)
        inside = share >= 0.5
        if mask is not None:
            weight = np.minimum(weight, np.abs(2 * share - 1))
        for position, applied in enumerate(distortions):
            if not applied.family:
                continue
            family = FAMILIES.index(applied.family)
            severity[family, : SEVERITIES.index(applied.severity) + 1, inside] = 1
            if len(distortions) == 2:
                last[family][inside] = position
    return PatchTargets(
        torch.from_numpy(severity), torch.from_numpy(weight), torch.from_numpy(last)
    )


def patch_loss(logits: Tensor, targets: PatchTargets) -> Tensor:
    """Binary cross-entropy over families and severities, plus half that of the order.

    Args:
        logits: (48, h, w), `NanoForConditionalGeneration.patch_logits`.

    Returns:
        A scalar: the sum over labels, as a weighted mean over patches.
    """
    split = _FAMILIES * _STEPS
    severity = logits[:split].reshape(targets.severity.shape).float()
    loss = F.binary_cross_entropy_with_logits(severity, targets.severity, reduction="none")
    loss = (loss.sum(dim=(0, 1)) * targets.weight).sum() / targets.weight.sum().clamp(min=1)
    known = (targets.last >= 0).float() * targets.weight
    order = F.binary_cross_entropy_with_logits(
        logits[split:].float(), targets.last.clamp(min=0), reduction="none"
    )
    total: Tensor = loss + 0.5 * (order * known).sum() / known.sum().clamp(min=_FEW)
    return total


def _share(
    mask: BoolMask | None, view: ViewTensor, height: int, width: int
) -> npt.NDArray[np.float32]:
    """How much of each patch a mask covers (the photo itself where None), (height, width) 0-1."""
    across, down = view.valid
    if mask is None:
        seen = np.ones((down, across), np.float32)
    else:
        rows, columns = mask.shape
        x1, y1, x2, y2 = view.place
        part = mask[round(y1 * rows) : round(y2 * rows), round(x1 * columns) : round(x2 * columns)]
        seen = np.ascontiguousarray(part, dtype=np.float32)
        if seen.shape != (down, across):
            seen = np.asarray(cv2.resize(seen, (across, down), interpolation=cv2.INTER_AREA))
    padded = np.zeros((height * PATCH, width * PATCH), np.float32)
    padded[:down, :across] = seen
    share: npt.NDArray[np.float32] = padded.reshape(height, PATCH, width, PATCH).mean(axis=(1, 3))
    return share
