"""The rows of a run, in order: drawn from the mix, augmented, encoded."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from torch.utils.data import Dataset

from spider_cli.errors import UsageError
from trainer.tuning.augment import augmented
from trainer.tuning.encode import Encoded, Encoder, TooLong
from trainer.tuning.mixture import Drawn, Mixture
from trainer.tuning.opinions import level_probabilities, on_five

if TYPE_CHECKING:
    from trainer.tuning.recipe import Augment, Losses

__all__ = ["TrainingRows"]

_TRIES = 50


class TrainingRows(Dataset[Encoded]):
    """Row number k of a run, by its number alone: the same on any process, and after a resume.

    A row that is too long to be encoded gives its place to another of the same epoch.

    Args:
        mixture: where rows come from.
        encoder: the model's.
        augment, losses: of the recipe; soft targets are made for those losses that are on.
        seed: of augmentation, and of what comes in the place of rows too long.
        total: rows of the run; an epoch's when not given.
    """

    def __init__(
        self,
        mixture: Mixture,
        encoder: Encoder,
        *,
        augment: "Augment",
        losses: "Losses",
        seed: int,
        total: int | None = None,
    ) -> None:
        self.mixture = mixture
        self.encoder = encoder
        self.augment = augment
        self.losses = losses
        self.seed = seed
        self.total = len(mixture) if total is None else total
        if losses.soft_positions or losses.soft_levels or losses.fidelity:
            encoder.check_words()

    def __len__(self) -> int:
        return self.total

    def epoch_at(self, index: int) -> float:
        """How many epochs lie before row `index`."""
        return index / len(self.mixture)

    def __getitem__(self, index: int) -> Encoded:
        """Row `index`.

        Raises:
            UsageError: a photo cannot be read, or nearly all rows are too long.
        """
        if not 0 <= index < self.total:
            raise IndexError(index)
        first = index - index % len(self.mixture)
        dropped: list[str] = []
        number = index
        for attempt in range(1, _TRIES + 1):
            drawn = self.mixture[number]
            try:
                encoded = self._encoded(drawn, index)
            except TooLong as error:
                dropped.append(drawn.id)
                longest = error.tokens
            else:
                return replace(encoded, dropped=tuple(dropped))
            rng = np.random.default_rng([self.seed, 4, index, attempt])
            number = first + int(rng.integers(len(self.mixture)))
        raise UsageError(
            f"none of {_TRIES} rows fits into run.max_length; the last, {dropped[-1]}, has "
            f"{longest:,} tokens",
            hint="raise run.max_length, or show photos smaller: augment.sizes",
            code="too_long",
        )

    def _encoded(self, drawn: Drawn, index: int) -> Encoded:
        rng = np.random.default_rng([self.seed, 3, index])
        item = drawn.item
        pixels, qa = augmented(item, drawn.qa, self.augment, rng)
        levels = None
        if (self.losses.soft_levels or self.losses.fidelity) and qa.task == "score":
            levels = None if item.mos is None else level_probabilities(item.mos, item.mos_std)
        spans = qa.spans if self.losses.soft_positions else ()
        encoded = self.encoder.encode(pixels, qa.question, qa.answer, spans, levels)
        mean = 0.0 if levels is None or item.mos is None else on_five(item.mos)
        return replace(encoded, id=drawn.id, part=drawn.part, mean=mean)
