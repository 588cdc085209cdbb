"""What the state forgets, so that the cache does not grow without bound."""

import sqlite3
import time

from spider_cli.audit.state_file import changing

__all__ = ["LIMIT", "prune"]

_DAY = 86400.0
PREVIEWS_UNUSED = 90 * _DAY
"""Seconds. Pictures are made again from the photo where a report needs them."""
UNUSED = 365 * _DAY
"""Seconds: records that no audit asked for, and what files were seen to hold."""
LIMIT = 2 << 30
"""Bytes. Of a larger file the pictures that were not used for longest go first, then records."""
_AFTER = 0.8
"""Share of the limit that is left then."""
_AT_ONCE = 200
"""Rows per transaction: other runs wait for none long."""


def prune(database: sqlite3.Connection, *, limit: int = LIMIT) -> None:
    """Forget what is old, and what is too much; once a day.

    Args:
        limit: bytes.

    Raises:
        sqlite3.Error: the file is locked, or cannot be written; what was forgotten stays so.
    """
    now = time.time()
    last = database.execute("SELECT done FROM chores WHERE name = 'pruned'").fetchone()
    if last is not None and abs(now - last[0]) < _DAY:
        return
    with changing(database):  # first, so that one run does it
        database.execute("INSERT OR REPLACE INTO chores (name, done) VALUES ('pruned', ?)", (now,))
        database.execute("DELETE FROM claims WHERE since < ?", (now - _DAY,))
        database.execute("DELETE FROM files WHERE checked < ?", (int((now - UNUSED) * 1e9),))
    old = "SELECT id FROM judgements WHERE used < {} LIMIT {}"
    while _delete(database, "judgements", "id", old.format(now - UNUSED, _AT_ONCE)):
        pass
    old = (
        "SELECT judgement FROM previews JOIN judgements ON id = judgement WHERE used < {} LIMIT {}"
    )
    while _delete(database, "previews", "judgement", old.format(now - PREVIEWS_UNUSED, _AT_ONCE)):
        pass
    if _size(database) > limit:
        oldest = "SELECT judgement FROM previews JOIN judgements ON id = judgement"
        _shrink(database, "previews", "judgement", oldest, limit)
        _shrink(database, "judgements", "id", "SELECT id FROM judgements", limit)
    # Not execute: it would take one step of it, which is one page.
    database.executescript("PRAGMA incremental_vacuum")


def _shrink(database: sqlite3.Connection, table: str, column: str, which: str, limit: int) -> None:
    while _size(database) > _AFTER * limit:
        if not _delete(database, table, column, f"{which} ORDER BY used LIMIT {_AT_ONCE}"):
            return


def _delete(database: sqlite3.Connection, table: str, column: str, which: str) -> int:
    with changing(database):
        return database.execute(f"DELETE FROM {table} WHERE {column} IN ({which})").rowcount


def _size(database: sqlite3.Connection) -> int:
    """Bytes in use."""
    pages, free, size = database.execute(
        "SELECT page_count, freelist_count, page_size "
        "FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
    ).fetchone()
    return int((pages - free) * size)
