"""Regions: connected, apart, of fair size, seeded, quick; their boxes, points and words."""

import pickle
import time
from collections.abc import Callable
from math import ceil, floor
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from trainer.regions import (
    MAX_SHARE,
    MIN_SHARE,
    AnyRegions,
    BlobRegions,
    BoolMask,
    Found,
    RegionFilter,
    RegionFinder,
    SuperpixelRegions,
    blob_regions,
    box_of,
    choose,
    interior_point,
    label_map_regions,
    position_words,
    superpixel_regions,
)
from trainer.sources import LabelledPhoto

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


@pytest.mark.parametrize(("name", "limit"), [("blob", 0.03), ("superpixel", 0.06)])
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


sides = st.integers(1, 4000)


@given(sides, sides, st.data())
def test_words_are_those_of_the_centre(width: int, height: int, data: st.DataObject) -> None:
    x1, x2 = sorted(data.draw(st.tuples(st.integers(0, width), st.integers(0, width))))
    y1, y2 = sorted(data.draw(st.tuples(st.integers(0, height), st.integers(0, height))))
    vertical, horizontal = position_words((x1, y1, x2, y2), width, height)
    # Equation 1 in whole numbers: left and top where the centre is below one half.
    assert horizontal == ("left" if x1 + x2 < width else "right")
    assert vertical == ("top" if y1 + y2 < height else "bottom")


@given(sides, sides, st.integers(0, 2000), st.integers(0, 2000))
def test_a_centre_on_the_middle_is_right_and_at_the_bottom(
    width: int, height: int, x: int, y: int
) -> None:
    x, y = min(x, width // 2), min(y, height // 2)
    assert position_words((x, y, width - x, height - y), width, height) == ("bottom", "right")


masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=14))


@given(masks, st.integers(0, 5), st.integers(0, 5))
def test_box_and_point_belong_to_the_mask(mask: BoolMask, left: int, top: int) -> None:
    mask = np.pad(mask, ((top, 0), (left, 0)))
    if not mask.any():
        with pytest.raises(ValueError, match="empty"):
            interior_point(mask)
        return
    x1, y1, x2, y2 = box_of(mask)
    assert mask[y1:y2, x1:x2].sum() == mask.sum()
    assert all(edge.any() for edge in (mask[y1, :], mask[y2 - 1, :], mask[:, x1], mask[:, x2 - 1]))
    x, y = interior_point(mask)
    # Inside however it is rounded.
    assert all(mask[j, i] for j in {floor(y), ceil(y)} for i in {floor(x), ceil(x)})


@given(st.lists(arrays(bool, (12, 15)), max_size=6), st.integers(0, 4), st.data())
def test_what_is_chosen_keeps_the_rule(
    candidates: list[BoolMask], count: int, data: st.DataObject
) -> None:
    rule = RegionFilter(
        min_share=0.05,
        max_share=0.6,
        max_overlap=data.draw(st.sampled_from([0.0, 0.3, 1.0])),
        connected=data.draw(st.booleans()),
        min_piece=data.draw(st.sampled_from([0.0, 0.5])),
    )
    taken = data.draw(st.lists(arrays(bool, (12, 15)), max_size=1))
    offered = [Found(mask, str(index)) for index, mask in enumerate(candidates)]
    seed = data.draw(st.integers(0, 9))
    chosen = choose(offered, np.random.default_rng(seed), count, rule=rule, taken=taken)
    assert len(chosen) <= count
    if chosen or taken:
        assert np.sum([one.mask for one in chosen], axis=0, initial=0).max() <= 1
    for one in chosen:
        whole = candidates[int(one.label)]
        assert one.mask.dtype == bool and one.mask.any()
        assert not (one.mask & ~whole).any()
        assert not any((one.mask & other).any() for other in taken)
        assert 0.05 <= one.mask.mean() <= 0.6
        if rule.connected:
            assert cv2.connectedComponents(one.mask.astype(np.uint8), connectivity=4)[0] == 2
    again = choose(offered, np.random.default_rng(seed), count, rule=rule, taken=taken)
    assert [one.label for one in again] == [one.label for one in chosen]


def strip(start: int, stop: int) -> BoolMask:
    mask = np.zeros((20, 100), bool)
    mask[:, start:stop] = True
    return mask


def test_little_overlap_is_trimmed_and_much_is_dropped() -> None:
    rule = RegionFilter(max_overlap=0.15)
    left = rule.passed(strip(0, 40), strip(36, 60))
    assert left is not None and np.array_equal(left, strip(0, 36))
    assert rule.passed(strip(0, 40), strip(32, 60)) is None
    assert rule.passed(strip(10, 20), strip(0, 40)) is None  # a part of it


def test_size_and_pieces_decide() -> None:
    rule = RegionFilter()
    assert rule.passed(strip(0, 3)) is None  # a speck
    assert rule.passed(strip(0, 46)) is None  # too much
    assert rule.passed(strip(0, 0)) is None
    assert RegionFilter(min_share=0.0).passed(strip(0, 0)) is None
    speckled = strip(0, 30) | strip(50, 52)
    kept = rule.passed(speckled)
    assert kept is not None and np.array_equal(kept, strip(0, 30))
    halves = strip(0, 20) | strip(40, 55)
    assert rule.passed(halves) is None
    both = RegionFilter(connected=False).passed(halves)
    assert both is not None and np.array_equal(both, halves)


def test_large_regions_come_first_more_often_but_not_always() -> None:
    offered = [Found(strip(0, 5), "small"), Found(strip(50, 90), "large")]
    first = [choose(offered, np.random.default_rng(s), 1)[0].label for s in range(200)]
    assert 0.55 < first.count("large") / 200 < 0.95


@pytest.mark.parametrize(
    "finder", [SuperpixelRegions(), BlobRegions(), AnyRegions((BlobRegions(), SuperpixelRegions()))]
)
def test_finders_find_what_their_functions_do(finder: RegionFinder) -> None:
    photo = LabelledPhoto(Path("nowhere.jpg"), "nowhere")
    found = finder.find(photo, scene(), np.random.default_rng(2), 3)
    assert found and all(one.mask.shape == SHAPE and one.label == "" for one in found)
    assert np.sum([one.mask for one in found], axis=0).max() == 1
    sent = pickle.loads(pickle.dumps(finder))
    again = sent.find(photo, scene(), np.random.default_rng(2), 3)
    assert all(np.array_equal(o.mask, t.mask) for o, t in zip(found, again, strict=True))
