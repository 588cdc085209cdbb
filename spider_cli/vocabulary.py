"""The words of the task, in one place: families, severities, quality levels, positions."""

from spider_cli.errors import UsageError, nearest

__all__ = [
    "FAMILIES",
    "HORIZONTAL",
    "LEVELS",
    "LEVEL_WEIGHTS",
    "NOUNS",
    "SEVERITIES",
    "VERTICAL",
    "family_named",
]

FAMILIES: tuple[str, ...] = (
    "blur",
    "noise",
    "compression",
    "brighten",
    "darken",
    "contrast strengthen",
    "contrast weaken",
    "saturate strengthen",
    "saturate weaken",
    "oversharpen",
    "pixelate",
    "quantization",
)
"""The twelve distortion families of DQ-495K, which the paper uses, as records spell them."""

NOUNS: dict[str, str] = {
    "blur": "blur",
    "noise": "noise",
    "compression": "compression",
    "brighten": "brightening",
    "darken": "darkening",
    "contrast strengthen": "contrast strengthening",
    "contrast weaken": "contrast weakening",
    "saturate strengthen": "saturation strengthening",
    "saturate weaken": "saturation weakening",
    "oversharpen": "oversharpening",
    "pixelate": "pixelation",
    "quantization": "quantization",
}
"""Family -> the noun answers use for it ("mild blur, moderate brightening")."""

SEVERITIES: tuple[str, ...] = ("mild", "moderate", "severe")
"""Severity words, weakest first: levels 1-2, 3 and 4-5 of the five."""

LEVELS: tuple[str, ...] = ("excellent", "good", "fair", "poor", "bad")
"""Quality levels, best first."""

LEVEL_WEIGHTS: tuple[float, ...] = (1.0, 0.75, 0.5, 0.25, 0.0)
"""Weight of each level in the score, in the order of LEVELS (Q-Align's, scaled to 0-1)."""

HORIZONTAL: tuple[str, str] = ("left", "right")
VERTICAL: tuple[str, str] = ("top", "bottom")
"""Closed sets of positional words (paper, text-to-point, eq. 3): value 0, then value 1."""


def family_named(word: str) -> str:
    """Return the family a user means by `word`; spaces, ``_`` and ``-`` are the same.

    Raises:
        UsageError: no family is called that; the hint names the nearest.
    """
    plain = " ".join(word.lower().replace("_", " ").replace("-", " ").split())
    known = {family: family for family in FAMILIES} | {noun: f for f, noun in NOUNS.items()}
    if plain in known:
        return known[plain]
    close = nearest(plain, known)
    hint = f"did you mean {known[close]!r}? " if close else ""
    raise UsageError(
        f"unknown distortion {word!r}",
        hint=f"{hint}The families are: {', '.join(FAMILIES)}.",
        code="unknown_distortion",
    )
