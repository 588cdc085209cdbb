"""Calibration of two words' probabilities, by hand and by properties."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trainer.evaluate.bins import bins_of, expected_error
from trainer.evaluate.resampling import Resampler
from trainer.grounding_stage.calibration import (
    best_likelihood,
    brier,
    calibrate,
    likelihood,
    probability_of_second,
)

SHARES = arrays(np.float64, 12, elements=st.floats(0, 1))


def test_probabilities_are_equation_2() -> None:
    chi = np.array([[0.0, math.log(3)], [math.log(9), 0.0], [-1e6, 1e6]])
    assert probability_of_second(chi, 1.0) == pytest.approx([0.75, 0.1, 1.0])
    assert probability_of_second(chi, 2.0)[1] == pytest.approx(0.25)


def test_the_error_by_hand() -> None:
    said, true = np.array([0.12, 0.18, 0.95, 1.0]), np.array([0.0, 0.5, 1.0, 1.0])
    # Bins 0.1-0.2: means 0.15 and 0.25; 0.9-1.0: means 0.975 and 1.
    assert expected_error(said, true) == pytest.approx(0.5 * 0.1 + 0.5 * 0.025)
    bins = bins_of(said, true)
    assert [one.count for one in bins] == [0, 2, 0, 0, 0, 0, 0, 0, 0, 2]
    assert (bins[1].said, bins[1].true) == (pytest.approx(0.15), pytest.approx(0.25))
    assert bins[0].to_json()["said"] is None


@given(SHARES, SHARES)
def test_the_error_is_a_share(said: np.ndarray, true: np.ndarray) -> None:
    found = expected_error(said, true)
    assert 0 <= found <= 1
    assert found <= np.abs(said - true).mean() + 1e-9
    assert expected_error(said, said) == pytest.approx(0)
    assert sum(one.count for one in bins_of(said, true)) == len(said)


@given(SHARES, SHARES)
def test_likelihood_is_best_at_the_truth(said: np.ndarray, true: np.ndarray) -> None:
    assert (likelihood(true, true) <= likelihood(said, true) + 1e-5).all()
    assert np.isfinite(likelihood(said, true)).all()
    assert brier(said, true).max() <= 1


def test_the_likeliest_temperature_is_the_one_it_was_made_with() -> None:
    chi = np.random.default_rng(0).normal(0, 3, (400, 2))
    for tau in (0.5, 1.0, 3.0):
        pair = chi, probability_of_second(chi, tau)
        assert best_likelihood([pair, pair]) == pytest.approx(tau, rel=0.03)


def test_figures_have_intervals() -> None:
    rng = np.random.default_rng(1)
    chi, true = rng.normal(0, 2, (60, 2)), rng.random(60)
    resampler = Resampler([str(i // 3) for i in range(60)])
    found = calibrate("horizontal", "place", chi, true, 1.0, resampler)
    said = probability_of_second(chi, 1.0)
    assert found.error.value == pytest.approx(expected_error(said, true))
    assert found.brier.value == pytest.approx(brier(said, true).mean())
    for value in (found.brier, found.nll):
        assert value.low < value.value < value.high
    # Better told: the truth itself.
    right = calibrate("horizontal", "place", chi, said, 1.0, resampler)
    assert right.error.value == pytest.approx(0, abs=1e-9)
    assert right.nll.value < found.nll.value
