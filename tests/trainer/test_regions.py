"""Regions: connected, apart, of fair size, seeded, quick."""

import time
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from trainer.regions import (
    MAX_SHARE,
    MIN_SHARE,
    BoolMask,
    blob_regions,
    box_of,
    interior_point,
    label_map_regions,
    position_words,
    superpixel_regions,
)

Maker = Callable[[np.random.Generator, int], list[BoolMask]]
SHAPE = (341, 512)


def scene() -> np.ndarray:
    """(341, 512, 3) uint8: soft patches of colour, as photos have."""
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 256, (9, 13, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, SHAPE[::-1], interpolation=cv2.INTER_CUBIC))


def label_map() -> np.ndarray:
    """(341, 512) uint8: 30 cells of a Voronoi diagram, some labels in two pieces."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    seeds = rng.uniform((0, 0), SHAPE, (30, 2))
    distance = (y[..., None] - seeds[:, 0]) ** 2 + (x[..., None] - seeds[:, 1]) ** 2
    return np.asarray(distance.argmin(axis=2) % 25, dtype=np.uint8)


MAKERS: dict[str, Maker] = {
    "blob": lambda rng, count: blob_regions(SHAPE, rng, count),
    "superpixel": lambda rng, count: superpixel_regions(scene(), rng, count),
    "label map": lambda rng, count: label_map_regions(label_map(), rng, count),
}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_regions_are_what_they_should_be(name: str, count: int) -> None:
    found = 0
    for seed in range(8):
        masks = MAKERS[name](np.random.default_rng(seed), count)
        again = MAKERS[name](np.random.default_rng(seed), count)
        assert all(np.array_equal(one, two) for one, two in zip(masks, again, strict=True))
        assert len(masks) <= count
        assert not masks or np.sum(masks, axis=0).max() == 1  # no two overlap
        for mask in masks:
            assert mask.shape == SHAPE and mask.dtype == bool
            assert MIN_SHARE <= mask.mean() <= MAX_SHARE
            assert cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)[0] == 2
        found += len(masks)
    assert found >= 0.85 * 8 * count


def test_sizes_are_spread() -> None:
    shares = [
        mask.mean()
        for seed in range(40)
        for mask in blob_regions(SHAPE, np.random.default_rng(seed), 1)
    ]
    assert min(shares) < 0.1 and max(shares) > 0.33
    assert 0.17 < float(np.mean(shares)) < 0.31


@pytest.mark.parametrize(("name", "limit"), [("blob", 0.03), ("superpixel", 0.15)])
def test_regions_are_quick(name: str, limit: float) -> None:
    MAKERS[name](np.random.default_rng(0), 2)
    best = 1.0
    for seed in range(5):
        start = time.perf_counter()
        MAKERS[name](np.random.default_rng(seed), 2)
        best = min(best, time.perf_counter() - start)
    assert best < limit


def test_a_photo_in_one_colour_and_a_map_of_one_label_do_no_harm() -> None:
    rng = np.random.default_rng(0)
    superpixel_regions(np.full((64, 64, 3), 90, np.uint8), rng, 2)
    assert label_map_regions(np.zeros((64, 64), np.uint8), rng, 2) == []
    assert all(mask.shape == (24, 200) for mask in blob_regions((24, 200), rng, 2))


def test_box_and_point() -> None:
    mask = np.zeros((50, 80), bool)
    mask[10:20, 30:60] = True
    assert box_of(mask) == (30, 10, 60, 20)
    assert interior_point(mask) == pytest.approx((44.5, 14.5))
    with pytest.raises(ValueError, match="empty"):
        box_of(np.zeros((5, 5), bool))
    full = np.ones((40, 60), bool)
    assert box_of(full) == (0, 0, 60, 40)
    assert interior_point(full) == pytest.approx((29.5, 19.5))


def test_the_point_of_a_ring_lies_in_the_ring() -> None:
    y, x = np.mgrid[0:100, 0:100]
    radius = np.hypot(x - 50, y - 50)
    for mask in ((radius > 25) & (radius < 45), (radius > 25) & (radius < 45) & (x < 55)):
        px, py = interior_point(mask)
        assert mask[round(py), round(px)]


@pytest.mark.parametrize("name", MAKERS)
def test_points_lie_inside(name: str) -> None:
    for seed in range(5):
        for mask in MAKERS[name](np.random.default_rng(seed), 3):
            x, y = interior_point(mask)
            assert mask[round(y), round(x)]


def test_words_follow_equation_1() -> None:
    assert position_words((0, 0, 99, 99), 200, 200) == ("top", "left")
    assert position_words((0, 0, 200, 200), 200, 200) == ("bottom", "right")  # 1/2 is not below 1/2
    assert position_words((101, 0, 200, 90), 200, 200) == ("top", "right")
    assert position_words((0, 150, 20, 200), 200, 200) == ("bottom", "left")
