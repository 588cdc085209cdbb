"""The figures: overlap of masks, agreement of ranks, intervals."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

__all__ = ["bootstrap_interval", "iou", "srcc"]


def iou(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    """Intersection over union of two (height, width) masks; two empty ones agree: 1."""
    union = int((one | other).sum())
    return 1.0 if union == 0 else int((one & other).sum()) / union


def srcc(x: Sequence[float], y: Sequence[float]) -> float:
    """Spearman's rank correlation, -1 to 1; 0 where one side never changes."""
    if len(set(x)) < 2 or len(set(y)) < 2:
        return 0.0
    return float(stats.spearmanr(x, y).statistic)


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
