"""Answers say the truth: read back they give it, in its place, and their spans lie on the words."""

import re
import time
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spider_cli.phrases import OTHER_NAMES
from spider_cli.questions import box_fractions, describe_question, describe_region_question
from spider_cli.reading import parse_distortions, says_nothing, says_whole
from spider_cli.results import Distortion
from spider_cli.vocabulary import FAMILIES, HORIZONTAL, NOUNS, SEVERITIES, VERTICAL
from trainer.annotate import ORDERS
from trainer.answers import QA, questions_and_answers
from trainer.distortions import AUTHENTIC, TYPES, severity_of
from trainer.placed import placed_distortions
from trainer.regions import blob_regions, box_of, interior_point, position_words
from trainer.rows import SUBTASKS, others_of, truth_of
from trainer.truth import Applied, Region, Sample

SHAPE = (120, 160)
PAIRS = [(one, two) for one, after in ORDERS.items() for two in after]
TASKS = {
    "describe", "describe_region", "refer_short", "refer_long",
    "ground_hyd", "ground_sid", "ground_dao",
}  # fmt: skip
KINDS = {
    family: ["", *TYPES[family], *(k for k, (f, _) in AUTHENTIC.items() if f == family)]
    for family in FAMILIES
}
LABELS = ["", "", "the sky", "sky", "grass", "a boy", "the street light", "the left tower", "trees"]


def applied(family: str, level: float, kind: str = "some_kind") -> Applied:
    return Applied(family, kind, level, severity_of(level))


def other(name: str, level: float) -> Applied:
    return Applied("", "", level, severity_of(level), name)


LEVELS = st.floats(1, 5)


def faults(family: str) -> st.SearchStrategy[Applied]:
    return st.builds(applied, st.just(family), LEVELS, st.sampled_from(KINDS[family]))


SINGLE = st.sampled_from(FAMILIES).flatmap(faults)
OTHERS = st.builds(other, st.sampled_from(OTHER_NAMES), LEVELS)
PLANS = st.one_of(
    st.tuples(SINGLE),
    st.sampled_from(PAIRS).flatmap(lambda pair: st.tuples(*map(faults, pair))),
    st.tuples(OTHERS),
    # As people mark them: any number, in no order.
    st.lists(SINGLE | OTHERS, min_size=2, max_size=3).map(tuple),
)


