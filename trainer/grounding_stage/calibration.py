"""Do the words' probabilities mean what equation 4 takes them for? Pure functions.

Equation 4 uses P(right) as a place: x / W. So the truth it is compared with is where the middle of
the region's area lies, a number of 0-1, and a word that is right for certain has a truth of 1 only
at the photo's edge. Beside it stands the usual reading, in which the truth is the side (0 or 1) on
which that middle lies, as in the labels of the paper's equation 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.evaluate.resampling import Resampler
from trainer.evaluate.values import Value

__all__ = [
    "BINS",
    "Bin",
    "Calibration",
    "best_likelihood",
    "bins_of",
    "brier",
    "calibrate",
    "expected_error",
    "likelihood",
    "probability_of_second",
]

Numbers = npt.NDArray[np.float64]
BINS = 10
_LEAST = 1e-7
"""No probability counts as less: an answer that is sure and wrong costs 16, not infinity."""


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


@dataclass(frozen=True, slots=True)
class Calibration:
    """One axis against one truth, at one temperature."""

    axis: str
    """ "horizontal": P(right); "vertical": P(bottom)."""
    truth: str
    """ "place" or "side"."""
    temperature: float
    error: Value
    """Expected calibration error."""
    brier: Value
    nll: Value
    """Negative log-likelihood, nats."""
    bins: tuple[Bin, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "axis": self.axis,
            "truth": self.truth,
            "temperature": self.temperature,
            "ece": self.error.to_json(),
            "brier": self.brier.to_json(),
            "nll": self.nll.to_json(),
            "bins": [one.to_json() for one in self.bins],
        }


def probability_of_second(chi: Numbers, temperature: float) -> Numbers:
    """P of the second of two words (eq. 2): (n, 2) -> (n,)."""
    gap = (chi[:, 0] - chi[:, 1]) / temperature
    return np.asarray(1 / (1 + np.exp(np.clip(gap, -700, 700))))


def brier(said: Numbers, true: Numbers) -> Numbers:
    """Squared error of each."""
    return np.asarray((said - true) ** 2)


def likelihood(said: Numbers, true: Numbers) -> Numbers:
    """Cross-entropy of each, in nats: -t log p - (1 - t) log (1 - p)."""
    p = np.clip(said, _LEAST, 1 - _LEAST)
    return np.asarray(-true * np.log(p) - (1 - true) * np.log(1 - p))


def _bin_sums(said: Numbers, true: Numbers, bins: int) -> Numbers:
    """(n, 3 * bins): count, probability and truth of each in the place of its bin."""
    number = np.minimum((said * bins).astype(np.intp), bins - 1)
    sums = np.zeros((len(said), bins, 3))
    sums[np.arange(len(said)), number] = np.stack([np.ones_like(said), said, true], axis=1)
    return sums.reshape(len(said), 3 * bins)


def _error_of(sums: Numbers) -> Numbers:
    """Sums (..., 3 * bins) -> expected calibration error (...)."""
    table = sums.reshape(*sums.shape[:-1], -1, 3)
    count = table[..., 0].sum(axis=-1)
    off = np.abs(table[..., 1] - table[..., 2]).sum(axis=-1)
    out = np.full(np.shape(count), np.nan)
    np.divide(off, count, out=out, where=count != 0)
    return out


def expected_error(said: Numbers, true: Numbers, *, bins: int = BINS) -> float:
    """Expected calibration error, 0-1: sum over bins of count / n * |mean said - mean true|."""
    return float(_error_of(_bin_sums(said, true, bins).sum(axis=0)))


def bins_of(said: Numbers, true: Numbers, *, bins: int = BINS) -> tuple[Bin, ...]:
    """The reliability diagram as numbers."""
    table = _bin_sums(said, true, bins).sum(axis=0).reshape(bins, 3)
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


def best_likelihood(pairs: Sequence[tuple[Numbers, Numbers]]) -> float:
    """The temperature under which the truths are likeliest, of 0.05 to 20, to 1%.

    Args:
        pairs: (n, 2) chi and (n,) truth, one pair an axis.
    """
    from scipy.optimize import minimize_scalar

    def loss(log_tau: float) -> float:
        tau = float(np.exp(log_tau))
        each = [likelihood(probability_of_second(chi, tau), true).mean() for chi, true in pairs]
        return float(np.mean(each))

    found = minimize_scalar(
        loss, bounds=(np.log(0.05), np.log(20)), method="bounded", options={"xatol": 0.005}
    )
    return float(f"{np.exp(found.x):.3g}")


def calibrate(
    axis: str, truth: str, chi: Numbers, true: Numbers, temperature: float, resampler: Resampler
) -> Calibration:
    """The figures with their intervals.

    Args:
        chi: (n, 2).
        true: (n,) of 0-1.
        resampler: knows the cluster of each.
    """
    said = probability_of_second(chi, temperature)

    def mean(values: Numbers) -> Value:
        sums = np.stack([values, np.ones_like(values)], axis=1)
        low, high = resampler.interval(sums, lambda one: one[..., 0] / one[..., 1])
        return Value(float(values.mean()), low, high)

    sums = _bin_sums(said, true, BINS)
    return Calibration(
        axis=axis,
        truth=truth,
        temperature=temperature,
        error=Value(float(_error_of(sums.sum(axis=0))), *resampler.interval(sums, _error_of)),
        brier=mean(brier(said, true)),
        nll=mean(likelihood(said, true)),
        bins=bins_of(said, true),
    )
