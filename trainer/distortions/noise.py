"""Noises: gaussian in RGB and in YCrCb, speckle, spatially correlated, poisson and impulse."""

import cv2
import numpy as np

from trainer.distortions.kinds import Floats, Kind, Pixels, to_bytes

__all__ = ["KINDS"]

RAMP = np.arange(256, dtype=np.float32)


def gaussian_rgb(pixels: Pixels, deviation: float, rng: np.random.Generator) -> Pixels:
    """Independent gaussian noise in each channel; `deviation` on the 0-255 scale."""
    return _plus(pixels, _normal(pixels.shape, rng) * np.float32(deviation))


def gaussian_ycrcb(pixels: Pixels, deviation: float, rng: np.random.Generator) -> Pixels:
    """Gaussian noise of the same deviation in luma and in both chromas: blotches of colour."""
    noise = _normal(pixels.shape, rng) * np.float32(deviation)
    luma, red, blue = noise[..., 0], noise[..., 1], noise[..., 2]
    in_rgb = np.empty_like(noise)
    np.add(luma, np.float32(1.403) * red, out=in_rgb[..., 0])
    in_rgb[..., 1] = luma - np.float32(0.714) * red - np.float32(0.344) * blue
    np.add(luma, np.float32(1.773) * blue, out=in_rgb[..., 2])
    return _plus(pixels, in_rgb)


def speckle(pixels: Pixels, ratio: float, rng: np.random.Generator) -> Pixels:
    """Noise in proportion to the light: deviation = `ratio` x the value."""
    noise = _normal(pixels.shape, rng)
    noise *= pixels
    noise *= np.float32(ratio)
    return _plus(pixels, noise)


def spatially_correlated(pixels: Pixels, deviation: float, rng: np.random.Generator) -> Pixels:
    """Grain larger than a pixel: gaussian noise, blurred, back to `deviation` (0-255 scale)."""
    noise = np.asarray(cv2.GaussianBlur(_normal(pixels.shape, rng), (5, 5), 0.9), dtype=np.float32)
    # Blurring by sigma divides the deviation by about 2 sqrt(pi) sigma; 2.97 is this kernel's.
    noise *= np.float32(deviation * 2.97)
    return _plus(pixels, noise)


def poisson(pixels: Pixels, light: float, rng: np.random.Generator) -> Pixels:
    """Shot noise: the variance is `light` x the value (0-255 scale)."""
    # A normal draw z with its Cornish-Fisher term, mean + sqrt(mean) z + (z^2 - 1) / 6, rounded,
    # has poisson's skew in a quarter of the time; the term fades out where nearly no light falls.
    mean = RAMP / np.float32(light)
    draw = _normal(pixels.shape, rng)
    counts = draw * np.asarray(cv2.LUT(pixels, np.sqrt(mean)))
    np.multiply(draw, draw, out=draw)
    draw -= np.float32(1)
    draw *= np.asarray(cv2.LUT(pixels, np.minimum(mean, 1) / np.float32(6)))
    counts += draw
    counts += np.asarray(cv2.LUT(pixels, mean))
    np.rint(counts, out=counts)
    counts *= np.float32(light)
    return to_bytes(counts)


def impulse(pixels: Pixels, share: float, rng: np.random.Generator) -> Pixels:
    """Salt and pepper: a `share` (0-1) of the values become 0 or 255, half each."""
    draw = rng.random(pixels.shape, dtype=np.float32)
    noisy = pixels.copy()
    noisy[draw < share / 2] = 0
    noisy[draw > 1 - share / 2] = 255
    return noisy


def _normal(shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    return rng.standard_normal(shape, dtype=np.float32)


def _plus(pixels: Pixels, noise: Floats) -> Pixels:
    # OpenCV adds, rounds and clips in one pass.
    return np.asarray(cv2.add(pixels, noise, dtype=cv2.CV_8U), dtype=np.uint8)


KINDS: dict[str, Kind] = {
    "noise_gaussian_rgb": Kind(gaussian_rgb, (0.0, 12.0, 25.0, 48.0)),
    "noise_gaussian_ycrcb": Kind(gaussian_ycrcb, (0.0, 7.2, 15.2, 29.0)),
    "noise_speckle": Kind(speckle, (0.0, 0.115, 0.245, 0.48)),
    "noise_spatially_correlated": Kind(spatially_correlated, (0.0, 10.5, 21.5, 41.0)),
    "noise_poisson": Kind(poisson, (0.01, 1.7, 7.3, 26.0)),
    "noise_impulse": Kind(impulse, (0.0, 0.018, 0.046, 0.116)),
}
