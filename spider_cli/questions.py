"""The questions asked at run time, each in its one canonical wording; `reading` reads answers."""

import re
from typing import Literal, TypeAlias

from spider_cli.errors import UsageError
from spider_cli.results import Box
from spider_cli.vocabulary import HORIZONTAL, NOUNS, VERTICAL

__all__ = [
    "PROBE_PREFIX",
    "SCORE_PREFIX",
    "SCORE_QUESTION",
    "box_fractions",
    "box_phrase",
    "describe_question",
    "describe_region_question",
    "ground_question",
    "refer_question",
]

Extreme: TypeAlias = Literal["most", "least"]

SCORE_QUESTION = "How would you rate the quality of this image?"
SCORE_PREFIX = "The quality of the image is"
"""Forced start of the score's answer; the level word comes next."""
PROBE_PREFIX = "The region on the"
"""Start of a spatial phrase, forced when an answer has no positional word."""

_POSITIONAL = re.compile(
    r"(?:(?:the\s+)?(?:region|area|part)\s+(?:on|at|in)\s+)?(?:the\s+)?"
    rf"((?:{'|'.join((*VERTICAL, *HORIZONTAL))})"
    rf"(?:[\s-]+(?:{'|'.join(HORIZONTAL)}))?)(?:\s+(?:corner|side|half|part|region|area))?"
)
_BOX = re.compile(r"\[\s*([\d.]+)\s*,\s*([\d.]+)\s*,\s*([\d.]+)\s*,\s*([\d.]+)\s*\]")


def describe_question() -> str:
    """Task 1."""
    return "Describe the quality of this image."


def describe_region_question(region: str) -> str:
    """Task 2, for a phrase ("top left", "the sky") or a box made by `box_phrase`.

    Phrases of positional words alone ("the top left corner", "top-left") all become "the region on
    the top left", which is how the bundled model was taught them.
    """
    phrase = " ".join(region.split()).rstrip(".?!")
    if _BOX.fullmatch(phrase):
        return f"Describe the quality of the region {phrase}."
    match = _POSITIONAL.fullmatch(phrase.lower())
    if match:
        words = " ".join(re.split(r"[\s-]+", match.group(1)))
        return f"Describe the quality of the region on the {words}."
    return f"Describe the quality of this region alone: {phrase}."


def box_phrase(box: Box, width: int, height: int) -> str:
    """A box as questions spell it: "[0.123, 0.250, 0.500, 0.750]", fractions of the photo."""
    x1, y1, x2, y2 = box
    fractions = (x1 / width, y1 / height, x2 / width, y2 / height)
    return "[" + ", ".join(f"{min(max(value, 0.0), 1.0):.3f}" for value in fractions) + "]"


def box_fractions(text: str) -> tuple[float, float, float, float] | None:
    """The first box phrase in a question, as fractions `(x1, y1, x2, y2)`; None without one."""
    match = _BOX.search(text)
    if match is None:
        return None
    x1, y1, x2, y2 = (float(value) for value in match.groups())
    return x1, y1, x2, y2


def refer_question(box_text: str, *, long: bool) -> str:
    """Task 4, for a box made by `box_phrase`; `long` asks for the visual effects too."""
    if long:
        return f"Which distortions does the region {box_text} show, and what do they do to it?"
    return f"Which distortions does the region {box_text} show? Answer briefly."


def ground_question(
    *,
    extreme: Extreme | None = None,
    family: str | None = None,
    order: tuple[str, str] | None = None,
    first: str | None = None,
    last: str | None = None,
) -> str:
    """Task 3, its three sub-tasks. Families are those of the vocabulary.

    Args:
        extreme: the most or the least degraded; "most" where nothing else is asked.
        family: of this one distortion (with `extreme`).
        order: the region where these two were applied, in this order.
        first: the region whose distortions start with this one.
        last: the region whose distortions end with this one.

    Raises:
        UsageError: two sub-tasks at once. (`first` and `last` together are `order`.)
    """
    if first is not None and last is not None and order is None:
        order, first, last = (first, last), None, None
    asked = [name for name, value in (("order", order), ("first", first), ("last", last)) if value]
    if len(asked) > 1 or (asked and (extreme or family)):
        also = asked[1:] + [
            name for name, value in (("most/least", extreme), ("distortion", family)) if value
        ]
        raise UsageError(
            f"cannot ask for {asked[0]} and {also[0]} in one question",
            hint="Ask one thing at a time: run the command twice.",
            code="conflicting_question",
        )
    if order is not None:
        one, two = NOUNS[order[0]], NOUNS[order[1]]
        return f"Which region was distorted by {one} first and then by {two}?"
    if first is not None:
        return f"In which region did the distortions start with {NOUNS[first]}?"
    if last is not None:
        return f"In which region did the distortions end with {NOUNS[last]}?"
    if family is not None:
        if extreme == "least":
            return f"Of the regions with {NOUNS[family]}, which shows the least?"
        return f"Which region shows the most {NOUNS[family]}?"
    if extreme == "least":
        return "Which distorted region is degraded the least?"
    return "Which region is degraded the most?"
