"""Photo -> regions worth distorting: connected, apart from each other, neither specks nor the lot.

Here: superpixels merged into regions, seeded blobs that follow nothing in the photo, and label maps
drawn by people. All work on a shrunken copy and are seeded by the caller's generator. Masks given
beside the photos are in `trainer.given_masks`, a segmenter's in `trainer.automatic`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np
import numpy.typing as npt
from skimage.segmentation import slic

from spider_cli.errors import UsageError
from spider_cli.results import Box
from spider_cli.vocabulary import HORIZONTAL, VERTICAL
from trainer.blobs import blob_regions
from trainer.region_filter import Found, RegionFilter, choose
from trainer.segments import (
    MAX_SHARE,
    MIN_SHARE,
    BoolMask,
    compact,
    merged,
)

if TYPE_CHECKING:
    from trainer.sources import LabelledPhoto

__all__ = [
    "MAX_SHARE",
    "MIN_SHARE",
    "AnyRegions",
    "BlobRegions",
    "BoolMask",
    "Found",
    "RegionFilter",
    "RegionFinder",
    "SuperpixelRegions",
    "blob_regions",
    "box_of",
    "choose",
    "choose_finder",
    "interior_point",
    "label_map_regions",
    "position_words",
    "superpixel_regions",
]

_WORKING_SIDE = 112
"""Long side of the shrunken copy that shapes are found on."""


class RegionFinder(Protocol):
    """Where regions come from. It can be sent to another process: what is large is loaded there."""

    def find(
        self,
        photo: "LabelledPhoto",
        pixels: npt.NDArray[np.uint8],
        rng: np.random.Generator,
        count: int,
    ) -> list[Found]:
        """Find up to `count` regions that do not overlap.

        Args:
            photo: where it lies, for what stands beside it.
            pixels: the photo at the working size, upright, (height, width, 3) uint8 RGB.
            rng: where every choice comes from: the same state, the same regions.
            count: regions wanted; fewer come back when there is no room for them.

        Raises:
            UsageError: what is given beside the photo is wrong.
        """
        ...

    def check(self, photo: "LabelledPhoto") -> int:
        """Look at the masks given for a photo, as `find` would; how many there are.

        Raises:
            UsageError: one of them is wrong; file, annotation and field are named.
        """
        ...


@dataclass(frozen=True, slots=True)
class SuperpixelRegions:
    """A finder that needs nothing but the photo, see `superpixel_regions`."""

    def find(
        self,
        photo: "LabelledPhoto",
        pixels: npt.NDArray[np.uint8],
        rng: np.random.Generator,
        count: int,
    ) -> list[Found]:
        return [Found(mask) for mask in superpixel_regions(pixels, rng, count)]

    def check(self, photo: "LabelledPhoto") -> int:
        return 0


@dataclass(frozen=True, slots=True)
class BlobRegions:
    """A finder that does not even look at the photo, see `blob_regions`."""

    def find(
        self,
        photo: "LabelledPhoto",
        pixels: npt.NDArray[np.uint8],
        rng: np.random.Generator,
        count: int,
    ) -> list[Found]:
        height, width = pixels.shape[:2]
        return [Found(mask) for mask in blob_regions((height, width), rng, count)]

    def check(self, photo: "LabelledPhoto") -> int:
        return 0


@dataclass(frozen=True, slots=True)
class AnyRegions:
    """Several finders: each one fills what those before it left open."""

    finders: Sequence[RegionFinder]

    def find(
        self,
        photo: "LabelledPhoto",
        pixels: npt.NDArray[np.uint8],
        rng: np.random.Generator,
        count: int,
    ) -> list[Found]:
        found: list[Found] = []
        for finder in self.finders:
            if len(found) >= count:
                break
            taken = [one.mask for one in found]
            more = finder.find(photo, pixels, rng, count)
            found += choose(more, rng, count - len(found), taken=taken) if taken else more
        return found

    def check(self, photo: "LabelledPhoto") -> int:
        return sum(finder.check(photo) for finder in self.finders)


def choose_finder(
    source: str, *, segmenter: str | None = None, masks: Path | None = None
) -> tuple[RegionFinder, str]:
    """The finder for a build, and what it is called in the data set's config.

    Args:
        source: "auto" (given masks where a photo has them, else the segmenter where one is named,
            else superpixels), "given", "segmenter", "superpixels" or "blobs".
        segmenter: nano, or the folder of a model of the SAM family.
        masks: a COCO JSON file with the photos' masks, besides what lies beside the photos.

    Raises:
        UsageError: no such source, a segmenter or masks that the source does not use, a folder
            without a model, or a file that is not COCO JSON.
    """
    if source not in ("auto", "given", "segmenter", "superpixels", "blobs"):
        raise UsageError(
            f"no regions from {source!r}",
            hint="one of auto, given, segmenter, superpixels, blobs",
        )
    for name, value, users in (
        ("segmenter", segmenter, ("auto", "segmenter")),
        ("masks", masks, ("auto", "given")),
    ):
        if value is not None and source not in users:
            raise UsageError(
                f"regions from {source} make no use of --{name} {value}",
                hint=f"leave it out, or take regions from {' or '.join(users)}",
            )
    if source == "superpixels":
        return SuperpixelRegions(), source
    if source == "blobs":
        return BlobRegions(), source
    finders: list[RegionFinder] = []
    names: list[str] = []
    if source != "segmenter":
        from trainer.given_masks import GivenRegions

        given = GivenRegions(coco=masks)
        finders.append(given)
        names.append(given.name())
    if source == "segmenter" or segmenter is not None:
        from trainer.automatic import AutomaticRegions

        automatic = AutomaticRegions(segmenter or "nano")
        finders.append(automatic)
        names.append(automatic.name())
    if source == "auto":
        finders.append(SuperpixelRegions())
        names.append("superpixels")
    if len(finders) == 1:
        return finders[0], names[0]
    return AnyRegions(tuple(finders)), ", else ".join(names)


def superpixel_regions(
    pixels: npt.NDArray[np.uint8], rng: np.random.Generator, count: int
) -> list[BoolMask]:
    """Merge neighbouring superpixels of like colour into up to `count` regions.

    Args:
        pixels: (height, width, 3) uint8 RGB.
        rng: where every choice comes from.
        count: regions wanted; fewer come back when the photo has no room for them.

    Returns:
        (height, width) bool masks, each connected, non-overlapping, of MIN_SHARE..MAX_SHARE.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, _WORKING_SIDE / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    labels = slic(
        lab,
        n_segments=int(rng.integers(40, 90)),
        compactness=float(rng.uniform(0.05, 0.25)),
        max_num_iter=5,
        convert2lab=False,
        channel_axis=-1,
        start_label=0,
    )
    return merged(compact(labels), lab, (height, width), rng, count, whole_segments=False)


