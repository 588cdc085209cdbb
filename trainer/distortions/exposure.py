"""Too bright or too dark: gamma and shift, on RGB and on the value of HSV, and vignette."""

import math

import cv2
import numpy as np

from trainer.distortions.kinds import Floats, Kind, Pixels, times_plane, to_bytes

__all__ = ["KINDS"]

RAMP = np.arange(256, dtype=np.float32)


def gamma_rgb(pixels: Pixels, gamma: float, rng: np.random.Generator) -> Pixels:
    """Raise every channel to `gamma` (below 1 brightens)."""
    return np.asarray(cv2.LUT(pixels, to_bytes(_gamma_curve(gamma))), dtype=np.uint8)


def gamma_hsv(pixels: Pixels, gamma: float, rng: np.random.Generator) -> Pixels:
    """Raise the value of HSV to `gamma`; hue and saturation stay."""
    return _through_value(pixels, _gamma_curve(gamma))


def shift_rgb(pixels: Pixels, shift: float, rng: np.random.Generator) -> Pixels:
    """Add `shift` (0-255 scale; negative darkens) to every channel."""
    return np.asarray(cv2.LUT(pixels, to_bytes(RAMP + np.float32(shift))), dtype=np.uint8)


def shift_hsv(pixels: Pixels, shift: float, rng: np.random.Generator) -> Pixels:
    """Add `shift` (0-255 scale; negative darkens) to the value of HSV."""
    return _through_value(pixels, np.clip(RAMP + np.float32(shift), 0, 255))


def vignette(pixels: Pixels, fall: float, rng: np.random.Generator) -> Pixels:
    """Light that falls off from a point near the middle as 1 / (1 + (fall r)^2)^2.

    `r` is 1 in the corners of a photo with the point in its middle.
    """
    height, width = pixels.shape[:2]
    half = math.hypot(width, height) / 2
    x = (np.arange(width, dtype=np.float32) - width * rng.uniform(0.4, 0.6)) / half
    y = (np.arange(height, dtype=np.float32) - height * rng.uniform(0.4, 0.6)) / half
    # Squares and a division alone: every processor rounds them alike, unlike powers.
    dimmed = 1 + np.float32(fall * fall) * (np.square(x)[None, :] + np.square(y)[:, None])
    return to_bytes(times_plane(pixels, np.float32(1) / np.square(dimmed)))


def _gamma_curve(gamma: float) -> Floats:
    # In float64: the last bit of a power differs among processors, and must not show.
    return (255 * (np.arange(256) / 255) ** gamma).astype(np.float32)


def _through_value(pixels: Pixels, curve: Floats) -> Pixels:
    """Send HSV's value through `curve` (256 float32), keeping hue and saturation.

    With both kept, a pixel's channels are all multiplied by one gain: no conversion is needed.
    """
    value = cv2.max(cv2.max(pixels[..., 0], pixels[..., 1]), pixels[..., 2])
    gain = np.asarray(cv2.LUT(value, curve / np.maximum(RAMP, 1)), dtype=np.float32)
    changed = times_plane(pixels, gain)
    if curve[0] > 0:
        changed[value == 0] = curve[0]
    return to_bytes(changed)


KINDS: dict[str, Kind] = {
    "brighten_gamma_rgb": Kind(gamma_rgb, (1.0, 0.65, 0.48, 0.30), geometric=True),
    "brighten_gamma_hsv": Kind(gamma_hsv, (1.0, 0.60, 0.41, 0.20), geometric=True),
    "brighten_shift_rgb": Kind(shift_rgb, (0.0, 32.0, 54.0, 88.0)),
    "brighten_shift_hsv": Kind(shift_hsv, (0.0, 35.0, 62.0, 115.0)),
    "darken_gamma_rgb": Kind(gamma_rgb, (1.0, 1.7, 2.6, 4.0), geometric=True),
    "darken_gamma_hsv": Kind(gamma_hsv, (1.0, 1.85, 3.0, 4.9), geometric=True),
    "darken_shift_rgb": Kind(shift_rgb, (0.0, -40.0, -73.0, -105.0)),
    "darken_shift_hsv": Kind(shift_hsv, (0.0, -43.0, -79.0, -111.0)),
    "darken_vignette": Kind(vignette, (0.0, 0.81, 1.26, 1.80)),
}
