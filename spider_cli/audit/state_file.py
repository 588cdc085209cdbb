"""The SQLite file of an audit's state: made, opened, brought to this form; and what can be the
matter with it, in a line."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from spider_cli.errors import UsageError

__all__ = ["FORM", "changing", "explained", "open_file", "trouble"]

APPLICATION = 0x53504431
"""SQLite's application_id of such files: "SPD1"."""

_SCHEMA = """
CREATE TABLE judges (
  id INTEGER PRIMARY KEY,
  revision TEXT NOT NULL,
  settings TEXT NOT NULL,    -- JSON
  UNIQUE (revision, settings)
);
CREATE TABLE judgements (
  id INTEGER PRIMARY KEY,
  judge INTEGER NOT NULL REFERENCES judges,
  content BLOB NOT NULL,     -- digest of the shot's files
  size INTEGER NOT NULL,     -- of the photo, in bytes
  decoded_to INTEGER NOT NULL, -- the most pixels that a photo could have in that run
  kept REAL NOT NULL,        -- seconds since 1970
  used REAL NOT NULL,        -- likewise, to a day
  record BLOB NOT NULL,      -- zlib: JSON, the record and its notes
  UNIQUE (judge, content)
);
CREATE INDEX judgements_by_size ON judgements (size);
CREATE INDEX judgements_by_use ON judgements (used);
CREATE TABLE previews (
  judgement INTEGER PRIMARY KEY REFERENCES judgements ON DELETE CASCADE,
  jpeg BLOB NOT NULL,
  heat BLOB                  -- PNG
);
CREATE TABLE files (
  path BLOB PRIMARY KEY,     -- absolute, links as they are; the bytes the system uses
  size INTEGER NOT NULL,     -- bytes
  modified INTEGER NOT NULL, -- nanoseconds since 1970
  changed INTEGER NOT NULL,
  checked INTEGER NOT NULL,  -- when it was read
  digest BLOB NOT NULL       -- of what was in it
) WITHOUT ROWID;
CREATE INDEX files_by_check ON files (checked);
CREATE TABLE claims (        -- photos that a run has in hand
  judge INTEGER NOT NULL,
  content BLOB NOT NULL,
  machine TEXT NOT NULL,
  process INTEGER NOT NULL,
  run TEXT NOT NULL,
  since REAL NOT NULL,
  PRIMARY KEY (judge, content)
) WITHOUT ROWID;
CREATE TABLE chores (name TEXT PRIMARY KEY, done REAL NOT NULL) WITHOUT ROWID;
"""
_UPGRADES: tuple[str, ...] = ()
"""What takes a file of form 1 to form 2, of form 2 to form 3, and so on; `_SCHEMA` has the last."""
FORM = 1 + len(_UPGRADES)
"""The form of the tables, kept as SQLite's user_version."""

_PAUSE = 0.05
_ELSEWHERE = "or give --state another file"


def open_file(file: Path, *, patience: float, read_only: bool = False) -> sqlite3.Connection:
    """A connection to a state file, of this form, in WAL mode; any thread may use it.

    A file that is not there is made. One that is no state of this program is left as it is, to the
    byte.

    Args:
        patience: seconds to wait for other programs that have it locked, now and later.
        read_only: write nothing; a file that is not there is empty.

    Raises:
        UsageError: it cannot be made, read, locked, or is another program's, or of a later form.
    """
    with explained(file):
        if not read_only:
            file.parent.mkdir(parents=True, exist_ok=True)
        _refuse_others(file)
        if read_only:
            return _open_to_read(file, patience)
        database = _connect(file, "rwc", patience)
        try:
            _prepare(file, database, patience)
        except BaseException:
            database.close()
            raise
    return database


def _open_to_read(file: Path, patience: float) -> sqlite3.Connection:
    if not file.exists() or file.stat().st_size == 0:
        database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        database.executescript(_SCHEMA)
        return database
    database = _connect(file, "ro", patience)
    try:
        try:
            form = _check(file, database)
        except sqlite3.OperationalError as error:
            if _kind(error) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
                raise
            # A disk that takes no files, not even the one that WAL's readers share.
            database.close()
            database = _connect(file, "ro&immutable=1", patience)
            form = _check(file, database)
        if form < FORM:  # it has to be brought to this form first
            database.close()
            return open_file(file, patience=patience)
    except BaseException:
        database.close()
        raise
    return database


def _connect(file: Path, mode: str, patience: float) -> sqlite3.Connection:
    name = quote(os.fsencode(file.absolute()))
    database = sqlite3.connect(
        f"file:{name}?mode={mode}",
        uri=True,
        timeout=patience,
        isolation_level=None,
        check_same_thread=False,
    )
    database.execute("PRAGMA foreign_keys = ON")
    return database


