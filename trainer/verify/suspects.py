"""What else could have given a photo's pixels: another order, level, type, edge or seed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from trainer.annotate import PLACED_BY_FRAME, render
from trainer.distortions import AUTHENTIC, TYPES, severity_of
from trainer.truth import Applied, BoolMask, Pixels, Region
from trainer.verify.faults import order_of

__all__ = [
    "Redo",
    "Suspect",
    "Tolerance",
    "by_chance",
    "explain",
    "fitting_edge",
    "grown",
    "reach_of",
    "redo_region",
    "redo_whole",
]

Plan = tuple[Applied, ...]
Redo = Callable[[Plan, float | None, int], Pixels]
"""Distortions, feather (None: the record's), added to the seed -> the pixels they would give."""

_LEVELS = tuple(1 + 0.25 * step for step in range(17))
_EDGES = (0.0, *(1 + 0.5 * step for step in range(15)))
_STEPS = (0.1, 0.05, 0.02, 0.01, 0.01)
_WIDEST = 8.0
"""Pixels: the widest soft edge that is tried."""
_CHANCE = 0.5
"""Share of the pixels that must differ for another seed to be thinkable."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How unlike pixels may be and still count as equal."""

    step: int
    """Levels of 255 by which a channel may differ."""
    share: float
    """Share of the pixels that may differ by more."""

    def wrong(self, one: Pixels, two: Pixels) -> BoolMask:
        """(height, width) bool: the pixels that differ by more than a step."""
        return np.asarray(cv2.absdiff(one, two).max(axis=2) > self.step)

    def equal(self, one: Pixels, two: Pixels, where: BoolMask) -> bool:
        """Alike enough inside `where`."""
        wrong = int(np.count_nonzero(self.wrong(one, two) & where))
        return wrong <= self.share * int(np.count_nonzero(where))

    @property
    def near(self) -> "Tolerance":
        """For numbers that are tried to a hundredth, and may have had more decimals."""
        return Tolerance(max(self.step, 2), max(self.share, 0.01))


@dataclass(frozen=True, slots=True)
class Suspect:
    """A region, or the whole photo, whose pixels are not what the record gives."""

    name: str
    """"regions[0]" or "whole"."""
    where: BoolMask
    """The pixels that are its own."""
    plan: Plan
    redo: Redo
    feather: float = 0.0

    @property
    def listed(self) -> str:
        """The field that holds the distortions."""
        return self.name if self.name == "whole" else f"{self.name}.distortions"


def redo_whole(reference: Pixels, seed: int) -> Redo:
    """Redo a photo that was distorted all over."""

    def redo(plan: Plan, feather: float | None, seed_step: int) -> Pixels:
        return render(reference, (), plan, seed + seed_step)

    return redo


def redo_region(reference: Pixels, regions: Sequence[Region], index: int, seed: int) -> Redo:
    """Redo one region of a photo; the others stay untouched."""

    def redo(plan: Plan, feather: float | None, seed_step: int) -> Pixels:
        # The others keep their places, as each region's number is part of what seeds it.
        others = [replace(region, distortions=(), feather=0.0) for region in regions]
        one = regions[index]
        soft = one.feather if feather is None else feather
        others[index] = replace(one, distortions=plan, feather=soft)
        return render(reference, others, (), seed + seed_step)

    return redo


def explain(suspect: Suspect, pixels: Pixels, tolerance: Tolerance) -> tuple[str, str, str] | None:
    """Field, code and message of what fits the pixels instead; None when nothing tried does."""
    core = _core(suspect)
    plan = suspect.plan

    def fits(other: Plan, how: Tolerance = tolerance) -> bool:
        return how.equal(pixels, suspect.redo(other, None, 0), core)

    if fits(plan):
        return None
    if len(plan) > 1 and fits(plan[::-1]):
        return (
            suspect.listed,
            "reversed_order",
            f"the order is reversed: the pixels show {order_of(plan[::-1])}, the record says "
            f"{order_of(plan)}",
        )
    for number, one in enumerate(plan):
        level = _nearest_level(suspect, pixels, number, core)
        other = _with(plan, number, replace(one, level=level))
        if abs(level - one.level) > 0.015 and fits(other, tolerance.near):
            return (
                f"{suspect.listed}[{number}].level",
                "wrong_level",
                f"is {one.level:g}, but the pixels show {one.kind} at level {level:g} "
                f"({severity_of(level)})",
            )
    for number, one in enumerate(plan):
        for kind in _kinds(one, frame=suspect.name == "whole"):
            if fits(_with(plan, number, replace(one, kind=kind))):
                return (
                    f"{suspect.listed}[{number}].type",
                    "wrong_type",
                    f"is {one.kind}, but the pixels show {kind} at that level",
                )
    for number in range(len(plan) if len(plan) > 1 else 0):
        fewer = plan[:number] + plan[number + 1 :]
        if fits(fewer):
            return (
                suspect.listed,
                "not_there",
                f"the pixels show {order_of(fewer)} alone, the record says {order_of(plan)}",
            )
    return None


def fitting_edge(
    region: Region, redo: Redo, pixels: Pixels, where: BoolMask, tolerance: Tolerance
) -> float | None:
    """The feather, unlike the region's own, with which it is as the pixels show, edge and all.

    Args:
        where: the pixels that no other region may have changed.
    """
    plan = region.distortions
    zone = where & grown(region.mask, reach_of(_WIDEST))
    inside = zone.astype(np.uint8)
    known: dict[float, float] = {}

    def far(feather: float) -> float:
        if feather not in known:
            known[feather] = sum(cv2.mean(cv2.absdiff(redo(plan, feather, 0), pixels), mask=inside))
        return known[feather]

    best = min(_EDGES, key=far)
    for step in _STEPS if best else ():
        around = (round(best + step * k, 2) for k in (-2, -1, 0, 1, 2))
        best = min((width for width in around if 0 < width <= _WIDEST), key=far)
    if abs(best - region.feather) < 0.015:
        return None
    return best if tolerance.near.equal(pixels, redo(plan, best, 0), zone) else None


def grown(mask: BoolMask, reach: int) -> BoolMask:
    """The mask and all within so many pixels of it."""
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel).astype(bool))


