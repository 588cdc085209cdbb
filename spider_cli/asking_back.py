"""Asking back: of many regions of a photo, the one that shows what an answer said.

A point that the words name badly finds the wrong region, and the segmenter alone cannot tell. So
regions are found at points spread evenly over the photo, and the model is asked about those that
may be meant (task 4): how likely does it say of this one what it said in its answer?
docs/stage2.md has the formula.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from spider_cli.prompts import Point, cell_shares
from spider_cli.questions import box_phrase, refer_question
from spider_cli.reading import parse_distortions
from spider_cli.segmenter import Candidate, Embedding, Segmenter
from spider_cli.vocabulary import NOUNS

__all__ = ["beforehand", "best", "candidates", "faults_said", "questions_back"]

_ACROSS = 4
"""Points each way."""
_MOST = 6
"""Regions that are asked about; those that may least be meant are not."""
_ALIKE = 0.75
"""Masks that overlap by more (intersection over union) are one region."""
_TRUST = 6.0
"""Exponent of the segmenter's own estimate of a mask's IoU."""
_NOWHERE = 1e-3
"""Probability of a place that the words rule out: they may be wrong."""


def candidates(segmenter: Segmenter, embedding: Embedding) -> list[Candidate]:
    """The regions at points spread evenly over a photo, each once, the surest of a kind; at least
    one, though it may be empty."""
    height, width = embedding.original
    middles = (np.arange(_ACROSS) + 0.5) / _ACROSS
    points: list[Point] = [(float(x * width), float(y * height)) for y in middles for x in middles]
    found: list[Candidate] = []
    surest = sorted(segmenter.regions_at(embedding, points), key=lambda one: -one.quality)
    for one in surest:
        if one.mask.any() and not any(_overlap(one.mask, known.mask) > _ALIKE for known in found):
            found.append(one)
    return found or surest[:1]


def _overlap(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    return float(np.count_nonzero(one & other) / np.count_nonzero(one | other))


def beforehand(
    found: Sequence[Candidate], horizontal: Sequence[float], vertical: Sequence[float]
) -> list[float]:
    """How much each region may be meant, before anything is asked about it: the logarithm of the
    mean probability of its place, and six times that of its quality.

    Args:
        horizontal: probability of each word, from left to right.
        vertical: from top to bottom.
    """
    joint = np.outer(np.asarray(vertical), np.asarray(horizontal))
    told = []
    for one in found:
        place = float((cell_shares(one.mask, *joint.shape) * joint).sum())
        quality = min(max(one.quality, _NOWHERE), 1.0)
        told.append(float(np.log(place + _NOWHERE) + _TRUST * np.log(quality)))
    return told


def best(weights: Sequence[float], ask: Callable[[list[int]], Sequence[float]]) -> int:
    """Index of the region that is meant.

    Args:
        weights: of `beforehand`.
        ask: how likely (as logarithms) the model says of each of these regions what it said.
    """
    due = sorted(range(len(weights)), key=lambda i: -weights[i])[:_MOST]
    told = ask(due)
    return max(zip(due, told, strict=True), key=lambda one: weights[one[0]] + one[1])[0]


def faults_said(answer: str) -> str:
    """The faults that an answer names, as task 4 is answered ("severe blur, mild noise"); "" where
    it names none of a family."""
    distortions, _ = parse_distortions(answer)
    return ", ".join(f"{one.severity} {NOUNS[one.family]}" for one in distortions)


def questions_back(found: Sequence[Candidate], width: int, height: int) -> list[str]:
    """Task 4 for each region's box.

    Args:
        width, height: of the photo in pixels.
    """
    return [refer_question(box_phrase(one.box(), width, height), long=False) for one in found]
