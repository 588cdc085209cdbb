"""Questions in their canonical wording, and the readers of answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_cli import questions
from spider_cli.errors import UsageError
from spider_cli.reading import merge_distortions, parse_distortions, says_nothing, says_whole
from spider_cli.results import Distortion
from spider_cli.vocabulary import FAMILIES, NOUNS, SEVERITIES

ITEMS = st.lists(
    st.builds(Distortion, st.sampled_from(FAMILIES), st.sampled_from(SEVERITIES)),
    min_size=1,
    max_size=4,
    unique_by=lambda item: item.family,
)


def short(text: str) -> str:
    """What was read, briefly: "severe noise, mild blur; lens flare"."""
    distortions, others = parse_distortions(text)
    named = ", ".join(f"{d.severity} {d.family}" for d in distortions)
    return "; ".join([named, *others]) if others else named


@given(ITEMS, st.sampled_from([", ", " and ", ", then ", "; ", " as well as ", "\n"]))
def test_lists_of_nouns_and_of_families_read_back(items: list[Distortion], joint: str) -> None:
    for spelled in (NOUNS, {family: family for family in FAMILIES}):
        text = joint.join(f"{d.severity} {spelled[d.family]}" for d in items)
        assert parse_distortions(text) == (tuple(items), ())
        assert parse_distortions(f"The whole image shows {text}.".upper())[0] == tuple(items)


@given(ITEMS)
def test_negated_lists_read_as_nothing(items: list[Distortion]) -> None:
    text = ", ".join(NOUNS[d.family] for d in items)
    for sentence in (f"There is no {text}.", f"It is free of {text}", f"without any {text}"):
        assert parse_distortions(sentence) == ((), ())
        assert says_nothing(sentence)


@given(st.text(max_size=200))
def test_readers_take_any_text(text: str) -> None:
    distortions, _ = parse_distortions(text)
    assert merge_distortions(distortions) == distortions
    assert not (says_nothing(text) and (distortions or says_whole(text)))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("The photo is grainy and slightly out of focus.", "moderate noise, mild blur"),
        ("overexposed", "moderate brighten"),
        ("Heavily underexposed", "severe darken"),
        ("The image looks dark.", "moderate darken"),
        ("A dark sky over bright flowers.", ""),
        ("pixelated", "moderate pixelate"),
        ("posterised, with banding", "moderate quantization"),
        ("strong jpeg artifacts", "severe compression"),
        ("minor blocking artifacts", "mild compression"),
        ("a washed-out look", "moderate contrast weaken"),
        ("low contrast", "moderate contrast weaken"),
        ("strong contrast weakening", "severe contrast weaken"),
        ("hazy", "moderate contrast weaken"),
        ("oversaturated", "moderate saturate strengthen"),
        ("desaturated", "moderate saturate weaken"),
        ("faded colours", "moderate saturate weaken"),
        ("over-sharpened with halos", "moderate oversharpen"),
        ("vignetting", "moderate darken"),
        ("mild lens flare and moire", "; lens flare; moire"),
        ("chromatic aberration, severe noise", "severe noise; chromatic aberration"),
        ("no moire but mild blur", "mild blur"),
        # severities
        ("severe noise and blur", "severe noise, severe blur"),
        ("severe noise, blur", "severe noise, moderate blur"),
        ("The blur is mild; the noise (severe).", "mild blur, severe noise"),
        ("- Noise: severe\n- Blur: none", "severe noise"),
        ("mild to moderate noise", "moderate noise"),
        ("not too severe noise", "mild noise"),
        ("mild noise. Later: severe noise. Noise again.", "severe noise"),
        ("The noise level is high.", "severe noise"),
        # negations
        ("no noise or blur, mild darkening", "mild darken"),
        ("There is no noise, the image is blurry", "moderate blur"),
        ("free of blur but heavily compressed", "severe compression"),
        ("noise is not visible, blur is severe", "severe blur"),
        ("It isn't sharp.", "moderate blur"),
        ("not only noise but also mild blur", "moderate noise, mild blur"),
        ("noise-free but blurry", "moderate blur"),
        ("no visible distortion apart from mild noise", "mild noise"),
        # effects are not distortions
        ("severe noise, which blurs mild detail, and mild blur", "severe noise, mild blur"),
        ("mild compression, making it look pixelated", "mild compression"),
        ("mild blur, which softens edges, then severe noise", "mild blur, severe noise"),
        ("mild blur, which softens edges, as well as severe noise", "mild blur, severe noise"),
        ("mild blur, which softens edges, followed by severe noise", "mild blur, severe noise"),
        ("The region, which contains the sky, shows severe noise.", "severe noise"),
        ("", ""),
    ],
)
def test_free_english(text: str, read: str) -> None:
    assert short(text) == read


@pytest.mark.parametrize(
    ("text", "whole", "nothing"),
    [
        ("The whole image shows severe noise.", True, False),
        ("Severe noise across the entire photo.", True, False),
        ("Noise is visible throughout the picture.", True, False),
        ("The region on the top left shows noise. The rest of the image is clean.", False, False),
        ("The rest of the image is clean.", False, False),
        ("The whole image is clean.", False, True),
        ("no visible distortion", False, True),
        ("No region shows visible distortion.", False, True),
        ("No region shows contrast weakening, then noise.", False, True),
        ("I don't see any distortions in this picture.", False, True),
        ("I cannot judge this.", False, False),
        ("", False, False),
    ],
)
def test_whole_and_nothing(text: str, whole: bool, nothing: bool) -> None:
    assert (says_whole(text), says_nothing(text)) == (whole, nothing)


def test_hostile_answers_take_no_time() -> None:
    for text in ("no " * 5000, "which severe noise and " * 2000, "which " * 5000, "noise" * 5000):
        says_whole(text)


def test_merge_keeps_the_strongest_at_its_first_place() -> None:
    items = [Distortion("blur", "mild"), Distortion("noise", "mild"), Distortion("blur", "severe")]
    assert merge_distortions(items) == (Distortion("blur", "severe"), Distortion("noise", "mild"))


def test_box_phrases() -> None:
    assert questions.box_phrase((123, 125, 500, 375), 1000, 500) == "[0.123, 0.250, 0.500, 0.750]"
    text = questions.refer_question("[0.123, 0.250, 0.500, 0.750]", long=True)
    assert questions.box_fractions(text) == (0.123, 0.25, 0.5, 0.75)
    assert questions.box_fractions("no box") is None
    assert questions.refer_question("[b]", long=True) != questions.refer_question("[b]", long=False)


@pytest.mark.parametrize(
    "phrase", ["top left", "the top-left corner", "Top  Left", "region on the top left"]
)
def test_positional_phrases_are_one_question(phrase: str) -> None:
    asked = questions.describe_region_question(phrase)
    assert asked == "Describe the quality of the region on the top left."


def test_other_regions_are_asked_as_given() -> None:
    assert "the sky" in questions.describe_region_question("the sky")
    box = "[0.100, 0.200, 0.300, 0.400]"
    assert questions.describe_region_question(box).endswith(f"the region {box}.")


def test_ground_questions_differ_and_name_what_they_ask_for() -> None:
    asked = [
        questions.ground_question(),
        questions.ground_question(extreme="least"),
        questions.ground_question(family="pixelate"),
        questions.ground_question(extreme="least", family="pixelate"),
        questions.ground_question(order=("blur", "pixelate")),
        questions.ground_question(first="pixelate"),
        questions.ground_question(last="pixelate"),
    ]
    assert len(set(asked)) == len(asked)
    assert all("pixelation" in question for question in asked[2:])
    assert asked[0] == questions.ground_question(extreme="most")
    both = questions.ground_question(first="blur", last="pixelate")
    assert both == questions.ground_question(order=("blur", "pixelate"))


def test_two_sub_tasks_at_once_are_refused() -> None:
    with pytest.raises(UsageError, match="order and distortion"):
        questions.ground_question(order=("blur", "noise"), family="noise")
    with pytest.raises(UsageError, match="first and most/least"):
        questions.ground_question(first="noise", extreme="least")