@st.composite
def truths(draw: st.DrawFn) -> Sample:
    """Samples whose truth is arbitrary; their pixels matter to the choice of effects alone."""
    level = draw(st.sampled_from([10, 128, 250]))
    pixels = np.full((*SHAPE, 3), level, np.uint8)
    pixels[::2, : SHAPE[1] // 2] = draw(st.integers(0, 255))
    form = draw(st.sampled_from(["clean", "whole", "regions", "regions"]))
    if form == "clean":
        return Sample(pixels)
    if form == "whole":
        return Sample(pixels, whole=draw(PLANS))
    count = draw(st.integers(1, 3))
    masks = blob_regions(SHAPE, np.random.default_rng(draw(st.integers(0, 99))), count)
    return Sample(pixels, tuple(region(m, draw(PLANS), draw(st.sampled_from(LABELS)),
                                       draw(st.booleans())) for m in masks))  # fmt: skip


def region(mask: np.ndarray, plan: tuple[Applied, ...], label: str = "", ordered: bool = True
           ) -> Region:  # fmt: skip
    return Region(mask, box_of(mask), interior_point(mask), plan, label, ordered)


def sample_of(*plans: tuple[Applied, ...], labels: tuple[str, ...] = (), ordered: bool = True
              ) -> Sample:  # fmt: skip
    """One region a plan, in the quarters top left, top right, bottom left, bottom right."""
    regions = []
    for number, plan in enumerate(plans):
        mask = np.zeros(SHAPE, bool)
        y, x = 60 * (number // 2), 80 * (number % 2)
        mask[y + 10 : y + 55, x + 10 : x + 70] = True
        regions.append(region(mask, plan, labels[number] if labels else "", ordered))
    return Sample(np.full((*SHAPE, 3), 128, np.uint8), tuple(regions))


def rows_of(sample: Sample, repeats: int = 20) -> list[QA]:
    return [
        row
        for seed in range(repeats)
        for row in questions_and_answers(sample, np.random.default_rng(seed))
    ]


def asked(sample: Sample, task: str, repeats: int = 20) -> list[QA]:
    return [row for row in rows_of(sample, repeats) if row.task == task]


@settings(max_examples=200, deadline=None)
@given(truths(), st.integers(0, 1000))
def test_answers_read_back_as_the_truth(sample: Sample, seed: int) -> None:
    rows = questions_and_answers(sample, np.random.default_rng(seed))
    for row in rows:
        assert row.task in TASKS and row.subtask in SUBTASKS[row.task]
        assert parse_distortions(row.answer) == (row.truth, row.other), row.answer
        nothing = not row.truth and not row.other
        assert says_nothing(row.answer) == nothing, row.answer
        about_all = row.task == "describe" or row.task.startswith("ground")
        assert says_whole(row.answer) == (bool(sample.whole) and not nothing and about_all)
        assert "{" not in row.question + row.answer and "  " not in row.question + row.answer
        check_fields(sample, row)
        check_spans(sample, row)
        check_places(sample, row)
    again = questions_and_answers(sample, np.random.default_rng(seed))
    assert rows == again


def check_fields(sample: Sample, row: QA) -> None:
    """The truth is that of what is meant."""
    if row.task == "describe":
        shown = [*sample.whole, *(a for one in sample.regions for a in one.distortions)]
        kind = "regions" if sample.regions else "whole" if sample.whole else "clean"
        assert row.subtask == kind
    elif row.region is not None:
        shown = [*sample.regions[row.region].distortions]
    else:
        shown = [*sample.whole] if row.truth or row.other else []
    if row.task == "ground_sid":
        assert len(row.truth) <= 1 and not row.other
        assert set(row.truth) <= {one.distortion for one in shown if one.family}
    else:
        assert set(row.truth) == set(truth_of(shown)) and set(row.other) == set(others_of(shown))
    if row.task.startswith("refer"):
        assert row.subtask == ("clean", "one", "two")[min(len(shown), 2)]
        assert row.box is not None
    if row.task == "describe_region":
        assert (row.subtask == "box") == (row.box is not None)


def check_spans(sample: Sample, row: QA) -> None:
    """Every positional word of an answer has its span, with a value of a region's point."""
    words = [w.strip(".,:;") for w in row.answer.split()]
    places = [w for w in words if w in (*VERTICAL, *HORIZONTAL)]
    assert len(places) == len(row.spans)
    for number, span in enumerate(row.spans):
        word = row.answer[span.start : span.end]
        assert word == places[number]
        assert row.answer[span.start - 1] == " "
        assert word in (HORIZONTAL if span.axis == "horizontal" else VERTICAL)
        assert span.axis == ("vertical", "horizontal")[number % 2]
        assert 0 <= span.value <= 1
    for one, two in zip(row.spans[::2], row.spans[1::2], strict=True):
        assert row.answer[one.start - 4 : two.end].lower().startswith("the ")
        assert row.answer[one.end : two.start] == " "
    if row.task == "describe":
        values = sorted((s.value, t.value) for s, t in zip(row.spans[::2], row.spans[1::2],
                                                           strict=True))  # fmt: skip
        points = sorted((r.point[1] / SHAPE[0], r.point[0] / SHAPE[1]) for r in sample.regions)
        assert values == points
    if row.task.startswith("ground") and row.region is not None:
        target = sample.regions[row.region]
        assert (row.box, row.point) == (target.box, target.point)
        x, y = target.point
        assert [s.value for s in row.spans] == pytest.approx([y / SHAPE[0], x / SHAPE[1]])


def check_places(sample: Sample, row: QA) -> None:
    """Read with its places, an answer puts everything where it is."""
    read = Counter(
        (said.vertical, said.horizontal, said.whole, said.distortions, said.other)
        for said in placed_distortions(row.answer)
    )
    if not row.truth and not row.other:
        assert not read
    elif row.task == "describe" and sample.regions:
        assert read == Counter(
            (*position_words(one.box, SHAPE[1], SHAPE[0]), False, truth_of(one.distortions),
             others_of(one.distortions))
            for one in sample.regions
        )  # fmt: skip
    elif row.task.startswith("ground") and row.region is not None:
        words = position_words(sample.regions[row.region].box, SHAPE[1], SHAPE[0])
        assert read == Counter([(*words, False, row.truth, row.other)])
    elif row.task == "describe" or row.task.startswith("ground"):
        assert read == Counter([(None, None, True, row.truth, row.other)])
    else:
        assert {place[:3] for place in read} == {(None, None, False)}


def test_the_description_goes_from_the_worst_region_on() -> None:
    sample = sample_of((applied("blur", 1.2),), (applied("compression", 3), applied("noise", 3)))
    (row, *_) = asked(sample, "describe", 1)
    assert row.truth == (
        Distortion("compression", "moderate"),
        Distortion("noise", "moderate"),
        Distortion("blur", "mild"),
    )
    for row in asked(sample, "describe", 40):
        assert row.answer.index("top right") < row.answer.index("top left")


def skeleton(row: QA) -> str:
    """The answer's shape: without what is wrong, its places and its effects."""
    text = row.answer.lower()
    for noun in NOUNS.values():
        text = re.sub(rf"(?:(?:{'|'.join(SEVERITIES)}) )?\b{noun}\b", "D", text)
    text = re.sub(r"(?:top|bottom) (?:left|right)", "P", text)
    text = re.sub(r"which .*?(?=, and D|, then D|\.|$)", "E", text)
    text = re.sub(r"D,? (?:and|then|followed by) D|D[,;] D|D", "L", text)
    return re.sub(r"(?<=[.:,] )(?:it|the \w+|L) .*", "...", text)


@pytest.mark.parametrize("task", sorted(TASKS))
def test_answers_vary_and_the_usual_shape_is_the_most_frequent(task: str) -> None:
    sample = sample_of((applied("blur", 4), applied("noise", 2)), (applied("darken", 1.5),))
    whole = Sample(sample.pixels, whole=(applied("blur", 4), applied("noise", 2)))
    clean = Sample(sample.pixels)
    for one in (sample, whole, clean):
        all_of_it = task == "describe" or one is not sample
        rows = [row for row in asked(one, task, 150) if row.region == 0 or all_of_it]
        shapes = Counter(skeleton(row) for row in rows)
        # A phrase list stays one, with a capital or without.
        assert len(shapes) >= (2 if task == "refer_short" else 4), shapes
        (_, first), (_, second) = shapes.most_common(2)
        assert first > 1.5 * second, shapes.most_common(3)


def test_usual_shapes() -> None:
    sample = sample_of((applied("blur", 4), applied("noise", 2)), (applied("darken", 1.5),))
    answers = Counter(row.answer for row in rows_of(sample, 200) if row.region == 0)
    for usual in (
        "severe blur, mild noise",
        "The region on the top left shows the most severe degradation: severe blur and mild noise.",
        "The region on the top left shows severe blur.",
        "The region on the top left shows severe blur, then mild noise.",
    ):
        assert answers[usual] > 60, usual
    long = [row.answer for row in asked(sample, "refer_long", 200) if row.region == 0]
    usual = re.compile(r"This region shows severe blur, which .*?, and mild noise, which .*\.")
    assert 0.3 < sum(bool(usual.fullmatch(text)) for text in long) / len(long) < 0.7


def test_long_answers_tell_an_effect_of_every_distortion() -> None:
    sample = sample_of((applied("blur", 4, "blur_motion"), applied("noise", 2, "noise_impulse")))
    for row in asked(sample, "refer_long", 60):
        if row.truth:
            effects = re.split(r"(?i)severe blur|mild noise|the blur|the noise", row.answer)
            assert sum(len(re.findall(r"[a-z]+", part)) >= 3 for part in effects[1:]) >= 2, row
    motion = " ".join(row.answer for row in asked(sample, "refer_long", 60))
    assert "streaks the edges along one direction" in motion
    assert "white and black dots" in motion


@pytest.mark.parametrize("task", sorted(TASKS))
def test_that_nothing_is_wrong_can_be_said_in_every_task(task: str) -> None:
    rows = asked(Sample(np.zeros((*SHAPE, 3), np.uint8)), task)
    assert rows and all(says_nothing(row.answer) and row.region is None for row in rows)
    assert len({row.question for row in rows}) > 2
    if task.startswith("refer"):
        assert {row.subtask for row in rows} == {"clean"}
    # And beside distorted regions, where that is fair.
    if not task.startswith("describe") and task != "ground_hyd":
        some = asked(sample_of((applied("blur", 4), applied("noise", 3))), task)
        assert any(says_nothing(row.answer) for row in some)
        assert any(row.truth for row in some)


def test_most_and_least() -> None:
    sample = sample_of((applied("blur", 4),), (applied("noise", 2),), (applied("darken", 3),))
    targets = {(row.subtask, row.region) for row in asked(sample, "ground_hyd")}
    assert targets == {("most", 0), ("least", 1)}
    close = sample_of((applied("blur", 4),), (applied("noise", 3.8),))
    assert not asked(close, "ground_hyd")


def test_one_family() -> None:
    sample = sample_of((applied("blur", 4),), (applied("blur", 2),), (applied("noise", 5),))
    rows = asked(sample, "ground_sid")
    blur = [row for row in rows if "blur" in row.question and row.truth]
    for row in blur:
        least = row.subtask == "least"
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
    assert {(row.region, row.subtask) for row in held} == {
        (0, "both"), (1, "both"), (0, "first"), (1, "first")
    }  # fmt: skip
    # Both end with noise, so that question has no one answer.
    assert not any(row.subtask == "last" for row in held)
    for row in held:
        first, second = (NOUNS[one.family] for one in row.truth)
        assert row.answer.index(first) < row.answer.index(second)
        assert re.search(r"then|followed by|came first", row.answer)
    # A single distortion is the first and the last one of its region, too.
    rival = asked(sample_of(one, (applied("blur", 2),)), "ground_dao")
    assert {row.subtask for row in rival if row.truth} == {"both", "last"}


ORDER_WORDS = re.compile(r"\bthen\b|\bfollowed\b|\bfirst\b|\bafter\b")


def test_no_order_is_told_where_none_is_known() -> None:
    plan = (applied("blur", 4), applied("noise", 2))
    for sample in (
        sample_of(plan, ordered=False),
        sample_of(plan[::-1]),  # noise, then blur: nobody can tell
        sample_of((applied("darken", 3), applied("blur", 3))),
        sample_of((applied("blur", 3), other("lens flare", 3))),
        Sample(np.zeros((*SHAPE, 3), np.uint8), whole=tuple(
            Applied(one.family, "", one.level, one.severity) for one in plan)),
    ):  # fmt: skip
        rows = rows_of(sample, 40)
        assert not any(ORDER_WORDS.search(row.answer) for row in rows if row.truth)
        assert not any(row.truth for row in rows if row.task == "ground_dao")
    known = [row for row in rows_of(sample_of(plan), 40) if row.task == "describe"]
    assert 0 < sum(bool(ORDER_WORDS.search(row.answer)) for row in known) < len(known) / 2


def test_an_unknown_order_may_be_the_one_asked_for() -> None:
    plan = (applied("blur", 4), applied("noise", 2))
    sample = sample_of(plan, (applied("blur", 3), applied("noise", 3)))
    open_one = replace(sample.regions[1], ordered=False)
    unclear = Sample(sample.pixels, (sample.regions[0], open_one))
    rows = asked(unclear, "ground_dao", 200)
    assert not any(row.truth for row in rows)
    # Nor is it absent.
    pairs = [("blur", "noise"), ("noise", "blur")]
    for row in rows:
        named = sorted((noun for noun in ("blur", "noise") if noun in row.question),
                       key=row.question.index)  # fmt: skip
        assert tuple(named) not in pairs


def test_faults_of_no_family() -> None:
    sample = sample_of((applied("blur", 2), other("lens flare", 3)), (applied("noise", 3),))
    rows = rows_of(sample)
    for row in rows:
        assert all(one.family in ("blur", "noise") for one in row.truth)
        assert ("moderate lens flare" in row.answer.lower()) == (row.other == ("lens flare",))
    described = [row for row in rows if row.task in ("describe", "refer_long") and row.region == 0]
    assert described and all(row.other == ("lens flare",) for row in described)
    # Its level counts: blur alone would be the least.
    assert {(row.subtask, row.region) for row in rows if row.task == "ground_hyd"} == {
        ("most", 0), ("least", 1)
    }  # fmt: skip
    assert not any("flare" in row.question for row in rows)
    alone = rows_of(sample_of((other("colour cast", 5),)), 10)
    named = [row for row in alone if row.other]
    assert named and all("severe colour cast" in row.answer.lower() for row in named)
    assert {row.task for row in named} == TASKS - {"ground_sid", "ground_dao"}


def test_what_depends_on_the_frame_is_asked_of_nearly_all_of_it() -> None:
    for fault in (other("lens flare", 4), applied("darken", 4, "darken_vignette")):
        sample = Sample(np.full((*SHAPE, 3), 128, np.uint8), whole=(fault,))
        rows = [row for row in rows_of(sample) if row.truth or row.other]
        boxes = [row.box for row in rows if row.box is not None]
        assert boxes
        for x1, y1, x2, y2 in boxes:
            assert (x2 - x1) * (y2 - y1) > 0.7 * SHAPE[0] * SHAPE[1]
        assert not [row for row in rows if row.subtask == "place"]


def test_regions_by_their_names() -> None:
    plans = ((applied("blur", 4),), (applied("noise", 2),), (applied("darken", 3),))
    sample = sample_of(*plans, labels=("the sky", "trees", "trees"))
    rows = [row for row in rows_of(sample, 60) if row.subtask == "label"]
    assert {row.region for row in rows} == {0}
    assert all("the sky" in row.question and row.spans == () for row in rows)
    assert describe_region_question("the sky") in {row.question for row in rows}
    told = [row for row in rows_of(sample, 60) if row.region == 1]
    assert any("the trees" in row.answer for row in told)
    # What would be read as a fault, or as a place, is never said.
    odd = sample_of(*plans[:2], labels=("the hazy hills", "the left tower"))
    for row in rows_of(odd):
        assert "hazy" not in row.answer and "tower" not in row.answer + row.question
    assert any("the hazy hills" in row.question for row in rows_of(odd))


def test_the_run_time_question_is_asked_half_of_the_time() -> None:
    rows = asked(sample_of((applied("blur", 3),)), "describe", 200)
    canonical = sum(row.question == describe_question() for row in rows) / len(rows)
    assert 0.4 < canonical < 0.6


def test_boxes_hold_what_the_answer_says() -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        masks = blob_regions(SHAPE, rng, 2)
        plans = [(applied("blur", 4),), (applied("noise", 2),)]
        regions = tuple(region(mask, plan) for mask, plan in zip(masks, plans, strict=False))
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


def test_a_photo_is_asked_about_in_a_few_milliseconds() -> None:
    rng = np.random.default_rng(0)
    masks = blob_regions((512, 512), rng, 3)
    pixels = rng.integers(0, 256, (512, 512, 3), dtype=np.uint8)
    plan = (applied("blur", 4), applied("noise", 2))
    sample = Sample(pixels, tuple(region(mask, plan) for mask in masks))
    start = time.perf_counter()
    for seed in range(5):
        questions_and_answers(sample, np.random.default_rng(seed))
    assert (time.perf_counter() - start) / 5 < 0.1  # 3-6 ms on one core; room for busy machines
