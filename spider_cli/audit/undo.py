"""What stood in the sidecars before each run, kept so that a run can be taken back."""

import contextlib
import hashlib
import os
import sqlite3
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from spider_cli.audit.sidecar_files import read_sidecar, remove_sidecar, write_sidecar
from spider_cli.errors import PhotoError, UsageError

__all__ = ["Journal", "Outcome", "Run", "TakenBack", "Undone"]

_KEPT_RUNS = 20
_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (id INTEGER PRIMARY KEY AUTOINCREMENT, started REAL NOT NULL);
CREATE TABLE IF NOT EXISTS changes (
  run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  path BLOB NOT NULL,  -- of the sidecar, absolute, without links; the bytes the system uses
  before BLOB,         -- zlib; NULL where there was no sidecar
  after BLOB NOT NULL, -- SHA-256 of what spider wrote
  PRIMARY KEY (run, path)
);
"""


class Outcome(StrEnum):
    """What became of one sidecar when its run was taken back."""

    RESTORED = "restored"
    """It holds again what it held before."""
    REMOVED = "removed"
    """There was none before, and there is none again."""
    UNTOUCHED = "untouched"
    """It holds what it held before already."""
    CHANGED = "changed"
    """Somebody changed it after spider did; it is left as it is."""
    GONE = "gone"
    """It is not there any more."""
    FAILED = "failed"
    """It could not be read or written; a further try may go better."""


@dataclass(frozen=True, slots=True)
class Undone:
    """One sidecar of a run that was taken back."""

    path: Path
    outcome: Outcome
    message: str = ""
    """Why, where it changed or failed."""

    def to_json(self) -> dict[str, Any]:
        return {"sidecar": str(self.path), "outcome": str(self.outcome), "message": self.message}


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A run that was taken back."""

    run: int
    started: float
    """Seconds since 1970."""
    sidecars: tuple[Undone, ...]
    earlier: int = 0
    """How many sidecars the run before it wrote, which can be taken back next."""
    earlier_started: float = 0.0


class Run:
    """The sidecars that one run writes; begins in the journal with the first of them."""

    def __init__(self, journal: "Journal") -> None:
        self._journal = journal
        self._id: int | None = None

    def write(self, path: Path, *, before: bytes | None, after: bytes) -> None:
        """`write_sidecar`, after noting how to take it back.

        Args:
            path: absolute and without links.

        Raises:
            PhotoError: the sidecar cannot be written.
            UsageError: the journal takes no notes; nothing was written.
        """
        if self._id is None:
            self._id = self._journal.begin()
        earlier = self._journal.note(self._id, path, before, after)
        try:
            write_sidecar(path, before=before, after=after)
        except PhotoError:
            self._journal.correct(self._id, path, earlier)
            raise


