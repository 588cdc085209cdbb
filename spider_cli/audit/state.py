"""What audits have found, kept so that the next one judges only what is new (docs/auditing.md).

A judgement stands under what is in the shot's files, the model's revision and the settings. Files
are found again by path, size and dates; where these differ, by reading them.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from spider_cli.audit.content import Dates, Seen, SeenShot, absolute, dates_of, see_shot
from spider_cli.audit.entry import Preview
from spider_cli.audit.judging import named_as
from spider_cli.audit.state_claims import Claims
from spider_cli.audit.state_file import changing, explained, open_file, trouble
from spider_cli.audit.state_pruning import prune
from spider_cli.audit.state_records import packed, unpacked
from spider_cli.outputs import messages
from spider_cli.results import Audited, Record
from spider_cli.shots import Shot

__all__ = ["State", "default_file"]

_PATIENCE = 30.0
"""Seconds to wait for another program that has the file locked."""
_IMPATIENCE = 1000
"""Milliseconds to wait after that was in vain once."""
_SHARING = 5.0
"""Seconds to wait at the end for shots that another run has in hand, before judging them too."""
_PAUSE = 0.2
_DAY = 86400.0


def default_file() -> Path:
    """Where the state lies unless ``--state`` names a file."""
    from spider_cli.weights.places import cache_folder

    return cache_folder() / "audit.sqlite"


class State:
    """The records of one model with one set of settings, in a file that others use too.

    Opened, it never ends a run: what goes wrong with the file later is told once, as a warning;
    then `known` knows less, and `keep` keeps less. Several processes may use the file at once, and
    several threads an object. Close it, or use it as a context manager.

    Args:
        file: an SQLite file; made if it is not there, its folder too.
        settings: JSON, see `state_settings.settings_of`.
        revision: of the model. A server's is what it was when the run began: "unknown", mostly.
        decoded_to: the most pixels that a photo may have in this run (``--max-decode-pixels``); a
            record made with a larger limit is known only if its photo is within this one.
        fresh: know nothing that was judged before this run. What was kept stays until it is
            replaced.
        read_only: only look; `keep` keeps nothing.
        patience: seconds to wait for a program that has the file locked.
        tell: takes the warning.

    Raises:
        UsageError: a UsageError that says what is the matter with the file; nothing was changed.
    """

    def __init__(
        self,
        file: Path,
        settings: str,
        revision: str,
        *,
        decoded_to: int = 200_000_000,
        fresh: bool = False,
        read_only: bool = False,
        patience: float = _PATIENCE,
        tell: Callable[[str], None] = messages.warning,
    ) -> None:
        self.file = file
        self.not_kept = 0
        """Records that `keep` could not keep because of trouble with the file."""
        self._decoded_to = decoded_to
        self._fresh = fresh
        self._read_only = read_only
        self._tell = tell
        self._told = False
        self._claims = Claims()
        self._started = time.time()
        self._lock = threading.RLock()
        self._in_hand: dict[bytes, SeenShot] = {}
        self._dealt_with: dict[bytes, int] = {}
        self._used: list[int] = []
        self._closed = False
        self._database = open_file(file, patience=patience, read_only=read_only)
        try:
            with explained(file):
                self._judge = self._judge_of(revision, settings)
                if not read_only and file.absolute() == default_file().absolute():
                    with suppress(sqlite3.OperationalError):  # locked or full: another day
                        prune(self._database)
        except BaseException:
            self._database.close()
            raise

    def _judge_of(self, revision: str, settings: str) -> int:
        name = (revision, settings)
        find = "SELECT id FROM judges WHERE revision = ? AND settings = ?"
        row = self._database.execute(find, name).fetchone()
        if row is None and not self._read_only:
            with changing(self._database):
                self._database.execute(
                    "INSERT OR IGNORE INTO judges (revision, settings) VALUES (?, ?)", name
                )
            row = self._database.execute(find, name).fetchone()
        return -1 if row is None else int(row[0])

    # -- what is known -------------------------------------------------------------------------

    def known(self, shot: Shot) -> Record | None:
        """The record of a shot that was judged already; None: judge it, then call `keep`.

        The files are read unless their dates prove that nobody wrote to them: a shot that was
        moved, copied or only touched is known. The record has the paths of `shot`.
        """
        seen = see_shot(shot, self._seen)
        if seen is None:  # nobody can read it, or somebody writes: judging it will tell
            return None
        record: Record | None = None
        with self._trying():
            record = self._record(shot, seen)
            if record is not None and not self._read_only:
                self._note_files(seen)
        if record is None and not self._read_only:
            with self._lock:
                self._in_hand[seen.photo.path] = seen
        return record

    def each(self, shots: Iterable[Shot]) -> Iterator[tuple[Shot, Record | None] | None]:
        """Every shot once, with its record; None for that: judge it, then call `keep`.

        In order, but for those that another run has in hand this moment: they come when it is done
        with them, or at the end. So two runs over one folder share the work. None in place of a
        shot says that another run is waited for, which may wait for this one: all that is in hand
        must be judged and kept before more is asked for.
        """
        others: list[Shot] = []
        for shot in shots:
            record = self.known(shot)
            if record is None and not self._claim(shot):
                others.append(shot)
            else:
                yield shot, record
            if others and self._came(others[0]):
                yield others[0], self.known(others.pop(0))
        if others:
            yield None
        until = time.monotonic() + _SHARING
        while others:
            if self._came(others[0]):
                until = time.monotonic() + _SHARING
            elif time.monotonic() < until and not self._claim(others[0]):
                yield None
                time.sleep(_PAUSE)
                continue
            yield others[0], self.known(others.pop(0))

    def to_do(self, shots: Iterable[Shot]) -> tuple[int, int]:
        """How many of these shots are known, and how many are still to be judged.

        Reads only files of a size that was judged before.
        """
        known = missing = 0
        for shot in shots:
            found = False
            with self._trying():
                if self._size_is_known(shot):
                    seen = see_shot(shot, self._seen)
                    found = seen is not None and self._row(seen) is not None
            known, missing = known + found, missing + (not found)
        return known, missing

    def preview(self, path: Path) -> Preview | None:
        """The pictures kept with the record that `known` gave, or `keep` got, for the photo at
        `path`; None where there are none."""
        row = None
        with self._trying():
            row = self._database.execute(
                "SELECT jpeg, heat FROM previews WHERE judgement = ?",
                (self._dealt_with.get(absolute(path)),),
            ).fetchone()
        return None if row is None else Preview(jpeg=row[0], heat=row[1])

    def _seen(self, path: bytes) -> Seen | None:
        row = None
        with self._trying():
            row = self._database.execute(
                "SELECT size, modified, changed, checked, digest FROM files WHERE path = ?", (path,)
            ).fetchone()
        return None if row is None else Seen(path, Dates(*row[:3]), row[3], row[4])

    def _size_is_known(self, shot: Shot) -> bool:
        try:
            size = dates_of(shot.photo.path).size
        except (OSError, ValueError):
            return False
        find = "SELECT 1 FROM judgements WHERE size = ? LIMIT 1"
        return self._database.execute(find, (size,)).fetchone() is not None

    def _row(self, seen: SeenShot) -> tuple[int, float, int, bytes] | None:
        """Number, last use, limit of pixels and record of a judgement that counts in this run."""
        row: tuple[int, float, int, bytes] | None = self._database.execute(
            "SELECT id, used, decoded_to, record FROM judgements "
            "WHERE judge = ? AND content = ? AND kept >= ?",
            (self._judge, seen.content, self._started if self._fresh else 0.0),
        ).fetchone()
        return row

    def _record(self, shot: Shot, seen: SeenShot) -> Record | None:
        row = self._row(seen)
        if row is None:
            return None
        number, used, decoded_to, data = row
        record = unpacked(data)
        if record is None or (decoded_to > self._decoded_to and not self._fits(record)):
            return None
        self._dealt_with[seen.photo.path] = number
        if used < self._started - _DAY:
            self._used.append(number)
        return named_as(shot, record)

    def _fits(self, record: Record) -> bool:
        """Whether a photo judged with a larger limit of pixels is surely within this run's."""
        if not isinstance(record.outcome, Audited) or record.read_as is not None:
            return False  # of a RAW file, what is looked at is smaller than what is decoded
        facts = record.outcome.facts
        return facts.width * facts.height <= self._decoded_to

    # -- what is kept --------------------------------------------------------------------------

    def keep(self, shot: Shot, record: Record, preview: Preview | None = None) -> bool:
        """Keep the record of a shot that `known` or `each` gave none for, whatever ends the process
        from then on. A failed record is not kept: the next run tries again.

        Returns:
            Whether it was kept. Not if the files changed since `known`: it may be a record of what
            was there before, or of something half-written.
        """
        with self._lock:
            seen = self._in_hand.pop(absolute(shot.photo.path), None)
        if seen is None or self._read_only:
            return False
        good = not record.failed and all(file.still() for file in seen.files)
        done = False
        with self._trying():
            with changing(self._database):
                if good:
                    self._write(seen, record, preview)
                self._claims.drop(self._database, self._judge, seen.content)
            done = True
        self.not_kept += good and not done
        return good and done

    def amend(self, shot: Shot, record: Record) -> None:
        """Replace the record that `known` or `each` gave for a shot; its pictures stay."""
        number = self._dealt_with.get(absolute(shot.photo.path))
        if number is None or self._read_only:
            return
        with self._trying(), changing(self._database):
            self._database.execute(
                "UPDATE judgements SET record = ? WHERE id = ?", (packed(record), number)
            )

    def _write(self, seen: SeenShot, record: Record, preview: Preview | None) -> None:
        now = time.time()
        self._database.execute(
            "INSERT INTO judgements (judge, content, size, decoded_to, kept, used, record) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (judge, content) DO UPDATE SET "
            "decoded_to = excluded.decoded_to, kept = excluded.kept, used = excluded.used, "
            "record = excluded.record",
            (
                self._judge,
                seen.content,
                seen.photo.dates.size,
                self._decoded_to,
                now,
                now,
                packed(record),
            ),
        )
        (number,) = self._database.execute(
            "SELECT id FROM judgements WHERE judge = ? AND content = ?", (self._judge, seen.content)
        ).fetchone()
        self._database.execute("DELETE FROM previews WHERE judgement = ?", (number,))
        if preview is not None:
            self._database.execute(
                "INSERT INTO previews (judgement, jpeg, heat) VALUES (?, ?, ?)",
                (number, preview.jpeg, preview.heat),
            )
        self._write_files(seen)
        self._dealt_with[seen.photo.path] = number

    def _note_files(self, seen: SeenShot) -> None:
        if any(self._seen(file.path) != file for file in seen.files):
            with changing(self._database):
                self._write_files(seen)

    def _write_files(self, seen: SeenShot) -> None:
        self._database.executemany(
            "INSERT OR REPLACE INTO files (path, size, modified, changed, checked, digest) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            [
                (
                    file.path,
                    file.dates.size,
                    file.dates.modified,
                    file.dates.changed,
                    file.checked,
                    file.digest,
                )
                for file in seen.files
            ],
        )

    # -- other runs ----------------------------------------------------------------------------

    def _came(self, shot: Shot) -> bool:
        """Whether another run has kept the record of a shot; without reading the shot again."""
        with self._lock:
            seen = self._in_hand.get(absolute(shot.photo.path))
        found = None
        with self._trying():
            found = None if seen is None else self._row(seen)
        return found is not None

    def _claim(self, shot: Shot) -> bool:
        """Take a shot in hand; False where another run has it, or kept its record meanwhile."""
        with self._lock:
            seen = self._in_hand.get(absolute(shot.photo.path))
        if seen is None:
            return True  # nothing can be kept of it, and nothing is shared
        mine = True
        with self._trying(), changing(self._database):
            mine = self._record(shot, seen) is None and self._claims.take(
                self._database, self._judge, seen.content
            )
        return mine

    # -- trouble, and the end ------------------------------------------------------------------

    @contextmanager
    def _trying(self) -> Iterator[None]:
        """Use the file, one thread at a time; what goes wrong is told once, and the run goes on."""
        try:
            with self._lock:
                yield
        except (sqlite3.Error, OSError) as error:
            if self._closed or self._told:
                return
            self._told = True
            what = trouble(self.file, error)
            self._tell(
                f"{what.message}. The audit goes on; what is not kept will be judged again by the "
                f"next one. {what.hint[:1].upper()}{what.hint[1:]}"
            )
            with suppress(sqlite3.Error):
                self._database.execute(f"PRAGMA busy_timeout = {_IMPATIENCE}")

    def close(self) -> None:
        """Let go of the file, and of the shots in hand."""
        with self._lock:
            if not self._closed and not self._read_only:
                # Nothing that a run depends on: others see that its process is gone.
                with suppress(sqlite3.Error), changing(self._database):
                    self._database.executemany(
                        "UPDATE judgements SET used = ? WHERE id = ?",
                        [(self._started, number) for number in self._used],
                    )
                    self._claims.drop_all(self._database)
            self._closed = True
            self._database.close()

    def __enter__(self) -> "State":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
