"""Answers of many models, read: a corpus written by hand, all kinds of wrapping, hostile text."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spider_cli.reading import (
    parse_distortions,
    place_span,
    plain,
    said_place,
    says_nothing,
    says_whole,
)
from spider_cli.text_to_point import AXES, find_emitted
from spider_cli.vocabulary import FAMILIES, NOUNS, SEVERITIES

CORPUS = [
    json.loads(line)
    for line in (Path(__file__).parent.parent / "data" / "answers.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]
"""One answer a line: text, what it names, whether it means nothing or all, and its place. "set"
says whether it was written before the reader ("first") or blind after it; "missed" marks those that
the reader still gets wrong."""
READ = [row for row in CORPUS if not row.get("missed")]
MISSED = [row for row in CORPUS if row.get("missed")]
UNITS = [
    *(
        "no ",
        "noise ",
        "which ",
        "?",
        "a? ",
        "<think>",
        "<think>x</think>",
        "{",
        '{"a":',
        "[{",
        "|",
    ),
    *("|a|b|\n", "**a**", "#", "- ", "1. ", "(1) ", "very ", "slightly ", "not ", "the top left "),
    *(
        "left, ",
        "blur: ",
        "noise: none ",
        "if ",
        "could ",
        "to improve ",
        "is ",
        "a",
        "\n",
        " ",
        ",",
    ),
    *(
        "and ",
        "colors are very ",
        "soft, ",
        "noise is very ",
        "from mild ",
        "distortions: ",
        '"a":1,',
    ),
    *("severity: ", "in terms of ", "but ", "'", "`", "jpeg ", "noise ranges from a ", "dull, "),
]


def read(text: str) -> dict[str, Any]:
    found, other = parse_distortions(text)
    return {
        "distortions": [[one.severity, one.family] for one in found],
        "other": list(other),
        "nothing": says_nothing(text),
        "whole": says_whole(text),
    }


def as_expected(row: dict[str, Any]) -> bool:
    found = read(row["text"])
    if "place" in row:
        place = said_place(row["text"])
        found["place"] = [place.vertical, place.horizontal] if place else None
    return all(row[key] == value for key, value in found.items())


# --- the corpus ---------------------------------------------------------------------------------


def test_the_corpus_is_large_varied_and_in_our_words() -> None:
    assert len(CORPUS) >= 250
    assert len({row["text"] for row in CORPUS}) == len(CORPUS)
    assert len({row["style"] for row in CORPUS}) >= 12
    named = {(severity, family) for row in CORPUS for severity, family in row["distortions"]}
    assert {family for _, family in named} == set(FAMILIES)
    assert {severity for severity, _ in named} == set(SEVERITIES)
    assert not any(row["nothing"] and row["distortions"] for row in CORPUS)


@pytest.mark.parametrize("row", READ, ids=lambda row: row["text"][:50])
def test_corpus(row: dict[str, Any]) -> None:
    place = said_place(row["text"])
    expected = {key: row[key] for key in ("distortions", "other", "nothing", "whole")}
    assert read(row["text"]) == expected
    if "place" in row:
        assert place is not None and [place.vertical, place.horizontal] == row["place"]


def test_what_is_still_missed() -> None:
    """Who mends one of these takes its mark away."""
    assert not [row["text"] for row in MISSED if as_expected(row)]
    assert len(MISSED) <= 0.02 * len(CORPUS)


def test_an_answer_is_read_within_a_millisecond() -> None:
    for row in CORPUS[:20]:
        parse_distortions(row["text"])
    started = time.process_time()
    for row in CORPUS:
        parse_distortions(row["text"])
    assert (time.process_time() - started) / len(CORPUS) < 1e-3


# --- kinds of wrapping --------------------------------------------------------------------------


def bullets(items: list[tuple[str, str]]) -> str:
    return "\n".join(f"- **{noun.capitalize()}**: {severity}" for noun, severity in items)


def table(items: list[tuple[str, str]]) -> str:
    rows = "".join(f"\n| {noun} | {severity} |" for noun, severity in items)
    return f"| Distortion | Severity |\n| --- | --- |{rows}"


def as_json(items: list[tuple[str, str]]) -> str:
    return json.dumps({"distortions": [{"type": n, "severity": s} for n, s in items]}, indent=1)


def fenced(items: list[tuple[str, str]]) -> str:
    return f"Here you are:\n```json\n{as_json(items)}\n```\nAnything else?"


def thought(items: list[tuple[str, str]]) -> str:
    listed = ", ".join(f"{severity} {noun}" for noun, severity in items)
    return f"<think>Is there severe blur, banding, a halo?</think>\nDistortions: {listed}"


def numbered(items: list[tuple[str, str]]) -> str:
    listed = [f"{i}. {noun} ({severity.upper()})" for i, (noun, severity) in enumerate(items, 1)]
    return "## Distortions found\n" + "\n".join(listed)


WRAPPED = [bullets, table, as_json, fenced, thought, numbered]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(FAMILIES), st.sampled_from(SEVERITIES)),
        min_size=1,
        max_size=4,
        unique_by=lambda item: item[0],
    ),
    st.sampled_from(WRAPPED),
)
def test_lists_in_any_wrapping(items: list[tuple[str, str]], wrapped: Any) -> None:
    text = wrapped([(NOUNS[family], severity) for family, severity in items])
    found, other = parse_distortions(text)
    assert ([(one.family, one.severity) for one in found], other) == (items, ())
    assert not says_nothing(text)


@settings(deadline=None)
@given(st.sampled_from(FAMILIES), st.sampled_from([bullets, table, as_json, fenced]))
def test_none_in_any_wrapping(family: str, wrapped: Any) -> None:
    text = wrapped([(NOUNS[family], "none")])
    assert parse_distortions(text) == ((), ())
    assert says_nothing(text)


@pytest.mark.parametrize(
    "text",
    [
        "The whole image shows severe noise.",
        "The region on the top left, the sky, shows mild blur, which softens the edges.",
        "No region shows visible distortion.",
        "severe noise, moderate saturation weakening",
        "clean, no visible distortion",
    ],
)
def test_answers_of_tuned_models_are_read_as_they_are(text: str) -> None:
    assert plain(text) == text.lower()


# --- places in the answer as it was given --------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "vertical", "horizontal"),
    [
        ("The exposure is right, but the bottom left is noisy.", "bottom", "left"),
        ("<think>top right?</think>The region on the bottom left shows blur.", "bottom", "left"),
        ("Unlike the top left, the bottom right shows blur.", "bottom", "right"),
        ("What is left of the sky at the top of the picture is noisy.", "top", None),
        ("The centre is blurred.", None, None),
    ],
)
def test_words_of_the_place_that_is_meant(
    text: str, vertical: str | None, horizontal: str | None
) -> None:
    pieces = [text[i : i + 1] for i in range(len(text))]
    span = place_span(text)
    for axis, word in (("vertical", vertical), ("horizontal", horizontal)):
        found = find_emitted(pieces, AXES[axis], span) if span else None
        assert (found.word if found else None) == word
        if found and span:
            assert span[0] <= found.start < span[1]


# --- any text at all -----------------------------------------------------------------------------


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from([*UNITS, *(row["text"][:40] for row in CORPUS)]), max_size=30))
def test_any_mixture_is_read_without_contradiction(parts: list[str]) -> None:
    text = "".join(parts)
    found, other = parse_distortions(text)
    assert not (says_nothing(text) and (found or other or says_whole(text)))
    assert len({one.family for one in found}) == len(found)
    assert all(one.family in FAMILIES and one.severity in SEVERITIES for one in found)
    span = place_span(text)
    assert span is None or 0 <= span[0] < span[1] <= len(text)


@pytest.mark.parametrize("unit", UNITS)
def test_long_answers_take_no_time(unit: str) -> None:
    for text in (
        unit * (20_000 // len(unit)),
        "noise " + unit * (20_000 // len(unit)) + "is severe",
    ):
        started = time.process_time()
        parse_distortions(text)
        says_nothing(text)
        said_place(text)
        assert time.process_time() - started < 2
