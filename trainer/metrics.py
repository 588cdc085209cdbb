"""The figures: overlap of masks, right and wrong names, agreement with people. Pure functions.

How sure they are is the business of `trainer.evaluate.resampling`.
"""

import warnings
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

__all__ = [
    "bootstrap_interval",
    "ciou",
    "f1",
    "fit_logistic",
    "giou",
    "giou_term",
    "iou",
    "krcc",
    "logistic",
    "macro_f1",
    "micro_f1",
    "overlap",
    "plcc",
    "plcc_fitted",
    "precision",
    "recall",
    "srcc",
]

Mask: TypeAlias = npt.NDArray[np.bool_]
Numbers: TypeAlias = npt.NDArray[np.float64]

_GIOU_EPSILON = 1e-5
_CALLS = 10_000
"""`maxfev` of the fit, as DeQA-Score, DepictQA and pyiqa have it."""


# --- masks ----------------------------------------------------------------------------------------


def overlap(one: Mask, other: Mask) -> tuple[int, int]:
    """Pixels in both, and pixels in either, of two (height, width) masks."""
    both = int(np.count_nonzero(one & other))
    return both, int(np.count_nonzero(one)) + int(np.count_nonzero(other)) - both


def iou(one: Mask, other: Mask) -> float:
    """Intersection over union of two (height, width) masks; two empty ones agree: 1."""
    intersection, union = overlap(one, other)
    return 1.0 if union == 0 else intersection / union


def giou_term(intersection: int, union: int) -> float:
    """What one mask adds to gIoU, as LISA's code has it: inter / (union + 1e-5), 0-1.

    Nothing predicted where nothing is to be found counts 1.
    """
    return 1.0 if union == 0 else intersection / (union + _GIOU_EPSILON)


def giou(overlaps: Iterable[tuple[int, int]]) -> float:
    """LISA's gIoU: the mean of `giou_term` over (intersection, union) pairs; nan of none."""
    terms = [giou_term(intersection, union) for intersection, union in overlaps]
    return float(np.mean(terms)) if terms else float("nan")


def ciou(overlaps: Iterable[tuple[int, int]]) -> float:
    """LISA's cIoU: sum of intersections / sum of unions; nan where the unions are empty."""
    pairs = list(overlaps)
    union = sum(pair[1] for pair in pairs)
    return sum(pair[0] for pair in pairs) / union if union else float("nan")


# --- names ----------------------------------------------------------------------------------------


def precision(counts: npt.ArrayLike) -> Numbers:
    """Of what was named, the share that is there.

    Args:
        counts: (..., 3): true positives, false positives, false negatives.

    Returns:
        (...), 0-1; nan where nothing was named.
    """
    table = np.asarray(counts, dtype=np.float64)
    return _ratio(table[..., 0], table[..., 0] + table[..., 1])


def recall(counts: npt.ArrayLike) -> Numbers:
    """Of what is there, the share that was named; see `precision`."""
    table = np.asarray(counts, dtype=np.float64)
    return _ratio(table[..., 0], table[..., 0] + table[..., 2])


def f1(counts: npt.ArrayLike) -> Numbers:
    """Harmonic mean of precision and recall; nan where a class was neither there nor named."""
    table = np.asarray(counts, dtype=np.float64)
    return _ratio(2 * table[..., 0], 2 * table[..., 0] + table[..., 1] + table[..., 2])


def micro_f1(counts: npt.ArrayLike) -> Numbers:
    """F1 of all classes' counts together. (..., classes, 3) -> (...)."""
    return f1(np.asarray(counts, dtype=np.float64).sum(axis=-2))


def macro_f1(counts: npt.ArrayLike) -> Numbers:
    """Mean of the classes' F1. (..., classes, 3) -> (...).

    Classes that were neither there nor named have none, and are left out.
    """
    each = f1(counts)
    known = ~np.isnan(each)
    return _ratio(np.where(known, each, 0.0).sum(axis=-1), known.sum(axis=-1))


