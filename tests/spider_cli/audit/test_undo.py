"""The last run's ratings taken back."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from spider_cli.audit import undo
from spider_cli.audit.ratings import apply
from spider_cli.audit.undo import Journal, Outcome, Run
from spider_cli.errors import PhotoError, UsageError
from tests.spider_cli.audit.shoot import GOOD, POOR, Shoot, sample

RESTORED, REMOVED, CHANGED, GONE = (
    Outcome.RESTORED, Outcome.REMOVED, Outcome.CHANGED, Outcome.GONE,
)  # fmt: skip


def outcomes(journal: Journal, *within: Path, dry_run: bool = False) -> dict[str, Outcome] | None:
    back = journal.undo(within, dry_run=dry_run)
    return back and {one.path.name: one.outcome for one in back.sidecars}


@pytest.fixture
def rated(shoot: Shoot) -> tuple[Shoot, dict[str, bytes]]:
    """One run over three shots, and what was there before it."""
    photos = shoot.photos("a.CR2", "b.CR2", "c.CR2")
    shoot.put("a.xmp", sample("lightroom"))
    shoot.put("b.CR2.xmp", sample("darktable"))
    before = shoot.contents()
    run = Run(shoot.journal)
    for photo in photos:
        apply(shoot.plan([photo]), run)
    return shoot, before


def test_a_run_is_taken_back_to_the_byte(rated: tuple[Shoot, dict[str, bytes]]) -> None:
    shoot, before = rated
    assert shoot.contents() != before
    expected = {"a.xmp": RESTORED, "b.CR2.xmp": RESTORED, "c.xmp": REMOVED}
    after = shoot.contents()
    assert outcomes(shoot.journal, dry_run=True) == expected
    assert shoot.contents() == after
    assert outcomes(shoot.journal) == expected
    assert shoot.contents() == before
    assert shoot.journal.undo() is None


def test_the_journal_survives(rated: tuple[Shoot, dict[str, bytes]], tmp_path: Path) -> None:
    shoot, before = rated
    shoot.journal.close()
    with Journal(tmp_path / "cache" / "ratings.sqlite") as again:
        assert again.undo() is not None
    assert shoot.contents() == before


def test_what_changed_since_is_left_alone_and_said(rated: tuple[Shoot, dict[str, bytes]]) -> None:
    shoot, _ = rated
    for name in ("a.xmp", "c.xmp"):
        shoot.put(name, shoot.contents()[name].replace(b'Rating="5"', b'Rating="4"'))
    (shoot.folder / "b.CR2.xmp").unlink()
    after = shoot.contents()
    back = shoot.journal.undo()
    assert back is not None
    found = {one.path.name: (one.outcome, one.message) for one in back.sidecars}
    assert found == {
        "a.xmp": (CHANGED, "it changed after spider wrote it"),
        "b.CR2.xmp": (GONE, "it is not there any more"),
        "c.xmp": (CHANGED, "it changed after spider wrote it"),
    }
    assert shoot.contents() == after
    assert shoot.journal.undo() is None


def test_runs_are_taken_back_one_by_one(rated: tuple[Shoot, dict[str, bytes]]) -> None:
    shoot, before = rated
    first = shoot.contents()
    shoot.rate([shoot.folder / "a.CR2"], POOR)
    shoot.rate([shoot.folder / "a.CR2"], POOR)  # nothing new: no run to take back
    taken = shoot.journal.undo()
    assert taken is not None
    assert [one.outcome for one in taken.sidecars] == [RESTORED]
    assert shoot.contents() == first
    again = shoot.journal.undo()
    assert again is not None
    assert (taken.earlier, taken.earlier_started) == (len(again.sidecars), again.started)
    assert again.earlier == 0
    assert shoot.contents() == before


def test_twice_in_one_run_goes_back_before_both(shoot: Shoot) -> None:
    photos = shoot.photos("a.CR2")
    shoot.put("a.xmp", sample("lightroom"))
    before = shoot.contents()
    run = Run(shoot.journal)
    apply(shoot.plan(photos, GOOD), run)
    apply(shoot.plan(photos, POOR), run)
    assert outcomes(shoot.journal) == {"a.xmp": RESTORED}
    assert shoot.contents() == before


def test_a_write_that_fails_is_not_taken_back(
    shoot: Shoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = shoot.photos("a.CR2")
    shoot.put("a.xmp", sample("lightroom"))
    before = shoot.contents()
    run = Run(shoot.journal)
    apply(shoot.plan(photos, GOOD), run)

    def fails(*_: object, **__: object) -> None:
        raise PhotoError("no room", code="sidecar_unwritable")

    with monkeypatch.context() as patch:
        patch.setattr(undo, "write_sidecar", fails)
        with pytest.raises(PhotoError, match="no room"):
            apply(shoot.plan(photos, POOR), run)
    assert outcomes(shoot.journal) == {"a.xmp": RESTORED}
    assert shoot.contents() == before


def test_only_in_these_folders(shoot: Shoot, tmp_path: Path) -> None:
    other = Shoot(tmp_path / "shoot-2", shoot.journal)
    other.folder.mkdir()
    shoot.rate(shoot.photos("a.CR2"))
    shoot.rate(shoot.photos("b.CR2"))
    other.rate(other.photos("c.CR2"))
    assert outcomes(shoot.journal, tmp_path / "elsewhere") is None
    assert outcomes(shoot.journal, shoot.folder) == {"b.xmp": REMOVED}
    assert outcomes(shoot.journal, shoot.folder / "a.CR2") == {"a.xmp": REMOVED}
    assert outcomes(shoot.journal, shoot.folder) is None
    assert outcomes(shoot.journal, tmp_path) == {"c.xmp": REMOVED}


def test_one_that_fails_is_tried_again(rated: tuple[Shoot, dict[str, bytes]]) -> None:
    shoot, before = rated
    (shoot.folder / "a.xmp").chmod(0o444)
    back = shoot.journal.undo()
    assert back is not None
    found = {one.path.name: one.outcome for one in back.sidecars}
    assert found["a.xmp"] is Outcome.FAILED
    assert "write-protected" in next(one.message for one in back.sidecars if one.message)
    (shoot.folder / "a.xmp").chmod(0o644)
    assert outcomes(shoot.journal) == {"a.xmp": RESTORED}
    assert shoot.contents() == before


def test_old_runs_are_forgotten(shoot: Shoot) -> None:
    for number in range(25):
        shoot.rate(shoot.photos(f"{number}.CR2"))
    count = 0
    while shoot.journal.undo() is not None:
        count += 1
    assert count == 20


def test_two_runs_at_once(shoot: Shoot, tmp_path: Path) -> None:
    with Journal(tmp_path / "cache" / "ratings.sqlite") as other:
        one, two = Run(shoot.journal), Run(other)
        for name, run in (("a.CR2", one), ("b.CR2", two), ("c.CR2", one), ("d.CR2", two)):
            apply(shoot.plan(shoot.photos(name)), run)
    assert outcomes(shoot.journal) == {"b.xmp": REMOVED, "d.xmp": REMOVED}
    assert outcomes(shoot.journal) == {"a.xmp": REMOVED, "c.xmp": REMOVED}


KILLED = """
import os, signal, sys
from pathlib import Path
from spider_cli.audit import undo
from spider_cli.audit.undo import Journal, Run

