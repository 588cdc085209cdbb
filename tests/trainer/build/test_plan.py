"""Plans meet the shares asked for, to a card."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spider_cli.vocabulary import FAMILIES, SEVERITIES
from trainer.annotate import ORDERS, PLACED_BY_FRAME
from trainer.build.config import BuildConfig, read_config
from trainer.build.plan import LEVELS, PhotoPlan, deal, plan_photos, seldom_alone
from trainer.distortions import AUTHENTIC, TYPES, severity_of


def plans(size: int = 400, **changes: object) -> list[PhotoPlan]:
    config = BuildConfig(size=size, seed=3, **changes)  # type: ignore[arg-type]
    return plan_photos(config, "train", size, list(range(30)), 0)


def test_families_and_severities_are_even_to_a_card() -> None:
    made = plans()
    placed = [one for plan in made for slot in plan.slots for one in slot]
    families = Counter(one.family for one in placed if one.family)
    expected = sum(families.values()) / len(FAMILIES)
    assert set(families) == set(FAMILIES)
    assert all(abs(count - expected) <= 1.5 for count in families.values()), families
    words = Counter(one.severity for one in placed)
    assert all(abs(words[word] - len(placed) / 3) <= 1.5 for word in SEVERITIES), words
    for family in FAMILIES:
        own = Counter(one.severity for one in placed if one.family == family)
        assert all(abs(own[word] - families[family] / 3) <= 1.5 for word in SEVERITIES)


@pytest.mark.parametrize("two", [0.1, 0.3])
def test_many_pairs_leave_the_families_even(two: float) -> None:
    placed = Counter(
        one.family for plan in plans(600, two=two) for slot in plan.slots for one in slot
    )
    del placed[""]
    expected = sum(placed.values()) / len(FAMILIES)
    assert all(abs(count - expected) <= 2.5 for count in placed.values()), placed
    orders = {
        tuple(one.family for one in slot)
        for plan in plans(600, two=two)
        for slot in plan.slots
        if len(slot) == 2
    }
    assert len(orders) >= (11 if two == 0.1 else 6)


def test_families_that_pairs_use_up_are_told() -> None:
    """By what a plan really has."""
    in_pairs = {family for order in ORDERS.items() for family in (order[0], *order[1])}
    few = seldom_alone(BuildConfig(two=0.3))
    assert set(few) < in_pairs
    alone = Counter(
        slot[0].family for plan in plans(2000, two=0.3) for slot in plan.slots if len(slot) == 1
    )
    del alone[""]
    even = sum(alone.values()) / len(FAMILIES)
    assert {family for family in FAMILIES if alone[family] < even / 4} == set(few)
    assert seldom_alone(BuildConfig()) == seldom_alone(BuildConfig(two=0)) == []
    assert seldom_alone(BuildConfig(two=1)) == []


def test_the_shipped_data_has_every_family_alone(root: Path) -> None:
    files = [root / "docs" / "benchmark.toml", *(root / "trainer/recipes/data").glob("*.toml")]
    assert len(files) == 3
    assert {file.name: seldom_alone(BuildConfig(**read_config(file))) for file in files} == {
        file.name: [] for file in files
    }


def test_shares_asked_for_are_the_shares_met() -> None:
    made = plans(
        families={"blur": 3.0, "noise": 1.0, "darken": 2.0},
        severities={"mild": 1.0, "severe": 3.0},
        two=0.1,
        other=0.0,
    )
    placed = [one for plan in made for slot in plan.slots for one in slot]
    shares = Counter(one.family for one in placed)
    assert shares["blur"] / len(placed) == pytest.approx(0.5, abs=0.01)
    assert shares["darken"] / len(placed) == pytest.approx(1 / 3, abs=0.01)
    assert {one.severity for one in placed} == {"mild", "severe"}
    assert sum(one.severity == "severe" for one in placed) / len(placed) == pytest.approx(
        0.75, abs=0.01
    )


def test_scenes_numbers_and_clean_photos() -> None:
    made = plans(clean=0.2, whole=0.25, other=0.05)
    assert len(made) == 500  # 400 distorted, a fifth of all clean
    scenes = Counter(plan.scene for plan in made)
    assert scenes == {"clean": 100, "whole": 120, "regions": 280}
    counts = Counter(len(plan.slots) for plan in made if plan.scene == "regions")
    assert counts == {1: 56, 2: 140, 3: 84}
    assert [plan.index for plan in made] == list(range(500))
    used = Counter(plan.photos[0] for plan in made)
    assert max(used.values()) - min(used.values()) <= 1


def test_contents_are_sound() -> None:
    two = again = 0
    for plan in plans():
        seen: dict[str, str] = {}
        for slot in plan.slots:
            assert 1 <= len(slot) <= 2
            two += len(slot) == 2
            if len(slot) == 2:
                assert slot[1].family in ORDERS[slot[0].family]
            for one in slot:
                low, high = LEVELS[one.severity]
                assert low <= one.level <= high
                assert severity_of(one.level) == one.severity
                if plan.scene == "regions":
                    assert not PLACED_BY_FRAME.intersection(one.kinds)
                if one.family:
                    own = {kind for kind, (name, _) in AUTHENTIC.items() if name == one.family}
                    assert set(one.kinds) <= {*TYPES[one.family], *own}
                    again += one.family in seen
                    seen[one.family] = one.severity
    assert two > 100
    assert again > 50


def test_the_same_seed_gives_the_same_plans() -> None:
    assert plans(50) == plans(50)
    config = BuildConfig(size=50, seed=4)
    assert plan_photos(config, "train", 50, list(range(30)), 0) != plans(50)


@given(
    st.dictionaries(st.text(max_size=3), st.floats(0, 9), min_size=1, max_size=6).filter(
        lambda shares: sum(shares.values()) > 0.01
    ),
    st.integers(0, 60),
)
@settings(max_examples=60, deadline=None)
def test_dealing_is_exact(shares: dict[str, float], count: int) -> None:
    cards = deal(shares, count, np.random.default_rng(0))
    assert len(cards) == count
    for key, share in shares.items():
        assert abs(cards.count(key) - share / sum(shares.values()) * count) < 1 + 1e-6
