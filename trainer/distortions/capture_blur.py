"""Blur as cameras make it, in linear light: a missed focus, and a hand that shook."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.distortions.kinds import Kind, Pixels, times_plane
from trainer.distortions.light import to_light, to_pixels

__all__ = ["KINDS"]

_SPEED = 1.3
_HARMONICS = np.arange(1, 6)
_INSTANTS = 512
"""Moments of an exposure at which the shaking camera's place is taken."""


def defocus(pixels: Pixels, radius: float, rng: np.random.Generator) -> Pixels:
    """Out of focus: every point of light becomes the aperture's shape, of `radius` pixels.

    The aperture has 5 to 9 more or less rounded blades and often a brighter rim; its area is the
    disc's, so that the strength does not depend on the draw.
    """
    blades = int(rng.integers(5, 10))
    turn, roundness, rim = rng.uniform(0, 2 * math.pi), rng.uniform(0.2, 1), rng.uniform(0, 0.8)
    half = math.ceil(radius * 1.2 + 0.5)
    steps = np.arange(-half, half + 1, dtype=np.float64)
    away = np.hypot(steps[None, :], steps[:, None])
    sector = np.mod(np.arctan2(steps[:, None], steps[None, :]) - turn, 2 * math.pi / blades)
    polygon = math.cos(math.pi / blades) / np.cos(sector - math.pi / blades)
    # The regular polygon of the disc's area; mixed with the disc, the area stays within 2%.
    same_area = math.sqrt(2 * math.pi / (blades * math.sin(2 * math.pi / blades)))
    reach = radius * (roundness + (1 - roundness) * polygon * same_area)
    aperture = np.clip(reach + 0.5 - away, 0, 1) * (1 + rim * (away / max(radius, 1)) ** 2)
    return _spread(pixels, aperture)


def hand_shake(pixels: Pixels, spread: float, rng: np.random.Generator) -> Pixels:
    """The camera moved along a bent path; `spread`: mean distance from its middle.

    The path is a drift and a few swings, the slow ones the widest, as hands move in a fraction of
    a second; where it turns, the light stays longest.
    """
    time = np.linspace(0, 1, _INSTANTS)
    swings = rng.standard_normal((2, len(_HARMONICS))) / _HARMONICS**_SPEED / 2
    phases = rng.uniform(0, 2 * math.pi, (2, len(_HARMONICS)))
    angle = rng.uniform(0, 2 * math.pi)
    path = (
        swings[..., None] * np.sin(_HARMONICS[:, None] * math.pi * time + phases[..., None])
    ).sum(axis=1)
    path += np.array([[math.cos(angle)], [math.sin(angle)]]) * time
    path -= path.mean(axis=1, keepdims=True)
    path *= spread / float(np.hypot(path[0], path[1]).mean())
    half = math.ceil(float(np.abs(path).max())) + 1
    size = 2 * half + 1
    corner = np.floor(path).astype(np.int64)
    share = path - corner
    kernel = np.zeros(size * size)
    # Each instant's light is shared among the four pixels around its place.
    for right, down in ((0, 0), (0, 1), (1, 0), (1, 1)):
        weight = np.abs(1 - right - share[0]) * np.abs(1 - down - share[1])
        place = (corner[1] + down + half) * size + corner[0] + right + half
        kernel += np.bincount(place, weight, minlength=size * size)
    return _spread(pixels, kernel.reshape(size, size))


def _spread(pixels: Pixels, kernel: NDArray[np.float64]) -> Pixels:
    weights = (kernel / kernel.sum()).astype(np.float32)
    light = times_plane(to_light(pixels), _beyond_white(pixels))
    blurred = cv2.filter2D(light, -1, weights, borderType=cv2.BORDER_REFLECT_101)
    return to_pixels(np.asarray(blurred, dtype=np.float32))


def _beyond_white(pixels: Pixels) -> NDArray[np.float32]:
    """What to multiply light with where the photo is near white: lamps are brighter than paper.

    (height, width), 1-3. Spread light that was clipped would turn grey; this makes it bokeh.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    near = np.clip((np.arange(256, dtype=np.float32) - 225) / 30, 0, 1)
    return np.asarray(cv2.LUT(grey, 1 + 2 * near * near), dtype=np.float32)


KINDS: dict[str, Kind] = {
    "defocus": Kind(defocus, (0.1, 2.3, 4.2, 7.0)),
    "hand_shake": Kind(hand_shake, (0.05, 1.5, 3.1, 6.2)),
}
