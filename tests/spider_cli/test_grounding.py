"""From an answer to a point and a mask: answers are put in a model's mouth, the rest is real."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from spider_cli.auditor import Auditor
from spider_cli.evidence import Asked, evidence_of
from spider_cli.grounding import Grounder
from spider_cli.grounding_file import Plan
from spider_cli.lmm import Answer, Ask, LanguageModel, Look
from spider_cli.masks import box_of_mask, decode_mask
from spider_cli.photos import Photo, photo_from_array
from spider_cli.prompts import cell_shares, expected_point
from spider_cli.questions import ground_question
from spider_cli.results import Grounding
from spider_cli.rules import PAPER, rule_named
from spider_cli.segmenter import Segment, Segmenter
from spider_cli.text_to_point import closed_set, find_emitted

QUESTION = ground_question(extreme="most")
WIDTH, HEIGHT = 160, 120


class Disc:
    """A segmenter whose mask is a disc around the point."""

    def __init__(self) -> None:
        self.points: list[tuple[float, float]] = []

    def embed(self, pixels: np.ndarray) -> tuple[int, int]:
        return pixels.shape[:2]

    def segment(self, size: tuple[int, int], point: tuple[float, float]) -> Segment:
        self.points.append(point)
        y, x = np.mgrid[0 : size[0], 0 : size[1]]
        probability = np.exp(-np.hypot(x - point[0], y - point[1]) / 30).astype(np.float32)
        return Segment(probability > 0.5, probability, 0.9)


@pytest.fixture(scope="module")
def photo(scenes: dict[str, Any]) -> Photo:
    return photo_from_array(scenes["small"], name="small")


@pytest.fixture(scope="module")
def look(nano_model: LanguageModel, photo: Photo) -> Look:
    return nano_model.look([photo.pixels])[0]


@pytest.fixture
def disc() -> Disc:
    return Disc()


@pytest.fixture
def ground(
    nano_model: LanguageModel,
    photo: Photo,
    look: Look,
    disc: Disc,
    answer_of: Callable[[LanguageModel, str], Answer],
) -> Callable[..., tuple[Grounding, Answer]]:
    def run(text: str, *, temperature: float = 2.0, **options: Any) -> tuple[Grounding, Answer]:
        answer = answer_of(nano_model, text)
        grounder = Grounder(nano_model, lambda: disc, temperature)
        return grounder.ground(photo, look, QUESTION, answer, **options), answer

    return run


@pytest.fixture
def probes(nano_model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> list[Ask]:
    """What the model is asked beyond the answer."""
    asked: list[Ask] = []
    ahead = nano_model.next_logits

    def spy(asks: list[Ask]) -> Any:
        asked.extend(asks)
        return ahead(asks)

    monkeypatch.setattr(nano_model, "next_logits", spy)
    return asked


def by_hand(model: LanguageModel, row: np.ndarray, words: tuple[str, str], tau: float) -> float:
    """P of the second word: softmax of two raw logits."""
    first, second = (float(row[model.encode(word)[0]]) for word in words)
    return 1 / (1 + float(np.exp((first - second) / tau)))


# --- words in the answer ------------------------------------------------------------------------


def test_the_point_of_an_answer_with_both_words(
    nano_model: LanguageModel, ground: Any, disc: Disc, probes: list[Ask]
) -> None:
    found, answer = ground("The region on the bottom left shows severe noise.")
    steps = [list(answer.pieces).index(word) for word in (" bottom", " left")]
    right = by_hand(nano_model, answer.logits[steps[1]], (" left", " right"), 2.0)
    bottom = by_hand(nano_model, answer.logits[steps[0]], (" top", " bottom"), 2.0)
    assert found.point == pytest.approx((WIDTH * right, HEIGHT * bottom))
    assert not found.probed
    assert not probes
    # The mask is the segmenter's at that very point.
    assert disc.points == [found.point]
    assert found.mask is not None
    mask = decode_mask(found.mask)
    expected = disc.segment((HEIGHT, WIDTH), found.point).mask
    assert np.array_equal(mask, expected)
    assert found.box == box_of_mask(expected)
    assert found.area == pytest.approx(expected.mean())
    assert found.whole is False
    assert found.answer == answer.text
    assert found.question == QUESTION


def test_the_first_words_count(nano_model: LanguageModel, ground: Any) -> None:
    text = "The region on the top right shows blur, the one on the bottom left shows noise."
    found, answer = ground(text)
    right = by_hand(
        nano_model, answer.logits[list(answer.pieces).index(" right")], (" left", " right"), 2.0
    )
    assert found.point[0] == pytest.approx(WIDTH * right)


def test_the_temperature_is_used(ground: Any) -> None:
    text = "The region on the bottom left shows severe noise."
    near, _ = ground(text, temperature=1e-6)
    far, _ = ground(text, temperature=1e9)
    assert near.point[0] in (pytest.approx(0), pytest.approx(WIDTH))
    assert near.point[1] in (pytest.approx(0), pytest.approx(HEIGHT))
    assert far.point == pytest.approx((WIDTH / 2, HEIGHT / 2), abs=1e-3)


def test_other_surfaces_are_compared_with_their_like(
    nano_model: LanguageModel, look: Look, ground: Any
) -> None:
    """In capitals the words are several tokens, and not as many: log-probabilities are summed."""
    found, answer = ground("BOTTOM RIGHT corner, severe noise.")
    assert not found.probed
    ask = Ask(look, QUESTION)
    places = []
    for words in (("TOP", "BOTTOM"), ("LEFT", "RIGHT")):
        emitted = find_emitted(answer.pieces, [word.lower() for word in words])
        assert emitted is not None
        before = answer.token_ids[: emitted.step]
        forms = [nano_model.encode(word) for word in words]
        assert len(forms[0]) != len(forms[1])
        chi = [nano_model.log_probability(ask, before, form) for form in forms]
        places.append(closed_set(chi, 2.0)[1])
    assert found.point == pytest.approx((WIDTH * places[1], HEIGHT * places[0]), abs=1e-3)


def test_pictures_need_pixels_and_probabilities(ground: Any, photo: Photo, disc: Disc) -> None:
    text = "The region on the bottom left shows severe noise."
    plain, _ = ground(text)
    assert plain.pixels is None
    assert plain.probability is None
    full, _ = ground(text, with_pixels=True)
    assert full.pixels is photo.pixels
    assert full.probability.shape == (HEIGHT, WIDTH)
    assert full == plain  # neither is part of what is compared


# --- the probe ----------------------------------------------------------------------------------


def test_an_answer_without_a_place_is_probed(
    nano_model: LanguageModel, look: Look, ground: Any, probes: list[Ask]
) -> None:
    found, _ = ground("Severe noise, which adds grain to flat areas.")
    assert found.probed
    assert [(p.look, p.question) for p in probes] == [(look, QUESTION)] * 2
    assert probes[0].prefix == "The region on the"
    down = nano_model.next_logits([Ask(look, QUESTION, prefix="The region on the")])[0]
    bottom = by_hand(nano_model, down, (" top", " bottom"), 2.0)
    # The likelier word of the first axis stands before the second.
    prefix = f"The region on the {'bottom' if bottom > 0.5 else 'top'}"
    assert probes[1].prefix == prefix
    across = nano_model.next_logits([Ask(look, QUESTION, prefix=prefix)])[0]
    right = by_hand(nano_model, across, (" left", " right"), 2.0)
    assert found.point == pytest.approx((WIDTH * right, HEIGHT * bottom))


@pytest.mark.parametrize(
    ("text", "said", "prefix"),
    [
        ("The bottom of the image shows blur.", " bottom", "The region on the bottom"),
        ("On the left there is blur.", " left", "The region on the"),
    ],
)
def test_half_a_place_is_kept(
    nano_model: LanguageModel,
    look: Look,
    ground: Any,
    probes: list[Ask],
    text: str,
    said: str,
    prefix: str,
) -> None:
    """Only the axis that was not named is asked for."""
    found, answer = ground(text)
    assert found.probed
    assert [p.prefix for p in probes] == [prefix]
    row = answer.logits[list(answer.pieces).index(said)]
    asked = nano_model.next_logits([Ask(look, QUESTION, prefix=prefix)])[0]
    if said == " bottom":
        y = by_hand(nano_model, row, (" top", " bottom"), 2.0)
        x = by_hand(nano_model, asked, (" left", " right"), 2.0)
    else:
        x = by_hand(nano_model, row, (" left", " right"), 2.0)
        y = by_hand(nano_model, asked, (" top", " bottom"), 2.0)
    assert found.point == pytest.approx((WIDTH * x, HEIGHT * y))


def test_words_within_words_are_probed(ground: Any) -> None:
    found, _ = ground("An upright laptop, lefthand side: blur without a stop.")
    assert found.probed


def test_an_empty_answer_is_probed(ground: Any, disc: Disc) -> None:
    found, _ = ground("")
    assert found.probed
    assert found.answer == ""
    assert len(disc.points) == 1


# --- the other two shapes -----------------------------------------------------------------------


def test_the_whole_image_needs_no_segmenter(ground: Any, disc: Disc, probes: list[Ask]) -> None:
    found, _ = ground("The whole image shows severe compression, worst on the top left.")
    assert disc.points == []
    assert probes == []
    assert found.whole
    assert found.point is None
    assert not found.probed
    assert found.box == (0, 0, WIDTH, HEIGHT)
    assert found.area == 1
    assert found.mask is not None
    assert decode_mask(found.mask).all()
    assert found.mask.size == (HEIGHT, WIDTH)


@pytest.mark.parametrize("with_pixels", [False, True])
def test_the_whole_image_as_a_picture(ground: Any, photo: Photo, with_pixels: bool) -> None:
    found, _ = ground("The whole image shows severe noise.", with_pixels=with_pixels)
    if with_pixels:
        assert (found.probability == 1).all()
        assert found.probability.shape == (HEIGHT, WIDTH)
        assert found.pixels is photo.pixels
    else:
        assert found.probability is None


@pytest.mark.parametrize(
    "text", ["The image shows no visible distortion.", "No region shows noise."]
)
def test_nothing_at_fault(ground: Any, disc: Disc, probes: list[Ask], text: str) -> None:
    found, _ = ground(text)
    assert disc.points == []
    assert probes == []
    assert (found.point, found.box, found.mask) == (None, None, None)
    assert found.area == 0
    assert not found.whole
    assert not found.probed
    assert found.answer == text


# --- through the auditor ------------------------------------------------------------------------


def test_all_shapes_are_valid_records(
    nano: Auditor,
    nano_model: LanguageModel,
    say: Any,
    scenes: dict[str, Any],
    valid_record: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    say(nano_model, "The region on the top right shows blur.")
    [region] = [valid_record(r) for r in nano.ground([scenes["odd"]], QUESTION)]
    assert region["mask"]["size"] == [97, 211]
    x1, y1, x2, y2 = region["box"]
    assert 0 <= x1 < x2 <= 211
    assert 0 <= y1 < y2 <= 97
    assert 0 < region["area"] <= 1
    assert region["files"] is None

    def refuse(*_: Any) -> Any:
        raise AssertionError("the segmenter is not needed")

    monkeypatch.setattr(nano, "load_segmenter", refuse)
    say(nano_model, "The whole image shows blur.")
    [whole] = [valid_record(r) for r in nano.ground([scenes["odd"]], QUESTION)]
    assert whole["whole"] is True
    assert whole["point"] is None
    say(nano_model, "There is no visible distortion.")
    [nothing] = [valid_record(r) for r in nano.ground([scenes["odd"]], QUESTION)]
    assert nothing["mask"] is None
    assert nothing["area"] == 0


def test_the_points_temperature_is_the_folders(
    nano: Auditor, nano_model: LanguageModel, say: Any, scenes: dict[str, Any]
) -> None:
    answer = say(nano_model, "The region on the top right shows blur.")
    [record] = nano.ground([scenes["small"]], QUESTION)
    row = answer.logits[list(answer.pieces).index(" right")]
    right = by_hand(nano_model, row, (" left", " right"), 1.5)
    assert isinstance(record.outcome, Grounding)
    assert record.outcome.point is not None
    assert record.outcome.point[0] == pytest.approx(WIDTH * right)


def test_the_photo_is_embedded_once(
    nano: Auditor,
    nano_model: LanguageModel,
    say: Any,
    scenes: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    embedded: list[Any] = []
    embed = Segmenter.embed

    def spy(self: Segmenter, pixels: Any) -> Any:
        embedded.append(pixels.shape)
        return embed(self, pixels)

    monkeypatch.setattr(Segmenter, "embed", spy)
    say(nano_model, "The region on the top right shows blur.")
    list(nano.ground([scenes["small"], scenes["odd"]], QUESTION))
    assert embedded == [scenes["small"].shape, scenes["odd"].shape]


# --- rules --------------------------------------------------------------------------------------

PLACE = "The region on the bottom left shows severe noise."
ALL = ["paper", "thirds", "centre", "points-3", "negative-mirrored", "negative-least"]
ALL += ["mask-agreement", "mask-first", "centre+points-2+negative-least+mask-agreement"]


@pytest.mark.parametrize("name", ALL)
def test_the_grounder_obeys_its_rule(
    nano: Auditor,
    nano_model: LanguageModel,
    photo: Photo,
    look: Look,
    answer_of: Callable[[LanguageModel, str], Answer],
    name: str,
) -> None:
    """The mask is the one that the rule's own prompt and choice give."""
    rule, answer = rule_named(name), answer_of(nano_model, PLACE)
    segmenter = nano.load_segmenter()
    grounder = Grounder(nano_model, lambda: segmenter, 2.0, rule)
    found = grounder.ground(photo, look, QUESTION, answer)
    read = grounder.read(look, QUESTION, answer)
    down, across = list(read.vertical), list(read.horizontal)
    assert (len(down), len(across)) == (len(rule.vertical), len(rule.horizontal))
    prompt = rule.prompt(down, across, WIDTH, HEIGHT)
    masks = segmenter.propose(segmenter.embed(photo.pixels), prompt.points, prompt.labels)
    index = rule.choose(
        [one.quality for one in masks],
        [cell_shares(one.mask, len(down), len(across)) for one in masks],
        down,
        across,
    )
    assert found.mask is not None
    assert np.array_equal(decode_mask(found.mask), masks[index].mask)
    assert found.point == expected_point(across, down, WIDTH, HEIGHT)
    assert found.probed == (rule.words != PAPER.words)


