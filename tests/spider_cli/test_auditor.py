"""The Auditor on a small random nano: records in order, the same alone and in company."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spider_cli.auditor import Auditor
from spider_cli.boxes import BoxSpec
from spider_cli.errors import UsageError
from spider_cli.lmm import Ask, LanguageModel
from spider_cli.masks import decode_mask
from spider_cli.photos import photo_from_array
from spider_cli.questions import SCORE_PREFIX, SCORE_QUESTION, ground_question
from spider_cli.results import Description, Failure, Grounding, Record, Referral, Score
from spider_cli.vocabulary import LEVEL_WEIGHTS, LEVELS

pytestmark = pytest.mark.usefixtures("short_answers")

HALF = BoxSpec.parse("0.0,0.0,0.5,1.0")
CORNER = BoxSpec.parse("0.5,0.5,1.0,1.0")
QUESTION = ground_question(extreme="most")


def outcomes(records: Iterable[Record]) -> list[Any]:
    return [record.outcome for record in records]


# --- scoring by hand ----------------------------------------------------------------------------


def test_the_score_by_hand(
    nano: Auditor, nano_model: LanguageModel, scenes: dict[str, Any]
) -> None:
    """Raw logits of the five words after the forced start, at the folder's temperature: 2.5."""
    [record] = nano.score([scenes["small"]])
    look = nano_model.look([scenes["small"]])[0]
    row = nano_model.next_logits([Ask(look, SCORE_QUESTION, prefix=SCORE_PREFIX)])[0]
    ids = [nano_model.encode(f" {word}") for word in LEVELS]
    assert all(len(one) == 1 for one in ids)
    weights = np.exp(np.array([float(row[one[0]]) for one in ids]) / 2.5)
    p = weights / weights.sum()
    found = record.outcome
    assert isinstance(found, Score)
    assert list(found.levels) == list(LEVELS)
    assert list(found.levels.values()) == pytest.approx(p.tolist(), abs=1e-6)
    assert found.score == pytest.approx(
        100 * (p[0] + 0.75 * p[1] + 0.5 * p[2] + 0.25 * p[3]), abs=1e-4
    )
    assert found.level == LEVELS[int(p.argmax())]
    assert sum(found.levels.values()) == pytest.approx(1)
    assert LEVEL_WEIGHTS == (1, 0.75, 0.5, 0.25, 0)


def test_the_score_needs_five_tokens(nano_model: LanguageModel) -> None:
    from spider_cli.scoring import LevelReader

    class Blunt:
        """A tokenizer that begins every word alike."""

        folder = "blunt"

        def encode(self, text: str) -> list[int]:
            return [7, 8]

        def encode_after(self, *_: Any) -> list[int]:
            return [7, 8]

    with pytest.raises(UsageError, match="apart"):
        LevelReader(Blunt(), 1.0)


# --- the same alone and in company --------------------------------------------------------------


@pytest.fixture(scope="module")
def single(nano: Auditor, nano_folder: Path) -> Auditor:
    """The same weights, one question at a time."""
    auditor = Auditor(str(nano_folder), device="cpu", batch_size=1)
    auditor._language_model, auditor._segmenter = nano.load(), nano.load_segmenter()
    return auditor


def test_batched_scores_are_the_single_ones(
    nano: Auditor, single: Auditor, scenes: dict[str, Any]
) -> None:
    together = outcomes(nano.score(scenes.values()))
    alone = outcomes(single.score(scenes.values()))
    assert len({round(one.score, 3) for one in alone}) > 1
    for one, other in zip(together, alone, strict=True):
        assert one.levels == pytest.approx(other.levels, abs=1e-4)
        assert one.level == other.level


def test_batched_answers_are_the_single_ones(
    nano: Auditor, single: Auditor, scenes: dict[str, Any]
) -> None:
    photos = [scenes[name] for name in ("small", "tall", "large")]
    assert outcomes(nano.describe(photos)) == outcomes(single.describe(photos))
    boxes = [HALF, CORNER]
    assert outcomes(nano.describe(photos, boxes=boxes)) == outcomes(
        single.describe(photos, boxes=boxes)
    )
    assert outcomes(nano.refer(photos, boxes, long=True)) == outcomes(
        single.refer(photos, boxes, long=True)
    )


def test_batched_points_are_the_single_ones(
    nano: Auditor, single: Auditor, scenes: dict[str, Any]
) -> None:
    photos = list(scenes.values())
    for pixels, one, other in zip(
        photos,
        outcomes(nano.ground(photos, QUESTION)),
        outcomes(single.ground(photos, QUESTION)),
        strict=True,
    ):
        assert (one.answer, one.probed, one.whole) == (other.answer, other.probed, other.whole)
        if one.point is not None:
            height, width = pixels.shape[:2]
            assert one.point[0] / width == pytest.approx(other.point[0] / width, abs=1e-4)
            assert one.point[1] / height == pytest.approx(other.point[1] / height, abs=1e-4)
            differ = decode_mask(one.mask) ^ decode_mask(other.mask)
            assert differ.mean() < 0.01


