"""Pixelation: blocks of one colour."""

import cv2
import numpy as np

from trainer.distortions.kinds import Kind, Pixels

__all__ = ["KINDS"]


def pixelate(pixels: Pixels, block: float, rng: np.random.Generator) -> Pixels:
    """Average blocks of about `block` x `block` pixels (a fraction is spread over the photo)."""
    height, width = pixels.shape[:2]
    small_size = (max(1, round(width / block)), max(1, round(height / block)))
    small = cv2.resize(pixels, small_size, interpolation=cv2.INTER_AREA)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(large, dtype=np.uint8)


KINDS: dict[str, Kind] = {"pixelate": Kind(pixelate, (1.0, 3.0, 5.0, 9.0))}
