"""Rules as values: their names, their JSON, their prompts and choices."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_cli.errors import UsageError
from spider_cli.prompts import drawn_points, least_likely_point, mirrored_point
from spider_cli.rules import MASKS, NEGATIVES, PAPER, WORDS, Rule, rule_named

RULES = st.builds(
    lambda words, prompt, mask: Rule(
        vertical=words[0],
        horizontal=words[1],
        points=1 if mask == "asked" else prompt[0],
        negative="none" if mask == "asked" else prompt[1],
        mask=mask,
    ),
    st.sampled_from(list(WORDS.values())),
    st.tuples(st.integers(1, 16), st.sampled_from(NEGATIVES)),
    st.sampled_from(MASKS),
)


@given(RULES)
def test_names_and_json_come_back(rule: Rule) -> None:
    assert rule_named(rule.name) == rule
    assert Rule.from_json(rule.to_json()) == rule
    assert rule.plain == (rule.points == 1 and rule.negative == "none" and rule.mask == "iou")


def test_the_papers_rule() -> None:
    assert Rule() == PAPER == rule_named("paper") == rule_named(" PAPER ")
    assert PAPER.name == "paper"
    assert PAPER.words == (("top", "bottom"), ("left", "right"))
    prompt = PAPER.prompt([0.25, 0.75], [0.9, 0.1], 200, 100)
    assert prompt.points == ((pytest.approx(20), pytest.approx(75)),)
    assert prompt.labels == (1,)


def test_a_rule_of_several_parts() -> None:
    rule = rule_named("negative-least+thirds+mask-agreement")
    assert rule.name == "thirds+negative-least+mask-agreement"
    assert rule.horizontal == ("left", "middle", "right")


def test_words_of_ones_own() -> None:
    rule = Rule(vertical=("oben", "unten"), horizontal=("links", "mitte", "rechts"))
    assert Rule.from_json(rule.to_json()) == rule
    assert "links" in rule.name


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("papper", "did you mean 'paper'?"),
        ("third", "did you mean 'thirds'?"),
        ("negative-most", "did you mean 'negative-least'?"),
        ("points-three", "did you mean 'points-3'?"),
        ("", "Rules are"),
        ("paper+", "Rules are"),
    ],
)
def test_an_unknown_rule(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match="unknown rule") as caught:
        rule_named(name)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "name",
    [
        "points-1000",
        "points-0",
        "thirds+centre",
        "mask-iou+mask-first",
        "points-3+mask-asked",
        "negative-least+mask-asked",
    ],
)
def test_a_rule_that_cannot_be(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        rule_named(name)
    assert caught.value.code == "bad_rule"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("vertical", ("top",)),
        ("vertical", "top bottom"),
        ("horizontal", ("left", "left")),
        ("horizontal", ("Left", "right")),
        ("horizontal", ("left", "")),
        ("horizontal", ("left", 3)),
        ("points", 0),
        ("points", 2.0),
        ("points", True),
        ("seed", -1),
        ("negative", "all"),
        ("mask", None),
        ("colour", "red"),
    ],
)
def test_values_that_are_none(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=field):
        Rule.from_json({field: value})


def test_prompts_of_alternatives() -> None:
    down, across = [0.2, 0.8], [0.7, 0.3]
    [expected] = PAPER.prompt(down, across, 200, 100).points
    drawn = rule_named("points-3").prompt(down, across, 200, 100)
    assert list(drawn.points) == drawn_points(across, down, 200, 100, count=3)
    assert drawn.labels == (1, 1, 1)
    mirrored = rule_named("negative-mirrored").prompt(down, across, 200, 100)
    assert mirrored.points == (expected, mirrored_point(expected, 200, 100))
    assert mirrored.labels == (1, 0)
    both = rule_named("points-2+negative-least").prompt(down, across, 200, 100)
    assert both.points[2] == least_likely_point(across, down, 200, 100)
    assert both.labels == (1, 1, 0)


def test_choices() -> None:
    qualities = [0.2, 0.9, 0.5]
    left, right = np.array([[0.5, 0.0], [0.5, 0.0]]), np.array([[0.0, 0.5], [0.0, 0.5]])
    shares = [right, right, left]
    down, across = [0.5, 0.5], [0.8, 0.2]
    assert PAPER.choose(qualities, shares, down, across) == 1
    assert rule_named("mask-first").choose(qualities, shares, down, across) == 0
    assert rule_named("mask-agreement").choose(qualities, shares, down, across) == 2
    # Equally good ones by predicted IoU.
    assert rule_named("mask-agreement").choose(qualities, [left] * 3, down, across) == 1
