"""From logits at the answer position to a score, by a closed set of five level words."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spider_cli.errors import UsageError
from spider_cli.questions import SCORE_PREFIX, SCORE_QUESTION
from spider_cli.results import Score
from spider_cli.text_to_point import closed_set
from spider_cli.vocabulary import LEVEL_WEIGHTS, LEVELS

if TYPE_CHECKING:
    from spider_cli.lmm import LanguageModel, Look

__all__ = ["LevelReader", "score_from_levels"]


def score_from_levels(probabilities: npt.NDArray[np.float64]) -> Score:
    """The expectation over levels as 0-100.

    Args:
        probabilities: (5,) in the order of `vocabulary.LEVELS`.
    """
    score = 100 * float(np.dot(probabilities, LEVEL_WEIGHTS))
    levels = {word: float(p) for word, p in zip(LEVELS, probabilities, strict=True)}
    return Score(score=score, level=LEVELS[int(probabilities.argmax())], levels=levels)


class LevelReader:
    """Reads scores with one model's tokens of the five level words.

    Args:
        model: whose tokenizer spells the words.
        temperature: of the closed-set softmax, from the model folder.
        question: what is asked before the answer's forced start.

    Raises:
        UsageError: the tokenizer begins two of the words with the same token.
    """

    def __init__(
        self, model: "LanguageModel", temperature: float, question: str = SCORE_QUESTION
    ) -> None:
        self.model = model
        self.question = question
        before = model.encode(SCORE_PREFIX)
        self.ids = [model.encode_after(f" {word}", SCORE_PREFIX, before)[0] for word in LEVELS]
        self.temperature = temperature
        if len(set(self.ids)) != len(LEVELS):
            raise UsageError(
                f"the tokenizer of {model.folder} cannot tell the five quality words apart",
                hint="score with another model",
                code="model_unfit",
            )

    def rate(self, looks: "Sequence[Look]") -> list[Score]:
        """The score of each look."""
        from spider_cli.lmm import Ask

        asks = [Ask(look, self.question, prefix=SCORE_PREFIX) for look in looks]
        return [self.read(row) for row in self.model.next_logits(asks)]

    def read(self, logits: npt.NDArray[np.float32]) -> Score:
        """The score at one answer position, from its (vocabulary,) logits."""
        chosen = [float(logits[i]) for i in self.ids]
        return score_from_levels(closed_set(chosen, self.temperature))
