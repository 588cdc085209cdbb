"""Distortions of the twelve families and faults as cameras make them, at float levels.

Levels follow the anchors of strength for photos of about 512-640 pixels: 1.5 is mild, 3 moderate
and 5 severe; sizes (a blur's sigma, a block) are in pixels and do not grow with the photo. Types
without an anchor of their own are tuned to look as strong as the family's anchored type at the same
level: by structural similarity where grain or detail is lost, by mean CIEDE2000 where colours move.
`trainer.distortions.proof` measures that levels are in order and that the first is visible.

The same draw gives the same bytes with the same releases of NumPy, OpenCV and Pillow, however many
threads OpenCV has. Whatever powers and angles need is computed in float64, since processors differ
in the last bit of them; OpenCV's own filters of float32 are not promised across processors.
"""

import math

import numpy as np
from numpy.typing import NDArray

from spider_cli.errors import UsageError, did_you_mean
from spider_cli.vocabulary import FAMILIES
from trainer.distortions import (
    blur,
    capture_blur,
    capture_light,
    compression,
    contrast,
    exposure,
    noise,
    pixelate,
    quantization,
    saturation,
    sensor,
    sharpness,
)
from trainer.distortions.kinds import Kind, parameter_at

__all__ = ["AUTHENTIC", "TYPES", "distort", "family_of", "other_of", "severity_of"]

_SYNTHETIC: dict[str, Kind] = {
    **blur.KINDS,
    **noise.KINDS,
    **compression.KINDS,
    **exposure.KINDS,
    **contrast.KINDS,
    **saturation.KINDS,
    **sharpness.KINDS,
    **pixelate.KINDS,
    **quantization.KINDS,
}

TYPES: dict[str, tuple[str, ...]] = {
    family: tuple(name for name in _SYNTHETIC if name.startswith(family.replace(" ", "_")))
    for family in FAMILIES
}
"""Family, as records spell it, -> its concrete types ("blur" -> "blur_gaussian", ...)."""

AUTHENTIC: dict[str, tuple[str, str]] = {
    "defocus": ("blur", ""),
    "hand_shake": ("blur", ""),
    "high_iso": ("noise", ""),
    "clipped_highlights": ("brighten", ""),
    "crushed_shadows": ("darken", ""),
    "haze": ("contrast weaken", ""),
    "banding": ("quantization", ""),
    "lens_flare": ("", "lens flare"),
    "chromatic_aberration": ("", "chromatic aberration"),
    "moire": ("", "moire"),
}
"""Faults as cameras make them, kept apart from TYPES: name -> the family a viewer would name, or,
where none fits, "" and the fault's plain name, which answers hold in `other`."""

_KINDS: dict[str, Kind] = {
    **_SYNTHETIC,
    **capture_blur.KINDS,
    **capture_light.KINDS,
    **sensor.KINDS,
}

WEAKEST, STRONGEST = 0.5, 5.0


def distort(
    pixels: NDArray[np.uint8], kind: str, strength: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return `pixels` with one distortion.

    Args:
        pixels: (height, width, 3) uint8 RGB, at least 16 pixels each way. Not changed.
        kind: a concrete type of TYPES or AUTHENTIC; case does not matter; space, ``-`` and ``_``
            are the same.
        strength: level in [0.5, 5]; see `severity_of`. Below 1 most photos still look clean.
        rng: where random types draw from; the same state gives the same answer.

    Returns:
        A new array, same shape and dtype.

    Raises:
        UsageError: `kind` is unknown (the hint names the nearest) or `strength` is out of range.
        ValueError: `pixels` is not such an array.
    """
    name = _kind_named(kind)
    if not (math.isfinite(strength) and WEAKEST <= strength <= STRONGEST):
        raise UsageError(
            f"strength {strength} is not a level",
            hint=f"Levels go from {WEAKEST} to {STRONGEST:g}.",
            code="bad_strength",
        )
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"pixels must be (height, width, 3) uint8: {pixels.shape} {pixels.dtype}")
    if min(pixels.shape[:2]) < 16:
        raise ValueError(f"pixels must be at least 16 x 16: {pixels.shape}")
    spec = _KINDS[name]
    return spec.apply(np.ascontiguousarray(pixels), parameter_at(spec, strength), rng)


def severity_of(level: float) -> str:
    """Return the word for a level: mild (1-2), moderate (3) or severe (4-5).

    Levels between are rounded to the nearest: mild below 2.5, severe from 3.5.
    """
    if level < 2.5:
        return "mild"
    return "moderate" if level < 3.5 else "severe"


def family_of(kind: str) -> str:
    """Return the family of a concrete type, "" where none fits; UsageError when it is unknown."""
    name = _kind_named(kind)
    if name in AUTHENTIC:
        return AUTHENTIC[name][0]
    return next(family for family, names in TYPES.items() if name in names)


def other_of(kind: str) -> str:
    """Return the plain name of a fault of no family ("lens flare"), "" for all other types."""
    return AUTHENTIC.get(_kind_named(kind), ("", ""))[1]


def _kind_named(word: str) -> str:
    plain = "_".join(word.lower().replace("-", " ").replace("_", " ").split())
    if plain in _KINDS:
        return plain
    raise UsageError(
        f"unknown distortion type {word!r}",
        hint=f"{did_you_mean(plain, _KINDS)}The types are: {', '.join(_KINDS)}.",
        code="unknown_distortion",
    )
