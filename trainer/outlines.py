"""Outlines that people drew, filled: polygons, rectangles and circles into masks."""

import math
from collections.abc import Sequence

import numpy as np
from pycocotools import mask as coco

from spider_cli.errors import UsageError
from trainer.segments import BoolMask

__all__ = ["circle_mask", "polygon_mask"]

Points = Sequence[tuple[float, float]]

_BEYOND = 0.02
"""How far outside the photo, as a share of its side, a corner drawn by hand may lie."""
_LENGTH = 200
"""Longest outline, in half circumferences of the photo: filling takes memory by its length."""


def polygon_mask(
    polygons: Sequence[Points], size: tuple[int, int], *, where: Sequence[str]
) -> BoolMask:
    """Fill polygons as COCO's own tools do.

    Args:
        polygons: corners `(x, y)` in pixels, finite; pixel i covers i to i + 1. Together they are
            one mask.
        size: height and width of the photo.
        where: for each polygon: file, row and field, for messages.

    Returns:
        (height, width) bool. Corners a little outside the photo are moved to its rim.

    Raises:
        UsageError: ``bad_polygon``: fewer than 3 points, or an outline too long to be real;
            ``mask_size``: it reaches outside the photo.
    """
    height, width = size
    filled: list[list[float]] = []
    for points, place in zip(polygons, where, strict=True):
        if len(points) < 3:
            raise UsageError(
                f"{place}: a polygon of {len(points)} points has no inside",
                hint="give at least 3 points",
                code="bad_polygon",
            )
        corners = np.asarray(points, dtype=np.float64)
        beyond = np.maximum(-corners, corners - (width, height)).max(axis=1)
        if not beyond.max() <= _BEYOND * max(size):
            x, y = points[int(beyond.argmax())]
            raise UsageError(
                f"{place}: the point ({x:g}, {y:g}) lies outside the photo, {width} x {height}",
                hint="is it drawn on this photo, at this size?",
                code="mask_size",
            )
        corners = np.clip(corners, 0, (width, height))
        steps = np.abs(corners - np.roll(corners, 1, axis=0)).max(axis=1)
        if steps.sum() > _LENGTH * (height + width):
            raise UsageError(
                f"{place}: the outline is {steps.sum():,.0f} pixels long", code="bad_polygon"
            )
        filled.append(corners.ravel().tolist())
    if not filled:
        return np.zeros(size, bool)
    rle = coco.merge(coco.frPyObjects(filled, height, width))
    return np.asarray(coco.decode(rle)).astype(bool)


def circle_mask(
    centre: tuple[float, float], rim: tuple[float, float], size: tuple[int, int]
) -> BoolMask:
    """Fill a circle.

    Args:
        centre: `(x, y)` in pixels.
        rim: any point on the circle.
        size: height and width of the photo.

    Returns:
        (height, width) bool: pixels whose middle lies inside; what lies outside the photo is lost.
    """
    height, width = size
    radius = math.hypot(rim[0] - centre[0], rim[1] - centre[1])
    x = np.arange(width) + 0.5 - centre[0]
    y = np.arange(height) + 0.5 - centre[1]
    return np.asarray(x[None, :] ** 2 + y[:, None] ** 2 <= radius**2, dtype=bool)
