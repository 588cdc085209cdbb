"""Blurs: gaussian, motion, lens (out of focus), zoom, glass and jitter."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.distortions.kinds import Floats, Kind, Pixels

__all__ = ["KINDS"]

BORDER = cv2.BORDER_REFLECT_101


def gaussian(pixels: Pixels, sigma: float, rng: np.random.Generator) -> Pixels:
    """Gaussian blur; `sigma` in pixels."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma, borderType=BORDER), dtype=np.uint8)


def motion(pixels: Pixels, length: float, rng: np.random.Generator) -> Pixels:
    """Straight camera movement in a random direction; `length` in pixels."""
    angle = rng.uniform(0, math.pi)
    x, y = _kernel_grid(length / 2)
    along = np.abs(x * math.cos(angle) + y * math.sin(angle))
    across = np.abs(y * math.cos(angle) - x * math.sin(angle))
    return _filter(pixels, np.clip(length / 2 + 0.5 - along, 0, 1) * np.clip(1 - across, 0, 1))


def lens(pixels: Pixels, radius: float, rng: np.random.Generator) -> Pixels:
    """Out-of-focus blur: a disc of `radius` pixels with a soft edge."""
    x, y = _kernel_grid(radius)
    return _filter(pixels, np.clip(radius + 0.5 - np.hypot(x, y), 0, 1))


def zoom(pixels: Pixels, travel: float, rng: np.random.Generator) -> Pixels:
    """Zoom during exposure about a point near the middle.

    `travel` is how many pixels a point at the root-mean-square radius moves, so that the strength
    does not depend on the photo's size. A light gaussian keeps the centre from staying sharp.
    """
    height, width = pixels.shape[:2]
    centre = (width * rng.uniform(0.4, 0.6), height * rng.uniform(0.4, 0.6))
    rms_radius = math.hypot(width, height) / math.sqrt(12)
    total = 1 + travel / rms_radius
    # Each stage averages the photo with a zoomed copy of itself: 4 stages are 16 exposures.
    stages = 4 if travel > 8 else 3
    step = total ** (1 / (2**stages - 1))
    blurred = _zoomed(pixels, centre, total**-0.5)
    for stage in range(stages):
        again = _zoomed(blurred, centre, step ** (2**stage))
        blurred = np.asarray(cv2.addWeighted(blurred, 0.5, again, 0.5, 0), dtype=np.uint8)
    return gaussian(blurred, 0.05 + 0.08 * travel, rng)


def glass(pixels: Pixels, reach: float, rng: np.random.Generator) -> Pixels:
    """Frosted glass: clumps of pixels displaced by up to `reach` pixels, then softened."""
    height, width = pixels.shape[:2]
    coarse = (-(-height // 2), -(-width // 2), 2)
    field = rng.random(coarse, dtype=np.float32) * (2 * reach) - reach
    shift = cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR)
    moved = _displaced(pixels, np.asarray(shift, dtype=np.float32))
    return gaussian(moved, 0.05 + 0.3 * reach, rng)


def jitter(pixels: Pixels, reach: float, rng: np.random.Generator) -> Pixels:
    """Every pixel taken from a random place within `reach` pixels: the mean of two such draws."""
    height, width = pixels.shape[:2]
    shifts = rng.random((2, height, width, 2), dtype=np.float32) * (2 * reach) - reach
    # One draw alone looks like noise along the edges more than like blur.
    both = cv2.addWeighted(
        _displaced(pixels, shifts[0]), 0.5, _displaced(pixels, shifts[1]), 0.5, 0
    )
    return np.asarray(both, dtype=np.uint8)


def _kernel_grid(radius: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    half = math.ceil(radius + 0.5)
    steps = np.arange(-half, half + 1, dtype=np.float64)
    return steps[None, :], steps[:, None]


def _filter(pixels: Pixels, kernel: NDArray[np.float64]) -> Pixels:
    weights = (kernel / kernel.sum()).astype(np.float32)
    return np.asarray(cv2.filter2D(pixels, -1, weights, borderType=BORDER), dtype=np.uint8)


def _zoomed(pixels: Pixels, centre: tuple[float, float], factor: float) -> Pixels:
    height, width = pixels.shape[:2]
    x, y = centre
    matrix = np.array([[factor, 0, x * (1 - factor)], [0, factor, y * (1 - factor)]])
    warped = cv2.warpAffine(
        pixels, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=BORDER
    )
    return np.asarray(warped, dtype=np.uint8)


def _displaced(pixels: Pixels, shift: Floats) -> Pixels:
    height, width = pixels.shape[:2]
    x = shift[..., 0] + np.arange(width, dtype=np.float32)[None, :]
    y = shift[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    moved = cv2.remap(pixels, x, y, cv2.INTER_LINEAR, borderMode=BORDER)
    return np.asarray(moved, dtype=np.uint8)


KINDS: dict[str, Kind] = {
    "blur_gaussian": Kind(gaussian, (0.05, 1.5, 2.8, 5.0)),
    "blur_motion": Kind(motion, (0.1, 7.1, 15.6, 32.0)),
    "blur_lens": Kind(lens, (0.1, 2.45, 4.5, 7.5)),
    "blur_zoom": Kind(zoom, (0.1, 5.8, 13.9, 28.0)),
    "blur_glass": Kind(glass, (0.1, 2.4, 5.0, 9.4)),
    "blur_jitter": Kind(jitter, (0.1, 1.58, 2.72, 3.94)),
}
