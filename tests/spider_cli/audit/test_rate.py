"""Ratings of a run: one sidecar a shot, none without a number, and all of them taken back."""

import os
from pathlib import Path

import pytest

from spider_cli.audit.merging import Policy
from spider_cli.audit.rate import Rater, verdict_of
from spider_cli.audit.ratings import journal_file
from spider_cli.audit.sidecar_names import Naming
from spider_cli.audit.undo import Journal
from spider_cli.audit.xmp_terms import RATING, REASONS, SCORE
from spider_cli.errors import PhotoError
from tests.spider_cli.audit.records import audited, failure, shot_of
from tests.spider_cli.audit.shoot import values


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPIDER_CACHE", os.fspath(tmp_path / "cache"))
    folder = tmp_path / "shoot"
    folder.mkdir()
    for name in ("a.jpg", "b.CR2", "b.jpg"):
        (folder / name).write_bytes(b"photo")
    return folder


def rater(*, dry_run: bool = False, naming: Naming = Naming.FOLLOW) -> Rater:
    return Rater(Policy(), naming, dry_run=dry_run)


def test_reasons_are_the_worst_first() -> None:
    verdict = verdict_of(audited("a.jpg", 42.0, "mild blur", "severe noise", "moderate darken"))
    assert verdict is not None
    assert verdict.reasons == ("severe noise", "moderate darken", "mild blur")
    assert (verdict.score, verdict.model, verdict.revision) == (42.0, "nano", "1f2e")


@pytest.mark.parametrize("record", [failure(), audited("a.jpg", None)])
def test_no_number_no_rating(folder: Path, record: object) -> None:
    with rater() as ratings:
        assert ratings.rate(shot_of(audited(), str(folder)), record) is None  # type: ignore[arg-type]
        assert ratings.unnumbered == (record == audited("a.jpg", None))
    assert not list(folder.glob("*.xmp"))


def test_one_sidecar_for_a_pair(folder: Path) -> None:
    pair = audited("b.jpg", 80.0, "mild blur", raw="b.CR2")
    with rater() as ratings:
        rated = ratings.rate(shot_of(pair, str(folder)), pair)
        assert rated is not None
        assert ratings.written == 1
    assert [path.name for path in folder.glob("*.xmp")] == ["b.xmp"]
    found = values((folder / "b.xmp").read_bytes())
    assert (found[RATING], found[SCORE], found[REASONS]) == ("5", "80.00", ("mild blur",))
    with Journal(journal_file()) as journal:
        taken = journal.undo()
    assert taken is not None
    assert not list(folder.glob("*.xmp"))


def test_a_dry_run_writes_nothing_anywhere(folder: Path) -> None:
    record = audited("a.jpg", 50.0)
    with rater(dry_run=True, naming=Naming.FULL) as ratings:
        rated = ratings.rate(shot_of(record, str(folder)), record)
    assert rated is not None
    [sidecar] = rated.to_json()["sidecars"]
    assert sidecar["sidecar"] == f"{folder}/a.jpg.xmp"
    assert sidecar["rating"]["after"] == "3"
    assert not list(folder.glob("*.xmp"))
    assert not journal_file().exists()


def test_a_broken_sidecar_is_told_and_left(folder: Path) -> None:
    (folder / "a.xmp").write_bytes(b"<broken")
    record = audited("a.jpg", 50.0)
    with rater() as ratings, pytest.raises(PhotoError) as caught:
        ratings.rate(shot_of(record, str(folder)), record)
    assert "a.xmp" in caught.value.message
    assert (folder / "a.xmp").read_bytes() == b"<broken"
