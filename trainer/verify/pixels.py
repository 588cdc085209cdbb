"""A photo's pixels against what its reference, regions, distortions and seed give."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from trainer.annotate import render
from trainer.truth import Applied, BoolMask, Pixels, Region
from trainer.verify.findings import Reporter
from trainer.verify.suspects import (
    Suspect,
    Tolerance,
    by_chance,
    explain,
    fitting_edge,
    grown,
    reach_of,
    redo_region,
    redo_whole,
)

__all__ = ["EXACT", "LENIENT", "check_pixels"]

EXACT = Tolerance(0, 0.0)
LENIENT = Tolerance(8, 0.01)
"""For pixels made with other releases of the libraries."""
_NEAR = 16
"""Pixels from a mask within which changes are put down to it."""
_UNTOUCHED = 0.01
"""Share of a mask's pixels that must be the reference's for the mask to be at fault."""


def check_pixels(
    pixels: Pixels,
    reference: Pixels,
    regions: Sequence[Region],
    whole: Sequence[Applied],
    seed: int,
    report: Reporter,
    *,
    tolerance: Tolerance,
    searching: Callable[[], bool],
) -> None:
    """Redo the composition, and say where the photo is another.

    Args:
        pixels, reference: of equal shape.
        searching: asked, where pixels differ, whether to try what else could have been done
            (orders, levels, types), which is slow.
    """
    everywhere = np.ones(pixels.shape[:2], bool)
    try:
        redone = render(reference, regions, whole, seed)
    # A record may ask for what no distortion takes; it is said where it stands.
    except Exception as error:
        report.say("image", "not_redone", f"cannot be composed again: {error}")
        return
    if tolerance.equal(pixels, redone, everywhere):
        return
    if not regions and not whole:
        said = "is clean by its record, but differs from its reference"
        _say_difference(report, "image", pixels, reference, everywhere, said)
        return
    compared = _Compared(pixels, reference, tuple(regions), seed, report, tolerance, searching())
    if whole:
        redo = redo_whole(reference, seed)
        compared.say_suspect(Suspect("whole", everywhere, tuple(whole), redo), redone)
    else:
        compared.say_regions(redone)


@dataclass
class _Compared:
    """A photo that differs from its composition.

    Args:
        searching: try what else could have been done.
    """

    pixels: Pixels
    reference: Pixels
    regions: tuple[Region, ...]
    seed: int
    report: Reporter
    tolerance: Tolerance
    searching: bool
    explained: set[int] = field(default_factory=set)
    """Regions about which enough is said."""

    def say_regions(self, redone: Pixels) -> None:
        """Say which regions are at fault, and how."""
        said = len(self.report.found)
        if self.searching:
            self._say_edges(redone)
        covers = [_cover(region) for region in self.regions]
        changed = self.tolerance.wrong(self.pixels, self.reference)
        outside = changed & ~np.logical_or.reduce(covers)
        if outside.any():
            self._say_outside(outside)
        for index, region in enumerate(self.regions):
            alone = self._alone(index, covers)
            if index in self.explained or self.tolerance.equal(self.pixels, redone, alone):
                continue
            redo = redo_region(self.reference, self.regions, index, self.seed)
            suspect = Suspect(
                f"regions[{index}]",
                region.mask & alone,
                region.distortions,
                redo,
                region.feather,
            )
            self.say_suspect(suspect, redone)
        if len(self.report.found) == said:
            everywhere = np.ones_like(outside)
            what = "differs from its composition"
            _say_difference(self.report, "image", self.pixels, redone, everywhere, what)

    def _say_edges(self, redone: Pixels) -> None:
        """Regions that only their feather is wrong of; it is set right for what follows."""
        for index, region in enumerate(self.regions):
            covers = [_cover(one) for one in self.regions]
            if self.tolerance.equal(self.pixels, redone, self._alone(index, covers)):
                continue
            redo = redo_region(self.reference, self.regions, index, self.seed)
            others = np.logical_or.reduce(
                [c for i, c in enumerate(covers) if i != index] + [np.zeros_like(region.mask)]
            )
            feather = fitting_edge(region, redo, self.pixels, ~others, self.tolerance)
            if feather is None:
                continue
            self.report.say(
                f"regions[{index}].feather",
                "wrong_feather",
                f"is {region.feather:g}, but the pixels show "
                + (f"an edge {feather:g} wide" if feather else "a hard edge"),
            )
            self.explained.add(index)
            fixed = replace(region, feather=feather + 1)  # wide enough for what rounding leaves
            self.regions = (*self.regions[:index], fixed, *self.regions[index + 1 :])

    def _say_outside(self, outside: BoolMask) -> None:
        """Changed pixels that no mask covers: the nearest mask is too small, if any is near."""
        count = int(np.count_nonzero(outside))
        far = [_typical_distance(region.mask, outside) for region in self.regions]
        nearest = int(np.argmin(far))
        said = f"{count:,} changed pixels lie outside every mask, in {_box_words(outside)}"
        if far[nearest] > _NEAR:
            self.report.say("image", "changed_outside", said)
            return
        self.report.say(
            f"regions[{nearest}].mask",
            "mask_too_small",
            f"does not cover the distorted pixels: {said}",
        )
        self.explained.add(nearest)

    def _alone(self, index: int, covers: Sequence[BoolMask]) -> BoolMask:
        """What a region alone may have changed: where soft edges meet, neither is to blame."""
        alone = covers[index]
        for other, cover in enumerate(covers):
            if other != index:
                alone = alone & ~cover
        return alone

    def say_suspect(self, suspect: Suspect, redone: Pixels) -> None:
        """Say what is wrong with one region, or with a photo that was distorted all over."""
        inside, tolerance = suspect.where, self.tolerance
        found = explain(suspect, self.pixels, tolerance) if self.searching else None
        if found is not None:
            self.report.say(*found)
            return
        still = inside & ~tolerance.wrong(self.pixels, self.reference)
        still = still & tolerance.wrong(redone, self.reference)
        share = float(still.sum()) / max(1, int(inside.sum()))
        said = "do not give the photo's pixels"
        if share > _UNTOUCHED and suspect.name != "whole":
            self.report.say(
                f"{suspect.name}.mask",
                "mask_too_large",
                f"covers more than is distorted: {int(still.sum()):,} pixels under it "
                f"({share:.0%}) are the reference's",
            )
        elif self.searching and by_chance(suspect, self.pixels, tolerance):
            said += ": no other order, level or type does, so the seed may be another"
            self.report.say(suspect.listed, "pixels", said)
        else:
            _say_difference(self.report, suspect.listed, self.pixels, redone, inside, said)


def _say_difference(
    report: Reporter, field: str, one: Pixels, two: Pixels, where: BoolMask, what: str
) -> None:
    apart = np.where(where, cv2.absdiff(one, two).max(axis=2), 0)
    report.say(
        field,
        "pixels",
        f"{what}: {np.count_nonzero(apart):,} of {np.count_nonzero(where):,} pixels differ, by up "
        f"to {int(apart.max())} of 255, in {_box_words(apart > 0)}",
    )


def _box_words(mask: BoolMask) -> str:
    """Where a mask is: "[8, 8, 73, 61]"."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(columns):
        return "none"
    return f"[{columns[0]}, {rows[0]}, {columns[-1] + 1}, {rows[-1] + 1}]"


def _typical_distance(mask: BoolMask, where: BoolMask) -> float:
    """Median distance in pixels from `where` to the mask."""
    away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3)
    return float(np.median(away[where]))


def _cover(region: Region) -> BoolMask:
    """Where a region may have changed a pixel: its mask, and its soft edge."""
    return grown(region.mask, reach_of(region.feather)) if region.feather else region.mask
