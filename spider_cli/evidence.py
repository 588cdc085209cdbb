"""What an answer's positional words say: one logit (or log-probability) per word of each axis.

Nothing here depends on a temperature, so that one reading serves all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from spider_cli.errors import PhotoError
from spider_cli.lmm import Answer, Ask, Look
from spider_cli.questions import PROBE_PREFIX
from spider_cli.reading import place_span
from spider_cli.rules import Rule
from spider_cli.text_to_point import AXES, Emitted, find_emitted

__all__ = ["Asked", "Evidence", "Fault", "Speaker", "Unreadable", "evidence_of", "evidences_of"]

Chi = tuple[float, ...]


class Unreadable(Exception):  # noqa: N818
    """A server has not told how likely the words are; the text says why."""


Fault: TypeAlias = Unreadable | PhotoError
"""Why nothing was read of one answer among several."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about a photo, and its answer."""

    look: Look
    question: str
    answer: Answer
    evidence: "Evidence | Fault | None" = None
    """What its words say of the place, where that was read already."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """chi of each word (eq. 2), in the order of the rule's words."""

    vertical: Chi
    horizontal: Chi
    probed: bool
    """An axis was not read in the answer, but after a forced start."""


class Speaker(Protocol):
    """A model whose words have weights: loaded (`lmm.LanguageModel`), or behind an address."""

    def words_at(self, asked: Asked, emitted: Emitted, words: Sequence[str]) -> Chi:
        """chi of each word at the step where an answer says one of them."""

    def words_after(
        self, asks: Sequence[Ask], words: Sequence[str], batch_size: int
    ) -> Sequence[Chi | Fault]:
        """chi of each word right after each ask's forced start."""

    def likelihoods(self, asks: Sequence[Ask], text: str, batch_size: int) -> Sequence[float]:
        """Log-probability that the answer to each ask is this text, and no more than it."""


def evidence_of(
    model: Speaker, asked: Sequence[Asked], rule: Rule, *, batch_size: int = 8
) -> list[Evidence]:
    """Read both axes of several answers; see `evidences_of`.

    Raises:
        Unreadable: a server has not told.
        PhotoError: it does not answer.
    """
    found = []
    for one in evidences_of(model, asked, rule, batch_size=batch_size):
        if isinstance(one, Exception):
            raise one
        found.append(one)
    return found


def evidences_of(
    model: Speaker, asked: Sequence[Asked], rule: Rule, *, batch_size: int = 8
) -> list[Evidence | Fault]:
    """Read both axes of several answers; one that cannot be read leaves the others alone.

    An axis of the paper's two words is read where the answer says one of them. Where it says
    neither, and for closed sets with other words, which answers were never taught to say, the start
    of a spatial phrase is forced and the words' lower-case forms with a leading space are read.
    The horizontal word follows the vertical one, as in "the top left".

    Args:
        rule: has the closed sets.
        batch_size: forced starts put to the model together.
    """
    axes = {"vertical": rule.vertical, "horizontal": rule.horizontal}
    found: list[dict[str, Chi]] = [{} for _ in asked]
    said: list[dict[str, str]] = [{} for _ in asked]
    faults: dict[int, Fault] = {}
    for index, one in enumerate(asked):
        try:
            for axis, words in axes.items():
                told = _read(model, one, words) if words == AXES[axis] else None
                if told is not None:
                    said[index][axis], found[index][axis] = told
        except Unreadable as why:
            faults[index] = why
    probed = [len(one) < len(axes) for one in found]
    prefixes = [PROBE_PREFIX] * len(asked)
    for axis, words in axes.items():
        due = [i for i, one in enumerate(found) if axis not in one and i not in faults]
        asks = [Ask(asked[i].look, asked[i].question, prefix=prefixes[i]) for i in due]
        for index, chi in zip(due, model.words_after(asks, words, batch_size), strict=True):
            if isinstance(chi, Exception):
                faults[index] = chi
            else:
                found[index][axis] = chi
        for index, chis in enumerate(found):
            if index in faults:
                continue
            word = said[index].get(axis) or words[int(np.argmax(chis[axis]))]
            prefixes[index] = f"{prefixes[index]} {word}"
    return [
        faults[index]
        if index in faults
        else Evidence(chis["vertical"], chis["horizontal"], probed[index])
        for index, chis in enumerate(found)
    ]


def _read(model: Speaker, one: Asked, words: Sequence[str]) -> tuple[str, Chi] | None:
    """The word of an axis that the answer says, and chi at its step."""
    # "The exposure is right, but the bottom left is noisy": the words of the place that is meant.
    emitted = find_emitted(one.answer.pieces, words, place_span("".join(one.answer.pieces)))
    if emitted is None:
        return None
    return emitted.word, model.words_at(one, emitted, words)
