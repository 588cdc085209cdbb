"""Light as lenses and air spoil it: clipped, crushed, flare, haze, and colours set apart."""

import math

import cv2
import numpy as np

from trainer.distortions.kinds import Kind, Pixels, times_plane
from trainer.distortions.light import exposed, to_light, to_pixels

__all__ = ["KINDS"]

RAMP = np.arange(256, dtype=np.uint8)


def clipped_highlights(pixels: Pixels, stops: float, rng: np.random.Generator) -> Pixels:
    """Exposed `stops` too long, and cut off at white.

    A dark photo gets up to a stop more, until 8% of it per stop is white.
    """
    light = to_light(RAMP)
    bright = float(light[_grey_quantile(pixels, 1 - 0.08 * stops)])
    gain = np.clip(1 / max(bright, 1e-3), 2**stops, 2 ** (stops + min(1.0, stops)))
    return np.asarray(cv2.LUT(pixels, exposed(light * np.float32(gain))), dtype=np.uint8)


def crushed_shadows(pixels: Pixels, stops: float, rng: np.random.Generator) -> Pixels:
    """Exposed `stops` too short, and cut off at black: 0.6% of white, per stop, is lost."""
    light = to_light(RAMP) * np.float32(2**-stops) - np.float32(0.006 * stops)
    return np.asarray(cv2.LUT(pixels, exposed(light)), dtype=np.uint8)


def lens_flare(pixels: Pixels, added: float, rng: np.random.Generator) -> Pixels:
    """A lamp or the sun near the top: glow, rays, and ghosts on the line through the middle.

    `added`: mean light the flare adds, 1 being white, before it is clipped.
    """
    height, width = pixels.shape[:2]
    # At half the size, which such soft light stands, and in float64, so that the last bits of
    # roots and angles, which differ among processors, do not show.
    x, y = np.linspace(0, width, width // 2)[None, :], np.linspace(0, height, height // 2)[:, None]
    size = math.hypot(width, height)
    lamp = (width * rng.uniform(0.1, 0.9), height * rng.uniform(-0.05, 0.3))
    away = np.hypot(x - lamp[0], y - lamp[1]) / size
    around = np.arctan2(y - lamp[1], x - lamp[0])
    rays = np.abs(np.cos(around * int(rng.integers(3, 8)) + rng.uniform(0, math.pi))) ** 24
    glow = 1 / (1 + (away / 0.03) ** 2) * (1 + 2 * rays) + 0.1 / (1 + (away / 0.25) ** 2) + 0.02
    flare = glow[..., None] * np.array([1, rng.uniform(0.85, 1), rng.uniform(0.65, 0.95)])
    middle = (width / 2, height / 2)
    for _ in range(int(rng.integers(5, 9))):
        along, radius = rng.uniform(-0.5, 1.6), rng.uniform(0.012, 0.07) * size
        where = [m + (m - at) * along for m, at in zip(middle, lamp, strict=True)]
        rim = np.hypot(x - where[0], y - where[1]) / radius
        disc = np.clip((1 - rim) * 8, 0, 1) * (0.35 + 0.65 * np.square(np.square(rim)))
        flare += disc[..., None] * (rng.uniform(0.05, 0.25) * rng.dirichlet((1.5, 1.5, 1.5)))
    flare *= added / flare.mean()
    large = cv2.resize(flare.astype(np.float32), (width, height))
    return to_pixels(to_light(pixels) + np.asarray(large, dtype=np.float32))


def haze(pixels: Pixels, density: float, rng: np.random.Generator) -> Pixels:
    """Air between the camera and the scene, which is taken to be farther away towards the top.

    Light falls as exp(-density x distance) (Koschmieder) and gives way to that of the sky;
    `density` is for the mean distance.
    """
    height, width = pixels.shape[:2]
    near, cloud = rng.uniform(0.25, 0.5), rng.standard_normal((5, 5))
    clouds = cv2.resize(0.08 * cloud, (width, height), interpolation=cv2.INTER_CUBIC)
    distance = np.maximum(np.linspace(1, near, height)[:, None] + clouds, 0.1)
    through = np.exp(distance * (-density / distance.mean()))
    # The air is lit by what lights the scene: it is about as bright as the photo's bright parts.
    bright = min(max(_grey_quantile(pixels, 0.85), 70), 225)
    tint = rng.uniform([0.94, 0.97, 1.0], [1.0, 1.0, 1.04]) * bright
    sky = to_light(tint.astype(np.uint8)[None, None])[0, 0]
    light = times_plane(to_light(pixels) - sky, through.astype(np.float32))
    light += sky
    return to_pixels(light)


def chromatic_aberration(pixels: Pixels, apart: float, rng: np.random.Generator) -> Pixels:
    """Red and blue of other sizes than green: coloured edges that grow towards the corners.

    `apart`: pixels between red and blue at the root-mean-square distance from the middle.
    """
    height, width = pixels.shape[:2]
    centre = (width * rng.uniform(0.45, 0.55), height * rng.uniform(0.45, 0.55))
    outward = 1 if rng.random() < 0.5 else -1
    share = rng.uniform(0.4, 0.6)
    rms = math.hypot(width, height) / math.sqrt(12)
    changed = pixels.copy()
    for channel, part in ((0, share), (2, share - 1)):
        factor = 1 + outward * part * apart / rms
        shift = [at * (1 - factor) for at in centre]
        changed[..., channel] = cv2.warpAffine(
            np.ascontiguousarray(pixels[..., channel]),
            np.array([[factor, 0, shift[0]], [0, factor, shift[1]]]),
            (width, height),
            flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REFLECT_101,
        )
    return changed


def _grey_quantile(pixels: Pixels, share: float) -> int:
    """The grey value (0-255) that `share` (0-1) of the pixels do not exceed."""
    counts = np.bincount(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).ravel(), minlength=256)
    return int(np.searchsorted(np.cumsum(counts), share * counts.sum()))


KINDS: dict[str, Kind] = {
    "clipped_highlights": Kind(clipped_highlights, (0.0, 0.65, 1.3, 2.4)),
    "crushed_shadows": Kind(crushed_shadows, (0.0, 0.95, 1.7, 2.6)),
    "lens_flare": Kind(lens_flare, (0.0, 0.04, 0.085, 0.18)),
    "haze": Kind(haze, (0.0, 0.22, 0.5, 1.05)),
    "chromatic_aberration": Kind(chromatic_aberration, (0.0, 2.0, 4.5, 9.0)),
}
