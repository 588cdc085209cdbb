"""--format: named fields and escapes, and nothing that a stranger's text could make of them."""

import os
from dataclasses import replace
from typing import Any

import pytest

from spider_cli.audit.templates_of_lines import FIELDS, PATHS, parse_template
from spider_cli.errors import UsageError
from spider_cli.results import Audited, Record
from spider_cli.shots import Shot
from spider_cli.sources import named_source
from tests.spider_cli.audit.records import audited, failure, shot_of


def line(text: str, record: Record) -> str:
    return parse_template(text).line(shot_of(record, "shoot"), record)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (r"{score}\t{photo}", "81.25\tshoot/a.jpg"),
        ("{score:.0f}|{score:>8.1f}|{score:<6.0f}|", "81|    81.2|81    |"),
        ("{level:>6}|{level:^8}|{level:.2}", "  fair|  fair  |fa"),
        ("{iso:6}|{iso:<6}|", "   200|200   |"),
        ("{worst}; {distortions}; {flagged}", "severe noise; mild blur, severe noise; any:severe"),
        ("{name} {folder} {raw}", "a.jpg shoot shoot/a.nef"),
        ("{{{level}}}", "{fair}"),
        (r"\x41\u00e9\\t\0", "A\u00e9\\t\0"),
        ("{error}{error_code}{burst}{taken}|", "|"),
        ("{exposure} {width}x{height} {area} {box}", "0.005 60x40 0.25 0,0,9,9"),
        ("", ""),
    ],
)
def test_lines(text: str, wanted: str) -> None:
    record = audited("a.jpg", 81.25, "mild blur", "severe noise", raw="a.nef")
    assert line(text, replace(record, flagged=("any:severe",))) == wanted


def test_of_failures_there_is_what_went_wrong() -> None:
    assert line("{error_code}: {error} {score}|{photo}", failure("x.jpg")) == (
        "truncated: x.jpg: ends early |shoot/x.jpg"
    )
    assert parse_template("{error}").shows_errors
    assert not parse_template("{score}").shows_errors


def test_bursts_are_known_at_the_end() -> None:
    assert parse_template("{burst}").at_the_end
    assert not parse_template("{score}").at_the_end
    picked = replace(audited(), burst=3, pick=True)
    assert line("{burst} {pick}", picked) == "3 pick"


@pytest.mark.parametrize("field", [*FIELDS, *PATHS])
def test_every_field_can_be_asked_for(field: str) -> None:
    for record in (audited("a.jpg", 50, "mild blur"), audited("a.jpg", None), failure()):
        assert isinstance(line(f"{{{field}:>9}}", record), str)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("{skore}", "no field 'skore'", "did you mean 'score'?"),
        ("{score.__class__}", "no field 'score.__class__'", "The fields are"),
        ("{score[0]}", "no field 'score[0]'", "The fields are"),
        ("{0}", "no field '0'", "The fields are"),
        ("{}", "no field ''", "The fields are"),
        ("{score!r}", "{score!r} is formatted in no way", "for example"),
        ("{score:{width}}", "formatted in no way", "for example"),
        ("{score:9999999999}", "formatted in no way", "for example"),
        ("{score", "", "for example"),
        ("score}", "", "for example"),
        (r"{score}\q", r"\q is no escape", r"\t \n"),
        ("{score}\\", "is no escape", r"\\ stands for a backslash"),
        (r"\ud800", r"\ud800 is no escape", ""),
        (r"\x4", r"\x is no escape", ""),
    ],
)
def test_what_means_nothing(text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_template(text)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_nothing_of_a_stranger_reaches_a_terminal() -> None:
    record = audited()
    outcome = record.outcome
    assert isinstance(outcome, Audited)
    facts: Any = replace(outcome.facts, lens="\x1b[2J {score}\n\u202e50mm")
    hostile = replace(record, outcome=replace(outcome, facts=facts))
    assert line("{lens}", hostile) == r"\x1b[2J {score} \u202e50mm"


def test_paths_keep_their_bytes() -> None:
    shot = Shot(named_source(os.fsdecode(b"d/\xff\n.jpg")))
    text = parse_template("{photo}|{name}").line(shot, audited())
    assert os.fsencode(text) == b"d/\xff\n.jpg|\xff\n.jpg"
