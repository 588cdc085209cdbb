"""The form of a question with its answer, and the small words answers are put together from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from spider_cli.questions import merge_distortions
from spider_cli.results import Box, Distortion
from spider_cli.vocabulary import NOUNS
from trainer.regions import position_words
from trainer.templates import EFFECTS, pick
from trainer.truth import Applied, Region, Sample

__all__ = [
    "QA",
    "SUBTASKS",
    "USUAL",
    "Span",
    "Task",
    "Text",
    "listed",
    "long_list",
    "named",
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

    def write(self, pattern: str, region: Region | None = None) -> "Text":
        """Add a sentence; `{place}` in it becomes the region's place."""
        before, *after = pattern.split("{place}")
        if self.text:
            before = " " + before
        self.text += before
        if after and region is not None:
            self.place(region)
            self.text += after[0]
        return self


def named(applied: Applied) -> str:
    """Return "severe noise"."""
    return f"{applied.severity} {NOUNS[applied.family]}"


def listed(distortions: Sequence[Applied], joint: str = " and ") -> str:
    """Return "severe noise and mild blur", in the order applied."""
    return joint.join(named(applied) for applied in distortions)


def long_list(distortions: Sequence[Applied], rng: np.random.Generator) -> str:
    """Return "severe noise, which adds grain to flat areas, and mild blur, which ..."."""
    items = [f"{named(a)}, which {pick(EFFECTS[a.family], rng, 0.6)}" for a in distortions]
    return ", and ".join(items)


def truth_of(distortions: Sequence[Applied]) -> tuple[Distortion, ...]:
    """What an answer that names these must read back as: one entry a family, the strongest."""
    return merge_distortions(applied.distortion for applied in distortions)
