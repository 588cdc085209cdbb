"""Blobs, ellipses and boxes that follow nothing in a photo."""

import cv2
import numpy as np
import numpy.typing as npt

from trainer.segments import TRIES, BoolMask, fits, largest_piece, target_share

__all__ = ["blob_regions"]

_SIDE = 56
"""Long side of the field that a blob is found on."""


def blob_regions(shape: tuple[int, int], rng: np.random.Generator, count: int) -> list[BoolMask]:
    """Make up to `count` blobs, ellipses and boxes that follow nothing in the photo.

    Args:
        shape: height and width of the photo.
        rng: where every choice comes from.
        count: regions wanted; fewer come back when there is no room for them.

    Returns:
        (height, width) bool masks, each connected, non-overlapping, of MIN_SHARE..MAX_SHARE.
    """
    height, width = shape
    scale = min(1.0, _SIDE / max(height, width))
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