def test_more_words_are_read_by_the_probe(
    nano_model: LanguageModel, look: Look, answer_of: Callable[[LanguageModel, str], Answer]
) -> None:
    """chi is the sum of log-probabilities along each word's tokens, as asked one by one."""
    rule = rule_named("centre")
    answer = answer_of(nano_model, PLACE)
    [found] = evidence_of(nano_model, [Asked(look, QUESTION, answer)], rule)
    assert found.probed
    prefix = "The region on the"
    for words, chi in ((rule.vertical, found.vertical), (rule.horizontal, found.horizontal)):
        ask = Ask(look, QUESTION, prefix=prefix)
        before = nano_model.encode(prefix)
        forms = [nano_model.encode_after(f" {word}", prefix, before) for word in words]
        assert len(forms[1]) > 1
        assert chi == pytest.approx(
            [nano_model.log_probability(ask, (), form) for form in forms], abs=1e-3
        )
        prefix += f" {words[int(np.argmax(chi))]}"


def test_answers_read_together_are_as_read_alone(
    nano_model: LanguageModel, look: Look, answer_of: Callable[[LanguageModel, str], Answer]
) -> None:
    texts = (PLACE, "Severe noise, no place.", "At the top there is blur.")
    asked = [Asked(look, QUESTION, answer_of(nano_model, text)) for text in texts]
    for rule in (PAPER, rule_named("centre")):
        together = evidence_of(nano_model, asked, rule, batch_size=2)
        for one, alone in zip(together, asked, strict=True):
            [expected] = evidence_of(nano_model, [alone], rule)
            assert one.probed == expected.probed
            assert one.vertical == pytest.approx(expected.vertical, abs=1e-3)
            assert one.horizontal == pytest.approx(expected.horizontal, abs=1e-3)


def test_the_auditor_obeys_the_folders_rule(
    nano: Auditor,
    nano_model: LanguageModel,
    say: Any,
    scenes: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    say(nano_model, PLACE)
    asked: list[Any] = []
    propose = Segmenter.propose

    def spy(self: Segmenter, embedding: Any, points: Any, labels: Any) -> Any:
        asked.append((tuple(points), tuple(labels)))
        return propose(self, embedding, points, labels)

    monkeypatch.setattr(Segmenter, "propose", spy)
    [plain] = nano.ground([scenes["small"]], QUESTION)
    assert asked == []
    rule = rule_named("negative-least")
    plan = Plan(rule, 0.5, temperatures={"paper": nano.plan.temperature})
    monkeypatch.setattr(nano, "plan", plan)
    [other] = nano.ground([scenes["small"]], QUESTION)
    [(points, labels)] = asked
    assert labels == (1, 0)
    assert isinstance(other.outcome, Grounding)
    assert other.outcome.point == points[0]
    # Whatever the folder says: the paper's rule, at the temperature that was best for it.
    [forced] = nano.ground([scenes["small"]], QUESTION, rule=PAPER)
    assert len(asked) == 1
    assert forced.outcome == plain.outcome
