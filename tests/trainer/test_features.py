"""Composed photos through the encoder: lessons, and their files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from spider_cli.nano.modeling import Readings
from trainer import features
from trainer.features import (
    Lesson,
    compose_large,
    compose_photo,
    lessons,
    load_lessons,
    opinion_lessons,
    readings_of,
    save_lessons,
)
from trainer.packing import SCORE_QUESTIONS, pack_answer
from trainer.sources import LabelledPhoto, Opinion, load_pixels


def same(one: Readings, other: Readings) -> None:
    assert one.kind == other.kind
    assert torch.equal(one.cells, other.cells)
    assert one.cells.dtype == other.cells.dtype
    assert torch.equal(one.statistics, other.statistics)
    assert torch.equal(one.places, other.places)


def same_lesson(one: Lesson, other: Lesson) -> None:
    for a, b in zip(one.photo, other.photo, strict=True):
        same(a, b)
    assert [row for row, _ in one.rows] == [row for row, _ in other.rows]
    for (_, boxes), (_, others) in zip(one.rows, other.rows, strict=True):
        for group, other_group in zip(boxes, others, strict=True):
            for a, b in zip(group, other_group, strict=True):
                same(a, b)


def test_lessons_come_back_as_they_were_saved(taught: list[Lesson], tmp_path: Path) -> None:
    path = tmp_path / "some.safetensors"
    save_lessons(path, taught)
    again = load_lessons(path)
    assert len(again) == len(taught)
    for one, other in zip(taught, again, strict=True):
        same_lesson(one, other)
    assert [p.name for p in tmp_path.iterdir()] == ["some.safetensors"]  # nothing half-written
    with safe_open(path, framework="pt") as file:
        assert {file.get_slice(n).get_dtype() for n in file.keys()} == {"F16", "F32"}  # noqa: SIM118


def test_no_lessons_are_a_file_too(tmp_path: Path) -> None:
    save_lessons(tmp_path / "none.safetensors", [])
    assert load_lessons(tmp_path / "none.safetensors") == []


@torch.inference_mode()
def test_the_readings_of_a_photo(tiny: Any, draw: Any) -> None:
    near = tiny.model.config.region_grid**2 + tiny.model.config.statistics
    question = "See [0.0, 0.0, 0.5, 1.0] and [0.5, 0.0, 1.0, 1.0]."
    row = pack_answer(tiny.processor, "x", question, "Yes.", [], near)
    plain = pack_answer(tiny.processor, "x", "Well?", "Yes.", [], near)
    lesson = readings_of(tiny.model, tiny.processor, draw(96, 128, 0), [row, plain])
    [overview] = lesson.photo
    assert overview.cells.shape == (tiny.model.config.grid**2, tiny.model.config.vision_width)
    assert overview.cells.dtype == torch.float16
    (_, boxes), (_, none) = lesson.rows
    assert none == ()
    assert [len(box) for box in boxes] == [1, 1]
    left, right = (box[0] for box in boxes)
    assert left.places[-1].tolist() == pytest.approx([0, 0, 0.5, 1, 0], abs=1e-6)
    assert right.places[-1].tolist() == pytest.approx([0.5, 0, 1, 1, 0], abs=1e-6)
    # The two halves' means make up the whole's.
    half = len(left.statistics) // 2
    middle = (left.statistics[:half].float() + right.statistics[:half].float()) / 2
    torch.testing.assert_close(middle, overview.statistics[:half].float(), atol=0.05, rtol=0.02)


def test_lessons_are_the_same_for_the_same_seed(tiny: Any, shots: list[LabelledPhoto]) -> None:
    def some(seed: int) -> list[Lesson]:
        made = lessons(tiny.model, tiny.processor, shots, count=3, seed=seed, large_share=0.0)
        return list(made)

    first = some(0)
    for one, other in zip(first, some(0), strict=True):
        same_lesson(one, other)
    assert not torch.equal(first[0].photo[0].cells, some(1)[0].photo[0].cells)
    for lesson in first:
        assert [row.task for row, _ in lesson.rows].count("score") == 2
        _check_placeholders(tiny, lesson)


def _check_placeholders(tiny: Any, lesson: Lesson) -> None:
    """Every row has a placeholder for every token its boxes give."""
    config = tiny.model.config
    for row, boxes in lesson.rows:
        given = sum(len(r.cells) + config.statistics for box in boxes for r in box)
        assert row.ids.count(config.region_token_id) == given
        assert len(boxes) == len(row.boxes)
        assert config.image_token_id not in row.ids


def test_a_frame_larger_than_its_overview(
    tiny: Any, shots: list[LabelledPhoto], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has 100% tiles, and its boxes a close look each."""
    large = compose_large

    def smaller(photo: LabelledPhoto, rng: np.random.Generator) -> Any:
        sample = large(photo, rng)
        assert 1500 <= max(sample.pixels.shape[:2]) <= 2400
        return sample

    monkeypatch.setattr(features, "compose_large", smaller)
    [lesson] = lessons(tiny.model, tiny.processor, shots, count=1, seed=2, large_share=1.0)
    assert len(lesson.photo) == 6
    assert lesson.photo[0].places[-1, 4] > 1  # shrunk to less than half
    _check_placeholders(tiny, lesson)
    assert all(len(box) == 2 for _, boxes in lesson.rows for box in boxes)


def test_photos_are_composed_at_several_sizes(shots: list[LabelledPhoto]) -> None:
    kinds = set()
    for seed in range(12):
        sample = compose_photo(shots[seed % 3], np.random.default_rng(seed))
        height, width = sample.pixels.shape[:2]
        assert (height, width) == (220, 300)  # never enlarged
        kinds.add((bool(sample.regions), bool(sample.whole)))
        for region in sample.regions:
            assert region.mask.shape == (height, width)
    assert kinds >= {(True, False)}
    assert len(kinds) > 1


def test_opinions_are_asked_for_nothing_but_the_score(
    tiny: Any, shots: list[LabelledPhoto]
) -> None:
    opinions = [Opinion(shots[0].path, 0.2), Opinion(shots[1].path, 0.9)]
    found = list(opinion_lessons(tiny.model, tiny.processor, opinions))
    assert len(found) == 4
    for lesson in found:
        assert {row.task for row, _ in lesson.rows} == {"score"}
    # Each photo, then its mirror image with the same rows.
    rows = [row for row, _ in found[0].rows]
    pixels = load_pixels(shots[0].path)
    for lesson, shown in ((found[0], pixels), (found[1], pixels[:, ::-1].copy())):
        with torch.inference_mode():
            same_lesson(lesson, readings_of(tiny.model, tiny.processor, shown, rows))
    asked = {tiny.text(row.ids[: row.answer]) for row, _ in found[2].rows}
    assert asked == {f"<user>{SCORE_QUESTIONS[i]}<answer>" for i in (0, 1)}
