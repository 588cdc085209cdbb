"""Pixelation: blocks of one colour."""

import numpy as np
from numpy.typing import NDArray

from trainer.distortions.kinds import Kind, Pixels

__all__ = ["KINDS"]


def pixelate(pixels: Pixels, block: float, rng: np.random.Generator) -> Pixels:
    """Average blocks of about `block` x `block` pixels.

    A fraction is spread over the photo: blocks of 2.5 are 2 or 3 pixels wide, in turn.
    """
    height, width = pixels.shape[:2]
    rows, columns = _starts(height, block), _starts(width, block)
    tall, wide = np.diff(rows, append=height), np.diff(columns, append=width)
    sums = np.add.reduceat(pixels, rows, axis=0, dtype=np.uint32)
    sums = np.add.reduceat(sums, columns, axis=1)
    counts = (tall[:, None] * wide[None, :])[..., None].astype(np.uint32)
    small = ((sums + counts // 2) // counts).astype(np.uint8)
    return np.repeat(np.repeat(small, wide, axis=1), tall, axis=0)


def _starts(length: int, block: float) -> NDArray[np.intp]:
    """Where blocks start that share `length` pixels as evenly as whole pixels can."""
    count = max(1, round(length / block))
    return np.arange(count) * length // count


KINDS: dict[str, Kind] = {"pixelate": Kind(pixelate, (1.0, 3.0, 5.0, 9.0))}