def label_map_regions(
    labels: npt.NDArray[np.uint8], rng: np.random.Generator, count: int
) -> list[BoolMask]:
    """Turn a map drawn by people into up to `count` regions, merging segments that are too small.

    Args:
        labels: (height, width) uint8, one label a pixel; a label may be in several pieces.
        rng: where every choice comes from.
        count: regions wanted; fewer come back when the map has no room for them.

    Returns:
        Masks as `superpixel_regions` gives them.
    """
    height, width = labels.shape
    scale = min(1.0, 2 * _WORKING_SIDE / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST)
    pieces = np.zeros(small.shape, np.int64)
    found = 0
    for label in np.unique(small):
        number, parts = cv2.connectedComponents((small == label).astype(np.uint8), connectivity=4)
        pieces += np.where(parts > 0, parts + found, 0)
        found += number - 1
    # The map says what belongs together, not what looks alike: no colours to merge by.
    flat = np.zeros((*small.shape, 1), np.float32)
    return merged(compact(pieces), flat, (height, width), rng, count, whole_segments=True)


def box_of(mask: BoolMask) -> Box:
    """Bounding box `(x1, y1, x2, y2)` of a (height, width) bool mask, end-exclusive.

    Raises:
        ValueError: the mask is empty.
    """
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(columns):
        raise ValueError("an empty mask has no box")
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def interior_point(mask: BoolMask) -> tuple[float, float]:
    """A point `(x, y)` inside the mask, in pixels: its centroid where that lies well inside.

    A ring, a crescent or a U has its centroid outside or at the rim; then it is the point farthest
    from every edge. "Well inside" is a quarter of that greatest depth.

    Raises:
        ValueError: the mask is empty.
    """
    x1, y1, x2, y2 = box_of(mask)
    # One pixel of border counts as outside, so the photo's own edge is an edge too.
    crop = np.pad(mask[y1:y2, x1:x2].astype(np.uint8), 1)
    depth = cv2.distanceTransform(crop, cv2.DIST_L2, 3)
    moments = cv2.moments(crop, binaryImage=True)
    cx, cy = moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
    # All the pixels it lies between: however it is rounded later, it stays inside.
    around = depth[int(cy) : math.ceil(cy) + 1, int(cx) : math.ceil(cx) + 1]
    if around.min() >= 0.25 * depth.max():
        return x1 + cx - 1, y1 + cy - 1
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return float(x1 + column - 1), float(y1 + row - 1)


def position_words(box: Box, width: int, height: int) -> tuple[str, str]:
    """The words `(vertical, horizontal)` for a box, by its centre (paper, eq. 1)."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return VERTICAL[int(y / height >= 0.5)], HORIZONTAL[int(x / width >= 0.5)]
