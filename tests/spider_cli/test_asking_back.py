"""Regions all over a photo, and which of them is meant."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_cli.asking_back import beforehand, best, candidates, faults_said, questions_back
from spider_cli.grounding import Grounder, Reading
from spider_cli.lmm import Answer, Ask, LanguageModel, Look
from spider_cli.masks import decode_mask
from spider_cli.photos import Photo, named_source, open_photo
from spider_cli.prompts import cell_shares
from spider_cli.questions import box_phrase, ground_question, refer_question
from spider_cli.results import Grounding
from spider_cli.rules import rule_named
from spider_cli.segmenter import Candidate, Segment, Segmenter, load_segmenter
from spider_cli.weights import bundled_segmenter


def region(box: tuple[int, int, int, int], quality: float = 0.8) -> Candidate:
    """A rectangle in a mask of 40 x 80, a tenth of the photo's size."""
    mask = np.zeros((40, 80), bool)
    x1, y1, x2, y2 = box
    mask[y1:y2, x1:x2] = True

    def whole() -> Segment:
        raise AssertionError("it was not wanted")

    return Candidate((0.0, 0.0), mask, quality, (400, 800), whole)


LEFT, RIGHT = region((0, 0, 20, 20)), region((60, 0, 80, 20))
QUESTION = ground_question(extreme="most")
PLACE = "The region on the bottom left shows severe noise."


@pytest.fixture(scope="module")
def coffee(photos: Path) -> Photo:
    """Of many regions."""
    opened = open_photo(named_source(photos / "coffee.jpg"))
    assert isinstance(opened, Photo)
    return opened


@pytest.fixture(scope="module")
def taught() -> Segmenter:
    """The bundled one, which knows regions."""
    return load_segmenter(bundled_segmenter(), device="cpu")


def test_every_region_once(taught: Segmenter, scenes: dict[str, Any]) -> None:
    for pixels in scenes.values():
        found = candidates(taught, taught.embed(pixels))
        assert 1 <= len(found) <= 16
        assert [one.quality for one in found] == sorted(
            (one.quality for one in found), reverse=True
        )
        for number, one in enumerate(found):
            for other in found[:number]:
                both = (one.mask & other.mask).sum() / (one.mask | other.mask).sum()
                assert both <= 0.75


def test_where_no_region_is_seen_there_is_an_empty_one(taught: Segmenter) -> None:
    nowhere = region((0, 0, 0, 0))

    class Blind(Segmenter):
        def regions_at(self, embedding: Any, points: Any) -> list[Candidate]:
            return [nowhere] * len(points)

    blind = Blind(taught.model, taught.image_processor)
    embedding = taught.embed(np.zeros((40, 80, 3), np.uint8))
    assert candidates(blind, embedding) == [nowhere]
    assert nowhere.box() == (0, 0, 800, 400)
    assert best(beforehand([nowhere], [0.5, 0.5], [0.5, 0.5]), lambda which: [0.0]) == 0


def test_the_place_and_the_quality_count() -> None:
    left, right = beforehand([LEFT, RIGHT], [0.9, 0.1], [0.5, 0.5])
    assert left == pytest.approx(np.log(0.9 * 0.5 + 1e-3) + 6 * np.log(0.8))
    assert right == pytest.approx(np.log(0.1 * 0.5 + 1e-3) + 6 * np.log(0.8))
    surer = region((60, 0, 80, 20), quality=0.95)
    assert beforehand([surer], [0.9, 0.1], [0.5, 0.5])[0] == pytest.approx(
        right + 6 * np.log(0.95 / 0.8)
    )


def test_more_words_are_smaller_parts() -> None:
    [middle] = beforehand([region((30, 15, 50, 25))], [0.1, 0.8, 0.1], [0.2, 0.5, 0.3])
    assert middle == pytest.approx(np.log(0.8 * 0.5 + 1e-3) + 6 * np.log(0.8))


@pytest.mark.parametrize("quality", [-0.2, 0.0, 1.3])
def test_a_segmenter_may_say_anything(quality: float) -> None:
    [weight] = beforehand([region((0, 0, 9, 9), quality)], [1.0, 0.0], [1.0, 0.0])
    assert np.isfinite(weight)


@given(st.lists(st.floats(-20, 0), min_size=1, max_size=16), st.randoms())
def test_the_best_of_those_that_may_be_meant(weights: list[float], chance: Any) -> None:
    told = {i: chance.uniform(-9, 0) for i in range(len(weights))}
    asked: list[list[int]] = []

    def ask(which: list[int]) -> list[float]:
        asked.append(which)
        return [told[i] for i in which]

    found = best(weights, ask)
    [which] = asked
    assert found in which
    assert len(which) == min(6, len(weights))
    left_out = [weights[i] for i in range(len(weights)) if i not in which]
    assert not left_out or max(left_out) <= min(weights[i] for i in which)
    assert all(weights[found] + told[found] >= weights[i] + told[i] for i in which)


