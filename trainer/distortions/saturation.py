"""Colours too strong or too weak: chroma of YCrCb or saturation of HSV, times a factor."""

import cv2
import numpy as np

from trainer.distortions.kinds import Kind, Pixels, times_plane, to_bytes

__all__ = ["KINDS"]


def ycrcb(pixels: Pixels, factor: float, rng: np.random.Generator) -> Pixels:
    """Multiply the distance from the pixel's luma by `factor`; luma stays until values clip."""
    luma = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    mixed = cv2.addWeighted(pixels, factor, luma, 1 - factor, 0)
    return np.asarray(mixed, dtype=np.uint8)


def hsv(pixels: Pixels, factor: float, rng: np.random.Generator) -> Pixels:
    """Multiply HSV's saturation by `factor`, up to full saturation; hue and value stay."""
    red, green, blue = cv2.split(pixels)
    value = np.asarray(cv2.max(cv2.max(red, green), blue), dtype=np.float32)
    chroma = value - np.asarray(cv2.min(cv2.min(red, green), blue), dtype=np.float32)
    # Saturation is chroma / value: it is full when chroma reaches value.
    gain = np.minimum(np.float32(factor), value / np.maximum(chroma, 1))
    values = times_plane(pixels, gain)
    rest = value - value * gain
    return to_bytes(np.asarray(cv2.add(values, cv2.merge((rest, rest, rest)))))


KINDS: dict[str, Kind] = {
    "saturate_strengthen_hsv": Kind(hsv, (1.0, 1.9, 3.8, 9.0), geometric=True),
    "saturate_strengthen_ycrcb": Kind(ycrcb, (1.0, 1.8, 2.8, 5.0), geometric=True),
    "saturate_weaken_hsv": Kind(hsv, (1.0, 0.54, 0.3, 0.0)),
    "saturate_weaken_ycrcb": Kind(ycrcb, (1.0, 0.5, 0.25, 0.0)),
}
