"""Why a photo has its score, in one line of the model's own words."""

from spider_cli.phrases import SENTENCE
from spider_cli.reading import parse_distortions
from spider_cli.vocabulary import SEVERITIES

__all__ = ["why"]

_LONGEST = 300
"""Characters."""


def why(level: str, answer: str) -> str:
    """The level, and what the model says is wrong, the worst first.

    >>> why("poor", "The left shows mild blur. The region on the right shows severe noise.")
    'poor: The region on the right shows severe noise; The left shows mild blur'

    Args:
        level: of the score.
        answer: the description of the whole photo.

    Returns:
        One line of at most 300 characters after the level. Where nothing is wrong, what the answer
        says first; the level alone where it says nothing.
    """
    sentences = [" ".join(one.split()) for one in SENTENCE.split(answer)]
    told = [one for one in sentences if any(letter.isalnum() for letter in one)]
    faults = [one for one in told if _badness(one)]
    said = "; ".join(sorted(faults, key=_badness, reverse=True) or told[:1])
    if len(said) > _LONGEST:
        said = f"{said[: _LONGEST - 4].rstrip()} ..."
    return f"{level}: {said}" if said else level


def _badness(sentence: str) -> int:
    """0 without a fault; 1 for one of no family; then by the worst severity."""
    found, other = parse_distortions(sentence)
    return max((SEVERITIES.index(one.severity) + 2 for one in found), default=bool(other))