def reach_of(feather: float) -> int:
    """Pixels outside the mask that a soft edge may change: the blur ends at four sigmas."""
    return int(np.ceil(feather * 4 / 3)) + 2


def by_chance(suspect: Suspect, pixels: Pixels, tolerance: Tolerance) -> bool:
    """Chance is in what the record asks for, and nearly all pixels are others: another seed?"""
    core = _core(suspect)
    redone = suspect.redo(suspect.plan, None, 0)
    if tolerance.equal(redone, suspect.redo(suspect.plan, None, 1), core):
        return False
    wrong = int(np.count_nonzero(tolerance.wrong(redone, pixels) & core))
    return wrong >= _CHANCE * int(np.count_nonzero(core))


def _core(suspect: Suspect) -> BoolMask:
    """The inside of a region, away from its edge, hard or soft; all of it where it is thin."""
    if suspect.name == "whole":
        return suspect.where
    reach = reach_of(max(suspect.feather, _WIDEST))
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    core = cv2.erode(suspect.where.astype(np.uint8), kernel).astype(bool)
    return core if core.any() else suspect.where


def _with(plan: Plan, number: int, one: Applied) -> Plan:
    return (*plan[:number], one, *plan[number + 1 :])


def _kinds(one: Applied, *, frame: bool) -> Iterator[str]:
    """Other types, those of the family first."""
    real = [kind for kind, (family, _) in AUTHENTIC.items() if family == one.family]
    kinds = [*TYPES.get(one.family, ()), *real]
    kinds += [kind for names in TYPES.values() for kind in names]
    for kind in dict.fromkeys([*kinds, *AUTHENTIC]):
        if kind != one.kind and (frame or kind not in PLACED_BY_FRAME):
            yield kind


def _nearest_level(suspect: Suspect, pixels: Pixels, number: int, core: BoolMask) -> float:
    """The level, to a hundredth, whose pixels are the nearest, for one of the distortions."""
    inside = core.astype(np.uint8)
    known: dict[float, float] = {}

    def far(level: float) -> float:
        if level not in known:
            plan = _with(suspect.plan, number, replace(suspect.plan[number], level=level))
            known[level] = sum(
                cv2.mean(cv2.absdiff(suspect.redo(plan, None, 0), pixels), mask=inside)
            )
        return known[level]

    best = min(_LEVELS, key=far)
    for step in _STEPS:
        around = (round(best + step * k, 2) for k in (-2, -1, 0, 1, 2))
        best = min((level for level in around if 1 <= level <= 5), key=far)
    return best
