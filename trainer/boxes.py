"""Boxes to ask about: over one region, over nothing distorted, or anywhere."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spider_cli.results import Box
from trainer.regions import BoolMask

__all__ = ["BoxFinder"]

_STRIDE = 4
_TRIES = 40
_MIN_SIDE = 32
"""Pixels; smaller boxes show too little to judge."""
OWN_SHARE, OTHER_SHARE, CLEAN_SHARE = 0.6, 0.05, 0.03
"""Share of a box that its own region must cover, and that others, or any in a clean box, may."""


class BoxFinder:
    """Draws boxes and counts in no time how much of each region they hold.

    Args:
        shape: height and width of the photo.
        masks: one (height, width) bool mask a region.
        whole: the whole photo is distorted.
    """

    def __init__(self, shape: tuple[int, int], masks: Sequence[BoolMask], *, whole: bool) -> None:
        self.height, self.width = shape
        self.whole = whole
        # Summed-area tables of every fourth pixel, so that a box costs four look-ups a region.
        small = (
            np.stack([mask[_STRIDE // 2 :: _STRIDE, _STRIDE // 2 :: _STRIDE] for mask in masks])
            if masks
            else np.zeros((0, -(-shape[0] // _STRIDE), -(-shape[1] // _STRIDE)), bool)
        )
        sums = small.astype(np.int32).cumsum(axis=1).cumsum(axis=2)
        self.table: npt.NDArray[np.int32] = np.pad(sums, ((0, 0), (1, 0), (1, 0)))

    def shares(self, box: Box) -> npt.NDArray[np.float64]:
        """(regions,) share of the box that each region covers, 0-1, to a few pixels."""
        rows, columns = self.table.shape[1] - 1, self.table.shape[2] - 1
        x1, y1, x2, y2 = (round(value / _STRIDE) for value in box)
        x1, y1 = min(x1, columns - 1), min(y1, rows - 1)
        x2, y2 = min(max(x2, x1 + 1), columns), min(max(y2, y1 + 1), rows)
        t = self.table
        inside = t[:, y2, x2] - t[:, y1, x2] - t[:, y2, x1] + t[:, y1, x1]
        return np.asarray(inside / ((x2 - x1) * (y2 - y1)), dtype=np.float64)

    def distorted(self, box: Box) -> float:
        """Share of the box that is distorted, 0-1."""
        return 1.0 if self.whole else float(self.shares(box).sum())

    def of_region(
        self, index: int, around: Box, point: tuple[float, float], rng: np.random.Generator
    ) -> Box | None:
        """A box in which region `index` dominates, from its bounding box to a part of it.

        None when the region is too thin, or too near another, for any.
        """
        x1, y1, x2, y2 = around
        for attempt in range(_TRIES):
            if attempt == 0 and rng.random() < 0.5:
                box = around
            else:
                scale = (
                    rng.uniform(0.3, 1.0, 2) if attempt < _TRIES // 2 else rng.uniform(0.2, 0.6, 2)
                )
                w, h = (x2 - x1) * scale[0], (y2 - y1) * scale[1]
                # Between the point inside and anywhere the box still lies in the bounding box.
                pull = rng.random()
                x = pull * point[0] + (1 - pull) * rng.uniform(x1 + w / 2, x2 - w / 2)
                y = pull * point[1] + (1 - pull) * rng.uniform(y1 + h / 2, y2 - h / 2)
                box = self._clipped(x - w / 2, y - h / 2, x + w / 2, y + h / 2)
            if min(box[2] - box[0], box[3] - box[1]) < _MIN_SIDE:
                continue
            shares = self.shares(box)
            if shares[index] >= OWN_SHARE and shares.sum() - shares[index] <= OTHER_SHARE:
                return box
        return None

    def clean(self, rng: np.random.Generator) -> Box | None:
        """A box with hardly a distorted pixel; None when none was found."""
        for _ in range(_TRIES):
            box = self.anywhere(rng)
            if self.distorted(box) < CLEAN_SHARE:
                return box
        return None

    def anywhere(self, rng: np.random.Generator, min_share: float = 0.03) -> Box:
        """A box of at least `min_share` of the photo, all sizes from there alike."""
        share = float(rng.uniform(np.sqrt(min_share), 0.95)) ** 2
        stretch = float(np.exp(rng.uniform(-0.5, 0.5)))
        w = min(1.0, np.sqrt(share) * stretch)
        h = min(1.0, share / w)
        w = min(1.0, share / h)
        x, y = rng.uniform(0, 1 - w), rng.uniform(0, 1 - h)
        return self._clipped(
            x * self.width, y * self.height, (x + w) * self.width, (y + h) * self.height
        )

    def _clipped(self, x1: float, y1: float, x2: float, y2: float) -> Box:
        left, top = max(0, round(x1)), max(0, round(y1))
        right, bottom = min(self.width, round(x2)), min(self.height, round(y2))
        return left, top, max(right, left + 1), max(bottom, top + 1)
