"""Answers say the truth: read back they give it, and their spans lie on the positional words."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spider_cli.questions import (
    box_fractions,
    describe_question,
    parse_distortions,
    says_nothing,
    says_whole,
)
from spider_cli.results import Distortion
from spider_cli.vocabulary import FAMILIES, HORIZONTAL, SEVERITIES, VERTICAL
from trainer.annotate import ORDERS
from trainer.answers import QA, questions_and_answers
from trainer.boxes import BoxFinder
from trainer.distortions import severity_of
from trainer.regions import blob_regions, box_of, interior_point
from trainer.templates import EFFECTS, POOLS
from trainer.truth import Applied, Region, Sample

SHAPE = (120, 160)
PAIRS = [(one, two) for one, after in ORDERS.items() for two in after]
TASKS = {
    "describe", "describe_region", "refer_short", "refer_long",
    "ground_hyd", "ground_sid", "ground_dao",
}  # fmt: skip


def applied(family: str, level: float) -> Applied:
    return Applied(family, f"{family}_kind", level, severity_of(level))


LEVELS = st.floats(1, 5)
PLANS = st.one_of(
    st.tuples(st.builds(applied, st.sampled_from(FAMILIES), LEVELS)),
    st.sampled_from(PAIRS).flatmap(
        lambda pair: st.tuples(*(st.builds(applied, st.just(f), LEVELS) for f in pair))
    ),
)


@st.composite
def truths(draw: st.DrawFn) -> Sample:
    """Samples whose truth is arbitrary; their pixels do not matter to the words."""
    pixels = np.zeros((*SHAPE, 3), np.uint8)
    form = draw(st.sampled_from(["clean", "whole", "regions"]))
    if form == "clean":
        return Sample(pixels)
    if form == "whole":
        return Sample(pixels, whole=draw(PLANS))
    count = draw(st.integers(1, 3))
    masks = blob_regions(SHAPE, np.random.default_rng(draw(st.integers(0, 99))), count)
    return Sample(
        pixels,
        tuple(Region(mask, box_of(mask), interior_point(mask), draw(PLANS)) for mask in masks),
    )


def sample_of(*plans: tuple[Applied, ...]) -> Sample:
    """One region a plan, in the quarters top left, top right, bottom left, bottom right."""
    regions = []
    for number, plan in enumerate(plans):
        mask = np.zeros(SHAPE, bool)
        y, x = 60 * (number // 2), 80 * (number % 2)
        mask[y + 10 : y + 55, x + 10 : x + 70] = True
        regions.append(Region(mask, box_of(mask), interior_point(mask), plan))
    return Sample(np.zeros((*SHAPE, 3), np.uint8), tuple(regions))


def asked(sample: Sample, task: str, repeats: int = 20) -> list[QA]:
    return [
        row
        for seed in range(repeats)
        for row in questions_and_answers(sample, np.random.default_rng(seed))
        if row.task == task
    ]


@settings(max_examples=150, deadline=None)
@given(truths(), st.integers(0, 1000))
def test_answers_read_back_as_the_truth(sample: Sample, seed: int) -> None:
    rows = questions_and_answers(sample, np.random.default_rng(seed))
    for row in rows:
        assert row.task in TASKS
        assert parse_distortions(row.answer) == (row.truth, ()), row.answer
        assert says_nothing(row.answer) == (not row.truth), row.answer
        about_all = row.task == "describe" or row.task.startswith("ground")
        assert says_whole(row.answer) == (bool(sample.whole and row.truth) and about_all)
        check_spans(sample, row)
    again = questions_and_answers(sample, np.random.default_rng(seed))
    assert rows == again


def check_spans(sample: Sample, row: QA) -> None:
    """Every positional word of an answer has its span, with a value of a region's point."""
    words = [w.strip(".,:") for w in row.answer.split()]
    places = [w for w in words if w in (*VERTICAL, *HORIZONTAL)]
    assert len(places) == len(row.spans)
    for number, span in enumerate(row.spans):
        word = row.answer[span.start : span.end]
        assert word == places[number]
        assert row.answer[span.start - 1] == " "
        assert word in (HORIZONTAL if span.axis == "horizontal" else VERTICAL)
        assert span.axis == ("vertical", "horizontal")[number % 2]
        assert 0 <= span.value <= 1
    if row.task.startswith("ground") and row.region is not None:
        region = sample.regions[row.region]
        assert (row.box, row.point) == (region.box, region.point)
        x, y = region.point
        assert [s.value for s in row.spans] == pytest.approx([y / SHAPE[0], x / SHAPE[1]])


