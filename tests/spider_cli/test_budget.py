"""Budgets: as people type them, what they bound, and that the page says what the code does."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_cli.budget import (
    BUDGETS,
    LEAST,
    OTHERS,
    SERVED,
    broadened,
    chat_budget,
    check_budget,
    default_budget,
    parse_pixels,
    within,
)
from spider_cli.errors import UsageError

SIDES = st.integers(1, 60_000)


@pytest.mark.parametrize(
    ("text", "pixels"),
    [
        ("1500000", 1_500_000),
        (" 1_500_000 ", 1_500_000),
        ("1500k", 1_500_000),
        ("1.5M", 1_500_000),
        ("1.310720m", 1_310_720),
        ("2.0", 2),
        ("0", 0),
    ],
)
def test_numbers_of_pixels(text: str, pixels: int) -> None:
    assert parse_pixels(text) == pixels


@pytest.mark.parametrize("text", ["", "M", "lots", "-5", "1.5", "1.0000001M", "1e6", "1,5M", "5 G"])
def test_what_is_no_number_of_pixels(text: str) -> None:
    with pytest.raises(ValueError, match="no number of pixels"):
        parse_pixels(text)


@given(SIDES, SIDES, st.integers(1, 10**9), st.sampled_from([math.inf, 100.0, 40.0]))
def test_within_a_budget(width: int, height: int, most: int, thinnest: float) -> None:
    broad = broadened((width, height), thinnest)
    size = within((width, height), most, thinnest)
    assert min(size) >= 1
    assert size[0] * size[1] <= most
    assert max(size) <= thinnest * min(size)
    assert size[0] <= broad[0]
    assert size[1] <= broad[1]
    if broad[0] * broad[1] <= most:
        assert size == broad
    elif min(size) > 1 and thinnest == math.inf:  # only fractions of a pixel are given away
        scale = math.sqrt(most / (broad[0] * broad[1]))
        assert size[0] == pytest.approx(broad[0] * scale, abs=1)
        assert size[1] == pytest.approx(broad[1] * scale, abs=1)


@given(SIDES, SIDES)
def test_slivers_become_broader_and_nothing_else(width: int, height: int) -> None:
    broad = broadened((width, height), 100)
    assert max(broad) == max(width, height)
    assert max(broad) <= 100 * min(broad)
    if max(width, height) <= 100 * min(width, height):
        assert broad == (width, height)


def test_defaults() -> None:
    """A type that is not known, and one that a config.json lacks, have the usual one."""
    assert default_budget("spider_nano") is None
    assert default_budget("qwen3_vl") == 1_310_720
    for unknown in ("llava", "", None, 7):
        assert default_budget(unknown) == OTHERS.pixels == chat_budget(unknown)
    assert chat_budget("spider_nano") == OTHERS.pixels
    for budget in (*BUDGETS.values(), OTHERS):
        assert budget.why
        assert budget.pixels is None or budget.pixels >= 1280 * 960


def test_the_page_says_the_defaults() -> None:
    page = Path(__file__).parents[2].joinpath("docs/models.md").read_text("utf-8")
    table = page.partition("## How much of a photo")[2].partition("\n## ")[0]
    for budget in (*BUDGETS.values(), OTHERS):
        assert f"| {budget.pixels:,} |" in table if budget.pixels else "| none |" in table
    assert f"| {LEAST:,} |" in table
    endpoints = Path(__file__).parents[2].joinpath("docs/endpoints.md").read_text("utf-8")
    assert f"{BUDGETS[SERVED].pixels:,}" in endpoints


def test_too_few() -> None:
    check_budget(LEAST)
    with pytest.raises(UsageError, match="--max-pixels 1023 is too small") as caught:
        check_budget(LEAST - 1)
    assert caught.value.code == "budget_too_small"
    assert "1024" in caught.value.hint
