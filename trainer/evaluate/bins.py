"""Do things happen as often as a probability says? Counts by tenths. Pure functions."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["BINS", "Bin", "bin_sums", "bins_of", "error_of", "expected_error"]

Numbers = npt.NDArray[np.float64]
BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Questions whose probability lies in one tenth of 0-1."""

    low: float
    high: float
    count: int
    said: float
    """Mean probability; nan where there are none."""
    true: float
    """Mean truth."""

    def to_json(self) -> dict[str, Any]:
        return {
            "low": round(self.low, 6),
            "high": round(self.high, 6),
            "count": self.count,
            "said": None if np.isnan(self.said) else round(self.said, 6),
            "true": None if np.isnan(self.true) else round(self.true, 6),
        }


def bin_sums(said: Numbers, true: Numbers, bins: int = BINS) -> Numbers:
    """(n, 3 * bins): count, probability and truth of each in the place of its bin.

    Args:
        said: (n,) probabilities.
        true: (n,) what was so, 0-1.
    """
    number = np.minimum((said * bins).astype(np.intp), bins - 1)
    sums = np.zeros((len(said), bins, 3))
    sums[np.arange(len(said)), number] = np.stack([np.ones_like(said), said, true], axis=1)
    return sums.reshape(len(said), 3 * bins)


def error_of(sums: Numbers) -> Numbers:
    """Sums (..., 3 * bins) -> expected calibration error (...)."""
    table = sums.reshape(*sums.shape[:-1], -1, 3)
    count = table[..., 0].sum(axis=-1)
    off = np.abs(table[..., 1] - table[..., 2]).sum(axis=-1)
    out = np.full(np.shape(count), np.nan)
    np.divide(off, count, out=out, where=count != 0)
    return out


def expected_error(said: Numbers, true: Numbers, *, bins: int = BINS) -> float:
    """Expected calibration error, 0-1: sum over bins of count / n * |mean said - mean true|."""
    return float(error_of(bin_sums(said, true, bins).sum(axis=0)))


def bins_of(said: Numbers, true: Numbers, *, bins: int = BINS) -> tuple[Bin, ...]:
    """The reliability diagram as numbers."""
    table = bin_sums(said, true, bins).sum(axis=0).reshape(bins, 3)
    return tuple(
        Bin(
            low=i / bins,
            high=(i + 1) / bins,
            count=int(count),
            said=float(p / count) if count else float("nan"),
            true=float(t / count) if count else float("nan"),
        )
        for i, (count, p, t) in enumerate(table)
    )
