"""Records of audits, read back from their JSON form."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_cli.results import (
    Audited,
    Description,
    Distortion,
    Failure,
    Files,
    Grounding,
    Mask,
    Record,
    Score,
    View,
    WordedGrounding,
    WordedScore,
)
from spider_cli.results_json import record_from_json
from spider_cli.shot_facts import Facts
from spider_cli.vocabulary import FAMILIES, LEVELS, SEVERITIES

words = st.text(min_size=1, max_size=12)
shares = st.floats(0, 1)
sides = st.integers(1, 9000)
pixels = st.integers(0, 9000)
boxes = st.tuples(pixels, pixels, pixels, pixels)
distortions = st.builds(Distortion, st.sampled_from(FAMILIES), st.sampled_from(SEVERITIES))
scores = st.builds(
    Score,
    st.floats(0, 100),
    st.sampled_from(LEVELS),
    st.fixed_dictionaries(dict.fromkeys(LEVELS, shares)),
) | st.builds(WordedScore, st.sampled_from(LEVELS), words, words)
regions = (
    st.builds(
        Grounding,
        question=words,
        answer=st.text(),
        point=st.tuples(st.floats(0, 9000), st.floats(0, 9000)),
        probed=st.booleans(),
        box=boxes,
        area=st.floats(0, 1, exclude_min=True),
        mask=st.builds(Mask, st.tuples(sides, sides), words),
        whole=st.just(False),
        files=st.none() | st.builds(Files, words, words, words),
    )
    | st.builds(
        Grounding,
        question=words,
        answer=st.text(),
        point=st.none(),
        probed=st.just(False),
        box=st.none(),
        area=st.just(0.0),
        mask=st.none(),
        whole=st.just(False),
    )
    | st.builds(WordedGrounding, words, st.text(), words)
)
positive = st.none() | st.floats(0, 1e6)
moments = st.datetimes().map(lambda one: one.isoformat())
facts = st.builds(
    Facts,
    sides,
    sides,
    taken=st.none() | moments,
    camera=st.none() | words,
    serial=st.none() | words,
    lens=st.none() | words,
    exposure=positive,
    aperture=positive,
    iso=st.none() | st.integers(0, 10**6),
    focal_length=positive,
    look=st.none() | st.integers(0, 2**64 - 1).map(lambda one: f"{one:016x}"),
    focus=st.none() | st.floats(-1e6, 1e6),
)
judgements = st.builds(
    Audited,
    scores,
    st.builds(
        Description,
        words,
        st.text(),
        st.lists(distortions, max_size=3).map(tuple),
        st.lists(words, max_size=2).map(tuple),
    ),
    regions,
    words,
    facts,
)


@st.composite
def records(draw: Any) -> Record:
    outcome = draw(judgements | st.builds(Failure, st.just("truncated"), words, st.text()))
    judged = isinstance(outcome, Audited)
    known = judged and draw(st.booleans())
    return Record(
        command="audit",
        photo=draw(words),
        photo_b64=draw(st.none() | st.just("/w==")),
        raw=draw(st.none() | words),
        raw_b64=draw(st.none() | st.just("/w==")),
        read_as=draw(st.none() | words),
        model=draw(words),
        revision=draw(words),
        seconds=round(draw(st.floats(0, 1e5)), 4),
        max_pixels=draw(st.none() | sides),
        looked_at=(View(draw(boxes), (draw(sides), draw(sides))),) if judged else (),
        outcome=outcome,
        untuned=draw(st.booleans()),
        quantize=draw(st.sampled_from([None, "int8", "int4"])),
        flagged=tuple(draw(st.lists(words, max_size=2))) if judged else (),
        burst=draw(st.none() | sides) if known else None,
        pick=draw(st.booleans()) if known else None,
    )


@given(record=records())
def test_there_and_back(record: Record, valid_record: Callable[[Any], dict[str, Any]]) -> None:
    said = valid_record(record)
    assert record_from_json(said) == record
    assert record_from_json(json.loads(json.dumps(said))).to_json() == record.to_json()


GOOD: dict[str, Any] = Record(
    "audit", "a.jpg", "nano", "1f2e", 0.0, (), Failure("truncated", "ends early", "")
).to_json()


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"schema": "spider/2"},
        {"command": "score"},
        {"error": "text"},
        {"error": {"code": "x"}},
        {"looked_at": [{"box": [1, 2], "size": [1, 2]}]},
        {"seconds": None},
    ],
)
def test_what_is_no_such_record(wrong: dict[str, Any]) -> None:
    assert record_from_json(GOOD).photo == "a.jpg"
    with pytest.raises(ValueError):
        record_from_json({} if wrong == {} else GOOD | wrong)
