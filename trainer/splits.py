"""Photos dealt into splits, so that neither a photo, nor its look-alikes, nor its source straddle.

Look-alikes are grouped by a perceptual hash before anything is dealt.
"""

from collections.abc import Mapping, Sequence

import cv2
import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from trainer.truth import Pixels

__all__ = ["DISTANCE", "assign_splits", "groups_of", "look_alikes", "perceptual_hash"]

DISTANCE = 6
"""Bits of 64 in which the hashes of look-alikes may differ."""
_ROWS = 512


def perceptual_hash(pixels: Pixels) -> int:
    """64-bit perceptual hash (imagehash's phash) of (height, width, 3) uint8 RGB."""
    small = cv2.resize(pixels, (64, 64), interpolation=cv2.INTER_AREA)
    bits = imagehash.phash(Image.fromarray(np.asarray(small, dtype=np.uint8))).hash
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def look_alikes(hashes: Sequence[int], distance: int = DISTANCE) -> npt.NDArray[np.int64]:
    """Group number of each photo: photos whose hashes are close, or linked by such, share one.

    Args:
        hashes: 64-bit numbers.
        distance: bits that may differ.

    Returns:
        (photos,) int64, groups numbered from 0 in the order of their first photo.
    """
    data = np.asarray(hashes, dtype=np.uint64)
    ones: list[npt.NDArray[np.int64]] = []
    others: list[npt.NDArray[np.int64]] = []
    for start in range(0, len(data), _ROWS):
        apart = np.bitwise_count(data[start : start + _ROWS, None] ^ data[None, :])
        one, other = np.nonzero(apart <= distance)
        ones.append(one + start)
        others.append(other)
    return _components(ones, others, len(data))


def groups_of(alike: npt.NDArray[np.int64], sources: Sequence[str]) -> npt.NDArray[np.int64]:
    """Groups in which look-alikes, and all photos of one source, stand together."""
    first: dict[str, int] = {}
    pairs = [(i, first.setdefault(source, i)) for i, source in enumerate(sources)]
    leader: dict[int, int] = {}
    pairs += [(i, leader.setdefault(int(group), i)) for i, group in enumerate(alike)]
    table = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    return _components([table[:, 0]], [table[:, 1]], len(sources))


def assign_splits(
    alike: npt.NDArray[np.int64],
    sources: Sequence[str],
    shares: Mapping[str, float],
    rng: np.random.Generator,
) -> tuple[list[str], bool]:
    """Deal photos into splits.

    Whole sources where that comes near the shares; else (one source, or one that dwarfs the rest)
    groups of look-alikes.

    Args:
        alike: (photos,) groups of look-alikes, see `look_alikes`.
        sources: each photo's source.
        shares: split -> share of the photos; they need not sum to 1.
        rng: which of several equal groups goes where.

    Returns:
        Each photo's split, and whether sources were kept whole.
    """
    wanted = {name: share for name, share in shares.items() if share > 0}
    by_source = _deal(groups_of(alike, sources), wanted, rng)
    if len(sources) == 0 or len(wanted) == 1 or _near(by_source, wanted):
        return by_source, True
    return _deal(alike, wanted, rng), False


def _deal(
    groups: npt.NDArray[np.int64], shares: Mapping[str, float], rng: np.random.Generator
) -> list[str]:
    """Largest group first, to the split that is the farthest below its share."""
    sizes = np.bincount(groups, minlength=1)
    order = rng.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    total = sum(shares.values())
    missing = {name: share / total * len(groups) for name, share in shares.items()}
    split_of: dict[int, str] = {}
    for group in order:
        name = max(missing, key=lambda split: missing[split])
        split_of[int(group)] = name
        missing[name] -= float(sizes[group])
    return [split_of[int(group)] for group in groups]


def _near(splits: Sequence[str], shares: Mapping[str, float]) -> bool:
    """Every split has between half and twice what it should (as far as whole photos allow)."""
    total = sum(shares.values())
    for name, share in shares.items():
        target, got = share / total * len(splits), splits.count(name)
        if not target / 2 - 1 < got < target * 2 + 1 or (got == 0 and target >= 1):
            return False
    return True


def _components(
    ones: Sequence[npt.NDArray[np.int64]], others: Sequence[npt.NDArray[np.int64]], count: int
) -> npt.NDArray[np.int64]:
    if not count:
        return np.zeros(0, np.int64)
    row, column = np.concatenate(ones), np.concatenate(others)
    links = coo_matrix((np.ones(len(row), np.int8), (row, column)), shape=(count, count))
    _, labels = connected_components(links, directed=False)
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.asarray(rank[inverse], dtype=np.int64)
