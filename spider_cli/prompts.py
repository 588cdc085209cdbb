"""From the words' probabilities to the segmenter's prompt, and from its masks back to the words.

Pure functions on arrays. An axis is cut into as many equal parts as it has words; word k of n
stands for the place k / (n - 1) where a point is wanted (0 and 1 of two words, as in the paper's
equation 4), and for the k-th part where an area is.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spider_cli.text_to_point import point_from

__all__ = [
    "Point",
    "agreement",
    "cell_shares",
    "drawn_points",
    "expected_point",
    "least_likely_point",
    "mirrored_point",
    "place_at",
]

Point = tuple[float, float]
Numbers = npt.NDArray[np.float64]

_STEPS = np.array([0.7548776662466927, 0.5698402909980532])
"""Of the R2 sequence: 1/g and 1/g^2, g the real root of x^3 = x + 1. It fills a square evenly."""


def expected_point(
    horizontal: Sequence[float], vertical: Sequence[float], width: int, height: int
) -> Point:
    """The expected place: x = W * sum_k k / (n - 1) * p_k, and y likewise (eq. 4 where n = 2).

    Args:
        horizontal: probability of each word, from left to right.
        vertical: from top to bottom.
        width, height: of the photo in pixels.

    Returns:
        x in 0..width, y in 0..height.
    """
    if len(horizontal) == len(vertical) == 2:
        return point_from(horizontal, vertical, width, height)
    return float(width * _mean(horizontal)), float(height * _mean(vertical))


def _mean(probabilities: Sequence[float]) -> float:
    return float(np.dot(np.linspace(0, 1, len(probabilities)), probabilities))


def place_at(probabilities: Sequence[float], share: float) -> float:
    """The place on an axis (0-1) that has `share` (0-1) of the probability before it.

    Each word's probability is spread evenly over its part of the axis.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    edges = np.concatenate([[0.0], np.cumsum(p)])
    # Words without probability have no width here: the last edge of those that are alike.
    part = min(int(np.searchsorted(edges, share * edges[-1], side="right")) - 1, len(p) - 1)
    while p[part] == 0:
        part -= 1
    within = (share * edges[-1] - edges[part]) / p[part]
    return float((part + min(max(within, 0.0), 1.0)) / len(p))


def drawn_points(
    horizontal: Sequence[float],
    vertical: Sequence[float],
    width: int,
    height: int,
    *,
    count: int,
    seed: int = 0,
) -> list[Point]:
    """Points drawn from the joint distribution of the two axes.

    Given the answer the axes are independent, and each word's probability is spread evenly over its
    part of the axis: the density at a place is the product of its two words' probabilities. Point
    number k takes the quantiles u_k = frac(s + k * (0.7549, 0.5698)) of the two axes, where s is
    drawn by `seed`: the same points for the same probabilities, evenly spread over them.
    """
    start = np.random.default_rng(seed).random(2)
    quantiles = (start + np.arange(count)[:, None] * _STEPS) % 1.0
    return [
        (width * place_at(horizontal, float(u)), height * place_at(vertical, float(v)))
        for u, v in quantiles
    ]


def mirrored_point(point: Point, width: int, height: int) -> Point:
    """The point on the other side of the photo's centre."""
    return width - point[0], height - point[1]


def least_likely_point(
    horizontal: Sequence[float], vertical: Sequence[float], width: int, height: int
) -> Point:
    """The centre of the part of the photo whose two words are least likely together.

    Of parts that are equally unlikely, the one nearest to the bottom right.
    """
    x, y = (
        (len(p) - 1 - int(np.argmin(np.asarray(p)[::-1])) + 0.5) / len(p)
        for p in (horizontal, vertical)
    )
    return width * x, height * y


def cell_shares(mask: npt.NDArray[np.bool_], rows: int, columns: int) -> Numbers:
    """How much of a mask lies in each part of the photo.

    Args:
        mask: (height, width).
        rows, columns: how many words the vertical and the horizontal axis have.

    Returns:
        (rows, columns), summing to 1; all 0 of an empty mask.
    """
    height, width = mask.shape
    down = ((np.arange(height) + 0.5) * rows / height).astype(np.intp)
    across = ((np.arange(width) + 0.5) * columns / width).astype(np.intp)
    y, x = np.nonzero(mask)
    cells = np.bincount(down[y] * columns + across[x], minlength=rows * columns)
    return np.asarray(cells.reshape(rows, columns) / max(len(y), 1), dtype=np.float64)


def agreement(shares: Numbers, horizontal: Sequence[float], vertical: Sequence[float]) -> float:
    """How well a mask lies where the answer says: sum over parts of min(share, probability).

    1 where the mask is spread over the parts of the photo just as the words' joint probability is,
    0 where they have no part in common.

    Args:
        shares: of the mask, see `cell_shares`.
    """
    joint = np.outer(np.asarray(vertical), np.asarray(horizontal))
    return float(np.minimum(shares, joint).sum())
