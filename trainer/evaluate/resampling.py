"""How sure a figure is, and whether two systems differ: bootstrap and permutation over photos.

Rows of one photo (and photos of one source) go right or wrong together, so whole clusters are
drawn, or exchanged between the two systems, never single rows. Most figures are functions of sums
over rows (a mean is a sum over a count, F1 comes from three counts, cIoU from two areas): with a
cluster's sums in a table, a thousand rounds are one matrix product.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Comparison", "Correlation", "Reduce", "Resampler"]

Numbers: TypeAlias = npt.NDArray[np.float64]
Reduce: TypeAlias = Callable[[Numbers], Numbers]
"""Sums over rows (..., k) -> the figure (...), nan where it has no value."""
Correlation: TypeAlias = Callable[[Numbers, Numbers], float]

_EXACT = 12
"""Up to so many clusters that differ, every exchange is tried instead of random ones."""
_CHUNK = 8_000_000
"""Numbers of a random matrix held at a time."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure of two systems, on the rows both have."""

    this: float
    that: float
    low: float
    """95% interval of this - that."""
    high: float
    p: float | None
    """Two-sided, of exchanging the systems' outcomes cluster by cluster; None: not tested."""

    @property
    def difference(self) -> float:
        """`this` - `that`."""
        return self.this - self.that


class Resampler:
    """Draws the same clusters for every figure, so that their intervals belong together.

    Args:
        clusters: the cluster of each row.
        seed: of the draws.
        rounds: of the bootstrap.
    """

    def __init__(self, clusters: Sequence[str], *, seed: int = 0, rounds: int = 1000) -> None:
        names, self.place = np.unique(np.asarray(clusters, dtype=object), return_inverse=True)
        self.count = len(names)
        self.seed = seed
        self.rounds = rounds
        self._weights: npt.NDArray[np.int32] | None = None

    @property
    def weights(self) -> npt.NDArray[np.int32]:
        """(rounds, clusters): how often each cluster is drawn."""
        if self._weights is None:
            rng = np.random.default_rng([self.seed, 1])
            share = np.full(self.count, 1 / self.count)
            self._weights = rng.multinomial(self.count, share, size=self.rounds).astype(np.int32)
        return self._weights

    def interval(self, sums: Numbers, reduce: Reduce) -> tuple[float, float]:
        """95% interval of a figure.

        Args:
            sums: (rows, k); rows that the figure is not about are zero.
            reduce: the figure from the sums.
        """
        return _percentiles(reduce(self._drawn(self._per_cluster(sums))))

    def compare(self, this: Numbers, that: Numbers, reduce: Reduce) -> Comparison:
        """A figure of two systems on the same rows: (rows, k) sums of each."""
        one, two = self._per_cluster(this), self._per_cluster(that)
        difference = reduce(self._drawn(one)) - reduce(self._drawn(two))
        low, high = _percentiles(difference)
        return Comparison(
            float(reduce(one.sum(axis=0))),
            float(reduce(two.sum(axis=0))),
            low,
            high,
            self._exchanged(one, two, reduce),
        )

    def correlation_interval(
        self, x: Numbers, y: Numbers, figure: Correlation
    ) -> tuple[float, float]:
        """95% interval of an agreement between two values a row."""
        return _percentiles(np.array([figure(x[rows], y[rows]) for rows in self._rows()]))

    def compare_correlations(
        self, this: Numbers, that: Numbers, y: Numbers, figures: tuple[Correlation, Correlation]
    ) -> Comparison:
        """An agreement with `y` of two systems; bootstrap alone, since scores of unlike scales
        cannot be exchanged.

        Args:
            figures: the same figure, as it is best computed for each of the two.
        """
        one, two = figures
        differences = [one(this[r], y[r]) - two(that[r], y[r]) for r in self._rows()]
        low, high = _percentiles(np.array(differences))
        return Comparison(one(this, y), two(that, y), low, high, None)

    def _per_cluster(self, sums: Numbers) -> Numbers:
        table = np.zeros((self.count, sums.shape[1]))
        np.add.at(table, self.place, sums)
        return table

    def _drawn(self, table: Numbers) -> Numbers:
        """(rounds, k) sums of each round's clusters."""
        return np.asarray(self.weights @ table)

    def _rows(self) -> list[npt.NDArray[np.intp]]:
        everything = np.arange(len(self.place))
        return [np.repeat(everything, drawn[self.place]) for drawn in self.weights]

    def _exchanged(self, one: Numbers, two: Numbers, reduce: Reduce) -> float:
        """Share of exchanges that make at least as large a difference as there is."""
        gap = one - two
        differing = np.flatnonzero(gap.any(axis=1))
        total, other = one.sum(axis=0), two.sum(axis=0)
        found = abs(float(reduce(total) - reduce(other)))
        if not len(differing) or np.isnan(found):
            return 1.0
        gap = gap[differing]
        count = len(differing)
        exact = count <= _EXACT
        rounds = 2**count if exact else 10 * self.rounds - 1
        rng = np.random.default_rng([self.seed, 2])
        least = found - 1e-12 * max(1.0, found)
        reached = 0
        step = max(1, _CHUNK // count)
        for start in range(0, rounds, step):
            size = min(step, rounds - start)
            if exact:
                swaps = (np.arange(start, start + size)[:, None] >> np.arange(count)) & 1
            else:
                swaps = rng.integers(0, 2, (size, count), dtype=np.int8)
            moved = swaps.astype(np.float64) @ gap
            difference = np.abs(reduce(total - moved) - reduce(other + moved))
            reached += int((difference >= least).sum())
        return reached / rounds if exact else (reached + 1) / (rounds + 1)


def _percentiles(values: Numbers) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)
