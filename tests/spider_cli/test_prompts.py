"""From probabilities to points, and from masks back to words: by hand and by properties."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from spider_cli.prompts import (
    agreement,
    cell_shares,
    drawn_points,
    expected_point,
    least_likely_point,
    mirrored_point,
    place_at,
)
from spider_cli.text_to_point import point_from

SIDES = st.integers(1, 5000)


@st.composite
def probabilities(draw: Any, words: int | None = None) -> list[float]:
    count = words or draw(st.integers(2, 5))
    weights = draw(st.lists(st.floats(0, 1), min_size=count, max_size=count))
    if sum(weights) < 1e-6:
        weights = [1.0] * count
    return [one / sum(weights) for one in weights]


@given(probabilities(2), probabilities(2), SIDES, SIDES)
def test_two_words_are_equation_4(
    across: list[float], down: list[float], width: int, height: int
) -> None:
    assert expected_point(across, down, width, height) == point_from(across, down, width, height)


@pytest.mark.parametrize(
    ("across", "x"),
    [((1, 0, 0), 0), ((0, 1, 0), 150), ((0, 0, 1), 300), ((0.5, 0.25, 0.25), 112.5)],
)
def test_three_words_stand_for_0_one_half_and_1(across: tuple[float, ...], x: float) -> None:
    assert expected_point(across, (0.5, 0.5), 300, 100) == pytest.approx((x, 50))


@given(probabilities(), probabilities(), SIDES, SIDES, st.integers(0, 99))
def test_all_points_are_in_the_photo(
    across: list[float], down: list[float], width: int, height: int, seed: int
) -> None:
    expected = expected_point(across, down, width, height)
    points = [
        expected,
        mirrored_point(expected, width, height),
        least_likely_point(across, down, width, height),
        *drawn_points(across, down, width, height, count=5, seed=seed),
    ]
    for x, y in points:
        assert 0 <= x <= width * (1 + 1e-9)
        assert 0 <= y <= height * (1 + 1e-9)


@given(probabilities(), st.floats(0, 1), st.floats(0, 1))
def test_more_share_is_further_on(words: list[float], one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert place_at(words, low) <= place_at(words, high) + 1e-9


@given(probabilities(), st.floats(0.001, 0.999))
def test_the_place_has_its_share_before_it(words: list[float], share: float) -> None:
    place = place_at(words, share) * len(words)
    before = sum(p * min(max(place - i, 0), 1) for i, p in enumerate(words))
    assert before == pytest.approx(share, abs=1e-6)


def test_drawn_points_follow_the_words() -> None:
    points = drawn_points((0.25, 0.75), (1.0, 0.0), 200, 100, count=16)
    right = [x for x, _ in points if x > 100]
    assert len(right) == 12
    assert all(y < 50 for _, y in points)
    assert points == drawn_points((0.25, 0.75), (1.0, 0.0), 200, 100, count=16)
    assert points != drawn_points((0.25, 0.75), (1.0, 0.0), 200, 100, count=16, seed=1)
    # The first ones are the same, however many there are.
    assert points[:3] == drawn_points((0.25, 0.75), (1.0, 0.0), 200, 100, count=3)


def test_negative_places() -> None:
    assert mirrored_point((30, 20), 200, 100) == (170, 80)
    assert least_likely_point((0.3, 0.7), (0.1, 0.9), 200, 100) == (50, 25)
    assert least_likely_point((0.3, 0.2, 0.5), (0.9, 0.1), 300, 100) == (150, 75)
    assert least_likely_point((0.5, 0.5), (0.5, 0.5), 200, 100) == (150, 75)


MASKS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=12))


@given(MASKS, st.integers(2, 4), st.integers(2, 4))
def test_shares_sum_to_one(mask: np.ndarray, rows: int, columns: int) -> None:
    shares = cell_shares(mask, rows, columns)
    assert shares.shape == (rows, columns)
    assert shares.sum() == pytest.approx(1.0 if mask.any() else 0.0)


def test_shares_by_hand() -> None:
    mask = np.zeros((4, 6), bool)
    mask[0, :4] = True  # three on the left, one on the right
    assert cell_shares(mask, 2, 2) == pytest.approx(np.array([[0.75, 0.25], [0, 0]]))
    assert cell_shares(mask, 2, 3) == pytest.approx(np.array([[0.5, 0.5, 0], [0, 0, 0]]))


@given(MASKS, probabilities(2), probabilities(3))
def test_agreement_is_a_share(mask: np.ndarray, down: list[float], across: list[float]) -> None:
    found = agreement(cell_shares(mask, 2, 3), across, down)
    assert 0 <= found <= 1 + 1e-9


@given(probabilities(3), probabilities(2))
def test_full_agreement(across: list[float], down: list[float]) -> None:
    assert agreement(np.outer(down, across), across, down) == pytest.approx(1)


def test_no_agreement() -> None:
    mask = np.zeros((10, 10), bool)
    mask[:5, :5] = True
    assert agreement(cell_shares(mask, 2, 2), (0.0, 1.0), (0.0, 1.0)) == 0
    assert agreement(cell_shares(mask, 2, 2), (0.6, 0.4), (0.5, 0.5)) == pytest.approx(0.3)