@pytest.mark.parametrize(
    ("answer", "faults"),
    [
        ("The region on the top left shows severe noise.", "severe noise"),
        ("On the bottom right there is mild blur, then severe compression.",
         "mild blur, severe compression"),
        ("The region on the left shows the least severe degradation: mild brightening and "
         "moderate noise.", "mild brightening, moderate noise"),
        ("It is noisy on the left.", "moderate noise"),
        ("The region on the left.", ""),
        ("The region on the left shows mild chromatic aberration.", ""),
    ],
)  # fmt: skip
def test_what_an_answer_says_as_task_4_is_answered(answer: str, faults: str) -> None:
    assert faults_said(answer) == faults


def test_boxes_of_the_photo() -> None:
    first, second = questions_back([LEFT, RIGHT], 800, 400)
    assert "[0.000, 0.000, 0.250, 0.500]" in first
    assert "[0.750, 0.000, 1.000, 0.500]" in second


@given(
    st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
    st.tuples(st.integers(0, 39), st.integers(0, 79)),
)
def test_a_box_is_never_empty(size: tuple[int, int], at: tuple[int, int]) -> None:
    mask = np.zeros((40, 80), bool)
    mask[at] = True
    made: Callable[[], Segment] = lambda: None  # type: ignore[assignment, return-value]  # noqa: E731
    x1, y1, x2, y2 = Candidate((0, 0), mask, 1.0, size, made).box()
    assert 0 <= x1 < x2 <= size[1]
    assert 0 <= y1 < y2 <= size[0]


# --- in grounding -------------------------------------------------------------------------------


@pytest.fixture
def ground(
    nano_model: LanguageModel,
    coffee: Photo,
    taught: Segmenter,
    answer_of: Callable[[LanguageModel, str], Answer],
) -> Callable[[str], tuple[Grounding, Look, Reading]]:
    def run(text: str) -> tuple[Grounding, Look, Reading]:
        [look] = nano_model.look([coffee.pixels])
        answer = answer_of(nano_model, text)
        grounder = Grounder(nano_model, lambda: taught, 2.0, rule_named("mask-asked"), batch_size=4)
        found = grounder.ground(coffee, look, QUESTION, answer)
        return found, look, grounder.read(look, QUESTION, answer)

    return run


def asked_of(one: Candidate, photo: Photo) -> str:
    return refer_question(box_phrase(one.box(), photo.width, photo.height), long=False)


def test_the_region_that_shows_what_was_said(
    nano_model: LanguageModel,
    coffee: Photo,
    taught: Segmenter,
    ground: Callable[[str], tuple[Grounding, Look, Reading]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of the regions all over the photo, weighed by hand, and those that may be meant asked; never
    more at once than the batch size."""
    together: list[int] = []
    along = nano_model.logits_along

    def spy(asks: list[Ask]) -> list[np.ndarray]:
        together.append(len(asks))
        return along(asks)

    monkeypatch.setattr(nano_model, "logits_along", spy)
    found, look, read = ground(PLACE)
    assert together == [4, 2]
    regions = candidates(taught, taught.embed(coffee.pixels))
    assert len(regions) > 6
    joint = np.outer(read.vertical, read.horizontal)
    weights = [
        np.log((cell_shares(one.mask, 2, 2) * joint).sum() + 1e-3) + 6 * np.log(one.quality)
        for one in regions
    ]
    due = sorted(range(len(regions)), key=lambda i: -weights[i])[:6]
    asks = [Ask(look, asked_of(regions[i], coffee)) for i in due]
    told = nano_model.likelihoods(asks, "severe noise", 6)
    meant = due[int(np.argmax([weights[i] + one for i, one in zip(due, told, strict=True)]))]
    assert found.mask is not None
    assert np.array_equal(decode_mask(found.mask), regions[meant].whole().mask)
    assert found.point == regions[meant].point


@pytest.mark.parametrize("told", [0, 1])
def test_what_the_model_says_of_regions_counts(
    nano_model: LanguageModel,
    coffee: Photo,
    taught: Segmenter,
    ground: Callable[[str], tuple[Grounding, Look, Reading]],
    monkeypatch: pytest.MonkeyPatch,
    told: int,
) -> None:
    asked: list[Ask] = []

    def sure(asks: list[Ask], text: str, batch_size: int) -> list[float]:
        assert text == "severe noise"
        asked.extend(asks)
        return [-1.0 if number == told else -99.0 for number in range(len(asks))]

    monkeypatch.setattr(nano_model, "likelihoods", sure)
    found, _, _ = ground(PLACE)
    regions = candidates(taught, taught.embed(coffee.pixels))
    [meant] = [one for one in regions if one.point == found.point]
    assert asked[told].question == asked_of(meant, coffee)


def test_an_answer_without_faults_has_nothing_to_ask_back(
    ground: Callable[[str], tuple[Grounding, Look, Reading]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(LanguageModel, "likelihoods")
    found, _, _ = ground("The region on the bottom left.")
    assert found.mask is not None
    assert decode_mask(found.mask).any()
