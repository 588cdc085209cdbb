"""Bootstrap and exchange over clusters, beside SciPy's on independent rows."""

import numpy as np
import pytest
from scipy import stats

from trainer.evaluate.resampling import Resampler
from trainer.metrics import srcc


def mean(sums: np.ndarray) -> np.ndarray:
    return np.asarray(sums[..., 0] / sums[..., 1])


def sums_of(values: np.ndarray) -> np.ndarray:
    return np.stack([values, np.ones(len(values))], axis=1)


def each_its_own(count: int) -> list[str]:
    return [str(index) for index in range(count)]


def test_an_interval_is_the_usual_one() -> None:
    values = np.random.default_rng(0).normal(5, 2, 400)
    low, high = Resampler(each_its_own(400)).interval(sums_of(values), mean)
    error = 1.96 * values.std() / 20
    assert low == pytest.approx(values.mean() - error, abs=0.15 * error)
    assert high == pytest.approx(values.mean() + error, abs=0.15 * error)


def test_rows_of_a_cluster_are_one_witness() -> None:
    """Each value ten times over is no more sure than once."""
    values = np.random.default_rng(1).normal(0, 1, 40)
    once = Resampler(each_its_own(40)).interval(sums_of(values), mean)
    names = [str(index) for index in range(40) for _ in range(10)]
    often = Resampler(names).interval(sums_of(np.repeat(values, 10)), mean)
    alone = Resampler(each_its_own(400)).interval(sums_of(np.repeat(values, 10)), mean)
    assert often[1] - often[0] == pytest.approx(once[1] - once[0], rel=0.15)
    assert alone[1] - alone[0] < 0.5 * (often[1] - often[0])


def test_rows_that_a_figure_is_not_about_change_nothing() -> None:
    values = np.random.default_rng(2).random(50)
    padded = np.concatenate([sums_of(values), np.zeros((30, 2))])
    low, high = Resampler(each_its_own(80)).interval(padded, mean)
    assert low < values.mean() < high
    plain = Resampler(each_its_own(50)).interval(sums_of(values), mean)
    assert (low, high) == pytest.approx(plain, abs=0.02)


@pytest.mark.parametrize("gap", [0.0, 0.25])
def test_p_is_that_of_scipys_sign_flips(gap: float) -> None:
    rng = np.random.default_rng(3)
    this, that = rng.normal(gap, 1, 60), rng.normal(0, 1, 60)
    comparison = Resampler(each_its_own(60)).compare(sums_of(this), sums_of(that), mean)
    found = stats.permutation_test(
        (this, that),
        lambda a, b, axis: (a - b).mean(axis=axis),
        permutation_type="samples",
        n_resamples=20000,
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    assert comparison.difference == pytest.approx(found.statistic)
    assert comparison.p == pytest.approx(found.pvalue, abs=0.012)


def test_few_clusters_are_exchanged_in_every_way() -> None:
    this, that = np.array([3.0, 4.0, 5.0, 1.0, 7.0]), np.array([1.0, 1.0, 1.0, 1.0, 1.0])
    comparison = Resampler(each_its_own(5)).compare(sums_of(this), sums_of(that), mean)
    exact = stats.permutation_test(
        (this, that),
        lambda a, b, axis: (a - b).mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
    )
    assert comparison.p == pytest.approx(exact.pvalue)
    assert comparison.p == pytest.approx(2 / 16)  # of the four that differ: all one way


def test_exchanging_counts_of_a_ratio() -> None:
    """A figure that is no mean (a ratio of sums): by SciPy with the clusters' numbers as data."""
    rng = np.random.default_rng(5)
    one = np.stack([rng.integers(0, 5, 40), rng.integers(5, 12, 40)], axis=1).astype(float)
    two = np.stack([rng.integers(0, 7, 40), rng.integers(5, 12, 40)], axis=1).astype(float)
    table = np.concatenate([one, two])

    def difference(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
        ours, theirs = table[a.astype(int)].sum(axis=-2), table[b.astype(int)].sum(axis=-2)
        return np.asarray(mean(ours) - mean(theirs))

    found = stats.permutation_test(
        (np.arange(40), np.arange(40) + 40),
        difference,
        permutation_type="samples",
        n_resamples=9999,
        vectorized=True,
        rng=np.random.default_rng(1),
    )
    comparison = Resampler(each_its_own(40)).compare(one, two, mean)
    assert comparison.difference == pytest.approx(found.statistic)
    assert comparison.p == pytest.approx(found.pvalue, abs=0.015)


def test_a_system_does_not_differ_from_itself() -> None:
    values = sums_of(np.random.default_rng(6).random(30))
    comparison = Resampler(each_its_own(30)).compare(values, values, mean)
    assert (comparison.difference, comparison.low, comparison.high) == (0, 0, 0)
    assert comparison.p == 1


def test_pairs_are_narrower_than_their_parts() -> None:
    """What both find hard or easy does not blur their difference."""
    rng = np.random.default_rng(7)
    hard = rng.normal(0, 3, 200)
    this, that = hard + rng.normal(0.4, 0.2, 200), hard + rng.normal(0, 0.2, 200)
    sampler = Resampler(each_its_own(200))
    comparison = sampler.compare(sums_of(this), sums_of(that), mean)
    low, high = sampler.interval(sums_of(this), mean)
    assert comparison.high - comparison.low < 0.2 * (high - low)
    assert comparison.low < 0.4 < comparison.high
    assert comparison.p is not None
    assert comparison.p < 0.001


def test_correlations_are_drawn_row_by_row() -> None:
    rng = np.random.default_rng(8)
    y = rng.random(150)
    good, bad = y + rng.normal(0, 0.1, 150), y + rng.normal(0, 1.0, 150)
    sampler = Resampler(each_its_own(150), rounds=300)
    low, high = sampler.correlation_interval(good, y, srcc)
    assert low < srcc(good, y) < high
    expected = stats.bootstrap(
        (good, y), lambda a, b: srcc(a, b), paired=True, vectorized=False, n_resamples=300,
        method="percentile", rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=0.02)
    comparison = sampler.compare_correlations(good, bad, y, (srcc, srcc))
    assert comparison.p is None
    assert 0 < comparison.low < comparison.difference < comparison.high


def test_the_same_seed_draws_the_same() -> None:
    values = sums_of(np.random.default_rng(9).random(40))
    one = Resampler(each_its_own(40), seed=1).interval(values, mean)
    assert Resampler(each_its_own(40), seed=1).interval(values, mean) == one
    assert Resampler(each_its_own(40), seed=2).interval(values, mean) != one
