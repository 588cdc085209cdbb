"""Linear light: what a sensor counts, before sRGB's curve makes it pixels."""

from functools import cache

import cv2
import numpy as np

from trainer.distortions.kinds import Floats, Pixels

__all__ = ["exposed", "to_light", "to_pixels"]

_STEPS = 65535


def to_light(pixels: Pixels) -> Floats:
    """sRGB bytes -> linear light, float32 in 0-1, same shape."""
    return np.asarray(cv2.LUT(pixels, _light_of_byte()), dtype=np.float32)


def to_pixels(light: Floats) -> Pixels:
    """Linear light -> sRGB bytes, same shape, clipped to 0-1 first. Changes `light`.

    A table of 65,536 steps stands for the curve: the darkest step is a twentieth of a byte.
    """
    light *= np.float32(_STEPS)
    np.clip(light, 0, _STEPS, out=light)
    light += np.float32(0.5)
    return np.asarray(_byte_of_light()[light.astype(np.uint16)])


def exposed(curve: Floats) -> Pixels:
    """A table for cv2.LUT: the byte each byte becomes when its light becomes `curve` (256,)."""
    return to_pixels(np.array(curve, dtype=np.float32))


@cache
def _light_of_byte() -> Floats:
    values = np.arange(256) / 255
    light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return np.asarray(light, dtype=np.float32)


@cache
def _byte_of_light() -> Pixels:
    light = np.arange(_STEPS + 1) / _STEPS
    values = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(values * 255), dtype=np.uint8)
