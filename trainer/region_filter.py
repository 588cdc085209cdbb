"""Candidates -> regions worth distorting: of fair size, in one piece, apart from each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.segments import MAX_SHARE, MIN_SHARE, BoolMask, largest_piece

__all__ = ["Found", "RegionFilter", "choose"]


@dataclass(frozen=True, slots=True)
class Found:
    """A region found in a photo."""

    mask: BoolMask
    """(height, width) bool at the working size; never empty."""
    label: str = ""
    """What it shows, as a noun phrase ("the sky"); "" where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionFilter:
    """What a candidate must be to become a region."""

    min_share: float = MIN_SHARE
    "Smallest share of the photo."
    max_share: float = MAX_SHARE
    "Largest share of the photo."
    max_overlap: float = 0.15
    """Largest share of a candidate that regions chosen before it may cover. Up to that, two masks
    only disagree about their common border: the later one gives way and is trimmed. Beyond, it is
    the same thing or a part of it, and what trimming would leave is no object: it is dropped."""
    connected: bool = True
    "Only the largest connected piece is kept: one point cannot name two."
    min_piece: float = 0.8
    """Smallest share of the mask that this piece must hold: with less, a label would no longer say
    what is left."""

    def __post_init__(self) -> None:
        for low, high, names in (
            (self.min_share, self.max_share, "min_share <= max_share"),
            (0.0, self.min_piece, "min_piece"),
            (0.0, self.max_overlap, "max_overlap"),
        ):
            if not 0 <= low <= high <= 1:
                raise ValueError(f"{names} must lie in 0-1: {low}, {high}")

    def passed(self, mask: BoolMask, taken: BoolMask | None = None) -> BoolMask | None:
        """What of a candidate becomes a region, if anything does.

        Args:
            mask: (height, width) bool.
            taken: (height, width) bool, what other regions cover already.

        Returns:
            (height, width) bool within `mask` and outside `taken`; None when the candidate is
            dropped.
        """
        area = int(mask.sum())
        # Trimming makes it smaller, never larger: too small a candidate need not be looked at.
        if area == 0 or area < self.min_share * mask.size:
            return None
        left = mask
        if taken is not None:
            covered = int((mask & taken).sum())
            if covered > self.max_overlap * area:
                return None
            if covered:
                left = mask & ~taken
                area -= covered
        if self.connected:
            left = largest_piece(left)
            if left.sum() < self.min_piece * area:
                return None
        share = float(left.mean())
        return left if share and self.min_share <= share <= self.max_share else None


def choose(
    candidates: Sequence[Found],
    rng: np.random.Generator,
    count: int,
    *,
    rule: RegionFilter | None = None,
    taken: Sequence[BoolMask] = (),
) -> list[Found]:
    """Choose up to `count` regions that do not overlap.

    Larger candidates are likelier to come first, or the many small ones would always win.

    Args:
        candidates: masks of one shape; they may overlap.
        rng: where the choice comes from.
        count: regions wanted; fewer come back when fewer fit.
        rule: what a region must be; `RegionFilter()` when None.
        taken: regions that are there already.
    """
    rule = rule or RegionFilter()
    chosen: list[Found] = []
    if not candidates or count < 1:
        return chosen
    covered = np.zeros(candidates[0].mask.shape, bool)
    for mask in taken:
        covered |= mask
    weight = np.sqrt([1.0 + float(one.mask.sum()) for one in candidates])
    order = rng.choice(len(candidates), len(candidates), replace=False, p=weight / weight.sum())
    for index in order:
        if len(chosen) == count:
            break
        left = rule.passed(candidates[index].mask, covered)
        if left is not None:
            chosen.append(Found(left, candidates[index].label))
            covered |= left
    return chosen
