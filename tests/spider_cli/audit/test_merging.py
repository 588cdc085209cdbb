"""Whose rating stands."""

from collections.abc import Mapping

import pytest

from spider_cli.audit.merging import Decision, Kept, Marks, Policy, Program, Verdict, decide, marks
from spider_cli.audit.stars import Labels
from spider_cli.audit.xmp_terms import (
    DARKTABLE_LABELS,
    LABEL,
    MODEL,
    RATING,
    REASONS,
    REVISION,
    SCORE,
    URGENCY,
    WROTE_LABEL,
    WROTE_RATING,
    Colour,
    Name,
    Value,
)
from tests.spider_cli.audit.shoot import GOOD, POOR

MICROSOFT = ("http://ns.microsoft.com/photo/1.0/", "Rating")
ACDSEE = ("http://ns.acdsee.com/iptc/1.0/", "rating")
DIGIKAM = ("http://www.digikam.org/ns/1.0/", "ColorLabel")
HISTORY = ("http://darktable.sf.net/", "history_end")
Values = Mapping[Name, Value]


def merge(
    values: Values, verdict: Verdict = GOOD, elsewhere: Marks | None = None, **policy: object
) -> tuple[dict[Name, Value], Decision]:
    """The properties after a run, and what was decided."""
    decision = decide(values, verdict, Policy(**policy), elsewhere=elsewhere or Marks())  # type: ignore[arg-type]
    after = {**values, **decision.wanted}
    return {name: value for name, value in after.items() if value is not None}, decision


def test_a_sidecar_without_a_rating_gets_one() -> None:
    after, decision = merge({})
    assert after == {
        RATING: "5", WROTE_RATING: "5", LABEL: "Green", WROTE_LABEL: "Green", SCORE: "81.50",
        REASONS: ("mild noise in the sky", "tilted"), MODEL: "nano", REVISION: "0123abc",
    }  # fmt: skip
    assert (decision.rating.before, decision.rating.after, decision.rating.kept) == ("", "5", None)


@pytest.mark.parametrize("unrated", ["0", "", "0.0"])
def test_zero_stars_is_no_rating(unrated: str) -> None:
    assert merge({RATING: unrated, LABEL: ""})[0][RATING] == "5"


@pytest.mark.parametrize(
    "rated", ["1", "5", "-1", "3.0", "3.5", "good", "nan", "inf", "12", ("3",)]
)
def test_a_persons_rating_stands(rated: Value) -> None:
    after, decision = merge({RATING: rated})
    assert after[RATING] == rated
    assert WROTE_RATING not in after
    assert decision.rating.kept is Kept.PERSON
    assert (after[LABEL], after[SCORE]) == ("Green", "81.50")


@pytest.mark.parametrize("label", ["Blue", "Approved", "grün", "Select"])
def test_a_persons_label_stands_by_itself(label: str) -> None:
    after, decision = merge({LABEL: label})
    assert (after[LABEL], decision.label.kept) == (label, Kept.PERSON)
    assert WROTE_LABEL not in after
    assert after[RATING] == "5"


def test_spiders_own_rating_is_its_to_change() -> None:
    first, _ = merge({})
    second, decision = merge(first, POOR)
    assert (second[RATING], second[LABEL]) == ("1", "Yellow")
    assert (decision.rating.before, decision.rating.after) == ("5", "1")
    assert merge({**first, RATING: "5.0"}, POOR)[0][RATING] == "1"


def test_what_a_person_made_of_spiders_rating_stands() -> None:
    rated, _ = merge({})
    changed, decision = merge({**rated, RATING: "2", LABEL: "Red"}, POOR)
    assert (changed[RATING], changed[LABEL]) == ("2", "Red")
    assert not {WROTE_RATING, WROTE_LABEL} & set(changed)
    assert decision.rating.kept is Kept.PERSON
    assert merge(changed, POOR)[0] == changed


@pytest.mark.parametrize("how", ["0", ""])
def test_a_rating_that_a_person_took_away_stays_away(how: str) -> None:
    cleared = {**merge({})[0], RATING: how, LABEL: how.strip("0")}
    for _ in range(2):
        cleared, decision = merge(cleared, POOR)
        assert (cleared[RATING], decision.rating.kept) == (how, Kept.CLEARED)
        assert (cleared[LABEL], decision.label.kept) == ("", Kept.CLEARED)


def test_overwriting() -> None:
    person: Values = {RATING: "2", LABEL: "Blue", MICROSOFT: "25", DARKTABLE_LABELS: ("0", "3")}
    after, decision = merge(person, overwrite=True)
    assert (after[RATING], after[WROTE_RATING], after[MICROSOFT]) == ("5", "5", "99")
    assert (after[LABEL], after[DARKTABLE_LABELS]) == ("Green", ("2",))
    assert (decision.rating.before, decision.rating.kept) == ("2", None)
    assert merge({**merge({})[0], RATING: "0"}, POOR, overwrite=True)[0][RATING] == "1"
    assert merge({}, elsewhere=Marks(True, True), overwrite=True)[0][RATING] == "5"


@pytest.mark.parametrize("values", [{MICROSOFT: "75"}, {ACDSEE: "4"}, {ACDSEE: "4", RATING: "0"}])
def test_a_rating_in_another_programs_property_is_a_persons(values: Values) -> None:
    after, decision = merge(values)
    assert decision.rating.kept is Kept.PERSON
    assert after.get(RATING) == values.get(RATING)


