"""From sums over cases to figures."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from spider_cli.vocabulary import FAMILIES
from trainer.evaluate.resampling import Reduce

__all__ = ["families", "mean", "mean_of_means", "one_family"]

Numbers = npt.NDArray[np.float64]


def mean(sums: Numbers) -> Numbers:
    """(..., 2): sum and count."""
    above, below = sums[..., 0], sums[..., 1]
    out = np.full(np.shape(above), np.nan)
    np.divide(above, below, out=out, where=below != 0)
    return out


def mean_of_means(sums: Numbers) -> Numbers:
    """(..., 2k): k times sum and count; the unweighted mean of the means that there are."""
    each = np.stack([mean(sums[..., i : i + 2]) for i in range(0, sums.shape[-1], 2)], axis=-1)
    known = ~np.isnan(each)
    return mean(np.stack([np.where(known, each, 0).sum(-1), known.sum(-1)], axis=-1))


def families(reduce: Callable[[npt.ArrayLike], Numbers]) -> Reduce:
    """Of the counts of all families, (..., 3 * families)."""

    def reduced(sums: Numbers) -> Numbers:
        return reduce(sums.reshape(*sums.shape[:-1], len(FAMILIES), 3))

    return reduced


def one_family(index: int, reduce: Callable[[npt.ArrayLike], Numbers]) -> Reduce:
    """Of one family's counts among those of all."""
    return lambda sums: reduce(sums[..., 3 * index : 3 * index + 3])
