"""What sensors and few bits do: noise at a high ISO, moire, and bands in smooth tones."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.distortions.kinds import Floats, Kind, Pixels, to_bytes
from trainer.distortions.light import to_light, to_pixels

__all__ = ["KINDS"]

_RGB_OF_YCRCB = np.array([[1, 1.403, 0], [1, -0.714, -0.344], [1, 0, 1.773]], dtype=np.float32)
_BLACK, _WHITE = 4096, 40960
"""Black and white of the raw data: noise goes below black, and highlights above white."""


def high_iso(pixels: Pixels, full: float, rng: np.random.Generator) -> Pixels:
    """So little light that white is `full` electrons in a pixel, developed as a camera would.

    Bayer's mosaic, shot noise and 2 electrons of read noise, white balance, demosaic, sRGB, and a
    denoiser that is stronger on colour than on light: what is left are grains and blotches.
    """
    balance = (rng.uniform(1.6, 2.2), 1.0, rng.uniform(1.3, 1.9))
    raw = _mosaic(to_light(pixels))
    gain = np.empty_like(raw)
    gain[::2, ::2], gain[1::2, 1::2] = balance[0], balance[2]
    gain[::2, 1::2] = gain[1::2, ::2] = balance[1]
    # Of raw / gain in full wells, times the gain: variance = raw gain / full + (gain / full)^2.
    deviation = np.sqrt(raw * gain * np.float32(1 / full) + np.square(gain * np.float32(1 / full)))
    raw += rng.standard_normal(raw.shape, dtype=np.float32) * deviation
    luma, red, blue = cv2.split(cv2.cvtColor(to_pixels(_demosaiced(raw)), cv2.COLOR_RGB2YCrCb))
    # Denoisers follow the ISO.
    strength = math.log10(max(1.25, 1000 / full))
    colour = cv2.GaussianBlur(cv2.merge((red, blue)), (0, 0), 0.8 + 1.2 * strength)
    soft = cv2.bilateralFilter(luma, 5, 20 * strength, 1.2)
    luma = cv2.addWeighted(luma, 0.4, soft, 0.6, 0)
    red, blue = cv2.split(colour)
    return np.asarray(cv2.cvtColor(cv2.merge((luma, red, blue)), cv2.COLOR_YCrCb2RGB), np.uint8)


def moire(pixels: Pixels, depth: float, rng: np.random.Generator) -> Pixels:
    """A weave or a screen as fine as the sensor's mosaic, and the waves the two make together.

    The pattern's light swings by `depth` (0-1) about the photo's; it is sampled through Bayer's
    mosaic and demosaiced, which is where waves and colours come from.
    """
    height, width = pixels.shape[:2]
    x, y = np.arange(width) - width / 2, np.arange(height) - height / 2
    turn, share = rng.uniform(-0.06, 0.06), rng.uniform(0.6, 0.9)
    bend = rng.uniform(2e-5, 6e-5, 2) * rng.choice((-1, 1), 2)
    # Cycles a pixel: near half a cycle, where the mosaic's own pitch lies.
    pitch = 0.5 + rng.uniform(0.02, 0.05, 2) * rng.choice((-1, 1), 2)
    across = _wave(pitch[0] * math.cos(turn) * x, pitch[0] * (math.sin(turn) * y + bend[0] * y * y))
    down = _wave(pitch[1] * (bend[1] * x * x - math.sin(turn) * x), pitch[1] * math.cos(turn) * y)
    swing = np.float32(share * depth) * across + np.float32((1 - share) * depth) * down
    light = to_light(pixels)
    light *= _demosaiced((1 + swing) * np.float32(0.5)) * np.float32(2)
    return to_pixels(light)


def banding(pixels: Pixels, step: float, rng: np.random.Generator) -> Pixels:
    """Tones in steps of `step` (0-255 scale), under the photo's own grain and texture.

    Texture hides the steps, as it does in photos; smooth tones show them.
    """
    smooth = cv2.medianBlur(cv2.GaussianBlur(pixels, (0, 0), 1), 5)
    base = cv2.cvtColor(smooth, cv2.COLOR_RGB2YCrCb).astype(np.float32)
    # Light and colour apart, and grey stays grey: few bits turn skies into bands of one hue.
    start = np.array([rng.uniform(0, step), 128, 128], dtype=np.float32)
    width = np.array([step, 0.4 * step, 0.4 * step], dtype=np.float32)
    change = np.rint((base - start) / width) * width + start - base
    values = pixels.astype(np.float32)
    values += cv2.transform(change, _RGB_OF_YCRCB)
    return to_bytes(values)


def _wave(across: NDArray[np.float64], down: NDArray[np.float64]) -> Floats:
    """Cosine of 2 pi (across + down) from (width,) and (height,): (height, width) in -1 to 1."""
    one, two = across[None, :] * (2 * math.pi), down[:, None] * (2 * math.pi)
    # By the sum of angles: two products of short arrays.
    wave = np.cos(one) * np.cos(two) - np.sin(one) * np.sin(two)
    return np.asarray(wave, dtype=np.float32)


def _mosaic(light: Floats) -> Floats:
    """(height, width, 3) -> (height, width): red at even rows and columns, blue at odd ones."""
    raw = np.ascontiguousarray(light[..., 1])
    raw[::2, ::2] = light[::2, ::2, 0]
    raw[1::2, 1::2] = light[1::2, 1::2, 2]
    return raw


def _demosaiced(raw: Floats) -> Floats:
    """(height, width), 1 being white -> (height, width, 3)."""
    counts = np.clip(raw * np.float32(_WHITE - _BLACK) + np.float32(_BLACK), 0, 65535)
    # OpenCV names the mosaic after its second row and column: BG is red in the corner.
    rgb = cv2.demosaicing(counts.astype(np.uint16), cv2.COLOR_BayerBG2RGB)
    light = np.asarray(rgb, dtype=np.float32)
    light -= np.float32(_BLACK)
    light /= np.float32(_WHITE - _BLACK)
    return light


KINDS: dict[str, Kind] = {
    "high_iso": Kind(high_iso, (1600.0, 130.0, 46.0, 16.0), geometric=True),
    "moire": Kind(moire, (0.0, 0.25, 0.5, 0.9)),
    "banding": Kind(banding, (1.0, 20.0, 38.0, 84.0)),
}
