"""The mix of a recipe's data: row number -> photo and question, the same wherever it is asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from spider_cli.errors import UsageError
from trainer.datasets.schema import Item, row_id
from trainer.rows import QA
from trainer.tuning.sources import TASKS, Numbers, Source, open_source

if TYPE_CHECKING:
    from trainer.tuning.recipe import DataPart

__all__ = ["Drawn", "Mixture", "PartCount", "wanted_rows"]

_SCORE = TASKS.index("score")


class Drawn(NamedTuple):
    """A row of the mix."""

    item: Item
    qa: QA
    id: str
    """Of the row, with its data set: "DIR:000123-04"."""
    part: int
    """Number of the data set in the mix."""


@dataclass(frozen=True, slots=True)
class PartCount:
    """What one data set gives to the mix."""

    path: str
    split: str
    rows: int
    """Those of the wanted tasks."""
    per_epoch: int
    """How many of them an epoch has, repeats counted."""


def wanted_rows(part: "DataPart", source: Source) -> Numbers:
    """Numbers of a data set's rows of the wanted tasks.

    Raises:
        UsageError: there are none.
    """
    wanted = np.arange(len(source.tasks))
    if part.tasks:
        codes = [TASKS.index(task) for task in part.tasks]
        wanted = wanted[np.isin(source.tasks, codes)]
    if not len(wanted):
        there = [TASKS[code] for code in np.unique(source.tasks)]
        raise UsageError(
            f"{part.path} has no rows" + (f" of {', '.join(part.tasks)}" if there else ""),
            hint=f"it has {', '.join(there)}" if there else "",
            code="no_rows",
        )
    return wanted


class Mixture:
    """All rows of the data sets in a random order, each data set by its weight.

    An epoch has `weight` times the rows of each data set, at least one. A weight below 1 gives
    other rows in every epoch, until all were there; one above 1 repeats rows. The order is shuffled
    anew for every epoch, by the seed and the epoch's number alone.

    Args:
        parts: the recipe's.
        seed: of the order.
        together: scored photos of one data set come in runs of so many (rows `n * together` to
            `n * together + together - 1`), so that a micro-batch can compare them; 1 for any order.

    Raises:
        UsageError: a data set is not there, not finished, not whole, or has none of the tasks.
    """

    def __init__(self, parts: Sequence["DataPart"], seed: int, *, together: int = 1) -> None:
        self.parts = tuple(parts)
        self.seed = seed
        self.together = together
        self.sources = [open_source(part) for part in parts]
        self._rows: list[Numbers] = []
        """Of each data set the wanted rows, shuffled once."""
        self._counts: list[int] = []
        for number, (part, source) in enumerate(zip(parts, self.sources, strict=True)):
            wanted = wanted_rows(part, source)
            self._rows.append(np.random.default_rng([seed, 1, number]).permutation(wanted))
            self._counts.append(max(1, round(part.weight * len(wanted))))
        self._epoch: tuple[int, Numbers] = (-1, np.empty((0, 2), np.int64))

    def __len__(self) -> int:
        """Rows of an epoch; a multiple of `together`, if they are as many."""
        total = sum(self._counts)
        return total - total % self.together if total > self.together else total

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_epoch": (-1, np.empty((0, 2), np.int64))}

    def __getitem__(self, index: int) -> Drawn:
        """Row `index` of the run; those from `len` on are of later epochs.

        Raises:
            UsageError: its photo cannot be read.
        """
        if index < 0:
            raise IndexError(index)
        epoch, place = divmod(index, len(self))
        part, row = map(int, self._order(epoch)[place])
        source = self.sources[part]
        item = source.item(int(source.photos[row]))
        number = int(source.places[row])
        name = f"{self.parts[part].path}:{row_id(item.id, number)}"
        return Drawn(item, item.rows[number], name, part)

    @property
    def counts(self) -> list[PartCount]:
        """What each data set gives."""
        return [
            PartCount(part.path, part.split, len(rows), count)
            for part, rows, count in zip(self.parts, self._rows, self._counts, strict=True)
        ]

    def _order(self, epoch: int) -> Numbers:
        """(rows of the epoch, 2): data set and row of it."""
        if self._epoch[0] != epoch:
            self._epoch = (epoch, self._shuffled(epoch)[: len(self)])
        return self._epoch[1]

    def _shuffled(self, epoch: int) -> Numbers:
        rng = np.random.default_rng([self.seed, 2, epoch])
        drawn = []
        for part, (rows, count) in enumerate(zip(self._rows, self._counts, strict=True)):
            own = rows[(epoch * count + np.arange(count)) % len(rows)]
            drawn.append(np.stack([np.full(count, part), own], axis=1))
        if self.together > 1:
            return self._grouped(drawn, rng)
        return rng.permutation(np.concatenate(drawn))

    def _grouped(self, drawn: list[Numbers], rng: np.random.Generator) -> Numbers:
        """Whole groups in a random order, what fills none at the end."""
        kinds = []
        others = []
        for part, rows in enumerate(drawn):
            scored = self.sources[part].tasks[rows[:, 1]] == _SCORE
            kinds.append(rows[scored])
            others.append(rows[~scored])
        groups, rest = [], []
        for kind in (*kinds, np.concatenate(others)):
            mixed = rng.permutation(kind)
            whole = len(mixed) // self.together * self.together
            groups.append(mixed[:whole].reshape(-1, self.together, 2))
            rest.append(mixed[whole:])
        ordered = rng.permutation(np.concatenate(groups)).reshape(-1, 2)
        return np.concatenate([ordered, rng.permutation(np.concatenate(rest))])