def test_other_programs_properties_are_made_to_agree_and_never_added() -> None:
    after, _ = merge({MICROSOFT: "0", ACDSEE: "0", DIGIKAM: "0"})
    assert (after[MICROSOFT], after[ACDSEE], after[DIGIKAM]) == ("99", "5", "4")
    again, decision = merge({**after, MICROSOFT: "98"}, POOR)
    assert (again[MICROSOFT], again[ACDSEE], again[DIGIKAM]) == ("1", "1", "3")
    assert decision.rating.kept is None
    assert merge({**after, ACDSEE: "3"}, POOR)[1].rating.kept is Kept.PERSON


def test_rejected_in_properties_that_know_no_rejection() -> None:
    after, _ = merge({MICROSOFT: "0", ACDSEE: "0"}, Verdict(score=1, model="m", revision=""))
    assert (after[RATING], after[MICROSOFT], after[ACDSEE]) == ("-1", "0", "0")
    assert REVISION not in after
    assert merge(after)[0][RATING] == "5"


@pytest.mark.parametrize("values", [{DARKTABLE_LABELS: ("3",)}, {DIGIKAM: "5"}])
def test_a_colour_in_another_programs_property_is_a_persons(values: Values) -> None:
    after, decision = merge(values)
    assert decision.label.kept is Kept.PERSON
    assert LABEL not in after
    assert after[RATING] == "5"


def test_darktables_own_sidecar_gets_darktables_own_colour() -> None:
    rated, _ = merge({HISTORY: "3"})
    assert (rated[LABEL], rated[DARKTABLE_LABELS]) == ("Green", ("2",))
    assert merge(rated, POOR)[0][DARKTABLE_LABELS] == ("1",)
    # darktable heeds xmp:Label first: spider's must not hide what a person chose in darktable.
    chosen, decision = merge({**rated, DARKTABLE_LABELS: ("3",)}, POOR)
    assert (chosen[DARKTABLE_LABELS], decision.label.kept) == (("3",), Kept.PERSON)
    assert LABEL not in chosen
    assert decision.label.after == ""


def test_capture_ones_second_place_for_a_colour() -> None:
    one: dict[str, object] = {"program": Program.CAPTURE_ONE}
    assert URGENCY not in merge({})[0]
    rated, _ = merge({}, **one)
    assert (rated[LABEL], rated[URGENCY]) == ("Green", "2")
    assert merge(rated, POOR, **one)[0][URGENCY] == "7"
    assert merge(rated, POOR)[0][URGENCY] == "7"  # once there, it has to agree
    assert merge({URGENCY: "5"}, **one)[0][URGENCY] == "5"  # a news desk's
    after, _ = merge({LABEL: "Pink", URGENCY: "4"}, overwrite=True)
    assert (after[LABEL], after[URGENCY]) == ("Green", "2")


def test_no_colour_for_some_stars() -> None:
    plain = Labels(five=None)
    after, decision = merge({}, labels=plain)
    assert not {LABEL, WROTE_LABEL} & set(after)
    assert decision.label.after == ""
    green, _ = merge({HISTORY: "1", DIGIKAM: "0"}, program=Program.CAPTURE_ONE)
    after, _ = merge(green, labels=plain)
    assert not {LABEL, WROTE_LABEL, DARKTABLE_LABELS, DIGIKAM, URGENCY} & set(after)
    assert merge({LABEL: "NoColor"}, labels=plain)[0][LABEL] == "NoColor"
    assert merge({LABEL: "Blue"}, labels=plain)[0][LABEL] == "Blue"


def test_every_colour_has_its_number_everywhere() -> None:
    for colour in Colour:
        labels = Labels(five=colour)
        after, _ = merge({HISTORY: "1", DIGIKAM: "0"}, labels=labels, program=Program.CAPTURE_ONE)
        assert {LABEL, DARKTABLE_LABELS, DIGIKAM, URGENCY} <= set(after)
        assert merge(after, labels=labels)[0] == after


def test_a_persons_rating_elsewhere_stands() -> None:
    after, decision = merge({}, elsewhere=Marks(rated=True))
    assert not {RATING, WROTE_RATING} & set(after)
    assert (decision.rating.kept, after[LABEL]) == (Kept.ELSEWHERE, "Green")
    after, decision = merge({}, elsewhere=Marks(labelled=True))
    assert (decision.label.kept, after[RATING]) == (Kept.ELSEWHERE, "5")


def test_what_counts_as_a_persons_elsewhere() -> None:
    ours, _ = merge({})
    assert marks({RATING: "3"}, {}) == Marks(rated=True)
    assert marks({LABEL: "Blue"}, {}) == Marks(labelled=True)
    assert marks({RATING: "0"}, {}) == Marks()
    assert marks(ours, {}) == Marks()
    assert marks({**ours, RATING: "3"}, {}) == Marks(rated=True)
    assert marks({RATING: "5", LABEL: "Green"}, ours) == Marks()  # copied from spider's
    assert marks({}, ours) == Marks()
    assert marks({**ours, RATING: "0"}, ours) == Marks(rated=True)  # taken away there


def test_a_verdict_needs_a_score() -> None:
    for score in (-1.0, 100.5, float("nan")):
        with pytest.raises(ValueError, match="not within 0-100"):
            Verdict(score=score, model="nano", revision="")
