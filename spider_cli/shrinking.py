"""A large picture made small, its blocks averaged strip by strip: to the byte what Pillow makes of
it whole.

Pillow keeps four bytes a pixel, so that a copy of a photo for it is larger than the photo. Strips
of it fit the processor's cache.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

__all__ = ["shrunk"]

_STRIP = 1 << 18
"""Pixels of a strip."""


def shrunk(
    pixels: npt.NDArray[Any],
    size: tuple[int, int],
    resample: Image.Resampling,
    *,
    reducing_gap: float,
) -> Image.Image:
    """``Image.fromarray(pixels).resize(size, resample, reducing_gap=reducing_gap)``.

    Args:
        pixels: (height, width) or (height, width, 3) uint8.
        size: width and height, neither larger than the picture's.
        reducing_gap: blocks are averaged into a picture that is this many times as large as `size`
            at least.
    """
    height, width = pixels.shape[:2]
    across = int(width / size[0] / reducing_gap) or 1
    down = int(height / size[1] / reducing_gap) or 1
    if (across, down) == (1, 1):
        return Image.fromarray(pixels).resize(size, resample)
    means = np.empty((-(-height // down), -(-width // across), *pixels.shape[2:]), np.uint8)
    rows = max(1, _STRIP // (width * down))
    for top in range(0, len(means), rows):
        strip = Image.fromarray(pixels[top * down : (top + rows) * down])
        means[top : top + rows] = strip.reduce((across, down))
    box = (0.0, 0.0, width / across, height / down)
    return Image.fromarray(means).resize(size, resample, box)
