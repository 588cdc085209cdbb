"""The pictures of a grounding: pure functions from arrays to arrays, and their PNG form."""

from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from spider_cli.masks import decode_mask
from spider_cli.results import Grounding

__all__ = ["OPACITY", "colours", "heatmap", "mask_picture", "overlay", "write_png"]

Bytes = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]

_INFERNO = (
    "000004 0c0826 240c4f 420a68 5d126e 781c6d 932667 ae305c "
    "c73e4c dd513a ed6925 f8850f fca50a fac62d f2e661 fcffa4"
)
"""Sixteen stops of the inferno colour map (CC0): perceptually even, safe for colour-blind eyes."""

OPACITY = 0.7
"""Of the colour where the probability is 1; at 0 the photo is left as it is."""

_ROWS = 256
"""Rows blended at a time, so that a huge photo needs no float copy of itself."""


def colours() -> Bytes:
    """The colour map, (256, 3) uint8 RGB, dark to bright."""
    stops = np.array([list(bytes.fromhex(stop)) for stop in _INFERNO.split()], dtype=np.float64)
    places = np.linspace(0, 255, len(stops))
    channels = [np.interp(np.arange(256), places, stops[:, c]) for c in range(3)]
    return np.stack(channels, axis=1).round().astype(np.uint8)


def heatmap(grounding: Grounding, size: tuple[int, int]) -> Bytes:
    """(height, width) uint8: the mask's probability times 255; 0 where nothing is at fault.

    Args:
        size: height and width of the photo.
    """
    if grounding.probability is not None:
        return (grounding.probability * 255 + 0.5).astype(np.uint8)
    return np.full(size, 255 if grounding.whole else 0, dtype=np.uint8)


def mask_picture(grounding: Grounding, size: tuple[int, int]) -> Bytes:
    """(height, width) uint8: 255 inside the mask, 0 outside; all 0 where nothing is at fault."""
    if grounding.mask is None:
        return np.zeros(size, dtype=np.uint8)
    return decode_mask(grounding.mask).astype(np.uint8) * np.uint8(255)


def overlay(pixels: Bytes, heat: Bytes, inside: Bools, point: tuple[float, float] | None) -> Bytes:
    """The photo under its heatmap, the mask outlined and the point crossed.

    Args:
        pixels: (height, width, 3) uint8 RGB, left as it is.
        heat: (height, width) uint8, see `heatmap`. All 0 leaves the photo plain.
        inside: (height, width), the mask.
        point: ``(x, y)`` in pixels.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    table = colours().astype(np.float32)
    out = np.empty_like(pixels)
    for top in range(0, len(pixels), _ROWS):
        rows = slice(top, top + _ROWS)
        alpha = heat[rows, :, None].astype(np.float32) * np.float32(OPACITY / 255)
        out[rows] = pixels[rows] * (1 - alpha) + table[heat[rows]] * alpha + np.float32(0.5)
    thickness = max(1, round(min(heat.shape) / 300))
    line = _edge(inside, thickness)
    # White beside black shows on any photo.
    out[_grown(line, thickness) & ~inside] = 0
    out[line] = 255
    if point is not None:
        _cross(out, point, thickness)
    return out


def write_png(picture: Bytes, stream: BinaryIO) -> None:
    """An 8-bit grey or RGB PNG; no metadata of the photo goes into it."""
    from PIL import Image

    # Level 1 is several times as fast as the default and costs a few percent of size.
    Image.fromarray(picture).save(stream, "PNG", compress_level=1)


def _edge(inside: Bools, thickness: int) -> Bools:
    """The rim of the mask, `thickness` pixels inside it; the photo's own border is no rim."""
    return inside & _grown(~inside, thickness)


def _grown(area: Bools, steps: int) -> Bools:
    """`area` and every pixel within `steps` of it, counted in king's moves."""
    grown = area
    for _ in range(steps):
        across = grown.copy()
        across[:, 1:] |= grown[:, :-1]
        across[:, :-1] |= grown[:, 1:]
        grown = across.copy()
        grown[1:] |= across[:-1]
        grown[:-1] |= across[1:]
    return grown


def _cross(out: Bytes, point: tuple[float, float], thickness: int) -> None:
    """A white cross on black around `point`, drawn into `out`."""
    height, width = out.shape[:2]
    x = min(max(int(point[0]), 0), width - 1)
    y = min(max(int(point[1]), 0), height - 1)
    arm, half = 6 * thickness, thickness // 2
    for pad, shade in ((thickness, 0), (0, 255)):
        long, short = arm + pad, half + pad
        for right, down in ((long, short), (short, long)):
            out[max(y - down, 0) : y + down + 1, max(x - right, 0) : x + right + 1] = shade
