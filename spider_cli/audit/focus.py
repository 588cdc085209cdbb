"""How sharp a photo is where it is sharpest near its subject."""

import numpy as np
import numpy.typing as npt

from spider_cli.pixels import Pixels

__all__ = ["focus_of"]

_TILE = 128
"""Pixels at 100%; smaller in photos with too few such tiles."""
_TILES_ACROSS = 8
"""In a photo's short side, at least."""
_SMALLEST_TILE = 32
_SAMPLES = 8
"""Along a tile, of its contrast at a glance."""
_APART = 4
"""How often the wider distance, over which pixels are compared, goes into a tile's side. Blur that
is wider still all looks alike."""
_LOOKED_AT = 24
_SHARPEST = 6
_REACH = 0.5
"""How far from the middle, in half sides, the subject counts for about 60%."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_LEAST_CONTRAST = 4.0
"""Mean square difference, in grey levels, under which a direction shows nothing but noise."""

_Numbers = npt.NDArray[np.float32]


def focus_of(pixels: Pixels) -> float | None:
    """A measure of sharpness, 0-100, higher is sharper; for comparing photos of one burst only.

    What it is: of the tiles at 100% with the most contrast, those near the middle preferred (which
    is where a subject is when nobody says), the six sharpest, weighted likewise. A tile's sharpness
    is how much of the difference between pixels some way apart is there between neighbours
    already: close to 100 where edges are steps, low where they are ramps. So it hardly depends on
    exposure and contrast. Both directions must be sharp, as a shaken photo is sharp in one. Noise,
    judged where there is least contrast, is taken off.

    What it is not: it knows no subject, and says little of photos of different scenes, whose edges
    differ. It never enters a score.

    Args:
        pixels: (height, width, 3) uint8 RGB.

    Returns:
        None for photos too small or too plain to tell.
    """
    height, width = pixels.shape[:2]
    side = min(_TILE, min(height, width) // _TILES_ACROSS) // _SAMPLES * _SAMPLES
    if side < _SMALLEST_TILE:
        side = _SMALLEST_TILE
    rows, columns = height // side, width // side
    if min(rows, columns) < 2:
        return None
    near = _nearness(rows, columns)
    promise = (_contrast(pixels, side, rows, columns) * near).ravel()
    order = np.argsort(-promise, kind="stable")
    chosen = order[:_LOOKED_AT]
    plain = order[-max(1, len(order) // 20) :][:4]
    steps, differences = _differences(pixels, side, columns, np.concatenate([chosen, plain]))
    noise = np.minimum(steps[len(chosen) :].mean(axis=1).min(), steps[: len(chosen)].min() / 2)
    steps, differences = (part[: len(chosen)] - noise for part in (steps, differences))
    weights = near.ravel()[chosen]
    sharp = [
        value
        for direction in (0, 1)
        if (value := _sharpest(steps[:, direction], differences[:, direction], weights)) is not None
    ]
    return round(100 * float(np.prod(sharp)) ** (1 / len(sharp)), 3) if sharp else None


def _nearness(rows: int, columns: int) -> _Numbers:
    """(rows, columns): 1 in the middle, less towards the edges, never nothing."""
    y = (np.arange(rows, dtype=np.float32) + 0.5) / rows * 2 - 1
    x = (np.arange(columns, dtype=np.float32) + 0.5) / columns * 2 - 1
    far = y[:, None] ** 2 + x[None, :] ** 2
    near: _Numbers = np.exp(-far / (2 * _REACH**2)).astype(np.float32) + np.float32(0.05)
    return near


def _contrast(pixels: Pixels, side: int, rows: int, columns: int) -> _Numbers:
    """(rows, columns): the deviation of each tile's brightness, from 8 x 8 of its pixels."""
    step = side // _SAMPLES
    few = pixels[step // 2 :: step, step // 2 :: step][: rows * _SAMPLES, : columns * _SAMPLES]
    grey = few.astype(np.float32) @ _LUMA
    tiles = grey.reshape(rows, _SAMPLES, columns, _SAMPLES)
    deviation: _Numbers = tiles.std(axis=(1, 3))
    return deviation


def _differences(
    pixels: Pixels, side: int, columns: int, tiles: npt.NDArray[np.intp]
) -> tuple[_Numbers, _Numbers]:
    """(tiles, 2) each: the mean square difference of neighbours, and of pixels a quarter of a tile
    apart; across, then down."""
    grey = np.empty((len(tiles), side, side), np.float32)
    for place, tile in enumerate(tiles):
        y, x = int(tile) // columns * side, int(tile) % columns * side
        grey[place] = pixels[y : y + side, x : x + side].astype(np.float32) @ _LUMA
    apart = side // _APART

    def mean_square(first: _Numbers, second: _Numbers) -> _Numbers:
        difference = first - second
        squares = np.einsum("tij,tij->t", difference, difference)
        mean: _Numbers = squares / (difference.shape[1] * difference.shape[2])
        return mean

    steps, wide = (
        np.stack(
            [
                mean_square(grey[:, :, by:], grey[:, :, :-by]),
                mean_square(grey[:, by:], grey[:, :-by]),
            ],
            axis=1,
        )
        for by in (1, apart)
    )
    return steps, wide


def _sharpest(steps: _Numbers, wide: _Numbers, weights: _Numbers) -> float | None:
    """The weighted mean of the sharpest tiles in one direction, 0-1; None where none shows any."""
    shows = wide > max(_LEAST_CONTRAST, 0.02 * float(wide.max(initial=0)))
    if not shows.any():
        return None
    values = np.sqrt(np.clip(steps[shows] / wide[shows], 0, 1))
    weights = weights[shows]
    best = np.argsort(-values * weights, kind="stable")[:_SHARPEST]
    return float(np.average(values[best], weights=weights[best]))
