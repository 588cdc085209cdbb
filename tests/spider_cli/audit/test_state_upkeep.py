"""What the state tells of itself, what it forgets, and what its records depend on."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from spider_cli.audit.state import State, default_file
from spider_cli.audit.state_file import open_file
from spider_cli.audit.state_pruning import PREVIEWS_UNUSED, UNUSED, prune
from spider_cli.audit.state_settings import settings_of
from spider_cli.audit.state_status import status_of
from spider_cli.auditor import Auditor
from tests.spider_cli.audit.judged import PREVIEW, SETTINGS, audit, judged, shot


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    monkeypatch.setenv("SPIDER_CACHE", str(tmp_path / "cache"))
    paths = [tmp_path / name for name in ("a.jpg", "b.jpg", "c.jpg")]
    for path in paths:
        path.write_bytes(path.name.encode())
    return paths


def run(file: Path, photos: list[Path]) -> tuple[list[str], list[bool]]:
    """Which are judged, and of which there are pictures."""
    with State(file, SETTINGS, "1f2e") as state:
        new = audit(state, map(shot, photos))
        return new, [state.preview(path) is not None for path in photos]


def aged(file: Path, seconds: float, which: str = "1") -> None:
    """Let a while go by."""
    with sqlite3.connect(file) as database:
        database.execute(f"UPDATE judgements SET used = used - ? WHERE {which}", (seconds,))
        database.execute("UPDATE files SET checked = checked - ?", (int(seconds * 1e9),))
        database.execute("DELETE FROM chores")
    database.close()


def count(file: Path, table: str) -> int:
    with sqlite3.connect(file) as database:
        (number,) = database.execute(f"SELECT count(*) FROM {table}").fetchone()
    database.close()
    return int(number)


def test_pictures_and_records_that_nobody_uses_go(photos: list[Path]) -> None:
    file = default_file()
    assert run(file, photos) == (["a.jpg", "b.jpg", "c.jpg"], [True] * 3)
    aged(file, PREVIEWS_UNUSED - 99)
    assert run(file, photos[:2]) == ([], [True] * 2)
    aged(file, 999)  # the third was not used meanwhile
    assert run(file, photos) == ([], [True, True, False])
    aged(file, UNUSED + 99, "id = 1")
    assert run(file, photos[1:]) == ([], [True, False])
    assert count(file, "judgements") == 2
    assert count(file, "files") == 2
    assert run(file, photos) == (["a.jpg"], [True, True, False])


def test_a_file_of_the_users_own_keeps_everything(tmp_path: Path, photos: list[Path]) -> None:
    file = tmp_path / "mine.sqlite"
    run(file, photos)
    aged(file, 9 * UNUSED)
    assert run(file, photos) == ([], [True] * 3)


def test_what_is_too_much_goes_oldest_first(tmp_path: Path, photos: list[Path]) -> None:
    file = tmp_path / "state.sqlite"
    run(file, photos)
    with sqlite3.connect(file) as database:
        database.execute("UPDATE judgements SET used = used - 99 * id")
        database.execute("UPDATE previews SET jpeg = zeroblob(1000000)")
    database.close()
    assert file.stat().st_size > 3_000_000
    before = count(file, "judgements")
    database = open_file(file, patience=1)
    prune(database, limit=4_000_000)
    assert count(file, "previews") == 3
    database.execute("DELETE FROM chores")
    prune(database, limit=2_000_000)
    assert count(file, "previews") == 0
    assert count(file, "judgements") == before
    database.execute("DELETE FROM chores")
    prune(database, limit=10_000)
    assert count(file, "judgements") == 0
    database.close()
    assert file.stat().st_size < 200_000


def test_once_a_day(photos: list[Path]) -> None:
    file = default_file()
    run(file, photos)
    with sqlite3.connect(file) as database:
        database.execute("UPDATE judgements SET used = 0")
    database.close()
    assert run(file, photos)[0] == []


def test_status(tmp_path: Path, photos: list[Path]) -> None:
    file = tmp_path / "state.sqlite"
    nothing = status_of(file)
    assert (nothing.size, nothing.photos, nothing.kept) == (0, 0, ())
    assert nothing.lines()[1:] == ["nothing is kept yet"]
    assert not file.exists()
    run(file, photos)
    later = json.dumps({"model": "\x1b[31mother", "dtype": "bfloat16", "quantize": None})
    with State(file, later, "2222") as state:
        one = shot(photos[0])
        assert state.known(one) is None
        assert state.keep(one, judged(one))
    status = status_of(file)
    assert status.photos == 3
    assert status.previews == 3
    assert status.size >= file.stat().st_size > 0
    assert [(one.model, one.revision, one.records) for one in status.kept] == [
        ("\x1b[31mother", "2222", 1),
        ("nano", "1f2e", 3),
    ]
    assert status.kept[0].settings == {"dtype": "bfloat16"}
    assert status.kept[1].first <= status.kept[1].last <= status.kept[0].last
    assert json.loads(json.dumps(status.to_json()))["kept"][1]["records"] == 3
    text = "\n".join(status.lines())
    assert "3 photos" in text
    assert "1 record," in text
    assert "\x1b" not in text
    assert str(file) in text


def test_status_during_a_run(tmp_path: Path, photos: list[Path]) -> None:
    file = tmp_path / "state.sqlite"
    with State(file, SETTINGS, "1f2e") as state:
        audit(state, map(shot, photos))
        assert status_of(file).photos == 3
        assert state.preview(photos[0]) == PREVIEW


def said(auditor: Auditor, device: str = "auto", dtype: str = "auto") -> str:
    return settings_of(auditor, device=device, dtype=dtype)


@pytest.mark.parametrize(
    "other",
    [
        lambda: said(Auditor("nano", max_pixels=100_000)),
        lambda: said(Auditor("nano"), device="cpu"),
        lambda: said(Auditor("nano"), dtype="bfloat16"),
        lambda: said(Auditor("openai:http://127.0.0.1:9/v1#a")),
    ],
)
def test_what_changes_a_record_is_in_the_settings(other: Callable[[], str]) -> None:
    assert other() != said(Auditor("nano"))


def test_what_changes_no_record_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = said(Auditor("nano"))
    assert json.loads(usual)["model"] == "nano"
    assert said(Auditor("nano", batch_size=3, quantize="int8", max_decode_pixels=10**6)) == usual
    served = "openai:http://127.0.0.1:9/v1#a"
    assert said(Auditor(served, tuned=True)) != said(Auditor(served))
    monkeypatch.setattr("spider_cli.__version__", "99")
    assert said(Auditor("nano")) != usual
