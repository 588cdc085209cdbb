"""Shots that a run has in hand, so that another over the same folder takes others meanwhile.

A claim only moves a shot to a later place: nothing is lost by one that was left behind.
"""

import os
import platform
import secrets
import sqlite3
import time

__all__ = ["Claims"]

_HERE, _ELSEWHERE = 3600.0, 600.0
"""Seconds after which a claim counts as given up: of this machine, where processes can be seen, and
of others."""

_runs: set[str] = set()
"""Runs of this process that go on."""


class Claims:
    """Those of one run."""

    def __init__(self) -> None:
        self._run = secrets.token_hex(8)
        _runs.add(self._run)

    def take(self, database: sqlite3.Connection, judge: int, content: bytes) -> bool:
        """Claim a content, inside a transaction; False where another run that goes on has it."""
        row = database.execute(
            "SELECT machine, process, run, since FROM claims WHERE judge = ? AND content = ?",
            (judge, content),
        ).fetchone()
        if row is not None and self._alive(*row):
            return False
        database.execute(
            "INSERT OR REPLACE INTO claims (judge, content, machine, process, run, since) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (judge, content, platform.node(), os.getpid(), self._run, time.time()),
        )
        return True

    def drop(self, database: sqlite3.Connection, judge: int, content: bytes) -> None:
        """Give one up, whoever has it: it is judged."""
        database.execute("DELETE FROM claims WHERE judge = ? AND content = ?", (judge, content))

    def drop_all(self, database: sqlite3.Connection) -> None:
        """Give up all of this run's."""
        _runs.discard(self._run)
        database.execute("DELETE FROM claims WHERE run = ?", (self._run,))

    def _alive(self, machine: str, process: int, run: str, since: float) -> bool:
        """Whether a claim is another run's that goes on."""
        age = time.time() - since
        if run == self._run:
            return False
        if machine != platform.node():
            return age < _ELSEWHERE
        if process == os.getpid():  # of an earlier process of that number, unless the run is here
            return run in _runs
        import psutil

        return age < _HERE and psutil.pid_exists(process)
