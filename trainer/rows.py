"""The form of a question with its answer, and the small words answers are put together from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from spider_cli.reading import merge_distortions
from spider_cli.results import Box, Distortion
from trainer.annotate import ORDERS
from trainer.effects import is_plural
from trainer.regions import position_words
from trainer.truth import Applied, Region, Sample

__all__ = [
    "QA",
    "SUBTASKS",
    "USUAL",
    "Span",
    "Task",
    "Text",
    "agreeing",
    "capital",
    "in_order",
    "listed",
    "named",
    "others_of",
    "truth_of",
]

USUAL = 0.7
"""Chance of the usual sentence shape; the others share the rest."""

Axis: TypeAlias = Literal["horizontal", "vertical"]
Task: TypeAlias = Literal[
    "describe",
    "describe_region",
    "refer_short",
    "refer_long",
    "ground_hyd",
    "ground_sid",
    "ground_dao",
    "score",
    "choice",
    "chat",
]
"""The paper's tasks; then, from outside data: human scores, multiple choice, free conversation."""

SUBTASKS: dict[Task, tuple[str, ...]] = {
    "describe": ("regions", "whole", "clean"),
    "describe_region": ("place", "box", "label"),
    "refer_short": ("one", "two", "clean"),
    "refer_long": ("one", "two", "clean"),
    "ground_hyd": ("most", "least"),
    "ground_sid": ("most", "least"),
    "ground_dao": ("both", "first", "last"),
    "score": ("mos",),
    "choice": ("letters",),
    "chat": ("free",),
}
"""Task -> its sub-tasks."""


@dataclass(frozen=True, slots=True)
class Span:
    """A positional word in an answer, and the value it stands for."""

    start: int
    end: int
    """Characters of the word alone, end-exclusive; the character before it is a space."""
    axis: Axis
    value: float
    """x / width or y / height of the region's point: what P(right) or P(bottom) should be, 0-1."""


@dataclass(frozen=True, slots=True)
class QA:
    """One question, its answer, and the truth the answer was made from."""

    task: Task
    question: str
    answer: str
    truth: tuple[Distortion, ...]
    """What reading the answer back must give."""
    region: int | None = None
    """Index of the sample's region that is meant."""
    box: Box | None = None
    """The box asked about (tasks 2 and 4), or the target region's (task 3)."""
    point: tuple[float, float] | None = None
    """`(x, y)` of the target region's point (task 3)."""
    spans: tuple[Span, ...] = ()
    subtask: str = ""
    """Which kind of the task: see SUBTASKS."""
    other: tuple[str, ...] = ()
    """Faults of no family that the answer names, by their plain names."""
    options: tuple[str, ...] = ()
    """The choices of a multiple-choice question."""
    correct: int | None = None
    """Index of the right one of `options`."""


class Text:
    """An answer being written, with the spans of its positional words."""

    def __init__(self, sample: Sample) -> None:
        self.height, self.width = sample.pixels.shape[:2]
        self.text = ""
        self.spans: list[Span] = []

    def place(self, region: Region) -> None:
        """Add "the top left", with its spans."""
        words = position_words(region.box, self.width, self.height)
        x, y = region.point
        self.text += "the"
        self._position("vertical", words[0], y / self.height)
        self._position("horizontal", words[1], x / self.width)

    def _position(self, axis: Axis, word: str, value: float) -> None:
        start = len(self.text) + 1
        self.text += f" {word}"
        self.spans.append(Span(start, len(self.text), axis, value))

    def write(self, pattern: str, region: Region | None = None, joint: str = " ") -> "Text":
        """Add a sentence; `{place}` in it becomes the region's place.

        Args:
            pattern: the sentence.
            region: whose place is meant.
            joint: what comes before it, where something stands already.
        """
        before, *after = pattern.split("{place}")
        self.text += joint + before if self.text else before
        if after and region is not None:
            self.place(region)
            self.text += after[0]
        return self


_COUNTED = ("colour cast", "watermark", "light leak")


def named(applied: Applied) -> str:
    """Return "severe noise", "moderate lens flare", "a mild colour cast"."""
    article = "a " if applied.other in _COUNTED else ""
    return f"{article}{applied.severity} {applied.noun}"


def listed(distortions: Sequence[Applied], joint: str = " and ") -> str:
    """Return "severe noise and mild blur", in the order applied."""
    *first, last = [named(applied) for applied in distortions]
    return ", ".join(first) + joint + last if first else last


def agreeing(pattern: str, distortions: Sequence[Applied]) -> str:
    """Fill `{s}` ("affect{s}", of all) and `{is}` ("there {is}", of the first that follows)."""
    many = len(distortions) > 1 or is_plural(distortions[0])
    be = "are" if is_plural(distortions[0]) else "is"
    return pattern.replace("{s}", "" if many else "s").replace("{is}", be)


def capital(text: str) -> str:
    """The text with a capital letter."""
    return text[:1].upper() + text[1:]


def in_order(distortions: Sequence[Applied], *, ordered: bool) -> bool:
    """These are two whose order can be told and asked about.

    Args:
        distortions: what was done, in the order it is recorded.
        ordered: that order is known to be the one they were applied in.
    """
    if not ordered or len(distortions) != 2:
        return False
    first, second = distortions
    return bool(second.family) and second.family in ORDERS.get(first.family, ())


def truth_of(distortions: Sequence[Applied]) -> tuple[Distortion, ...]:
    """What an answer that names these must read back as: one entry a family, the strongest."""
    return merge_distortions(applied.distortion for applied in distortions if applied.family)


def others_of(distortions: Sequence[Applied]) -> tuple[str, ...]:
    """Plain names of the faults of no family among these, each once."""
    return tuple(dict.fromkeys(applied.other for applied in distortions if applied.other))
