"""What a distortion does to the picture, in words that fit its type and what the region shows."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from trainer.effect_words import EFFECTS, OTHER_EFFECTS, PLURAL, UNKNOWN_EFFECTS
from trainer.truth import Applied

__all__ = ["CONTENT", "Effect", "content_of", "effect_of", "effects_of", "is_plural"]

CONTENT = (
    "flat",
    "textured",
    "dark",
    "bright",
    "grey",
    "colourful",
    "white",
    "black",
)
"""Words for what a region shows, as effects are tagged with them. The last two: a part of it has
run into pure white, or into pure black."""

USUAL = 0.5
"""Chance of a type's first effect, which fits everything."""
_OF_LABEL = 0.6
"""Chance that an effect that can name the thing does, where its name is known."""

_GRID = 48
"""Long side of the copy on which content is measured: noise, blocks and blur hardly show there."""
_FLAT, _TEXTURED = 5.0, 9.0
_DARK, _BRIGHT = 75.0, 165.0
_GREY, _COLOURFUL = 6.0, 18.0
_CLIPPED = 0.03


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that a distortion does."""

    text: str
    """To follow "which" or a noun, with the blank `{of}`: " of the sky", or nothing."""
    fits: frozenset[str] = frozenset()
    """Words of CONTENT, all of which the region must be; none for any region."""


def content_of(
    pixels: npt.NDArray[np.uint8], mask: npt.NDArray[np.bool_] | None = None
) -> frozenset[str]:
    """What a region shows, as words of CONTENT.

    Measured on a shrunken copy, so that it is about what is in the photo more than about what was
    done to it; how much is pure white or black is measured on single pixels.

    Args:
        pixels: (height, width, 3) uint8 RGB, the photo as it is.
        mask: (height, width) bool, not empty; None for all of the photo.
    """
    if mask is not None:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        pixels, mask = pixels[part], mask[part]
    height, width = pixels.shape[:2]
    scale = min(1.0, _GRID / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    single = cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_NEAREST)
    if mask is None:
        inside = np.ones(size[::-1], bool)
    else:
        # Cells that lie wholly inside; where there are none, those that do by half.
        share = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        inside = share > 0.99
        if not inside.any():
            inside = share >= share.max()
    light = lab[..., 0]  # (rows, columns), 0-255
    across = np.abs(np.diff(light, axis=1))[inside[:, 1:] & inside[:, :-1]]
    down = np.abs(np.diff(light, axis=0))[inside[1:] & inside[:-1]]
    steps = np.concatenate([across, down])
    texture = float(steps.mean()) if len(steps) else 0.0
    level = float(light[inside].mean())
    chroma = float(np.hypot(lab[..., 1] - 128, lab[..., 2] - 128)[inside].mean())
    points = single[inside]  # (cells, 3)
    said = {
        "flat": texture < _FLAT,
        "textured": texture > _TEXTURED,
        "dark": level < _DARK,
        "bright": level > _BRIGHT,
        "grey": chroma < _GREY,
        "colourful": chroma > _COLOURFUL,
        "white": float((points.min(axis=1) >= 250).mean()) > _CLIPPED,
        "black": float((points.max(axis=1) <= 6).mean()) > _CLIPPED,
    }
    return frozenset(word for word, true in said.items() if true)


def effects_of(applied: Applied) -> tuple[Effect, ...]:
    """All effects of a distortion: of its type, else of its family, or of a fault of no family.

    The first one fits everything.
    """
    return _effects(applied.kind, applied.family, applied.other)


@cache
def _effects(kind: str, family: str, other: str) -> tuple[Effect, ...]:
    if other:
        lines = OTHER_EFFECTS.get(other, UNKNOWN_EFFECTS)
    else:
        lines = EFFECTS.get(kind) or EFFECTS[family]
    out = []
    for line in lines:
        text, _, words = line.partition(" | ")
        out.append(Effect(text, frozenset(words.split())))
    return tuple(out)


def effect_of(
    applied: Applied, content: frozenset[str], rng: np.random.Generator, label: str = ""
) -> str:
    """One effect that fits, to follow "which" or "it" ("they", see `is_plural`).

    Args:
        applied: the distortion.
        content: what the region shows, see `content_of`.
        rng: which of those that fit; the type's first one half of the time.
        label: what the region shows, by name ("the sky"), "" where that is unknown.
    """
    usual, *rest = effects_of(applied)
    fitting = [effect for effect in rest if effect.fits <= content]
    chosen = usual
    if fitting and rng.random() >= USUAL:
        chosen = fitting[int(rng.integers(len(fitting)))]
    of = f" of {label}" if label and rng.random() < _OF_LABEL else ""
    return chosen.text.replace("{of}", of)


def is_plural(applied: Applied) -> bool:
    """The fault's name is a plural: "dust spots"."""
    return applied.other in PLURAL
