"""State files that cannot be used: one line, the next step, and nothing is lost."""

import hashlib
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from spider_cli.audit import state_file
from spider_cli.audit.state import State
from spider_cli.audit.state_status import status_of
from spider_cli.errors import UsageError
from tests.conftest import lacking
from tests.spider_cli.audit.judged import SETTINGS, audit, judged, shot


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / name for name in ("a.jpg", "b.jpg", "c.jpg")]
    for path in paths:
        path.write_bytes(path.name.encode())
    return paths


@pytest.fixture
def file(tmp_path: Path, photos: list[Path]) -> Path:
    """A state that knows the first of them."""
    path = tmp_path / "state" / "state.sqlite"
    with State(path, SETTINGS, "1f2e") as state:
        audit(state, [shot(photos[0])])
    return path


def digests(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.is_file()
    }


def refused(file: Path, *, read_only: bool = False) -> UsageError:
    with pytest.raises(UsageError) as caught:
        State(file, SETTINGS, "1f2e", patience=0.1, read_only=read_only)
    error = caught.value
    assert str(file) in error.message
    assert "\n" not in error.message + error.hint
    assert error.hint
    return error


def a_text(file: Path) -> None:
    file.write_text("my list of photos\n" * 99)


def short(file: Path) -> None:
    file.write_bytes(b"\0" * 40)


def another_programs(file: Path) -> None:
    file.unlink()
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE files (path)")
    database.close()


def another_programs_in_wal(file: Path) -> None:
    file.unlink()
    database = sqlite3.connect(file)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("CREATE TABLE judges (mine)")
    # Its log as a crash leaves it.
    kept = {end: file.with_name(file.name + end).read_bytes() for end in ("", "-wal")}
    database.close()
    for end, data in kept.items():
        file.with_name(file.name + end).write_bytes(data)


@pytest.mark.parametrize("make", [a_text, short, another_programs, another_programs_in_wal])
@pytest.mark.parametrize("read_only", [False, True])
def test_what_is_not_ours_is_left_as_it_is(
    file: Path, make: Callable[[Path], None], read_only: bool
) -> None:
    make(file)
    before = digests(file.parent)
    error = refused(file, read_only=read_only)
    assert error.code == "state_foreign"
    assert "--state" in error.hint
    assert digests(file.parent) == before


def test_an_empty_file_is_taken(tmp_path: Path, photos: list[Path]) -> None:
    file = tmp_path / "empty"
    file.touch()
    assert status_of(file).photos == 0
    with State(file, SETTINGS, "1f2e") as state:
        assert len(audit(state, map(shot, photos))) == 3


def test_a_damaged_file_is_left_as_it_is(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[100:4096] = b"\xa5" * 3996  # the table of tables
    file.write_bytes(data)
    assert refused(file).code == "state_damaged"
    assert "move it away" in refused(file).hint
    assert file.read_bytes() == data


def test_damage_that_shows_later(file: Path, photos: list[Path]) -> None:
    told: list[str] = []
    data = file.read_bytes()
    with sqlite3.connect(file) as database:
        (page,) = database.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'judgements'"
        ).fetchone()
    database.close()
    spoilt = bytearray(data)
    spoilt[(page - 1) * 4096 : page * 4096] = b"\xa5" * 4096
    file.write_bytes(spoilt)
    with State(file, SETTINGS, "1f2e", tell=told.append) as state:
        for path in photos:  # all are judged, and the run goes on
            assert state.known(shot(path)) is None
            assert not state.keep(shot(path), judged(shot(path)))
        assert state.not_kept == 3
    (line,) = told
    assert str(file) in line
    assert "damaged" in line
    assert "goes on" in line
    assert "ove it away" in line


def test_a_later_form(file: Path) -> None:
    with sqlite3.connect(file) as database:
        database.execute(f"PRAGMA user_version = {state_file.FORM + 1}")
    database.close()
    before = digests(file.parent)
    for read_only in (False, True):
        error = refused(file, read_only=read_only)
        assert error.code == "state_too_new"
        assert "update spider" in error.hint
    assert digests(file.parent) == before