def test_every_pool_starts_with_what_is_asked_at_run_time() -> None:
    assert POOLS["describe"][0] == describe_question()
    for name, pool in POOLS.items():
        assert len(set(pool)) == len(pool) >= 6, name
        assert all("blur" not in question for question in pool)
    rows = asked(sample_of((applied("blur", 3),)), "describe", 200)
    canonical = sum(row.question == describe_question() for row in rows) / len(rows)
    assert 0.4 < canonical < 0.6


def test_effects_name_no_place_and_no_severity() -> None:
    assert set(EFFECTS) == set(FAMILIES)
    for effects in EFFECTS.values():
        assert len(effects) >= 2
        for effect in effects:
            assert not {*effect.split()} & {*VERTICAL, *HORIZONTAL, *SEVERITIES}
            assert "," not in effect


def test_the_description_goes_from_the_worst_region_on() -> None:
    sample = sample_of((applied("blur", 1.2),), (applied("compression", 3), applied("noise", 3)))
    (row, *_) = asked(sample, "describe", 1)
    assert row.truth == (
        Distortion("compression", "moderate"),
        Distortion("noise", "moderate"),
        Distortion("blur", "mild"),
    )
    assert row.answer.index("top right") < row.answer.index("top left")


def test_most_and_least() -> None:
    sample = sample_of((applied("blur", 4),), (applied("noise", 2),), (applied("darken", 3),))
    targets = {row.region for row in asked(sample, "ground_hyd")}
    assert targets == {0, 1}
    close = sample_of((applied("blur", 4),), (applied("noise", 3.8),))
    assert not asked(close, "ground_hyd")


def test_one_family() -> None:
    sample = sample_of((applied("blur", 4),), (applied("blur", 2),), (applied("noise", 5),))
    rows = asked(sample, "ground_sid")
    blur = [row for row in rows if "blur" in row.question and row.truth]
    for row in blur:
        least = any(word in row.question for word in ("least", "mildest", "weakest"))
        assert row.region == (1 if least else 0)
        assert row.truth == (Distortion("blur", "mild" if least else "severe"),)
    assert {row.region for row in blur} == {0, 1}
    absent = [row for row in rows if not row.truth]
    assert absent
    assert not any(f" {noun}" in row.question for row in absent for noun in ("blur", "noise"))


def test_orders() -> None:
    one, two = (
        (applied("blur", 4), applied("noise", 2)),
        (applied("compression", 4), applied("noise", 3)),
    )
    rows = asked(sample_of(one, two), "ground_dao")
    held = [row for row in rows if row.truth]
    assert {row.region for row in held} == {0, 1}
    # Both end with noise, so that question has no one answer.
    assert not any("last" in row.question or "end" in row.question for row in held)
    assert all(", then " in row.answer for row in held)
    assert all("then" in row.answer or "No region" in row.answer for row in rows)


def test_boxes_hold_what_the_answer_says() -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        masks = blob_regions(SHAPE, rng, 2)
        plans = [(applied("blur", 4),), (applied("noise", 2),)]
        regions = tuple(
            Region(mask, box_of(mask), interior_point(mask), plan)
            for mask, plan in zip(masks, plans, strict=False)
        )
        sample = Sample(np.zeros((*SHAPE, 3), np.uint8), regions)
        for row in questions_and_answers(sample, rng):
            if not row.task.startswith("refer"):
                continue
            assert row.box is not None
            x1, y1, x2, y2 = row.box
            assert 0 <= x1 < x2 <= SHAPE[1] and 0 <= y1 < y2 <= SHAPE[0]
            fractions = box_fractions(row.question)
            assert fractions == pytest.approx(
                (x1 / SHAPE[1], y1 / SHAPE[0], x2 / SHAPE[1], y2 / SHAPE[0]), abs=6e-4
            )
            shares = [float(mask[y1:y2, x1:x2].mean()) for mask in masks]
            if row.region is None:
                assert sum(shares) < 0.08
            else:
                assert shares[row.region] > 0.5


def test_counting_of_boxes_is_close_to_the_truth() -> None:
    rng = np.random.default_rng(5)
    masks = blob_regions((241, 303), rng, 2)
    finder = BoxFinder((241, 303), masks, whole=False)
    for _ in range(50):
        box = finder.anywhere(rng)
        x1, y1, x2, y2 = box
        assert (x2 - x1) * (y2 - y1) >= 0.025 * 241 * 303
        for share, mask in zip(finder.shares(box), masks, strict=True):
            assert share == pytest.approx(mask[y1:y2, x1:x2].mean(), abs=0.08)
    assert BoxFinder((241, 303), [], whole=True).distorted((0, 0, 50, 50)) == 1