write = undo.write_sidecar
def dying(*args, **named):
    if sys.argv[2] == "after":
        write(*args, **named)
    os.kill(os.getpid(), signal.SIGKILL)
undo.write_sidecar = dying
folder = Path(sys.argv[1])
run = Run(Journal(folder / "cache" / "ratings.sqlite"))
run.write(folder / "shoot" / "a.xmp", before=b"old", after=b"new")
"""


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
@pytest.mark.parametrize(("when", "outcome"), [("before", "untouched"), ("after", "restored")])
def test_killed_at_the_write(shoot: Shoot, tmp_path: Path, when: str, outcome: str) -> None:
    path = shoot.put("a.xmp", b"old")
    command = [sys.executable, "-c", KILLED, str(tmp_path), when]
    assert subprocess.run(command, timeout=60, check=False).returncode == -signal.SIGKILL
    assert path.read_bytes() == (b"new" if when == "after" else b"old")
    assert outcomes(shoot.journal) == {"a.xmp": outcome}
    assert path.read_bytes() == b"old"


def spoil(path: Path) -> None:
    path.write_bytes(b"no database" * 100)


def lock_out(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("harm", [spoil, lock_out])
def test_a_journal_that_cannot_be_used(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    file = tmp_path / "ratings.sqlite"
    harm(file)
    with pytest.raises(UsageError, match="how to undo ratings") as caught:
        Journal(file)
    assert caught.value.code == "journal_unusable"
    assert str(file) in caught.value.message
    assert "SPIDER_CACHE" in caught.value.hint


def test_without_a_note_nothing_is_written(shoot: Shoot) -> None:
    photos = shoot.photos("a.CR2")
    run = Run(shoot.journal)
    apply(shoot.plan(photos, GOOD), run)
    before = shoot.contents()
    shoot.journal.close()
    with pytest.raises(UsageError):
        apply(shoot.plan(photos, POOR), run)
    assert shoot.contents() == before
