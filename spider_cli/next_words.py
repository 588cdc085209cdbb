"""chi of the words of a closed set, from a loaded model's logits over its vocabulary."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spider_cli.lmm import Ask
from spider_cli.text_to_point import Emitted, axis_evidence, log_softmax, surface_like

if TYPE_CHECKING:
    from spider_cli.evidence import Asked
    from spider_cli.lmm import LanguageModel

__all__ = ["words_after", "words_at"]

Chi = tuple[float, ...]
Numbers = npt.NDArray[np.float64]


def words_at(model: "LanguageModel", asked: "Asked", emitted: Emitted, words: Sequence[str]) -> Chi:
    """chi of each word at the step where an answer says one of them."""
    answer = asked.answer
    before = "".join(answer.pieces)[: emitted.start]
    ids = answer.token_ids[: emitted.step]
    forms = [model.encode_after(surface_like(word, emitted), before, ids) for word in words]
    ask = Ask(asked.look, asked.question)

    def follow(step: int, form: Sequence[int]) -> float:
        return model.log_probability(ask, ids[:step], form)

    return axis_evidence(forms, emitted.step, answer.logits, follow)


def words_after(
    model: "LanguageModel", asks: Sequence[Ask], words: Sequence[str], batch_size: int
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
