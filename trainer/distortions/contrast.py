"""Contrast too strong or too weak: scaled about the mean, or stretched along an S curve."""

import cv2
import numpy as np

from trainer.distortions.kinds import Kind, Pixels, to_bytes

__all__ = ["KINDS"]

RAMP = np.arange(256, dtype=np.float32)


def scale(pixels: Pixels, factor: float, rng: np.random.Generator) -> Pixels:
    """Multiply the distance from the photo's mean by `factor`."""
    mean = np.float32(pixels.mean())
    curve = to_bytes(mean + (RAMP - mean) * np.float32(factor))
    return np.asarray(cv2.LUT(pixels, curve), dtype=np.uint8)


def stretch(pixels: Pixels, slope: float, rng: np.random.Generator) -> Pixels:
    """S curve through the photo's mean: log-odds of the value times `slope` about the mean's.

    A slope above 1 pulls values to black and white and below 1 to the mean, without hard clipping.
    """
    middle = _log_odds(np.clip(pixels.mean(), 25, 230))
    curve = 255 / (1 + np.exp(-(middle + slope * (_log_odds(RAMP) - middle))))
    return np.asarray(cv2.LUT(pixels, to_bytes(curve.astype(np.float32))), dtype=np.uint8)


def _log_odds(values: np.ndarray | np.float64) -> np.ndarray:
    # In float64: the last bit of a logarithm differs among processors, and must not show.
    share = np.clip(np.asarray(values, dtype=np.float64) / 255, 0.001, 0.999)
    return np.asarray(np.log(share / (1 - share)))


KINDS: dict[str, Kind] = {
    "contrast_strengthen_scale": Kind(scale, (1.0, 1.6, 2.2, 3.2), geometric=True),
    "contrast_strengthen_stretch": Kind(stretch, (1.0, 1.83, 2.65, 3.95), geometric=True),
    "contrast_weaken_scale": Kind(scale, (1.0, 0.6, 0.4, 0.22), geometric=True),
    "contrast_weaken_stretch": Kind(stretch, (1.0, 0.53, 0.33, 0.17), geometric=True),
}
