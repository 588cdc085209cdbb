"""The figures, by hand, by their properties, and beside SciPy."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import optimize, stats

from trainer.metrics import (
    bootstrap_interval,
    ciou,
    f1,
    fit_logistic,
    giou,
    giou_term,
    iou,
    krcc,
    logistic,
    macro_f1,
    micro_f1,
    overlap,
    plcc,
    plcc_fitted,
    precision,
    recall,
    srcc,
)

MASKS = hnp.arrays(bool, (5, 7))
COUNTS = hnp.arrays(np.int64, (4, 3), elements=st.integers(0, 20))
PAIRS = st.lists(
    st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=3, max_size=25
).filter(lambda pairs: len({x for x, _ in pairs}) > 1 and len({y for _, y in pairs}) > 1)


# --- masks ----------------------------------------------------------------------------------------


def test_iou_by_hand() -> None:
    one, other = np.zeros((2, 4), bool), np.zeros((2, 4), bool)
    one[0, :3] = True
    other[0, 1:] = True
    assert overlap(one, other) == (2, 4)
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
    assert overlap(one, other) == (int((one & other).sum()), int((one | other).sum()))


def test_giou_and_ciou_by_hand() -> None:
    # Half right; all right; nothing where nothing is; something where nothing is.
    overlaps = [(50, 100), (300, 300), (0, 0), (0, 80)]
    assert giou(overlaps) == pytest.approx(
        (50 / (100 + 1e-5) + 300 / (300 + 1e-5) + 1 + 0) / 4, abs=1e-12
    )
    assert ciou(overlaps) == pytest.approx(350 / 480)
    assert giou_term(0, 0) == 1
    assert giou_term(1, 1) == 1 / (1 + 1e-5)
    assert math.isnan(giou([]))
    assert math.isnan(ciou([(0, 0)]))


@given(
    parts=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=9),
    order=st.randoms(),
)
def test_giou_and_ciou_do_not_know_the_order(parts: list[tuple[int, int]], order: object) -> None:
    overlaps = [(inside, inside + outside) for inside, outside in parts]
    mixed = list(overlaps)
    order.shuffle(mixed)  # type: ignore[attr-defined]
    assert giou(mixed) == pytest.approx(giou(overlaps))
    assert 0 <= giou(overlaps) <= 1
    if any(union for _, union in overlaps):
        assert ciou(mixed) == pytest.approx(ciou(overlaps))
        assert 0 <= ciou(overlaps) <= 1


# --- names ----------------------------------------------------------------------------------------


def test_precision_recall_and_f1_by_hand() -> None:
    counts = [6, 2, 4]
    assert precision(counts) == pytest.approx(6 / 8)
    assert recall(counts) == pytest.approx(6 / 10)
    assert f1(counts) == pytest.approx(2 * 0.75 * 0.6 / (0.75 + 0.6))
    assert math.isnan(precision([0, 0, 3]))
    assert math.isnan(recall([0, 3, 0]))
    assert f1([0, 3, 0]) == 0
    table = [[6, 2, 4], [0, 0, 0], [0, 1, 1]]  # the second class was neither there nor named
    assert macro_f1(table) == pytest.approx((float(f1([6, 2, 4])) + 0) / 2)
    assert micro_f1(table) == pytest.approx(12 / (12 + 3 + 5))
    assert math.isnan(macro_f1([[0, 0, 0]]))


@given(counts=COUNTS, order=st.permutations(range(4)))
def test_f1_is_in_range_and_does_not_know_the_order(counts: np.ndarray, order: list[int]) -> None:
    for figure in (macro_f1, micro_f1):
        found = float(figure(counts))
        if counts.any():
            assert 0 <= found <= 1
            assert figure(counts[order]) == pytest.approx(found)
    stacked = np.stack([counts, 2 * counts])
    assert micro_f1(stacked) == pytest.approx([float(micro_f1(counts))] * 2, nan_ok=True)


@given(right=st.lists(st.integers(0, 9), min_size=4, max_size=4).filter(any))
def test_all_right_is_one(right: list[int]) -> None:
    counts = [[value, 0, 0] for value in right]
    assert macro_f1(counts) == micro_f1(counts) == 1


@given(true=st.lists(st.booleans(), min_size=1, max_size=30), seed=st.integers(0, 2**31))
def test_f1_lies_between_precision_and_recall(true: list[bool], seed: int) -> None:
    said = np.random.default_rng(seed).random(len(true)) < 0.5
    there = np.array(true)
    counts = [int((there & said).sum()), int((~there & said).sum()), int((there & ~said).sum())]
    assume(counts[0])
    low, high = sorted((float(precision(counts)), float(recall(counts))))
    assert low - 1e-12 <= f1(counts) <= high + 1e-12


# --- agreement ------------------------------------------------------------------------------------


def test_srcc_by_hand() -> None:
    assert srcc([1, 2, 3, 4], [10, 20, 30, 1000]) == pytest.approx(1)
    assert srcc([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    # Two neighbours exchanged: 1 - 6 * 2 / (4 * 15).
    assert srcc([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(0.8)
    # Ties share their rank: 1.5, 1.5, 3 against 1, 2, 3.
    assert srcc([5, 5, 6], [1, 2, 3]) == pytest.approx(math.sqrt(3) / 2)


def test_krcc_by_hand() -> None:
    # One of six pairs the wrong way round: (5 - 1) / 6.
    assert krcc([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(4 / 6)
    # tau-b: one pair tied on one side, 2 / sqrt(2 * 3).
    assert krcc([5, 5, 6], [1, 2, 3]) == pytest.approx(2 / math.sqrt(6))


@pytest.mark.parametrize("figure", [srcc, krcc, plcc, plcc_fitted])
def test_what_never_changes_agrees_with_nothing(figure: object) -> None:
    assert figure([1, 2, 3, 4], [7, 7, 7, 7]) == 0  # type: ignore[operator]
    assert figure([7, 7, 7, 7], [1, 2, 3, 4]) == 0  # type: ignore[operator]
    assert figure([], []) == 0  # type: ignore[operator]


@given(values=st.lists(st.integers(0, 1000), min_size=2, max_size=20, unique=True))
def test_ranks_alone_count(values: list[int]) -> None:
    bent = [value**3 + 1 for value in values]
    assert srcc(values, bent) == pytest.approx(1)
    assert krcc(values, bent) == pytest.approx(1)


@given(pairs=PAIRS, order=st.randoms())
def test_agreements_are_scipys_and_know_no_order(
    pairs: list[tuple[int, int]], order: object
) -> None:
    x, y = map(list, zip(*pairs, strict=True))
    assert srcc(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-9)
    assert krcc(x, y) == pytest.approx(stats.kendalltau(x, y).statistic, abs=1e-9)
    assert plcc(x, y) == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-9)
    order.shuffle(pairs)  # type: ignore[attr-defined]
    mixed_x, mixed_y = map(list, zip(*pairs, strict=True))
    for figure in (srcc, krcc, plcc):
        found = figure(x, y)
        assert -1 - 1e-9 <= found <= 1 + 1e-9
        assert figure(mixed_x, mixed_y) == pytest.approx(found, abs=1e-9)
        assert figure([-value for value in x], y) == pytest.approx(-found, abs=1e-9)


def test_the_fit_is_the_fields() -> None:
    """Four parameters, the field's start and number of calls."""
    rng = np.random.default_rng(4)
    x = rng.uniform(0, 100, 200)
    y = logistic(x, 0.9, 0.1, 55, 8) + rng.normal(0, 0.03, 200)

    def curve(x: np.ndarray, b1: float, b2: float, b3: float, b4: float) -> np.ndarray:
        return (b1 - b2) / (1 + np.exp(-(x - b3) / b4)) + b2

    start = [max(y), min(y), np.mean(x), np.std(x) / 4]
    expected, _ = optimize.curve_fit(curve, x, y, p0=start, maxfev=10000)
    found = fit_logistic(x, y)
    assert found is not None
    assert found == pytest.approx(expected, rel=1e-5)
    assert plcc_fitted(x, y) == pytest.approx(np.corrcoef(curve(x, *expected), y)[0, 1])
    assert plcc_fitted(x, y) > plcc(x, y) + 0.02


def test_no_fit_is_no_number() -> None:
    assert fit_logistic([1, 2, 3], [1, 2, 3]) is None
    assert math.isnan(plcc_fitted([1, 2, 3], [1, 2, 3]))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000))
def test_a_fit_never_makes_it_worse_on_a_curve(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 100, 60)
    y = logistic(x, 1.0, 0.0, rng.uniform(40, 60), rng.uniform(4, 9))
    assert plcc_fitted(x, y) >= plcc(x, y) - 1e-6
    assert plcc_fitted(x, y) == pytest.approx(1, abs=1e-4)


# --- intervals ------------------------------------------------------------------------------------


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