def test_an_earlier_form_is_brought_up(
    file: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = ("ALTER TABLE chores ADD COLUMN more; CREATE TABLE later (a)", "DROP TABLE later")
    monkeypatch.setattr(state_file, "_UPGRADES", steps)
    monkeypatch.setattr(state_file, "FORM", 3)
    for _ in range(2):
        assert status_of(file).photos == 1
        with sqlite3.connect(file) as database:
            assert database.execute("PRAGMA user_version").fetchone() == (3,)
            tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
        database.close()
        assert "later" not in tables
        monkeypatch.setattr(state_file, "_UPGRADES", ("no such step",) * 2)


def test_an_upgrade_that_fails_changes_nothing(
    file: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(state_file, "_UPGRADES", ("DROP TABLE previews; DROP TABLE nothing",))
        patch.setattr(state_file, "FORM", 2)
        refused(file)
    with State(file, SETTINGS, "1f2e") as state:
        assert state.known(shot(photos[0])) == judged(shot(photos[0]))
        assert state.preview(photos[0]) is not None


@contextmanager
def locked(file: Path) -> Iterator[sqlite3.Connection]:
    other = sqlite3.connect(file, isolation_level=None)
    try:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        yield other
    finally:
        other.close()


def test_a_locked_file(file: Path) -> None:
    with locked(file):
        for read_only in (False, True):
            error = refused(file, read_only=read_only)
            assert error.code == "state_locked"
            assert "wait" in error.hint
        with pytest.raises(UsageError, match="locked"):
            State(file, SETTINGS, "1f2e", patience=0.1)
    with State(file, SETTINGS, "1f2e", patience=0.1):
        pass


def test_locked_for_a_while(file: Path, photos: list[Path]) -> None:
    """What cannot be kept is told of once; once it is free again, records are kept again."""
    told: list[str] = []
    with State(file, SETTINGS, "1f2e", patience=0.1, tell=told.append) as state:
        writer = sqlite3.connect(file, isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        for path in photos[1:]:
            assert state.known(shot(path)) is None
        assert not state.keep(shot(photos[1]), judged(shot(photos[1])))
        assert state.known(shot(photos[0])) is not None  # readers do not wait
        writer.execute("COMMIT")
        writer.close()
        assert state.keep(shot(photos[2]), judged(shot(photos[2])))
        assert state.not_kept == 1
    assert len(told) == 1
    with State(file, SETTINGS, "1f2e") as state:
        assert audit(state, map(shot, photos)) == ["b.jpg"]


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    assert refused(tmp_path).code == "state_unusable"


def test_a_file_for_a_folder(tmp_path: Path, photos: list[Path]) -> None:
    assert refused(photos[0] / "state.sqlite").code == "state_unusable"


@contextmanager
def disk(where: Path, size: str) -> Iterator[None]:
    """A disk of its own at a folder."""
    where.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(where)],
        capture_output=True,
        check=False,
    )
    if made.returncode != 0:
        lacking("the right to mount a small disk", "run the tests as root")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(where)], check=True)


def test_a_disk_that_takes_no_files(tmp_path: Path, file: Path, photos: list[Path]) -> None:
    where = tmp_path / "disk"
    with disk(where, "1m"):
        there = where / "state.sqlite"
        there.write_bytes(file.read_bytes())
        subprocess.run(["mount", "-o", "remount,ro", str(where)], check=True)
        assert refused(there).code == "state_unusable"
        assert refused(where / "other.sqlite").code == "state_unusable"
        assert status_of(there).photos == 1
        with State(there, SETTINGS, "1f2e", read_only=True) as state:
            assert state.to_do(map(shot, photos)) == (1, 2)


def test_a_disk_without_room(tmp_path: Path, file: Path, photos: list[Path]) -> None:
    where = tmp_path / "disk"
    with disk(where, "400k"):
        there = where / "state.sqlite"
        there.write_bytes(file.read_bytes())
        told: list[str] = []
        with State(there, SETTINGS, "1f2e", tell=told.append) as state:
            with suppress(OSError):
                (where / "filler").write_bytes(b"\0" * 400_000)
            for number in range(40):
                path = tmp_path / f"{number}.png"
                path.write_bytes(os.urandom(2000))
                assert state.known(shot(path)) is None
                state.keep(shot(path), judged(shot(path)))
            assert state.not_kept > 0
            assert state.known(shot(photos[0])) == judged(shot(photos[0]))
        (line,) = told
        assert "no room left" in line
        with pytest.raises(UsageError) as caught:
            State(where / "new.sqlite", SETTINGS, "1f2e")
        assert caught.value.code == "state_full"
        (where / "filler").unlink()
        with State(there, SETTINGS, "1f2e") as state:
            assert len(audit(state, map(shot, photos))) == 2
