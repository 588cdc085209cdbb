"""What an answer's positional words say: one logit (or log-probability) per word of each axis.

Nothing here depends on a temperature, so that one reading serves all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spider_cli.lmm import Answer, Ask, LanguageModel, Look
from spider_cli.questions import PROBE_PREFIX
from spider_cli.rules import Rule
from spider_cli.text_to_point import AXES, axis_evidence, find_emitted, log_softmax, surface_like

__all__ = ["Asked", "Evidence", "evidence_of"]

Chi = tuple[float, ...]
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about a photo, and its answer."""

    look: Look
    question: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Evidence:
    """chi of each word (eq. 2), in the order of the rule's words."""

    vertical: Chi
    horizontal: Chi
    probed: bool
    """An axis was not read in the answer, but after a forced start."""


def evidence_of(
    model: LanguageModel, asked: Sequence[Asked], rule: Rule, *, batch_size: int = 8
) -> list[Evidence]:
    """Read both axes of several answers.

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
    for index, one in enumerate(asked):
        for axis, words in axes.items():
            if words == AXES[axis]:
                told = _read(model, one, words)
                if told is not None:
                    said[index][axis], found[index][axis] = told
    probed = [len(one) < len(axes) for one in found]
    prefixes = [PROBE_PREFIX] * len(asked)
    for axis, words in axes.items():
        due = [index for index, one in enumerate(found) if axis not in one]
        asks = [Ask(asked[i].look, asked[i].question, prefix=prefixes[i]) for i in due]
        for index, chi in zip(due, _probe(model, asks, words, batch_size), strict=True):
            found[index][axis] = chi
        for index, chis in enumerate(found):
            word = said[index].get(axis) or words[int(np.argmax(chis[axis]))]
            prefixes[index] = f"{prefixes[index]} {word}"
    return [
        Evidence(chis["vertical"], chis["horizontal"], asked_for)
        for chis, asked_for in zip(found, probed, strict=True)
    ]


def _read(model: LanguageModel, one: Asked, words: Sequence[str]) -> tuple[str, Chi] | None:
    """The word of an axis that the answer says, and chi at its step."""
    emitted = find_emitted(one.answer.pieces, words)
    if emitted is None:
        return None
    before = "".join(one.answer.pieces)[: emitted.start]
    ids = one.answer.token_ids[: emitted.step]
    forms = [model.encode_after(surface_like(word, emitted), before, ids) for word in words]
    ask = Ask(one.look, one.question)

    def follow(step: int, form: Sequence[int]) -> float:
        return model.log_probability(ask, ids[:step], form)

    return emitted.word, axis_evidence(forms, emitted.step, one.answer.logits, follow)


def _probe(
    model: LanguageModel, asks: Sequence[Ask], words: Sequence[str], batch_size: int
) -> list[Chi]:
    """chi of each word right after each ask's forced start.

    Words of several tokens are followed token by token; what is forced for several words (their
    common start) is put to the model once.
    """
    forms = []
    starts: list[Ask] = []
    for ask in asks:
        before = model.encode(ask.prefix)
        own = [model.encode_after(f" {word}", ask.prefix, before) for word in words]
        forced = tuple(model.eyes.forced(ask))
        forms.append(own)
        starts.append(ask)
        starts += [replace(ask, prefix="", prefix_ids=(*forced, *one)) for one in _within(own)]
    rows = iter(
        row
        for i in range(0, len(starts), batch_size)
        for row in model.next_logits(starts[i : i + batch_size])
    )
    told: list[Chi] = []
    for own in forms:
        first = next(rows)
        if not _within(own):
            told.append(tuple(float(first[form[0]]) for form in own))
            continue
        logs = {start: log_softmax(next(rows)) for start in _within(own)}
        logs[()] = log_softmax(first)
        told.append(tuple(_along(form, logs) for form in own))
    return told


def _within(forms: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """The starts of words after which the model must be asked again; none where the words differ
    at their first token and are as long as each other: then its logits say which."""
    if len({form[0] for form in forms}) == len(forms) and len({len(form) for form in forms}) == 1:
        return []
    return list(dict.fromkeys(tuple(form[:k]) for form in forms for k in range(1, len(form))))


def _along(form: Sequence[int], logs: dict[tuple[int, ...], Numbers]) -> float:
    """Log-probability of a word, token by token."""
    return float(sum(logs[tuple(form[:k])][token] for k, token in enumerate(form)))
