"""The photos of a run, in order: drawn from the mix, augmented, packed with their questions."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from torch.utils.data import Dataset

from spider_cli.errors import UsageError
from trainer.tuning.augment import augmented_photo, cropped
from trainer.tuning.encode import TooLong
from trainer.tuning.nano.encode import PackedPhoto, PhotoEncoder
from trainer.tuning.opinions import level_probabilities, on_five
from trainer.tuning.photo_mix import PhotoMixture

if TYPE_CHECKING:
    from trainer.tuning.recipe import Augment, Losses

__all__ = ["TrainingPhotos"]

_KNOWN = ("clean", "whole", "regions")
"""Scenes of photos of which all faults are known."""


class TrainingPhotos(Dataset[PackedPhoto]):
    """Photo number k of a run, by its number alone: as `rows.TrainingRows`.

    Args:
        mixture: where photos come from.
        encoder: nano's.
        augment, losses: of the recipe; soft targets are made for those losses that are on.
        seed: of augmentation.
        total: photos of the run; an epoch's when not given.
    """

    def __init__(
        self,
        mixture: PhotoMixture,
        encoder: PhotoEncoder,
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
        """How many epochs lie before photo `index`."""
        return index / len(self.mixture)

    def __getitem__(self, index: int) -> PackedPhoto:
        """Photo `index`.

        Raises:
            UsageError: it cannot be read, or none of its rows fits.
        """
        if not 0 <= index < self.total:
            raise IndexError(index)
        drawn = self.mixture[index]
        rng = np.random.default_rng([self.seed, 3, index])
        item, rows = drawn.item, drawn.rows
        if self.augment.crop and item.scene in _KNOWN:
            # What was asked holds for the whole photo: only the patches can be taught.
            item = replace(item, sample=cropped(item.sample, self.augment.crop, rng), mos=None)
            rows = ()
        item, rows = augmented_photo(item, rows, self.augment, rng)
        levels, mean = None, 0.0
        losses = self.losses
        wanted = losses.soft_levels or losses.dense_levels or losses.fidelity
        if wanted and item.mos is not None:
            levels, mean = level_probabilities(item.mos, item.mos_std), on_five(item.mos)
        try:
            packed = self.encoder.encode(
                item.sample.pixels,
                rows,
                softly=bool(self.losses.soft_positions),
                level_probs=levels,
                sample=item.sample if self.losses.dense_patches else None,
            )
        except TooLong as error:
            raise UsageError(
                f"{drawn.id} does not fit into run.max_length: {error.tokens:,} tokens",
                hint="raise run.max_length",
                code="too_long",
            ) from error
        return replace(packed, id=drawn.id, part=drawn.part, mean=mean)