def test_runs_repeat_exactly(nano: Auditor, scenes: dict[str, Any]) -> None:
    photos = [scenes[name] for name in ("small", "tall", "large")]

    def once() -> list[Any]:
        return [
            *outcomes(nano.score(photos)),
            *outcomes(nano.describe(photos)),
            *outcomes(nano.refer(photos, [CORNER])),
            *outcomes(nano.ground(photos, QUESTION)),
        ]

    assert once() == once()


# --- records ------------------------------------------------------------------------------------


@pytest.fixture
def album(tmp_path: Path, scenes: dict[str, Any]) -> list[Path]:
    """Good, missing, good, corrupt, good."""
    paths = [tmp_path / name for name in ("a.png", "b.png", "c.png", "d.jpg", "e.png")]
    for path, name in zip(paths[::2], ("small", "odd", "tall"), strict=True):
        Image.fromarray(scenes[name]).save(path)
    paths[3].write_bytes(b"\xff\xd8\xff\xe0nothing")
    return paths


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_failed_photos_keep_their_place(
    nano: Auditor, nano_folder: Path, album: list[Path], batch_size: int, valid_record: Any
) -> None:
    auditor = Auditor(str(nano_folder), device="cpu", batch_size=batch_size)
    auditor._language_model = nano.load()
    for records, each in (
        (list(auditor.score(album)), 1),
        (list(auditor.describe(album)), 1),
        (list(auditor.refer(album, [HALF, CORNER])), 2),
    ):
        names = [str(path) for path in album for _ in range(each)]
        # A photo that cannot be opened is one record, however many boxes were asked for.
        for bad in (album[1], album[3]):
            for _ in range(each - 1):
                names.remove(str(bad))
        assert [record.photo for record in records] == names
        for record in records:
            assert record.failed == (record.photo in (str(album[1]), str(album[3])))
            assert bool(record.looked_at) != record.failed
            valid_record(record)
    codes = {r.photo: r.outcome.code for r in records if isinstance(r.outcome, Failure)}
    assert codes[str(album[1])] == "not_found"
    assert set(codes) == {str(album[1]), str(album[3])}


def test_all_failed_needs_no_model(nano_folder: Path, tmp_path: Path) -> None:
    auditor = Auditor(str(nano_folder))
    [record] = auditor.score([tmp_path / "nowhere.jpg"])
    assert record.failed
    assert auditor._language_model is None


def test_the_fields_of_a_record(
    nano: Auditor, nano_folder: Path, scenes: dict[str, Any], valid_record: Any
) -> None:
    photo = photo_from_array(scenes["large"], name="mine.jpg")
    [record] = nano.score([photo])
    said = valid_record(record)
    assert said["photo"] == "mine.jpg"
    assert said["model"] == str(nano_folder)
    assert said["revision"] == nano.revision
    assert len(said["looked_at"]) == 6
    assert said["looked_at"][0]["box"] == [0, 0, 900, 700]
    assert said["seconds"] > 0


def test_one_record_a_photo_and_box(
    nano: Auditor, scenes: dict[str, Any], valid_record: Any
) -> None:
    photos = [scenes["small"], scenes["large"]]
    records = list(nano.refer(photos, [HALF, CORNER]))
    for record in records:
        valid_record(record)
    found = outcomes(records)
    assert all(isinstance(one, Referral) for one in found)
    assert [one.box for one in found] == [
        (0, 0, 80, 120),
        (80, 60, 160, 120),
        (0, 0, 450, 700),
        (450, 350, 900, 700),
    ]
    assert "[0.500, 0.500, 1.000, 1.000]" in found[1].question
    brief, long = (
        outcomes(nano.refer(photos[:1], [HALF], long=flag))[0].question for flag in (False, True)
    )
    assert brief != long
    described = outcomes(nano.describe(photos, boxes=[HALF, CORNER]))
    assert all(isinstance(one, Description) for one in described)
    assert [one.box for one in described] == [one.box for one in found]


def test_boxes_partly_and_wholly_outside(
    nano: Auditor, scenes: dict[str, Any], valid_record: Any
) -> None:
    boxes = [BoxSpec.parse(text) for text in ("100,50,900,90", "500,500,600,600", "0,0,9,9")]
    partly, outside, inside = nano.refer([photo_from_array(scenes["small"], "p.jpg")], boxes)
    assert partly.outcome.box == (100, 50, 160, 90)
    assert any("100,50,160,90" in note for note in partly.notes)
    assert isinstance(outside.outcome, Failure)
    assert outside.outcome.code == "box_outside"
    assert "p.jpg" in outside.outcome.message
    assert not inside.notes
    for record in (partly, outside, inside):
        valid_record(record)


