"""In the mirror everything said is as true as before; twice is as it was."""

import re
from dataclasses import replace

import numpy as np
import pytest
from skimage import data

from spider_cli.results import Box
from tests.trainer.tuning import small_data as small
from tests.trainer.tuning.small_data import ANSWER, grounding, item, referring, scored
from trainer.annotate import compose
from trainer.answers import questions_and_answers
from trainer.datasets.schema import Item
from trainer.regions import superpixel_regions
from trainer.rows import QA
from trainer.truth import Sample
from trainer.tuning.augment import augmented, cropped, mirror_text, mirrored, shrunk
from trainer.tuning.recipe import Augment


@pytest.fixture(scope="module")
def composed() -> list[Item]:
    """Photos with regions at odd places, and all that can be asked about them."""
    photo = np.ascontiguousarray(data.coffee()[::3, ::3])
    made = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        masks = superpixel_regions(photo, rng, 3)
        sample = compose(photo, masks, rng, whole_share=0.1, clean_share=0.1)
        rows = tuple(questions_and_answers(sample, rng))
        made.append(Item(f"{seed}", "coffee.png", "coffee.png", "regions", sample, rows))
    return made


def test_all_that_is_made_can_be_mirrored(composed: list[Item]) -> None:
    """Every task, none in which a side is left unturned."""
    tasks = set()
    swapped = {"left": "right", "right": "left"}
    for one in composed:
        for qa in one.rows:
            found = mirrored(one, qa)
            assert found is not None, qa
            tasks.add(qa.task)
            turned = found[1]
            for before, after in ((qa.question, turned.question), (qa.answer, turned.answer)):
                sides = [re.findall(r"\b(?:left|right)\b", text) for text in (before, after)]
                assert [swapped[word] for word in sides[0]] == sides[1]
            for span, new in zip(qa.spans, turned.spans, strict=True):
                word, said = (
                    text[s.start : s.end] for text, s in ((qa.answer, span), (turned.answer, new))
                )
                assert said == swapped.get(word, word)
                assert turned.answer[new.start - 1] == " "
    assert tasks >= {"describe", "describe_region", "refer_short", "refer_long", "ground_hyd"}


def test_twice_is_as_it_was(composed: list[Item]) -> None:
    for one in composed:
        for qa in one.rows:
            once = mirrored(one, qa)
            assert once is not None
            twice = mirrored(*once)
            assert twice is not None
            back, row = twice
            assert np.array_equal(back.sample.pixels, one.sample.pixels)
            for a, b in zip(back.sample.regions, one.sample.regions, strict=True):
                assert np.array_equal(a.mask, b.mask)
                assert a.box == b.box
                assert a.point == pytest.approx(b.point)
            assert [(s.start, s.end, s.axis) for s in row.spans] == [
                (s.start, s.end, s.axis) for s in qa.spans
            ]
            assert [s.value for s in row.spans] == pytest.approx([s.value for s in qa.spans])
            if qa.point is not None:
                assert row.point == pytest.approx(qa.point)
            assert replace(row, spans=(), point=None) == replace(qa, spans=(), point=None)


def test_truth_in_the_mirror(composed: list[Item]) -> None:
    """The mask's own box, and a point that lies in it; the words' values are that point's."""
    for one in composed:
        height, width = one.sample.pixels.shape[:2]
        for qa in one.rows:
            found = mirrored(one, qa)
            assert found is not None
            turned, row = found
            assert np.array_equal(turned.sample.pixels, one.sample.pixels[:, ::-1])
            for region in turned.sample.regions:
                columns = np.flatnonzero(region.mask.any(axis=0))
                assert (region.box[0], region.box[2]) == (columns[0], columns[-1] + 1)
                x, y = region.point
                assert region.mask[round(y), round(x)]
            if row.spans and row.region is not None and row.task.startswith("ground"):
                x, y = turned.sample.regions[row.region].point
                values = {span.axis: span.value for span in row.spans}
                assert values["horizontal"] == pytest.approx(x / width)
                assert values["vertical"] == pytest.approx(y / height)


def test_a_box_in_a_question_turns_with_the_photo() -> None:
    turned, row = mirrored(item(0, [referring()]), referring()) or pytest.fail("not mirrored")
    assert "[0.700, 0.167, 0.900, 0.333]" in row.question
    expected: Box = (56, 10, 72, 20)
    assert row.box == expected == turned.sample.regions[0].box
    assert mirror_text("What of [10, 20, 300, 400]?") is None  # pixels, or thousandths


def test_spans_after_longer_words() -> None:
    """left is shorter than right: what stands behind moves."""
    qa = grounding()
    answer = f"On the right, on the left: {ANSWER}"
    moved = len(answer) - len(ANSWER)
    spans = tuple(replace(s, start=s.start + moved, end=s.end + moved) for s in qa.spans)
    found = mirror_text(answer, spans, 80)
    assert found is not None
    text, turned = found
    assert text == f"On the left, on the right: {ANSWER.replace('left', 'right')}"
    assert [text[s.start : s.end] for s in turned] == ["top", "right"]
    assert [s.value for s in turned] == pytest.approx([15 / 60, (80 - 1 - 16) / 80])


