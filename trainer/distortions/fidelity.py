"""How far a distorted photo is from the untouched one: SSIM, PSNR and CIEDE2000."""

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000

from trainer.distortions.kinds import Floats, Pixels

__all__ = ["Reference", "colour_difference", "psnr"]

_WINDOW = 7
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


class Reference:
    """An untouched photo, with what every comparison with it needs.

    Args:
        pixels: (height, width, 3) uint8 RGB, at least 7 pixels each way.
    """

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels
        self._values = pixels.astype(np.float64)
        self._mean = _box(self._values)
        self._variance = _box(self._values * self._values) - self._mean * self._mean

    def ssim(self, other: Pixels) -> NDArray[np.float64]:
        """Structural similarity of `other`, for every window that lies in the photo.

        The mean over the three channels of RGB, as scikit-image computes it by default: flat
        windows of 7 x 7, sample variances. Shape (height - 6, width - 6), at most 1.
        """
        values = other.astype(np.float64)
        mean = _box(values)
        unbiased = _WINDOW**2 / (_WINDOW**2 - 1)
        variance = unbiased * (self._variance + _box(values * values) - mean * mean)
        covariance = unbiased * (_box(self._values * values) - self._mean * mean)
        over = (2 * self._mean * mean + _C1) * (2 * covariance + _C2)
        under = (self._mean**2 + mean**2 + _C1) * (variance + _C2)
        return np.asarray((over / under).mean(axis=2))


def psnr(one: Pixels, two: Pixels) -> float:
    """Peak signal-to-noise ratio in decibels; 100 where nothing differs."""
    squared = float(np.mean(np.square(one.astype(np.float32) - two)))
    return min(100.0, 10 * float(np.log10(255**2 / max(squared, 1e-9))))


def colour_difference(one: Pixels, two: Pixels) -> float:
    """Mean CIEDE2000 over every second pixel each way."""
    difference = deltaE_ciede2000(_lab(one), _lab(two))  # type: ignore[no-untyped-call]
    return float(np.mean(difference))


def _box(values: NDArray[np.float64]) -> NDArray[np.float64]:
    edge = _WINDOW // 2
    means = cv2.boxFilter(values, -1, (_WINDOW, _WINDOW))
    return np.asarray(means[edge:-edge, edge:-edge], dtype=np.float64)


def _lab(pixels: Pixels) -> Floats:
    values = np.ascontiguousarray(pixels[::2, ::2]).astype(np.float32) / 255
    return np.asarray(cv2.cvtColor(values, cv2.COLOR_RGB2LAB), dtype=np.float32)
