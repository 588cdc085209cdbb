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

from trainer.evaluate.bins import Bin, bin_sums, bins_of, error_of
from trainer.evaluate.resampling import Resampler
from trainer.evaluate.values import Value

__all__ = [
    "Calibration",
    "best_likelihood",
    "brier",
    "calibrate",
    "likelihood",
    "probability_of_second",
]

Numbers = npt.NDArray[np.float64]
_LEAST = 1e-7
"""No probability counts as less: an answer that is sure and wrong costs 16, not infinity."""


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

    sums = bin_sums(said, true)
    return Calibration(
        axis=axis,
        truth=truth,
        temperature=temperature,
        error=Value(float(error_of(sums.sum(axis=0))), *resampler.interval(sums, error_of)),
        brier=mean(brier(said, true)),
        nll=mean(likelihood(said, true)),
        bins=bins_of(said, true),
    )
