"""Scores as stars and colours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_cli.audit.stars import Labels, Thresholds
from spider_cli.audit.xmp_terms import Colour
from spider_cli.errors import UsageError

score = st.floats(0, 100)


@pytest.mark.parametrize(
    ("value", "stars"),
    [(0, -1), (14.99, -1), (15, 1), (29.9, 1), (30, 2), (45, 3), (60, 4), (74.9, 4), (75, 5)],
)
def test_the_defaults(value: float, stars: int) -> None:
    assert Thresholds().stars(value) == stars


@given(st.lists(score, min_size=6, max_size=6).map(sorted), score, score)
def test_more_score_is_never_fewer_stars(steps: list[float], one: float, other: float) -> None:
    names = ("unrated", "one", "two", "three", "four", "five")
    thresholds = Thresholds(**dict(zip(names, steps, strict=True)))
    low, high = sorted([one, other])
    assert -1 <= thresholds.stars(low) <= thresholds.stars(high) <= 5
    for stars, lowest in enumerate(steps):
        assert (thresholds.stars(one) >= stars) == (one >= lowest)


def test_nothing_is_rejected_where_the_lowest_threshold_is_zero() -> None:
    assert Thresholds(unrated=0).stars(0) == 0
    assert Thresholds(unrated=0, one=0).stars(0) == 1


def test_wrong_thresholds_are_named() -> None:
    with pytest.raises(UsageError, match=r"'four' .*'three'"):
        Thresholds(three=70, four=50)
    for wrong in (-1, 101, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="'five'"):
            Thresholds(five=wrong)


@pytest.mark.parametrize("value", [-0.1, 100.1, float("nan")])
def test_no_stars_without_a_score(value: float) -> None:
    with pytest.raises(ValueError, match="not within 0-100"):
        Thresholds().stars(value)


def test_colours_of_stars() -> None:
    labels = Labels(three=None, five=Colour.PURPLE)
    found = [labels.colour(stars) for stars in range(-1, 6)]
    assert found == ["Red", None, "Yellow", "Yellow", None, "Green", "Purple"]
