"""The mix of a recipe's data photo by photo: for models that look once and are asked many times."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trainer.datasets.schema import Item, row_id
from trainer.rows import QA
from trainer.tuning.mixture import PartCount, wanted_rows
from trainer.tuning.sources import Numbers, open_source

if TYPE_CHECKING:
    from trainer.tuning.recipe import DataPart

__all__ = ["DrawnPhoto", "PhotoMixture"]


class DrawnPhoto(NamedTuple):
    """A photo of the mix with the rows that are asked of it this time."""

    item: Item
    rows: tuple[QA, ...]
    id: str
    """Of the photo and its first row, with its data set: "DIR:000123-04"."""
    part: int
    """Number of the data set in the mix."""


class PhotoMixture:
    """All photos of the data sets in a random order, each data set by its weight.

    As `mixture.Mixture`, with photos in the place of rows: an epoch shows `weight` times the photos
    of each data set; each time up to `questions` of the photo's rows are drawn.

    Args:
        parts: the recipe's.
        seed: of the order and of the rows drawn.
        questions: rows asked of a photo at once.

    Raises:
        UsageError: as `mixture.Mixture`.
    """

    def __init__(self, parts: Sequence["DataPart"], seed: int, *, questions: int) -> None:
        self.parts = tuple(parts)
        self.seed = seed
        self.questions = questions
        self.sources = [open_source(part) for part in parts]
        self._photos: list[Numbers] = []
        """Of each data set the photos with wanted rows, shuffled once."""
        self._places: list[dict[int, Numbers]] = []
        """Of each data set photo -> its wanted rows."""
        self._rows: list[int] = []
        for number, (part, source) in enumerate(zip(parts, self.sources, strict=True)):
            wanted = wanted_rows(part, source)
            wanted = wanted[np.argsort(source.photos[wanted], kind="stable")]
            photos, starts = np.unique(source.photos[wanted], return_index=True)
            groups = np.split(source.places[wanted], starts[1:])
            self._places.append(dict(zip(photos.tolist(), groups, strict=True)))
            self._photos.append(np.random.default_rng([seed, 1, number]).permutation(photos))
            self._rows.append(len(wanted))
        self._counts = [
            max(1, round(part.weight * len(photos)))
            for part, photos in zip(parts, self._photos, strict=True)
        ]
        self._epoch: tuple[int, Numbers] = (-1, np.empty((0, 2), np.int64))

    def __len__(self) -> int:
        """Photos of an epoch."""
        return sum(self._counts)

    def __getitem__(self, index: int) -> DrawnPhoto:
        """Photo `index` of the run; those from `len` on are of later epochs.

        Raises:
            UsageError: it cannot be read.
        """
        if index < 0:
            raise IndexError(index)
        epoch, place = divmod(index, len(self))
        part, photo = map(int, self._order(epoch)[place])
        rng = np.random.default_rng([self.seed, 5, index])
        places = rng.permutation(self._places[part][photo])[: self.questions]
        item = self.sources[part].item(photo)
        name = f"{self.parts[part].path}:{row_id(item.id, int(places[0]))}"
        return DrawnPhoto(item, tuple(item.rows[int(one)] for one in places), name, part)

    @property
    def counts(self) -> list[PartCount]:
        """What each data set gives: its rows, and photos per epoch."""
        return [
            PartCount(part.path, part.split, rows, count)
            for part, rows, count in zip(self.parts, self._rows, self._counts, strict=True)
        ]

    def _order(self, epoch: int) -> Numbers:
        """(photos of the epoch, 2): data set and photo of it."""
        if self._epoch[0] != epoch:
            rng = np.random.default_rng([self.seed, 2, epoch])
            drawn = []
            for part, (photos, count) in enumerate(zip(self._photos, self._counts, strict=True)):
                own = photos[(epoch * count + np.arange(count)) % len(photos)]
                drawn.append(np.stack([np.full(count, part), own], axis=1))
            self._epoch = (epoch, rng.permutation(np.concatenate(drawn)))
        return self._epoch[1]