def _ratio(above: npt.ArrayLike, below: npt.ArrayLike) -> Numbers:
    """`above / below`, nan where `below` is 0."""
    over, under = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    out = np.full(np.broadcast_shapes(over.shape, under.shape), np.nan)
    np.divide(over, under, out=out, where=under != 0)
    return out


# --- agreement with people ------------------------------------------------------------------------


def srcc(x: Sequence[float] | Numbers, y: Sequence[float] | Numbers) -> float:
    """Spearman's rank correlation, -1 to 1; 0 where one side never changes."""
    return 0.0 if _flat(x, y) else float(stats.spearmanr(x, y).statistic)


def krcc(x: Sequence[float] | Numbers, y: Sequence[float] | Numbers) -> float:
    """Kendall's rank correlation tau-b, -1 to 1; 0 where one side never changes."""
    return 0.0 if _flat(x, y) else float(stats.kendalltau(x, y).statistic)


def plcc(x: Sequence[float] | Numbers, y: Sequence[float] | Numbers) -> float:
    """Pearson's linear correlation, -1 to 1; 0 where one side never changes."""
    if _flat(x, y):
        return 0.0
    with warnings.catch_warnings():
        # "nearly constant": what it says then is still the best there is.
        warnings.simplefilter("ignore", stats.NearConstantInputWarning)
        found = float(stats.pearsonr(x, y).statistic)
    return found if np.isfinite(found) else 0.0


def logistic(x: npt.ArrayLike, b1: float, b2: float, b3: float, b4: float) -> Numbers:
    """The field's 4-parameter logistic: (b1 - b2) / (1 + exp(-(x - b3) / b4)) + b2."""
    values = np.asarray(x, dtype=np.float64)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        return np.asarray((b1 - b2) / (1 + np.exp(-(values - b3) / b4)) + b2)


def fit_logistic(
    x: Sequence[float] | Numbers,
    y: Sequence[float] | Numbers,
    *,
    start: Sequence[float] | Numbers | None = None,
    calls: int = _CALLS,
) -> Numbers | None:
    """Least squares of `logistic` from x (predicted) to y (opinions).

    Args:
        start: first parameters; the field's [max y, min y, mean x, std x / 4] when None.
        calls: of the function, after which there is no fit.

    Returns:
        (4,) parameters; None where one side never changes, there are fewer than 4 points, or the
        fit does not come to an end.
    """
    if _flat(x, y) or len(x) < 4:
        return None
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    first = [ys.max(), ys.min(), xs.mean(), xs.std() / 4] if start is None else list(start)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # of the covariance, which nobody asked for
            found, _ = optimize.curve_fit(logistic, xs, ys, p0=first, maxfev=calls)
    except (RuntimeError, ValueError):
        return None
    parameters = np.asarray(found, dtype=np.float64)
    return parameters if np.isfinite(logistic(xs, *parameters)).all() else None


def plcc_fitted(x: Sequence[float] | Numbers, y: Sequence[float] | Numbers) -> float:
    """Pearson's correlation after `fit_logistic`; nan where there is no fit, 0 where a side never
    changes."""
    if _flat(x, y):
        return 0.0
    parameters = fit_logistic(x, y)
    return float("nan") if parameters is None else plcc(logistic(x, *parameters), y)


def _flat(x: Sequence[float] | Numbers, y: Sequence[float] | Numbers) -> bool:
    return any(len(side) < 2 or bool(np.ptp(np.asarray(side)) == 0) for side in (x, y))


# --- how sure ------------------------------------------------------------------------------------


def bootstrap_interval(
    values: Sequence[float], *, seed: int = 0, rounds: int = 1000
) -> tuple[float, float]:
    """95% interval of the mean by resampling the items."""
    data = np.asarray(values, dtype=np.float64)
    if not len(data):
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    means = data[rng.integers(0, len(data), (rounds, len(data)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
