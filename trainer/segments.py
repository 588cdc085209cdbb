"""Segments of a small label map, merged with their neighbours into regions."""

import cv2
import numpy as np
import numpy.typing as npt

__all__ = [
    "MAX_SHARE",
    "MIN_SHARE",
    "TRIES",
    "BoolMask",
    "compact",
    "fits",
    "largest_piece",
    "merged",
    "target_share",
]

BoolMask = npt.NDArray[np.bool_]

MIN_SHARE, MAX_SHARE = 0.04, 0.45
"""Smallest and largest share of the photo a region may cover."""
TRIES = 6
"""Attempts for each region wanted."""


def target_share(rng: np.random.Generator, count: int) -> float:
    """A share to aim at, even over what is allowed and leaves room for `count` regions."""
    return float(rng.uniform(MIN_SHARE + 0.01, min(MAX_SHARE - 0.03, 0.85 / count)))


def fits(mask: BoolMask) -> bool:
    """Neither a speck nor the lot."""
    return bool(MIN_SHARE <= mask.mean() <= MAX_SHARE)


def largest_piece(mask: BoolMask) -> BoolMask:
    """The largest connected part of a mask."""
    number, parts, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=4
    )
    if number <= 2:
        return mask
    return np.asarray(parts == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()), dtype=bool)


def compact(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Labels renumbered 0..n-1."""
    _, inverse = np.unique(labels, return_inverse=True)
    return np.asarray(inverse, dtype=np.int64).reshape(labels.shape)


def _neighbours(labels: npt.NDArray[np.int64], number: int) -> npt.NDArray[np.int64]:
    """(number, number) counts of the pixel edges two segments share."""
    pairs = np.concatenate(
        [
            np.stack([labels[:, :-1].ravel(), labels[:, 1:].ravel()]),
            np.stack([labels[:-1].ravel(), labels[1:].ravel()]),
        ],
        axis=1,
    )
    edges = np.bincount(pairs[0] * number + pairs[1], minlength=number * number)
    table = edges.reshape(number, number)
    table = table + table.T
    np.fill_diagonal(table, 0)
    return np.asarray(table, dtype=np.int64)


def merged(
    labels: npt.NDArray[np.int64],
    features: npt.NDArray[np.float32],
    shape: tuple[int, int],
    rng: np.random.Generator,
    count: int,
    *,
    whole_segments: bool,
) -> list[BoolMask]:
    """Grow up to `count` regions over the segments of a small label map.

    Args:
        labels: (rows, columns) int64, segments numbered 0..n-1 (see `compact`).
        features: (rows, columns, channels) float32; segments alike in these are merged first.
        shape: height and width of the masks wanted.
        rng: where every choice comes from.
        count: regions wanted; fewer come back when there is no room.
        whole_segments: often take a segment that is large enough as it is.

    Returns:
        (height, width) bool masks, each connected, non-overlapping, of MIN_SHARE..MAX_SHARE.
    """
    number = int(labels.max()) + 1
    area = np.bincount(labels.ravel(), minlength=number) / labels.size
    colour = np.stack(
        [
            np.bincount(labels.ravel(), weights=channel.ravel(), minlength=number)
            for channel in np.moveaxis(features, -1, 0)
        ],
        axis=1,
    ) / (area[:, None] * labels.size)
    edges = _neighbours(labels, number)
    free = np.ones(number, bool)
    masks: list[BoolMask] = []
    for _ in range(count * TRIES):
        if len(masks) == count or not free.any():
            break
        open_seeds = np.flatnonzero(free & (area <= MAX_SHARE))
        if not len(open_seeds):
            break
        # Larger segments are likelier seeds, or the many small ones would start every region.
        weight = np.sqrt(area[open_seeds])
        seed = int(rng.choice(open_seeds, p=weight / weight.sum()))
        target = target_share(rng, count)
        if whole_segments and area[seed] >= MIN_SHARE and rng.random() < 0.7:
            target = float(area[seed])
        chosen = _grow(seed, target, area, colour, edges, free, rng)
        mask = largest_piece(_enlarged(np.isin(labels, chosen), shape))
        if fits(mask):
            masks.append(mask)
            free[chosen] = False
    return masks


def _grow(
    seed: int,
    target: float,
    area: npt.NDArray[np.float64],
    colour: npt.NDArray[np.float64],
    edges: npt.NDArray[np.int64],
    free: npt.NDArray[np.bool_],
    rng: np.random.Generator,
) -> list[int]:
    """Add free neighbours, likest colour and longest shared edge first, until `target` is met."""
    chosen, total = [seed], float(area[seed])
    spread = float(colour.std()) + 1e-6
    while total < target:
        shared = edges[chosen].sum(axis=0) * free
        shared[chosen] = 0
        ahead = np.flatnonzero((shared > 0) & (total + area <= MAX_SHARE))
        if not len(ahead):
            break
        mean = np.average(colour[chosen], axis=0, weights=area[chosen])
        far = np.linalg.norm(colour[ahead] - mean, axis=1) / spread
        cost = far - 0.5 * np.log(shared[ahead]) + rng.gumbel(0, 0.3, len(ahead))
        best = int(ahead[cost.argmin()])
        chosen.append(best)
        total += float(area[best])
    return chosen


def _enlarged(mask: BoolMask, shape: tuple[int, int]) -> BoolMask:
    """The small mask at `shape`, its steps rounded; masks apart before stay apart."""
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.7)
    large = cv2.resize(soft, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large > 0.5, dtype=bool)
