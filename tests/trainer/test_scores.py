"""Opinions as soft levels, and stand-ins for opinions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_cli.vocabulary import LEVEL_WEIGHTS, LEVELS
from trainer.scores import expected_opinion, soft_levels
from trainer.truth import Applied, Region, Sample

BLANK = np.zeros((40, 60, 3), np.uint8)


@given(mos=st.floats(0, 1))
def test_levels_mean_their_opinion(mos: float) -> None:
    levels = soft_levels(mos)
    assert sum(levels.values()) == pytest.approx(1)
    assert all(share >= 0 for share in levels.values())
    weight = dict(zip(LEVELS, LEVEL_WEIGHTS, strict=True))
    assert sum(weight[word] * share for word, share in levels.items()) == pytest.approx(mos)
    first, second = (LEVELS.index(word) for word in levels)
    assert second == first + 1


@pytest.mark.parametrize(
    ("mos", "word"), [(1, "excellent"), (0.75, "good"), (0.5, "fair"), (0.25, "poor"), (0, "bad")]
)
def test_the_levels_own_opinions(mos: float, word: str) -> None:
    assert soft_levels(mos)[word] == pytest.approx(1)


@pytest.mark.parametrize(("mos", "edge"), [(-1, 0), (2, 1)])
def test_opinions_outside_are_clipped(mos: float, edge: float) -> None:
    assert soft_levels(mos) == soft_levels(edge)


def applied(level: float) -> Applied:
    return Applied("noise", "noise_gaussian", level, "mild")


def region(share: float, *levels: float) -> Region:
    mask = np.zeros((40, 60), bool)
    mask[: round(40 * share)] = True
    return Region(mask, (0, 0, 60, 40), (1, 1), tuple(map(applied, levels)))


def test_the_expected_opinion_falls_with_level_area_and_number() -> None:
    clean = expected_opinion(Sample(BLANK))
    whole = [expected_opinion(Sample(BLANK, whole=(applied(x),))) for x in (1, 2, 3, 4, 5)]
    assert clean > whole[0]
    assert whole == sorted(whole, reverse=True)
    assert len(set(whole)) == 5
    parts = [expected_opinion(Sample(BLANK, (region(share, 4.0),))) for share in (0.1, 0.3, 0.9)]
    assert parts == sorted(parts, reverse=True)
    assert clean > parts[0]
    assert parts[-1] > whole[3]
    two = expected_opinion(Sample(BLANK, (region(0.3, 4.0, 2.0),)))
    assert two < parts[1]
    assert 0 < expected_opinion(Sample(BLANK, whole=(applied(5), applied(5)))) < 0.2
