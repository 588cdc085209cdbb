"""What a distortion type is: a function of one parameter, and that parameter at each level."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "Kind", "Pixels", "parameter_at", "times_plane", "to_bytes"]

Pixels = NDArray[np.uint8]
"""(height, width, 3) RGB, 0-255."""

Floats = NDArray[np.float32]

Apply = Callable[[Pixels, float, np.random.Generator], Pixels]

KNOTS: tuple[float, ...] = (0.0, 1.5, 3.0, 5.0)
"""Levels at which a parameter is given: identity, mild (the middle of 1-2), moderate, severe."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One concrete distortion type.

    Args:
        apply: (pixels, parameter, rng) -> new pixels of the same shape.
        at: the parameter at KNOTS.
        geometric: interpolate the parameter's logarithm (gammas, factors), not the parameter.
    """

    apply: Apply
    at: tuple[float, float, float, float]
    geometric: bool = False


def parameter_at(kind: Kind, level: float) -> float:
    """Return the parameter of `kind` at a level in [0, 5]."""
    if kind.geometric:
        return float(np.exp(np.interp(level, KNOTS, np.log(kind.at))))
    return float(np.interp(level, KNOTS, kind.at))


def times_plane(pixels: NDArray[np.uint8] | Floats, gain: Floats) -> Floats:
    """Multiply (height, width, 3) `pixels` by the (height, width) `gain`; float32 comes back."""
    # OpenCV: numpy is several times slower when it broadcasts over three channels.
    product = cv2.multiply(pixels, cv2.merge((gain, gain, gain)), dtype=cv2.CV_32F)
    return np.asarray(product, dtype=np.float32)


def to_bytes(values: Floats) -> Pixels:
    """Round and clip (in place) float values on the 0-255 scale to uint8."""
    np.rint(values, out=values)
    np.clip(values, 0, 255, out=values)
    return values.astype(np.uint8)
