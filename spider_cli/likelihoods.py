"""How likely an answer is as a whole, from a loaded model's logits over its vocabulary."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from spider_cli.lmm import Ask
from spider_cli.text_to_point import log_softmax

if TYPE_CHECKING:
    from spider_cli.lmm import LanguageModel

__all__ = ["likelihoods"]


def likelihoods(
    model: "LanguageModel", asks: Sequence[Ask], text: str, batch_size: int
) -> list[float]:
    """Log-probability that the answer to each ask is `text`, and no more than it.

    Biases in a model's folder have no part in it: they are of choices, not of probabilities.
    """
    whole = [replace(ask, prefix=text, prefix_ids=()) for ask in asks]
    ends = sorted(model.end_ids)
    told = []
    for start in range(0, len(whole), batch_size):
        part = whole[start : start + batch_size]
        for ask, rows in zip(part, model.logits_along(part), strict=True):
            *said, after = map(log_softmax, rows)
            tokens = model.eyes.forced(ask)
            words = sum(float(logs[token]) for logs, token in zip(said, tokens, strict=True))
            told.append(words + float(np.logaddexp.reduce(after[ends])))
    return told
