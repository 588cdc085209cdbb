"""Photo -> regions worth distorting: connected, apart from each other, neither specks nor the lot.

Three sources: superpixels merged into regions, seeded blobs that follow nothing in the photo, and
label maps drawn by people. All work on a shrunken copy and are seeded by the caller's generator.
"""

import cv2
import numpy as np
import numpy.typing as npt
from skimage.segmentation import slic

from spider_cli.results import Box
from spider_cli.vocabulary import HORIZONTAL, VERTICAL
from trainer.segments import (
    MAX_SHARE,
    MIN_SHARE,
    TRIES,
    BoolMask,
    compact,
    fits,
    largest_piece,
    merged,
    target_share,
)

__all__ = [
    "MAX_SHARE",
    "MIN_SHARE",
    "BoolMask",
    "blob_regions",
    "box_of",
    "interior_point",
    "label_map_regions",
    "position_words",
    "superpixel_regions",
]

_WORKING_SIDE = 112
"""Long side of the shrunken copy that shapes are found on."""


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


def blob_regions(shape: tuple[int, int], rng: np.random.Generator, count: int) -> list[BoolMask]:
    """Make up to `count` blobs, ellipses and boxes that follow nothing in the photo.

    Args:
        shape: height and width of the photo.
        rng: where every choice comes from.
        count: regions wanted; fewer come back when there is no room for them.

    Returns:
        Masks as `superpixel_regions` gives them.
    """
    height, width = shape
    scale = min(1.0, _WORKING_SIDE / 2 / max(height, width))
    rows, columns = max(8, round(height * scale)), max(8, round(width * scale))
    taken = np.zeros((height, width), bool)
    masks: list[BoolMask] = []
    for _ in range(count * TRIES):
        if len(masks) == count:
            break
        field = _blob_field(rows, columns, rng)
        smooth = cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC)
        target = target_share(rng, count)
        # The quantile of the small field is close to that of the large one, and much cheaper.
        inside = smooth > np.quantile(field, 1 - target)
        mask = largest_piece(inside & ~taken)
        # A remainder cut up by its neighbours is no blob any more: draw another.
        if fits(mask) and mask.sum() > 0.6 * inside.sum():
            masks.append(mask)
            taken |= _grown(mask)
    return masks


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
    if depth[round(cy), round(cx)] >= 0.25 * depth.max():
        return x1 + cx - 1, y1 + cy - 1
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return float(x1 + column - 1), float(y1 + row - 1)


def position_words(box: Box, width: int, height: int) -> tuple[str, str]:
    """The words `(vertical, horizontal)` for a box, by its centre (paper, eq. 1)."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return VERTICAL[int(y / height >= 0.5)], HORIZONTAL[int(x / width >= 0.5)]


def _grown(mask: BoolMask) -> BoolMask:
    """The mask and a rim of a few pixels, so that feathered neighbours do not bleed together."""
    return cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)


def _blob_field(rows: int, columns: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """A height field whose upper part is one blob: (rows, columns) float32."""
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    side = float(min(rows, columns))
    x = (x - rng.uniform(0.1, 0.9) * columns) / side
    y = (y - rng.uniform(0.1, 0.9) * rows) / side
    angle = rng.uniform(0, np.pi)
    stretch = float(np.exp(rng.uniform(-0.6, 0.6)))
    along = (x * np.cos(angle) + y * np.sin(angle)) * stretch
    across = (-x * np.sin(angle) + y * np.cos(angle)) / stretch
    form = rng.random()
    if form < 0.2:  # a box, seldom tilted
        if rng.random() < 0.75:
            along, across = x * stretch, y / stretch
        field = -np.maximum(np.abs(along), np.abs(across))
    else:
        field = -np.hypot(along, across)
        if form > 0.4:  # a rough blob; below that, an ellipse
            grain = rng.standard_normal((rows, columns)).astype(np.float32)
            rough = cv2.GaussianBlur(grain, (0, 0), side * float(rng.uniform(0.08, 0.16)))
            field = field + rough / max(float(rough.std()), 1e-6) * float(rng.uniform(0.06, 0.16))
    return np.asarray(field, dtype=np.float32)
