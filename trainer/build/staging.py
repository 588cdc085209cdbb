"""Where a build keeps what is done: one SQLite file, one transaction per finished photo.

A kill or a full disk loses at most the photos in hand. Results stand under their numbers, so it
does not matter in which order, or by how many workers, they were made.
"""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from spider_cli.errors import UsageError

__all__ = ["STAGING", "Staging"]

STAGING = ".building.sqlite"


class Staging:
    """The file, opened; made where there is none.

    Args:
        folder: the data set's folder.
        fingerprint: what the build depends on; results of another build are not mixed in.
        fresh: throw away what another build left.

    Raises:
        UsageError: the folder holds an unfinished build of something else.
    """

    def __init__(self, folder: Path, fingerprint: str, *, fresh: bool = False) -> None:
        self.path = folder / STAGING
        if fresh:
            self.remove()
        self._open()
        row = self._db.execute("SELECT value FROM facts WHERE name = 'fingerprint'").fetchone()
        if row is None:
            with self._db:
                self._db.execute("INSERT INTO facts VALUES ('fingerprint', ?)", (fingerprint,))
        elif row[0] != fingerprint:
            self._db.close()
            raise UsageError(
                f"{folder} holds an unfinished build of other photos, settings or releases",
                hint="give --force to begin anew, or another --out",
                code="other_build",
            )

    def _open(self) -> None:
        try:
            self._db = sqlite3.connect(self.path, timeout=1)
            self._db.execute("PRAGMA journal_mode=WAL")
            # Safe against kills; a power cut may cost the last photos, never the file.
            self._db.execute("PRAGMA synchronous=NORMAL")
            # One build at a time: a second one is told so at once.
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            with self._db:
                self._db.execute("CREATE TABLE IF NOT EXISTS facts (name PRIMARY KEY, value)")
                self._db.execute(
                    "CREATE TABLE IF NOT EXISTS done "
                    "(stage, number, note, data, PRIMARY KEY (stage, number)) WITHOUT ROWID"
                )
        except sqlite3.OperationalError as error:
            raise _explained(self.path, error) from error
        except sqlite3.DatabaseError as error:
            raise UsageError(
                f"{self.path} is damaged: {error}",
                hint="give --force to begin anew",
                code="other_build",
            ) from error

    def put(self, stage: str, number: int, note: Any, data: bytes = b"") -> None:
        """Keep one result: `note` is JSON, `data` bytes.

        Raises:
            UsageError: no room on the disk.
        """
        try:
            with self._db:
                text = json.dumps(note, ensure_ascii=False)
                self._db.execute(
                    "INSERT OR REPLACE INTO done VALUES (?, ?, ?, ?)", (stage, number, text, data)
                )
        except sqlite3.OperationalError as error:
            raise _explained(self.path, error) from error

    def done(self, stage: str) -> set[int]:
        """Numbers of the results that a stage has."""
        rows = self._db.execute("SELECT number FROM done WHERE stage = ?", (stage,))
        return {number for (number,) in rows}

    def notes(self, stage: str) -> Iterator[tuple[int, Any]]:
        """A stage's notes by number, in order."""
        rows = self._db.execute(
            "SELECT number, note FROM done WHERE stage = ? ORDER BY number", (stage,)
        )
        for number, text in rows:
            yield number, json.loads(text)

    def note(self, stage: str, number: int) -> Any:
        """One result's note; None where there is no such result."""
        row = self._db.execute(
            "SELECT note FROM done WHERE stage = ? AND number = ?", (stage, number)
        ).fetchone()
        return None if row is None else json.loads(row[0])

    def data(self, stage: str, number: int) -> bytes | None:
        """One result's bytes; None where there is no such result."""
        row = self._db.execute(
            "SELECT data FROM done WHERE stage = ? AND number = ?", (stage, number)
        ).fetchone()
        return None if row is None else bytes(row[0])

    def remove(self) -> None:
        """Delete the file."""
        for suffix in ("", "-wal", "-shm", "-journal"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def __enter__(self) -> "Staging":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()


def _explained(path: Path, error: sqlite3.OperationalError) -> UsageError:
    text = str(error)
    if "locked" in text:
        return UsageError(
            f"another build is at work in {path.parent}",
            hint="wait for it, or give another --out",
            code="busy",
        )
    if "full" in text:
        return UsageError(
            f"no room left on the disk of {path.parent}",
            hint="make room and run the same command again: it goes on where it stopped",
            code="full_disk",
        )
    return UsageError(f"{path}: {error}", code="unwritable")
