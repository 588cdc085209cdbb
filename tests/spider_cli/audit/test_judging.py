"""A shot judged: what three commands would say of it, from one decoding and one look."""

import errno
import io
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spider_cli.audit.facts import look_of
from spider_cli.audit.judging import Judge, Judged
from spider_cli.audit.state import State
from spider_cli.auditor import Auditor
from spider_cli.errors import UsageError
from spider_cli.lmm import LanguageModel
from spider_cli.outputs.pictures import Pictures
from spider_cli.photos import Source, open_photo
from spider_cli.questions import ground_question
from spider_cli.results import Audited, Failure, Grounding
from spider_cli.shots import Shot, shots
from spider_cli.sources import named_source
from tests.spider_cli.audit.judged import PREVIEW, SETTINGS
from tests.spider_cli.audit.judged import judged as kept
from tests.spider_cli.audit.judged import shot as named_shot

pytestmark = pytest.mark.usefixtures("short_answers")


@pytest.fixture
def shoot(tmp_path: Path, scenes: dict[str, Any]) -> list[Shot]:
    """A pair, a broken photo, and one more."""
    for name, scene in (("a.jpg", "small"), ("c.png", "odd")):
        Image.fromarray(scenes[scene]).save(tmp_path / name)
    (tmp_path / "a.NEF").write_bytes(b"is not looked at")
    (tmp_path / "b.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:400])
    names = ("a.NEF", "a.jpg", "b.jpg", "c.png")
    return shots(named_source(tmp_path / name) for name in names)


def judge_all(judge: Judge, shoot: list[Shot]) -> list[Judged]:
    assert [judge.refused(shot) for shot in shoot] == [None] * len(shoot)
    return list(judge.judged(shoot))


def test_what_three_commands_would_say(
    nano: Auditor,
    shoot: list[Shot],
    valid_record: Callable[[Any], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: Counter[str] = Counter()
    looked: list[int] = []

    def opening(source: Source, **more: Any) -> Any:
        opened[source.path.name] += 1
        return open_photo(source, **more)

    look = LanguageModel.look

    def looking(self: LanguageModel, photos: Any) -> Any:
        looked.append(len(photos))
        return look(self, photos)

    with monkeypatch.context() as patch:
        patch.setattr("spider_cli.feed.open_photo", opening)
        patch.setattr(LanguageModel, "look", looking)
        judged = judge_all(Judge(nano), shoot)
    assert opened == {"a.jpg": 1, "b.jpg": 1, "c.png": 1}
    assert sum(looked) == 2
    assert [one.shot for one in judged] == shoot
    assert all(one.preview is None and not one.known for one in judged)
    most = nano.to_ground(ground_question(extreme="most"))
    for one in judged:
        requests = [nano.to_score(), nano.to_describe(), most]
        [(score, description, region)] = nano.together([one.shot.photo], requests)
        said = valid_record(one.record)
        assert said["command"] == "audit"
        if isinstance(one.record.outcome, Failure):
            assert one.record.outcome == score.outcome
            continue
        outcome = one.record.outcome
        assert isinstance(outcome, Audited)
        assert outcome.score == score.outcome
        assert outcome.description == description.outcome
        assert outcome.region == region.outcome
        assert outcome.why.startswith(outcome.score.level)
        assert (outcome.facts.width, outcome.facts.height) == score.looked_at[0].box[2:]
        assert one.record.looked_at == score.looked_at
        assert one.record.seconds > 0


def test_a_pair_is_one_record(nano: Auditor, shoot: list[Shot]) -> None:
    first, broken, last = (one.record for one in Judge(nano).judged(shoot))
    assert first.photo.endswith("a.jpg")
    assert (first.raw or "").endswith("a.NEF")
    assert last.raw is None
    assert isinstance(broken.outcome, Failure)
    assert broken.outcome.code == "truncated"


def test_pictures_and_previews_are_made_photo_by_photo(
    nano: Auditor, shoot: list[Shot], tmp_path: Path
) -> None:
    pictures = Pictures(tmp_path / "out", overwrite=True)
    judged = judge_all(Judge(nano, pictures=pictures, previews=True), shoot)
    for one in judged:
        outcome = one.record.outcome
        if not isinstance(outcome, Audited):
            assert one.preview is None
            continue
        assert isinstance(outcome.region, Grounding)
        assert outcome.region.pixels is None and outcome.region.probability is None
        assert outcome.region.files is not None
        facts = outcome.facts
        for path in (outcome.region.files.overlay, outcome.region.files.mask):
            with Image.open(path) as picture:
                assert picture.size == (facts.width, facts.height)
        assert one.preview is not None
        with Image.open(io.BytesIO(one.preview.jpeg)) as small:
            assert small.size == (facts.width, facts.height)
    plain = [one.record.outcome for one in Judge(nano).judged(shoot)]
    for one, outcome in zip(judged, plain, strict=True):
        if isinstance(outcome, Audited):
            assert isinstance(one.record.outcome, Audited)
            same = replace(one.record.outcome.region, files=None)  # type: ignore[type-var]
            assert same == outcome.region


def test_what_an_earlier_run_found(nano: Auditor, shoot: list[Shot], tmp_path: Path) -> None:
    """Counts as it is, but where pictures are asked for, only if they are there."""
    records = [one.record for one in Judge(nano).judged(shoot)]
    pair, record = shoot[0], records[0]
    moved = Shot(named_source(tmp_path / "moved.jpg"))
    again = Judge(nano).again(moved, record)
    assert again is not None and again.known
    assert again.record.photo == f"{tmp_path}/moved.jpg"
    assert again.record.raw is None
    assert again.record.outcome == record.outcome

    judge = Judge(nano, pictures=Pictures(tmp_path / "out", overwrite=True))
    assert judge.refused(pair) is None
    assert judge.again(pair, record) is None
    [drawn] = judge.judged([pair])
    assert isinstance(drawn.record.outcome, Audited)
    files = drawn.record.outcome.region.files  # type: ignore[union-attr]
    later = Judge(nano, pictures=Pictures(tmp_path / "out", overwrite=True))
    assert later.refused(pair) is None
    known = later.again(pair, record)
    assert known is not None
    assert known.record.outcome == drawn.record.outcome
    assert files is not None
    Path(files.mask).unlink()
    once_more = Judge(nano, pictures=Pictures(tmp_path / "out", overwrite=True))
    assert once_more.refused(pair) is None
    assert once_more.again(pair, record) is None


def test_a_record_made_without_hashes_gets_its_hash(tmp_path: Path) -> None:
    """Nothing else of it changes, it is kept, and no model is needed."""
    photo = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (60, 90, 3), np.uint8)).save(photo)
    one = named_shot(photo)
    record = kept(one)
    assert isinstance(record.outcome, Audited) and record.outcome.facts.look is None
    with State(tmp_path / "state", SETTINGS, "1f2e") as state:
        assert state.known(one) is None
        assert state.keep(one, record, PREVIEW)
    with State(tmp_path / "state", SETTINGS, "1f2e") as state:
        judge = Judge(Auditor("nano", device="cpu"), amend=state.amend)
        known = state.known(one)
        assert known is not None
        again = judge.again(one, known)
        assert again is not None and isinstance(again.record.outcome, Audited)
        look = again.record.outcome.facts.look
        assert look == look_of(open_photo(one.photo).pixels) is not None
        facts = replace(record.outcome.facts, look=look)
        assert again.record.outcome == replace(record.outcome, facts=facts)
    with State(tmp_path / "state", SETTINGS, "1f2e") as state:
        assert state.known(one) == again.record
        assert state.preview(photo) == PREVIEW
    photo.unlink()
    assert Judge(Auditor("nano", device="cpu")).again(one, record) is not None


def test_pictures_whose_names_would_be_too_long(
    nano: Auditor, shoot: list[Shot], tmp_path: Path
) -> None:
    [record] = [one.record for one in Judge(nano).judged(shoot[:1])]
    long = tmp_path / ("n" * 251 + ".jpg")
    (tmp_path / "a.jpg").rename(long)
    shot = Shot(named_source(long))
    judge = Judge(nano, pictures=Pictures(tmp_path / "out", overwrite=True))
    assert judge.refused(shot) is None
    assert judge.again(shot, record) is None
    [judged] = judge.judged([shot])
    assert isinstance(judged.record.outcome, Failure)
    assert judged.record.outcome.code == "cannot_write"


def test_pictures_of_one_name_are_refused(nano: Auditor, tmp_path: Path) -> None:
    judge = Judge(nano, pictures=Pictures(tmp_path / "out", overwrite=True))
    one, other = (Shot(named_source(f"/{folder}/a.jpg")) for folder in "xy")
    assert judge.refused(one) is None
    refused = judge.refused(other)
    assert refused is not None
    assert isinstance(refused.record.outcome, Failure)
    assert refused.record.outcome.code == "same_output"
    assert refused.record.command == "audit"


def test_pictures_that_cannot_be_written_fail_the_photo(
    nano: Auditor, shoot: list[Shot], tmp_path: Path
) -> None:
    (tmp_path / "out").write_bytes(b"a file")
    judge = Judge(nano, pictures=Pictures(tmp_path / "out", overwrite=True))
    codes = []
    for one in judge_all(judge, shoot):
        assert isinstance(one.record.outcome, Failure)
        codes.append(one.record.outcome.code)
    assert codes == ["cannot_write", "truncated", "cannot_write"]


def test_on_a_full_disk_what_was_found_stands(
    nano: Auditor, shoot: list[Shot], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    whole = judge_all(Judge(nano, pictures=Pictures(tmp_path / "out", overwrite=True)), shoot)
    monkeypatch.setattr("spider_cli.outputs.pictures.write_together", full)
    pictures = Pictures(tmp_path / "full", overwrite=True)
    found = judge_all(Judge(nano, pictures=pictures, ends=False), shoot)
    for one, like in zip(found, whole, strict=True):
        if isinstance(like.record.outcome, Failure):
            assert (one.record.outcome, one.lacks) == (like.record.outcome, "")
            continue
        assert isinstance(one.record.outcome, Audited)
        assert isinstance(like.record.outcome, Audited)
        region = one.record.outcome.region
        assert isinstance(region, Grounding)
        assert region.files is None
        assert one.record.outcome.score == like.record.outcome.score
        assert one.lacks.endswith("No space left on device")
        assert like.lacks == ""
    with pytest.raises(UsageError, match="No space left on device") as caught:
        judge_all(Judge(nano, pictures=Pictures(tmp_path / "ends", overwrite=True)), shoot)
    assert caught.value.code == "no_room"


def test_many_photos_by_many_threads(nano: Auditor, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sources = []
    for number in range(24):
        path = tmp_path / f"{number}.png"
        Image.fromarray(rng.integers(0, 255, (30 + number, 40, 3), np.uint8)).save(path)
        sources.append(Shot(named_source(path)))
    quick = Auditor(nano.model, device="cpu", jobs=4)
    heights, scores = [], []
    for one in Judge(quick).judged(sources):
        assert isinstance(one.record.outcome, Audited)
        assert one.record.photo == one.shot.photo.name
        heights.append(one.record.outcome.facts.height)
        scores.append(one.record.outcome.score)
    assert heights == [30 + number for number in range(24)]
    # Not a digit depends on the company.
    few = Auditor(nano.model, device="cpu", batch_size=1)
    for one, score in zip(Judge(few).judged(sources[5:12]), scores[5:12], strict=True):
        assert isinstance(one.record.outcome, Audited)
        assert one.record.outcome.score == score
