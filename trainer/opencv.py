"""OpenCV's calls with the types they have on bytes: its own stubs say any number, or nothing."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["mirror_image", "read_labels", "resized"]


def resized(
    pixels: npt.NDArray[np.uint8], size: tuple[int, int], method: int
) -> npt.NDArray[np.uint8]:
    """A photo or a map of labels at another size.

    Args:
        pixels: (height, width) or (height, width, channels) uint8.
        size: width and height wanted.
        method: one of OpenCV's ``INTER_...``.

    Returns:
        uint8, with as many dimensions as `pixels`; a third one of length 1 is dropped.

    Raises:
        cv2.error: `pixels` or `size` is empty.
    """
    return np.asarray(cv2.resize(pixels, size, interpolation=method), dtype=np.uint8)


def mirror_image(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A photo, (height, width, 3) uint8, with left and right in each other's place; NumPy's way
    takes eighty times as long."""
    return np.asarray(cv2.flip(pixels, 1), dtype=np.uint8)


def read_labels(path: Path) -> npt.NDArray[np.uint8] | None:
    """A map of regions, (height, width) uint8; None where there is none that OpenCV can read."""
    labels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    return None if labels is None else np.asarray(labels, dtype=np.uint8)