def _refuse_others(file: Path) -> None:
    """Told from its first bytes, because SQLite would already write to what it opens."""
    try:
        with file.open("rb") as stream:
            head = stream.read(100)
    except FileNotFoundError:
        return
    if not head or file.with_name(f"{file.name}-journal").exists():
        return  # new, or being made this moment
    if head[:16] != b"SQLite format 3\0" or int.from_bytes(head[68:72]) != APPLICATION:
        raise _not_ours(file)
    _refuse_later(file, int.from_bytes(head[60:64]))


def _refuse_later(file: Path, form: int) -> None:
    if form > FORM:
        raise UsageError(
            f"{file} was written by a later spider: it is of form {form}, and this one knows "
            f"forms up to {FORM}; it is left as it is",
            hint=f"update spider, {_ELSEWHERE}",
            code="state_too_new",
        )


def _not_ours(file: Path) -> UsageError:
    return UsageError(
        f"{file} holds something else than the state of audits; it is left as it is",
        hint=f"move it away, {_ELSEWHERE}",
        code="state_foreign",
    )


def _check(file: Path, database: sqlite3.Connection) -> int:
    """The form of a file; 0 of one that is empty."""
    application, form, tables = database.execute(
        "SELECT (SELECT application_id FROM pragma_application_id), "
        "(SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_master)"
    ).fetchone()
    if application != APPLICATION:
        if tables:
            raise _not_ours(file)
        return 0
    _refuse_later(file, form)
    return int(form)


def _prepare(file: Path, database: sqlite3.Connection, patience: float) -> None:
    form = _check(file, database)
    if form < FORM:
        if form == 0:
            database.execute("PRAGMA auto_vacuum = INCREMENTAL")
        with changing(database):
            form = _check(file, database)  # another run may have been quicker
            for step in (_SCHEMA,) if form == 0 else _UPGRADES[form - 1 :]:
                # Not executescript: it would end the transaction.
                for statement in _statements(step):
                    database.execute(statement)
            database.execute(f"PRAGMA application_id = {APPLICATION}")
            database.execute(f"PRAGMA user_version = {FORM}")
    # After the tables, which then stand in the file itself whatever happens: see _refuse_others.
    _to_wal(database, patience)
    # Safe against kills; a power cut may cost the last photos, never the file.
    database.execute("PRAGMA synchronous = NORMAL")
    with changing(database):  # shows now whether the file can be written at all
        database.execute(
            "INSERT OR REPLACE INTO chores (name, done) VALUES ('opened', ?)", (time.time(),)
        )


def _statements(script: str) -> Iterator[str]:
    rest = ""
    for part in script.split(";"):
        rest += f"{part};"
        if sqlite3.complete_statement(rest):
            if rest.strip(" \n;"):
                yield rest
            rest = ""


def _to_wal(database: sqlite3.Connection, patience: float) -> None:
    """SQLite waits for nobody when it changes to WAL: so wait here."""
    until = time.monotonic() + patience
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if _kind(error) != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_PAUSE)


@contextlib.contextmanager
def changing(database: sqlite3.Connection) -> Iterator[None]:
    """A transaction: all of it, or nothing."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:  # some errors have ended it already
            database.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def explained(file: Path) -> Iterator[None]:
    """What goes wrong with a state file, as UsageError."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise trouble(file, error) from error


def _kind(error: sqlite3.Error) -> int:
    """SQLite's primary code; 0 where it is Python's own error."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def trouble(file: Path, error: sqlite3.Error | OSError) -> UsageError:
    """What such an error means for the user of a state file."""
    kind = _kind(error) if isinstance(error, sqlite3.Error) else 0
    if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return UsageError(
            f"another program holds {file} locked",
            hint=f"wait for it or end it, {_ELSEWHERE}",
            code="state_locked",
        )
    if kind == sqlite3.SQLITE_FULL:
        return UsageError(
            f"no room left on the disk of {file}",
            hint="make room and run the same command again: it goes on where it stopped",
            code="state_full",
        )
    if kind == sqlite3.SQLITE_NOTADB:
        return _not_ours(file)
    if kind == sqlite3.SQLITE_CORRUPT or (kind == sqlite3.SQLITE_ERROR and "no such" in str(error)):
        return UsageError(
            f"{file} is damaged: {error}; it is left as it is",
            hint=f"move it away, and photos are judged anew, {_ELSEWHERE}",
            code="state_damaged",
        )
    told = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return UsageError(
        f"cannot use {file}, which keeps the records of audits: {told}",
        hint="give --state a file in a folder of yours, or set SPIDER_CACHE to such a folder",
        code="state_unusable",
    )