class Journal:
    """The journal of all runs, an SQLite file; the latest 20 runs are kept.

    Several processes may use the file at once; an object, only the thread that made it. Close it.

    Args:
        file: where it lies; made if it is not there.

    Raises:
        UsageError: the file cannot be made, or is no journal.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        with self._explained():
            file.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(file, timeout=60, isolation_level=None)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA foreign_keys = ON")
            self._database.executescript(_SCHEMA)

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self) -> int:
        """Note a new run, and forget the oldest; its number."""
        with self._explained(), self._changing() as database:
            run = database.execute(
                "INSERT INTO runs (started) VALUES (?)", (time.time(),)
            ).lastrowid
            assert run is not None
            database.execute(
                "DELETE FROM runs WHERE id NOT IN (SELECT id FROM runs ORDER BY id DESC LIMIT ?)",
                (_KEPT_RUNS,),
            )
        return run

    def note(self, run: int, path: Path, before: bytes | None, after: bytes) -> bytes | None:
        """Note what stands in a sidecar, before `after` goes there.

        Returns:
            What the run had noted there as written, for `correct`; None where it had nothing.
        """
        name = os.fsencode(path)
        old = None if before is None else zlib.compress(before)
        with self._explained(), self._changing() as database:
            earlier = database.execute(
                "SELECT after FROM changes WHERE run = ? AND path = ?", (run, name)
            ).fetchone()
            # A sidecar that a run writes twice goes back to what was there before both.
            database.execute(
                "INSERT INTO changes (run, path, before, after) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (run, path) DO UPDATE SET after = excluded.after",
                (run, name, old, _digest(after)),
            )
        return earlier and bytes(earlier[0])

    def correct(self, run: int, path: Path, earlier: bytes | None) -> None:
        """Put right a note of what was not written after all."""
        name = os.fsencode(path)
        with self._explained(), self._changing() as database:
            if earlier is None:
                database.execute("DELETE FROM changes WHERE run = ? AND path = ?", (run, name))
            else:
                database.execute(
                    "UPDATE changes SET after = ? WHERE run = ? AND path = ?", (earlier, run, name)
                )

    def undo(self, within: Sequence[Path] = (), *, dry_run: bool = False) -> TakenBack | None:
        """Take back the last run that wrote sidecars and was not taken back yet.

        Once more takes back the one before it. A sidecar that changed since is left as it is, and
        is not tried again; one that failed is.

        Args:
            within: only the sidecars in these folders and of these photos, and the last run that
                wrote any of them.
            dry_run: say what would happen, and do nothing.

        Returns:
            None if there is nothing to take back.
        """
        roots = [Path(os.path.realpath(path)) for path in within]
        with self._explained():
            rows = self._database.execute(
                "SELECT run, started, path FROM changes JOIN runs ON runs.id = run "
                "ORDER BY run DESC, changes.rowid"
            ).fetchall()
        wanted = [(run, started, Path(os.fsdecode(path))) for run, started, path in rows]
        wanted = [one for one in wanted if not roots or _belongs(one[2], roots)]
        if not wanted:
            return None
        last, started, _ = wanted[0]
        done = tuple(self._undo_one(last, path, dry_run) for run, _, path in wanted if run == last)
        rest = [one for one in wanted if one[0] != last]
        before = [one for one in rest if one[0] == rest[0][0]]
        return TakenBack(last, started, done, len(before), before[0][1] if before else 0.0)

    def _undo_one(self, run: int, path: Path, dry_run: bool) -> Undone:
        name = os.fsencode(path)
        with self._explained():
            old, after = self._database.execute(
                "SELECT before, after FROM changes WHERE run = ? AND path = ?",
                (run, name),
            ).fetchone()
        before = None if old is None else zlib.decompress(old)
        try:
            undone = _take_back(path, before, after, dry_run)
        except PhotoError as error:
            return Undone(path, Outcome.FAILED, error.message)
        if not dry_run:
            with self._explained(), self._changing() as database:
                database.execute("DELETE FROM changes WHERE run = ? AND path = ?", (run, name))
        return undone

    @contextlib.contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield self._database
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise UsageError(
                f"cannot use {self._file}, which keeps how to undo ratings: {error}",
                hint="set SPIDER_CACHE to a folder of yours, or move that file away",
                code="journal_unusable",
            ) from error


def _take_back(path: Path, before: bytes | None, after: bytes, dry_run: bool) -> Undone:
    now = read_sidecar(path)
    if now == before:
        return Undone(path, Outcome.UNTOUCHED)
    if now is None:
        return Undone(path, Outcome.GONE, "it is not there any more")
    if _digest(now) != after:
        return Undone(path, Outcome.CHANGED, "it changed after spider wrote it")
    if before is None:
        if not dry_run:
            remove_sidecar(path, before=now)
        return Undone(path, Outcome.REMOVED)
    if not dry_run:
        write_sidecar(path, before=now, after=before)
    return Undone(path, Outcome.RESTORED)


def _belongs(sidecar: Path, roots: Sequence[Path]) -> bool:
    """Whether a sidecar is inside one of these folders, or of one of these photos."""
    base = sidecar.with_suffix("")
    return any(root in sidecar.parents or base in (root, root.with_suffix("")) for root in roots)


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
