"""What an answer is worth: read, compared, and where it cannot be read wrong and counted."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from spider_cli.masks import encode_mask
from spider_cli.results import Distortion
from trainer.datasets.schema import Item
from trainer.evaluate.cases import Case, cases_of
from trainer.evaluate.grading import grade, target_mask
from trainer.evaluate.measures import (
    covered,
    exact,
    false_alarm,
    family_counts,
    giou_share,
    iou_share,
    is_exact,
    placed_right,
    placed_words,
    said_target,
    severities,
)
from trainer.evaluate.outcomes import Outcome, Prediction
from trainer.truth import BoolMask


@pytest.fixture
def cases(items: list[Item]) -> dict[str, Case]:
    return {case.id: case for item in items for case in cases_of(item)}


def said(case: Case, answer: str) -> Outcome:
    return grade(case, Prediction(answer=answer))


def target_of(case: Case, items: list[Item]) -> BoolMask:
    [item] = [one for one in items if one.id == case.photo]
    return target_mask(case, tuple(region.mask for region in item.sample.regions))


# --- cases ----------------------------------------------------------------------------------------


def test_every_gradable_row_is_a_case(cases: dict[str, Case]) -> None:
    photo = [f"000000-{index:02d}" for index in range(9)]
    assert list(cases) == [*photo, "000001-00", "000001-01", "000001-02", "000001", "000002-00",
                           "000002", "000003"]  # fmt: skip
    assert [cases[f"000000-0{i}"].target for i in range(4, 9)] == [
        "region", "region", "region", "absent", "",
    ]  # fmt: skip
    assert cases["000001-01"].target == "whole"
    assert cases["000000-04"].words == ("top", "left")
    assert cases["000000-05"].point == pytest.approx((100 / 128, 72 / 96), abs=0.01)
    assert cases["000003"].mos == 0.6
    assert cases["000003"].cluster == "g3"


# --- words ----------------------------------------------------------------------------------------


def test_all_families_and_none_extra(cases: dict[str, Case]) -> None:
    two = cases["000000-02"]  # blur and noise
    for answer, right in (
        ("severe blur, mild noise", True),
        ("Mild noise and moderate blur.", True),  # another severity, another order
        ("severe blur", False),
        ("severe blur, mild noise, mild darkening", False),
        ("no visible distortion", False),
    ):
        assert is_exact(two, said(two, answer)) is right, answer


def test_a_clean_region_is_called_so(cases: dict[str, Case]) -> None:
    clean = cases["000000-08"]
    assert is_exact(clean, said(clean, "no visible distortion"))
    assert not is_exact(clean, said(clean, "mild blur"))
    assert not is_exact(clean, said(clean, "a lens flare"))
    assert false_alarm(clean, said(clean, "a lens flare")) == (1, 1)


def test_a_fault_of_no_family_is_wanted_where_it_is_all_there_is(cases: dict[str, Case]) -> None:
    flare = replace(cases["000000-08"], other=("lens flare",))
    assert is_exact(flare, said(flare, "This region shows a lens flare."))
    assert not is_exact(flare, said(flare, "no visible distortion"))


@pytest.mark.parametrize("answer", ["", "I see a street.", "Yes.", "???"])
def test_what_says_nothing_is_unparsed_and_wrong(cases: dict[str, Case], answer: str) -> None:
    for name in ("000000-02", "000000-08"):
        outcome = said(cases[name], answer)
        assert outcome.status == "unparsed"
        assert exact(cases[name], outcome) == (0, 1)  # of the clean one, too
        assert "names no distortion" in outcome.reason


def test_missing_and_failed_are_wrong(cases: dict[str, Case]) -> None:
    clean = cases["000000-08"]
    assert grade(clean, None).status == "missing"
    failed = grade(clean, Prediction(error="no room"))
    assert (failed.status, failed.reason) == ("failed", "no room")
    assert exact(clean, failed) == (0, 1)


def test_distortions_of_a_record_go_before_its_words(cases: dict[str, Case]) -> None:
    two = cases["000000-02"]
    named = (Distortion("blur", "mild"), Distortion("noise", "mild"))
    outcome = grade(two, Prediction(answer="something else", distortions=named, other=()))
    assert is_exact(two, outcome)
    assert severities(two, outcome) == (1, 2)
    # An empty list beside words that deny nothing: what our own records say of such answers.
    empty = grade(two, Prediction(answer="A street.", distortions=(), other=()))
    assert empty.status == "unparsed"
    assert grade(two, Prediction(distortions=(), other=())).clean
    assert grade(two, Prediction(score=3)).status == "unparsed"


def test_counts_of_families(cases: dict[str, Case]) -> None:
    two = cases["000000-02"]
    counts = np.reshape(family_counts(two, said(two, "mild blur, mild darkening")), (12, 3))
    assert counts[0].tolist() == [1, 0, 0]  # blur
    assert counts[1].tolist() == [0, 0, 1]  # noise
    assert counts[4].tolist() == [0, 1, 0]  # darken
    assert counts.sum() == 3


# --- descriptions ---------------------------------------------------------------------------------

IN_PLACE = [
    "The region on the top left shows severe blur and mild noise.",
    "The region on the bottom right has severe noise.",
]


@pytest.mark.parametrize("order", list(permutations(IN_PLACE)))
def test_all_in_its_place(cases: dict[str, Case], order: list[str]) -> None:
    case = cases["000000-00"]
    outcome = said(case, " ".join(order))
    assert outcome.mentions == (3, 3, 3, 3)
    assert placed_right(case, outcome) == (3, 3)
    assert covered(case, outcome) == (3, 3)


@pytest.mark.parametrize(
    ("answer", "mentions"),
    [
        ("The region on the bottom left shows severe blur.", (1, 0, 3, 0)),
        ("The region on the left shows severe blur.", (1, 1, 3, 1)),
        ("The region on the bottom right shows blur. The top left has noise.", (2, 1, 3, 1)),
        ("The region on the top left shows darkening.", (0, 0, 3, 0)),  # no true family
        ("The image shows blur and noise.", (0, 0, 3, 0)),  # no place
        ("The whole image shows severe noise.", (1, 0, 3, 0)),
    ],
)
def test_mentions_by_hand(
    cases: dict[str, Case], answer: str, mentions: tuple[int, int, int, int]
) -> None:
    assert said(cases["000000-00"], answer).mentions == mentions


def test_all_over_is_a_place(cases: dict[str, Case]) -> None:
    case = cases["000001-00"]
    assert said(case, "The whole image shows mild darkening.").mentions == (1, 1, 1, 1)
    assert said(case, "The region on the top left shows darkening.").mentions == (1, 0, 1, 0)


# --- masks ----------------------------------------------------------------------------------------


def masked(mask: BoolMask | None, **more: object) -> Prediction:
    return Prediction(masked=True, mask=None if mask is None else encode_mask(mask), **more)  # type: ignore[arg-type]


def test_a_mask_by_hand(cases: dict[str, Case], items: list[Item]) -> None:
    case = cases["000000-04"]
    target = target_of(case, items)
    half = target.copy()
    half[24:] = False  # the upper half of rows 8 to 40
    outcome = grade(case, masked(half, point=(20.0, 12.0)), target=target)
    assert outcome.overlap == (640, 1280)
    assert iou_share(case, outcome) == (0.5, 1)
    assert outcome.inside is True
    assert outcome.said == "region"
    assert grade(case, masked(half, point=(70.0, 90.0)), target=target).inside is False


def test_targets_that_are_no_region(cases: dict[str, Case], items: list[Item]) -> None:
    absent, whole = cases["000000-07"], cases["000001-01"]
    nothing, all_of_it = target_of(absent, items), target_of(whole, items)
    assert not nothing.any()
    assert all_of_it.all()
    none = grade(absent, masked(None), target=nothing)
    assert (said_target(absent, none), giou_share(absent, none)) == ((1, 1), (1, 1))
    full = grade(whole, Prediction(whole=True, masked=True), target=all_of_it)
    assert (said_target(whole, full), iou_share(whole, full)) == ((1, 1), (1, 1))
    wrong = grade(absent, masked(all_of_it), target=nothing)
    assert (said_target(absent, wrong), giou_share(absent, wrong)) == ((0, 1), (0, 1))


def test_words_alone_can_mean_all_or_nothing(cases: dict[str, Case], items: list[Item]) -> None:
    absent, whole, place = (cases[n] for n in ("000000-07", "000001-01", "000000-04"))
    answer = Prediction(answer="No region shows pixelation.")
    assert grade(absent, answer, target=target_of(absent, items)).said == "absent"
    answer = Prediction(answer="The whole image shows darkening.")
    assert grade(whole, answer, target=target_of(whole, items)).said == "whole"
    answer = Prediction(answer="The region on the top left shows blur.")
    outcome = grade(place, answer, target=target_of(place, items))
    assert (outcome.status, outcome.overlap) == ("unparsed", (0, 1280))
    assert "no mask" in outcome.reason
    assert placed_words(place, outcome) == (1, 1)  # they are right all the same
    wrong = grade(place, Prediction(answer="The bottom left."), target=target_of(place, items))
    assert placed_words(place, wrong) == (0, 1)


def test_an_answer_without_a_place_is_wrong_though_a_point_was_forced(
    cases: dict[str, Case], items: list[Item]
) -> None:
    case = cases["000000-04"]
    target = target_of(case, items)
    forced = masked(target, answer="It shows blur.", probed=True, point=(20.0, 20.0))
    outcome = grade(case, forced, target=target)
    assert outcome.status == "unparsed"
    assert iou_share(case, outcome) == (0, 1)
    # One word of two was said: the point is the answer's.
    half = masked(target, answer="The left shows blur.", probed=True, point=(20.0, 20.0))
    assert iou_share(case, grade(case, half, target=target)) == (1, 1)
    # A system of masks need not say where.
    assert iou_share(case, grade(case, masked(target, answer="Sure."), target=target)) == (1, 1)


def test_nothing_found_by_not_answering(cases: dict[str, Case], items: list[Item]) -> None:
    absent = cases["000000-07"]
    for prediction in (None, Prediction(error="no"), Prediction(answer="A street.")):
        outcome = grade(absent, prediction, target=target_of(absent, items))
        assert giou_share(absent, outcome) == (0, 1)
        assert said_target(absent, outcome) == (0, 1)


def test_a_point_alone_goes_through_the_segmenter(
    cases: dict[str, Case], items: list[Item]
) -> None:
    case = cases["000000-05"]
    target = target_of(case, items)
    asked: list[tuple[float, float]] = []

    def segment(point: tuple[float, float]) -> BoolMask:
        asked.append(point)
        return target

    outcome = grade(case, Prediction(point=(100.0, 70.0)), target=target, segment=segment)
    assert asked == [(100.0, 70.0)]
    assert iou_share(case, outcome) == (1, 1)
    assert outcome.inside is True


# --- scores and letters ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "choice"),
    [
        ("A", 0), ("b", 1), ("B.", 1), (" (A) Yes", 0), ("A: Yes", 0), ("Yes", 0), ("No.", 1),
        ("The answer is B.", 1), ("Answer: (A)", 0), ("B\nbecause it is bright", 1),
    ],
)  # fmt: skip
def test_letters_are_read(cases: dict[str, Case], answer: str, choice: int) -> None:
    assert said(cases["000001-02"], answer).choice == choice


@pytest.mark.parametrize("answer", ["A bright photo", "C", "Because", "", "I cannot tell", "Bad"])
def test_what_names_no_option_is_unparsed(cases: dict[str, Case], answer: str) -> None:
    assert said(cases["000001-02"], answer).status == "unparsed"


def test_a_score_is_a_number(cases: dict[str, Case]) -> None:
    assert grade(cases["000003"], Prediction(score=3.5)).score == 3.5
    assert grade(cases["000003"], Prediction(answer="good")).status == "unparsed"
