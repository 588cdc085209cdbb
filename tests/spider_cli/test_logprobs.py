"""Closed sets of words in a server's lists of likeliest tokens."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_cli.logprobs import Step, aligned, closed_set_at, steps_of

LOG = math.log


def step(token: str, **others: float) -> Step:
    """A step; `_` in a name is the space before a word."""
    listed = tuple((name.replace("_", " "), LOG(p)) for name, p in others.items())
    return Step(token, listed)


def test_words_are_read_by_the_tokens_that_spell_them() -> None:
    one = step(" left", _left=0.5, _right=0.25, left=0.1, Left=0.05)
    assert closed_set_at(one, [" left", " right"]) == (LOG(0.5), LOG(0.25))
    assert closed_set_at(one, ["Left", "Right"]) == (LOG(0.05), LOG(0.05))  # the floor


def test_what_is_not_listed_gets_the_floor() -> None:
    one = step(" left", _left=0.9, _top=0.05, _far=0.01)
    assert closed_set_at(one, [" left", " right"]) == (LOG(0.9), LOG(0.01))


def test_nothing_is_read_where_no_word_is_listed() -> None:
    assert closed_set_at(step("The", The=0.9, A=0.1), [" left", " right"]) is None


def test_one_token_is_no_list() -> None:
    assert closed_set_at(step(" left", _left=0.9), [" left", " right"]) is None
    assert closed_set_at(Step(" left", ()), [" left", " right"]) is None


def test_a_split_word_is_read_by_its_first_piece() -> None:
    one = step(" bott", _bott=0.6, _top=0.3, _b=0.05, _to=0.01)
    assert closed_set_at(one, [" top", " bottom"]) == (LOG(0.3), LOG(0.6))
    # One letter may be the start of anything, unless it was taken.
    assert closed_set_at(step(" t", _top=0.3, _b=0.2), [" top", " bottom"]) == (LOG(0.3), LOG(0.2))
    taken = step("B", Good=0.3, B=0.5, F=0.1)
    assert closed_set_at(taken, ["Good", "Bad"]) == (LOG(0.3), LOG(0.5))


def test_a_piece_that_begins_two_words_tells_nothing() -> None:
    one = step(" middle", _mid=0.6, _far=0.3)
    assert closed_set_at(one, [" middle", " midway"]) is None


def test_tokens_without_their_spaces_and_with_marks() -> None:
    bare = Step("left", (("left", -1.0), ("right", -2.0), ("left", -1.0)))
    left, right = closed_set_at(bare, [" left", " right"]) or ()
    assert (left, right) == (pytest.approx(-1.0 + LOG(2)), -2.0)
    marked = Step("\u2581left", (("\u2581left", -1.0), ("\u0120right", -2.0)))
    assert closed_set_at(marked, [" left", " right"]) == (-1.0, -2.0)


def test_what_servers_put_for_nothing() -> None:
    one = Step(" left", ((" left", -0.1), (" right", -9999.0), (" x", -math.inf)))
    assert closed_set_at(one, [" left", " right"]) == (-0.1, -9999.0)


def content(*tokens: str) -> list[dict[str, object]]:
    return [{"token": one, "logprob": -0.5, "top_logprobs": []} for one in tokens]


def test_steps_of_a_choice() -> None:
    told = {
        "token": "\ufffd",
        "logprob": -0.5,
        "bytes": [0xC3],
        "top_logprobs": [{"token": " a", "logprob": -1.5, "bytes": [32, 97]}],
    }
    rest = {"token": "\ufffd", "logprob": -0.25, "bytes": [0xA9], "top_logprobs": None}
    one, two = steps_of({"logprobs": {"content": [told, rest]}})
    assert one.token + two.token == "\u00e9"
    assert one.listed[0] == (" a", -1.5)
    assert one.floor == -1.5
    assert two.listed == ()


@pytest.mark.parametrize("choice", [{}, {"logprobs": None}, {"logprobs": {"content": None}}, []])
def test_no_steps(choice: object) -> None:
    assert steps_of(choice) == ()


@pytest.mark.parametrize(
    "content", [[1], [{"token": "a"}], [{"logprob": -1}], [{"token": "a", "logprob": None}], "ab"]
)
def test_steps_of_another_form(content: object) -> None:
    with pytest.raises(ValueError, match="OpenAI"):
        steps_of({"logprobs": {"content": content}})


def spelt(*tokens: str) -> tuple[Step, ...]:
    return tuple(Step(token, ()) for token in tokens)


@pytest.mark.parametrize(
    ("tokens", "text", "pieces"),
    [
        (("The", " top", " left", "."), "The top left.", ("The", " top", " left", ".")),
        (("The", "top", "left", "."), "The top left.", ("The", " top", " left", ".")),
        (("\u2581The", "\u2581top"), "The top", ("The", " top")),
        ((" The", " top", "<|im_end|>"), "The top", ("The", " top")),
        (("The", " top", "\n"), "The top", ("The", " top")),
        (("hm", "</t>", "The", " top"), "The top", ("The", " top")),
        (("The", " top"), "The top\n", ("The", " top\n")),
        (("a", "b"), "The top", ()),
        (("The",), "The top", ()),
        ((), "The top", ()),
        (("The",), "", ()),
    ],
)
def test_tokens_are_found_in_the_text(
    tokens: tuple[str, ...], text: str, pieces: tuple[str, ...]
) -> None:
    steps, found = aligned(spelt(*tokens), text)
    assert found == pieces
    assert len(steps) == len(pieces)
    if pieces:
        first = next(i for i, token in enumerate(tokens) if token.lstrip("\u2581 ") == "The")
        assert [one.token for one in steps] == list(tokens[first : first + len(steps)])


@given(st.lists(st.text(st.sampled_from(" ab\u00e9."), min_size=1), min_size=1, max_size=8))
def test_pieces_are_the_text(tokens: list[str]) -> None:
    text = "".join(tokens)
    steps, pieces = aligned(spelt(*tokens), text)
    if text.strip():
        assert "".join(pieces) == text
        assert len(steps) == len(pieces)
