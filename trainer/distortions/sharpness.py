"""Oversharpening: an unsharp mask overdone."""

import cv2
import numpy as np

from trainer.distortions.kinds import Kind, Pixels, to_bytes

__all__ = ["KINDS"]

RADIUS = 2.0
"""Sigma, in pixels, of the blur that is taken away."""


def oversharpen(pixels: Pixels, percent: float, rng: np.random.Generator) -> Pixels:
    """Unsharp mask of radius 2 and `percent` amount, no threshold."""
    values = pixels.astype(np.float32)
    soft = np.asarray(cv2.GaussianBlur(values, (0, 0), RADIUS, borderType=cv2.BORDER_REFLECT_101))
    values -= soft
    values *= np.float32(percent / 100)
    values += pixels
    return to_bytes(values)


KINDS: dict[str, Kind] = {"oversharpen": Kind(oversharpen, (0.0, 220.0, 420.0, 800.0))}
