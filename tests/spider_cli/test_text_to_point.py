"""From logits to a point, by hand and by properties; no model."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_cli.text_to_point import (
    AXES,
    Emitted,
    axis_evidence,
    closed_set,
    find_emitted,
    point_from,
    surface_like,
)
from spider_cli.vocabulary import HORIZONTAL, VERTICAL

LOGITS = st.floats(-1e6, 1e6)
TEMPERATURES = st.floats(1e-3, 1e3)
SIDES = st.integers(1, 20_000)


# --- equations 2 to 4 ---------------------------------------------------------------------------


def test_the_axes_are_the_papers() -> None:
    """Eq. 3: top and left are 0, bottom and right are 1."""
    assert AXES == {"vertical": ("top", "bottom"), "horizontal": ("left", "right")}


@pytest.mark.parametrize(
    ("chi", "temperature", "second"),
    [
        ((0.0, 0.0), 1.0, 0.5),
        ((0.0, math.log(3)), 1.0, 0.75),
        ((math.log(9), 0.0), 1.0, 0.1),
        ((math.log(9), 0.0), 2.0, 0.25),  # 9 ** (1 / 2) = 3 to 1
        ((-40.0, -40.0 + math.log(4)), 0.5, 16 / 17),
    ],
)
def test_eq_2_by_hand(chi: tuple[float, float], temperature: float, second: float) -> None:
    first, last = closed_set(chi, temperature)
    assert last == pytest.approx(second)
    assert first == pytest.approx(1 - second)


def test_eq_4_by_hand() -> None:
    """The expectation of 0 and 1 over the words, times the side: P(right) and P(bottom)."""
    assert point_from((0.25, 0.75), (0.9, 0.1), 400, 300) == pytest.approx((300, 30))


def test_a_closed_set_may_have_more_words() -> None:
    assert closed_set([0.0, math.log(2), math.log(5)], 1.0) == pytest.approx([1 / 8, 2 / 8, 5 / 8])


@given(chi=st.lists(LOGITS, min_size=2, max_size=5), temperature=TEMPERATURES)
def test_probabilities_sum_to_one(chi: list[float], temperature: float) -> None:
    found = closed_set(chi, temperature)
    assert found.sum() == pytest.approx(1)
    assert (found >= 0).all()
    assert np.argmax(found) in [i for i, x in enumerate(found) if x == found.max()]
    assert chi[int(found.argmax())] == pytest.approx(max(chi), abs=1e-3)


@given(first=LOGITS, second=LOGITS, more=st.floats(0, 1e3), temperature=TEMPERATURES)
def test_more_logit_never_means_less_probability(
    first: float, second: float, more: float, temperature: float
) -> None:
    before = closed_set((first, second), temperature)[1]
    assert closed_set((first, second + more), temperature)[1] >= before


@given(first=LOGITS, second=LOGITS, by=st.floats(-1e3, 1e3), temperature=st.floats(0.1, 10))
def test_only_the_difference_of_logits_counts(
    first: float, second: float, by: float, temperature: float
) -> None:
    moved = closed_set((first + by, second + by), temperature)
    assert moved == pytest.approx(closed_set((first, second), temperature), abs=1e-6)


@given(
    x=st.tuples(LOGITS, LOGITS),
    y=st.tuples(LOGITS, LOGITS),
    temperature=TEMPERATURES,
    width=SIDES,
    height=SIDES,
)
def test_the_point_is_inside_and_flips(
    x: tuple[float, float],
    y: tuple[float, float],
    temperature: float,
    width: int,
    height: int,
) -> None:
    horizontal, vertical = closed_set(x, temperature), closed_set(y, temperature)
    px, py = point_from(list(horizontal), list(vertical), width, height)
    assert 0 <= px <= width
    assert 0 <= py <= height
    # Exchanging the words of an axis mirrors the point on that axis alone.
    mirrored = closed_set(x[::-1], temperature)
    mx, my = point_from(list(mirrored), list(vertical), width, height)
    assert mx == pytest.approx(width - px, abs=1e-6 * width)
    assert my == py


@given(first=st.floats(-50, 50), second=st.floats(-50, 50))
def test_an_endless_temperature_gives_the_centre(first: float, second: float) -> None:
    half = list(closed_set((first, second), 1e12))
    assert point_from(half, half, 640, 480) == pytest.approx((320, 240))


@given(first=st.floats(-50, 50), gap=st.floats(0.01, 50), temperature=st.floats(5e-324, 1e-4))
def test_no_temperature_gives_the_corner(first: float, gap: float, temperature: float) -> None:
    """Down to the smallest number there is: no overflow, no NaN."""
    right = list(closed_set((first, first + gap), temperature))
    top = list(closed_set((first + gap, first), temperature))
    assert point_from(right, top, 640, 480) == pytest.approx((640, 0), abs=1e-3)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_must_be_positive(temperature: float) -> None:
    with pytest.raises(ValueError, match="temperature"):
        closed_set((1.0, 2.0), temperature)


def test_a_logit_must_be_a_number() -> None:
    with pytest.raises(ValueError, match="numbers"):
        closed_set((1.0, float("nan")), 1.0)


# --- where a word was emitted -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pieces", "words", "step", "surface", "word"),
    [
        (["The", " region", " on", " the", " left", "."], HORIZONTAL, 4, " left", "left"),
        (["left", " side"], HORIZONTAL, 0, "left", "left"),
        (["Left", " side"], HORIZONTAL, 0, "Left", "left"),
        (["At", " the", " TOP", "."], VERTICAL, 2, " TOP", "top"),
        (["the", " top", "-", "left", " part"], HORIZONTAL, 3, "left", "left"),
        (["the", " top", "-", "left", " part"], VERTICAL, 1, " top", "top"),
        (["the", " top", "-left"], HORIZONTAL, 2, "-left", "left"),
        (["the", " top-left"], HORIZONTAL, 1, " top-left", "left"),
        (["the", " top-left"], VERTICAL, 1, " top", "top"),
        # In several tokens the word was emitted where its first one was.
        (["the", " bot", "tom", "."], VERTICAL, 1, " bottom", "bottom"),
        (["the", " ", "left"], HORIZONTAL, 2, "left", "left"),
        (["the\n", "right", ","], HORIZONTAL, 1, "right", "right"),
        # Tokens that add no text (half a character) stand before it.
        (["caf", "", "\u00e9", " right"], HORIZONTAL, 3, " right", "right"),
        (["\U0001f600", " left"], HORIZONTAL, 1, " left", "left"),
        (['"', "right", '"'], HORIZONTAL, 1, "right", "right"),
    ],
)
def test_the_step_of_a_word(
    pieces: list[str], words: tuple[str, str], step: int, surface: str, word: str
) -> None:
    found = find_emitted(pieces, words)
    assert found is not None
    assert (found.step, found.surface, found.word) == (step, surface, word)
    assert found.start == len("".join(pieces[:step]))


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [""],
        ["the", " left", "hand", " side"],
        ["an", " up", "right", " photo"],
        ["up", "right"],
        ["a", " full", " stop", "."],
        ["stop"],
        ["very", " b", "right"],
        ["the", " right", "most", " lamp"],
        ["left", "_", "over"],
        ["copy", "right", "ed"],
        ["lefts"],
        ["a", " desk", "top", ", ", "laptop", " or", " rock", "-bottomed", " boat"],
    ],
)
def test_words_inside_other_words_are_not_meant(pieces: list[str]) -> None:
    assert find_emitted(pieces, HORIZONTAL) is None
    assert find_emitted(pieces, VERTICAL) is None


def test_the_first_of_an_axis_counts() -> None:
    pieces = ["top", " right", " is", " worse", " than", " bottom", " left"]
    across, down = find_emitted(pieces, HORIZONTAL), find_emitted(pieces, VERTICAL)
    assert across is not None
    assert down is not None
    assert (across.word, across.step) == ("right", 1)
    assert (down.word, down.step) == ("top", 0)


@given(
    before=st.lists(st.sampled_from(["a", " ", "the", " lefty", ", ", "\u00e9", ""]), max_size=6),
    word=st.sampled_from([*HORIZONTAL, *(w.capitalize() for w in HORIZONTAL), "LEFT"]),
    after=st.lists(st.sampled_from([".", " side", " right", " left"]), max_size=3),
)
def test_what_is_found_was_said(before: list[str], word: str, after: list[str]) -> None:
    pieces = [*before, f" {word}", *after]
    found = find_emitted(pieces, HORIZONTAL)
    assert found is not None
    assert found.step == len(before)
    assert found.surface == f" {word}"
    text = "".join(pieces)
    assert text[found.start : found.start + len(found.surface)] == found.surface


# --- the same surface for both words ------------------------------------------------------------


def emitted(surface: str, word: str) -> Emitted:
    return Emitted(step=0, start=0, surface=surface, word=word)


@pytest.mark.parametrize(
    ("surface", "word", "other", "expected"),
    [
        (" left", "left", "right", " right"),
        ("left", "left", "right", "right"),
        (" Left", "left", "right", " Right"),
        ("Right", "right", "left", "Left"),
        (" TOP", "top", "bottom", " BOTTOM"),
        ("-left", "left", "right", "-right"),
        (" top-left", "left", "right", " top-right"),
        ("\n\nBottom", "bottom", "top", "\n\nTop"),
    ],
)
def test_case_and_leading_space_are_kept(
    surface: str, word: str, other: str, expected: str
) -> None:
    assert surface_like(other, emitted(surface, word)) == expected
    assert surface_like(word, emitted(surface, word)) == surface


# --- chi ----------------------------------------------------------------------------------------

TABLE = np.arange(30, dtype=np.float32).reshape(3, 10) ** 1.5
"""(steps, vocabulary)"""


def never(step: int, tokens: Sequence[int]) -> float:
    raise AssertionError("single tokens need no second look at the model")


def test_single_tokens_give_raw_logits() -> None:
    assert axis_evidence([[4], [7]], 1, TABLE, never) == (TABLE[1, 4], TABLE[1, 7])


def test_words_as_long_as_each_other_give_the_logits_of_their_first_tokens() -> None:
    """They differ at once, so the choice is made there."""
    assert axis_evidence([[4, 1], [7, 2]], 2, TABLE, never) == (TABLE[2, 4], TABLE[2, 7])


@pytest.mark.parametrize(
    "forms",
    [
        pytest.param([[4], [7, 2]], id="different token counts"),
        pytest.param([[4, 5], [4, 6]], id="a shared first token"),
        pytest.param([[4], [4, 6]], id="both"),
    ],
)
def test_otherwise_log_probabilities_are_summed(forms: list[list[int]]) -> None:
    asked: list[tuple[int, tuple[int, ...]]] = []

    def log_probability(step: int, tokens: Sequence[int]) -> float:
        asked.append((step, tuple(tokens)))
        return -float(sum(tokens))

    chi = axis_evidence(forms, 1, TABLE, log_probability)
    assert chi == tuple(-float(sum(form)) for form in forms)
    assert asked == [(1, tuple(form)) for form in forms]