def test_a_photo_is_encoded_once(
    nano: Auditor,
    nano_model: LanguageModel,
    scenes: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many boxes are asked about, in however many batches."""
    shown: list[int] = []
    encoder = nano_model.model.vision_encoder
    forward = encoder.forward

    def spy(pixels: Any) -> Any:
        shown.append(len(pixels))
        return forward(pixels)

    monkeypatch.setattr(encoder, "forward", spy)
    boxes = [BoxSpec(0.0, 0.0, 0.05 * i, 1.0, fractional=True) for i in range(1, 21)]
    records = list(nano.refer([scenes["small"], scenes["odd"]], boxes))
    assert len(records) == 40
    assert sum(shown) == 2


def test_a_region_by_position(nano: Auditor, scenes: dict[str, Any]) -> None:
    [record] = nano.describe([scenes["small"]], region="the top-left corner")
    found = record.outcome
    assert isinstance(found, Description)
    assert found.box == (0, 0, 80, 60)
    by_box = outcomes(nano.describe([scenes["small"]], boxes=[BoxSpec.parse("0,0,80,60")]))
    assert by_box == [found]


@pytest.mark.parametrize("step", ["look", "ask"])
def test_too_little_memory_for_photos(
    nano: Auditor, scenes: dict[str, Any], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """As torch says it of a GPU: one line, and what to lower."""
    import torch

    def short(*_: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore of it.")

    monkeypatch.setattr(nano.load(), step, short)
    with pytest.raises(UsageError, match=r"2\.00 GiB") as caught:
        list(nano.describe([scenes["small"]]))
    assert caught.value.code == "memory_short"
    assert "--batch-size" in caught.value.hint
    assert "\n" not in caught.value.message


def test_records_stream(nano: Auditor, scenes: dict[str, Any]) -> None:
    """The first record is there before the last photo is asked for."""
    taken = []

    def photos() -> Any:
        for index in range(1000):
            taken.append(index)
            yield scenes["small"]

    records = nano.score(photos())
    next(records)
    assert len(taken) < 40
    records.close()


# --- refusals -----------------------------------------------------------------------------------


def test_a_thing_by_name_needs_another_model(nano: Auditor, scenes: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="names of things") as caught:
        nano.describe([scenes["small"]], region="the lamp")
    assert "Qwen" in caught.value.hint
    assert caught.value.code == "region_not_understood"


def test_questions_that_cannot_be_asked(nano: Auditor, scenes: dict[str, Any]) -> None:
    """At the call, before any photo is touched."""
    with pytest.raises(UsageError, match="exclude"):
        nano.describe([scenes["small"]], boxes=[HALF], region="top")
    with pytest.raises(UsageError, match="box"):
        nano.refer([scenes["small"]], [])
    with pytest.raises(UsageError, match="empty"):
        nano.ground([scenes["small"]], " \n")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model": "no-such-model"}, "no-such-model"),
        ({"batch_size": 0}, "batch-size"),
        ({"device": "tpu"}, "tpu"),
        ({"dtype": "float8"}, "float8"),
    ],
)
def test_an_auditor_that_cannot_be(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Auditor(**options)


@pytest.mark.parametrize("text", ['{"temperature": 0}', '{"temperature": "hot"}', "[]", "{"])
def test_settings_that_make_no_sense(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "spider_nano"}', encoding="utf-8")
    (tmp_path / "scoring.json").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"scoring\.json"):
        Auditor(str(tmp_path))


def test_an_untrained_model_says_so(nano: Auditor) -> None:
    [notice] = nano.notices
    assert "untrained" in notice


def test_an_error_of_the_source_ends_the_run(nano: Auditor, scenes: dict[str, Any]) -> None:
    def photos() -> Any:
        yield scenes["small"]
        raise UsageError("no photos at all")

    records = nano.score(photos())
    assert not next(records).failed
    with pytest.raises(UsageError, match="no photos at all"):
        next(records)


def test_grounding_of_any_photo_is_a_valid_record(
    nano: Auditor, scenes: dict[str, Any], valid_record: Any
) -> None:
    for record in nano.ground(scenes.values(), "Where is it dark?", with_pixels=True):
        said = valid_record(record)
        found = record.outcome
        assert isinstance(found, Grounding)
        height, width = found.pixels.shape[:2]
        if said["point"] is not None:
            assert 0 <= said["point"][0] <= width
            assert 0 <= said["point"][1] <= height
            assert said["mask"]["size"] == [height, width]
            assert found.probability.shape == (height, width)
