"""The figures, by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from trainer.metrics import bootstrap_interval, iou, srcc

MASKS = hnp.arrays(bool, (5, 7))


def test_iou_by_hand() -> None:
    one, other = np.zeros((2, 4), bool), np.zeros((2, 4), bool)
    one[0, :3] = True
    other[0, 1:] = True
    assert iou(one, other) == pytest.approx(2 / 4)
    assert iou(one, ~one) == 0
    assert iou(one, np.zeros_like(one)) == 0
    assert iou(np.zeros_like(one), np.zeros_like(one)) == 1


@given(one=MASKS, other=MASKS)
def test_iou_is_symmetric_and_in_range(one: np.ndarray, other: np.ndarray) -> None:
    found = iou(one, other)
    assert 0 <= found <= 1
    assert found == iou(other, one)
    assert iou(one, one) == 1
    assert (found == 1) == np.array_equal(one, other)


def test_srcc_by_hand() -> None:
    assert srcc([1, 2, 3, 4], [10, 20, 30, 1000]) == pytest.approx(1)
    assert srcc([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    # Two neighbours exchanged: 1 - 6 * 2 / (4 * 15).
    assert srcc([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(0.8)
    # Ties share their rank: 1.5, 1.5, 3 against 1, 2, 3.
    assert srcc([5, 5, 6], [1, 2, 3]) == pytest.approx(math.sqrt(3) / 2)


def test_srcc_of_what_never_changes() -> None:
    assert srcc([1, 2, 3], [7, 7, 7]) == 0
    assert srcc([], []) == 0


@given(
    values=st.lists(st.integers(0, 1000), min_size=2, max_size=20, unique=True),
)
def test_srcc_sees_ranks_alone(values: list[int]) -> None:
    assert srcc(values, [value**3 + 1 for value in values]) == pytest.approx(1)


def test_an_interval_holds_its_mean_and_shrinks() -> None:
    rng = np.random.default_rng(0)
    few, many = rng.uniform(0, 1, 20), rng.uniform(0, 1, 2000)
    wide, narrow = bootstrap_interval(list(few)), bootstrap_interval(list(many))
    assert wide[0] < few.mean() < wide[1]
    assert narrow[0] < many.mean() < narrow[1]
    assert narrow[1] - narrow[0] < 0.3 * (wide[1] - wide[0])
    # 1.96 standard errors to either side.
    error = 1.96 * many.std() / math.sqrt(2000)
    assert narrow[0] == pytest.approx(many.mean() - error, abs=0.2 * error)


def test_intervals_repeat() -> None:
    values = [0.1, 0.5, 0.9, 0.2]
    assert bootstrap_interval(values) == bootstrap_interval(values)
    assert bootstrap_interval(values, seed=1) != bootstrap_interval(values, seed=2)
    assert bootstrap_interval([0.4] * 5) == pytest.approx((0.4, 0.4))


def test_no_interval_of_nothing() -> None:
    assert all(math.isnan(end) for end in bootstrap_interval([]))