@pytest.mark.parametrize(
    ("text", "turned"),
    [
        ("The left of the photo is dark.", "The right of the photo is dark."),
        ("Noise on the bottom-left.", "Noise on the bottom-right."),
        ("Top left: blur.", "Top right: blur."),
        ("From left to right it fades.", "From right to left it fades."),
        ("The LEFT half, the Right half.", "The RIGHT half, the Left half."),
        ("The leftmost tower, the right-hand side.", "The rightmost tower, the left-hand side."),
        ("Left side: noise.", "Right side: noise."),
        ("The whole image shows blur.", "The whole image shows blur."),
        ("An upright photo of brightness.", "An upright photo of brightness."),
        ("In [0.100, 0.2, 0.35, 1.0] it is dark.", "In [0.65, 0.2, 0.900, 1.0] it is dark."),
    ],
)  # fmt: skip
def test_words_that_turn(text: str, turned: str) -> None:
    found = mirror_text(text)
    assert found == (turned, ())
    if "[" not in text:
        assert mirror_text(turned) == (text, ())


@pytest.mark.parametrize(
    "text",
    [
        "Little detail is left in the shadows.",
        "The exposure is right.",
        "There is noise right across the sky.",
        "It has the right amount of contrast.",
        "What is left of the texture is smeared.",
    ],
)
def test_words_that_may_mean_something_else_stay(text: str) -> None:
    assert mirror_text(text) is None
    qa = QA("describe", "Describe the quality of this image.", text, ())
    one = item(0, [qa])
    assert mirrored(one, qa) is None
    pixels, row = augmented(one, qa, Augment(flip=1.0), np.random.default_rng(0))
    assert row == qa
    assert np.array_equal(pixels, one.sample.pixels)


@pytest.mark.parametrize("task", ["chat", "choice"])
def test_what_a_mirror_may_spoil_stays(task: str) -> None:
    qa = replace(scored(), task=task, question="What does the sign say?", answer="Stop.")
    assert mirrored(item(0, [qa]), qa) is None


def test_the_share_of_flips() -> None:
    one, qa = item(0, [grounding()]), grounding()
    flipped = [
        augmented(one, qa, Augment(flip=0.3), np.random.default_rng(seed))[1] != qa
        for seed in range(400)
    ]
    assert 0.23 < np.mean(flipped) < 0.37
    _, same = augmented(one, qa, Augment(), np.random.default_rng(0))
    assert same == qa


def test_sizes_are_drawn_and_never_larger() -> None:
    one, qa = item(0, [grounding()]), grounding()  # 80 x 60
    settings = Augment(sizes=(40, 60, 200))
    drawn = {
        augmented(one, qa, settings, np.random.default_rng(seed))[0].shape for seed in range(40)
    }
    assert drawn == {(30, 40, 3), (45, 60, 3), (60, 80, 3)}
    wide = np.zeros((3, 900, 3), np.uint8)
    assert shrunk(wide, 90).shape == (1, 90, 3)


def test_settings_do_not_meddle_with_each_other() -> None:
    """Sizes change neither which rows are flipped, nor flips which size is drawn."""
    one, qa = item(0, [grounding()]), grounding()
    for seed in range(20):
        both, flip, size = (
            augmented(one, qa, settings, np.random.default_rng(seed))
            for settings in (
                Augment(flip=0.5, sizes=(40, 60)),
                Augment(flip=0.5),
                Augment(sizes=(40, 60)),
            )
        )
        assert both[1] == flip[1]
        assert both[0].shape == size[0].shape


def test_a_clean_photo(composed: list[Item]) -> None:
    one = replace(composed[0], sample=Sample(composed[0].sample.pixels), rows=(scored(),))
    found = mirrored(one, one.rows[0])
    assert found is not None
    assert found[1] == scored()


def test_a_crop_keeps_what_is_in_it() -> None:
    """Pixels and masks move together; regions outside are gone; mostly one is inside."""
    height, width = 60, 80
    pixels = np.arange(height * width, dtype=np.uint32)
    coded = np.stack([pixels % 256, pixels // 256, pixels * 0], axis=1).astype(np.uint8)
    sample = Sample(coded.reshape(height, width, 3), (small.region(),))
    inside = 0
    for seed in range(60):
        part = cropped(sample, 24, np.random.default_rng(seed))
        assert part.pixels.shape == (24, 24, 3)
        first = int(part.pixels[0, 0, 0]) + 256 * int(part.pixels[0, 0, 1])
        top, left = divmod(first, width)
        mask = small.region().mask[top : top + 24, left : left + 24]
        assert len(part.regions) == int(mask.any())
        if part.regions:
            inside += 1
            assert np.array_equal(part.regions[0].mask, mask)
    assert 40 < inside < 60
    assert cropped(sample, 500, np.random.default_rng(0)).pixels.shape == (60, 80, 3)
