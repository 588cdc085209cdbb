"""Text-to-point: from the logits of positional words to a point (paper, stage 2, eq. 2-4).

Pure functions; the model stays outside. A word is read at the step where it was emitted, as a
choice between the two words of its axis alone.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spider_cli.vocabulary import HORIZONTAL, VERTICAL

__all__ = [
    "AXES",
    "Emitted",
    "axis_evidence",
    "closed_set",
    "find_emitted",
    "log_softmax",
    "point_from",
    "surface_like",
]

AXES: dict[str, tuple[str, str]] = {"vertical": VERTICAL, "horizontal": HORIZONTAL}
"""Axis -> its closed set; the first word is 0 (top, left), the second 1 (bottom, right)."""

Logits = npt.NDArray[np.float32]
Continue = Callable[[int, Sequence[int]], float]


@dataclass(frozen=True, slots=True)
class Emitted:
    """Where an answer says a word of an axis."""

    step: int
    """Index of the first token of the word."""
    start: int
    """Character of the answer at which the token of `step` begins."""
    surface: str
    """The word as emitted, with its case and what its token holds before it: " left", "Left"."""
    word: str
    """The word in lower case."""


def closed_set(chi: Sequence[float], temperature: float) -> npt.NDArray[np.float64]:
    """Softmax over a closed set of words (eq. 2).

    Args:
        chi: one logit (or log-probability) per word.
        temperature: tau > 0.

    Returns:
        Probabilities in the order of `chi`; they sum to 1.

    Raises:
        ValueError: the temperature is not positive or a logit is not a number.
    """
    values = np.asarray(chi, dtype=np.float64)
    if not temperature > 0 or np.isnan(values).any():
        raise ValueError(f"temperature must be > 0 and logits numbers: {temperature}, {chi}")
    with np.errstate(over="ignore"):  # a tiny temperature: exp(-inf) is the 0 it should be
        weights = np.exp((values - values.max()) / temperature)
    return np.asarray(weights / weights.sum())


def log_softmax(row: Logits) -> npt.NDArray[np.float64]:
    """Log-probabilities of a whole vocabulary, in double precision.

    Args:
        row: (vocabulary,) logits.
    """
    values = row.astype(np.float64)
    peak = values.max()
    return np.asarray(values - peak - np.log(np.exp(values - peak).sum()))


def point_from(
    horizontal: Sequence[float], vertical: Sequence[float], width: int, height: int
) -> tuple[float, float]:
    """The expected place (eq. 4): x = W * P(right), y = H * P(bottom).

    Args:
        horizontal: P(left), P(right).
        vertical: P(top), P(bottom).
        width, height: of the photo in pixels.

    Returns:
        x in 0..width, y in 0..height.
    """
    return float(width * horizontal[1]), float(height * vertical[1])


def find_emitted(
    pieces: Sequence[str], words: Sequence[str], within: tuple[int, int] | None = None
) -> Emitted | None:
    """The first place where an answer says one of `words` as a whole word, any case.

    Args:
        pieces: the text each token added to the answer, in order.
        words: lower-case words.
        within: start and end of the characters to look at; all when None.
    """
    text = "".join(pieces)
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\b", re.IGNORECASE)
    match = pattern.search(text, *(within or ()))
    if match is None:
        return None
    begin = 0
    for step, piece in enumerate(pieces):
        if begin <= match.start() < begin + len(piece):
            surface = text[begin : match.end()]
            return Emitted(step=step, start=begin, surface=surface, word=match.group().lower())
        begin += len(piece)
    return None


def surface_like(word: str, emitted: Emitted) -> str:
    """`word` with the case and leading space of `emitted`: "right" as " Left" is " Right"."""
    lead = emitted.surface[: -len(emitted.word)]
    core = emitted.surface[-len(emitted.word) :]
    if core.isupper():
        return lead + word.upper()
    return lead + (word.capitalize() if core[0].isupper() else word)


def axis_evidence(
    forms: Sequence[Sequence[int]], step: int, logits: Logits, continue_with: Continue
) -> tuple[float, ...]:
    """chi of each word of an axis at one step.

    One token each, and different ones: chi is the logit. Otherwise (the words differ in token
    count or share their first token): the sum of log-probabilities along each word's tokens.

    Args:
        forms: token ids of each word's surface form.
        step: the step at which the word was emitted.
        logits: (steps, vocabulary) of the answer.
        continue_with: (step, tokens) -> sum of log-probabilities of emitting `tokens` from `step`
            on, after the answer's own tokens before it.
    """
    lengths = {len(form) for form in forms}
    firsts = {form[0] for form in forms}
    if len(lengths) == 1 and len(firsts) == len(forms):
        return tuple(float(logits[step, form[0]]) for form in forms)
    return tuple(continue_with(step, form) for form in forms)
