"""Photos dealt into input shards: each once, without those whose records are there already."""

import contextlib
import hashlib
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spider_cli.engines.found import Found

__all__ = ["DIGEST", "Dealt", "Done", "dealt", "digest"]

DIGEST = 16
"""Bytes of a digest."""


def digest(name: bytes) -> bytes:
    """What stands for a photo's name where many are kept."""
    return hashlib.blake2b(name, digest_size=DIGEST).digest()


@dataclass(frozen=True, slots=True)
class Dealt:
    """A shot and its place."""

    shard: int
    """Which input shard, from 0."""
    index: int
    """Which of its shots, from 0."""
    of: int
    """How many shots the shard has, on its last one; 0 on all others, as it is not known before."""
    found: Found


@dataclass(frozen=True)
class Done:
    """Digests of the photos that have a record; 16 bytes each.

    Args:
        digests: (n, 2) uint64, sorted.
    """

    digests: npt.NDArray[np.uint64] = field(default_factory=lambda: np.empty((0, 2), np.uint64))

    @classmethod
    def of(cls, parts: Iterable[bytes]) -> "Done":
        """From strings of digests, end to end."""
        data = b"".join(parts)
        if not data:
            return cls()
        whole = np.frombuffer(data, dtype=np.uint64).reshape(-1, 2)
        return cls(whole[np.lexsort((whole[:, 1], whole[:, 0]))])

    def __contains__(self, one: object) -> bool:
        assert isinstance(one, bytes)
        first, second = np.frombuffer(one, dtype=np.uint64)
        at = int(np.searchsorted(self.digests[:, 0], first))
        while at < len(self.digests) and self.digests[at, 0] == first:
            if self.digests[at, 1] == second:
                return True
            at += 1
        return False

    def __len__(self) -> int:
        return len(self.digests)


def dealt(photos: Iterable[Found], *, size: int, repeats: bool, done: Done) -> Iterator[Dealt]:
    """Number the shots.

    The same list gives the same shards each time, whatever is done already: those are counted, and
    left out then.

    Args:
        size: shots of a shard.
        repeats: the list might name a photo twice; only the first counts.
        done: shots that are left out.
    """
    held: Dealt | None = None
    with contextlib.ExitStack() as stack:
        seen = stack.enter_context(_Seen()) if repeats else None
        place = 0
        for found in photos:
            if seen is not None and not seen.new(digest(found.place)):
                continue
            shard, place = place // size, place + 1
            if len(done) and digest(found.called) in done:
                continue
            if held is None:
                held = Dealt(shard, 0, 0, found)
            elif held.shard == shard:
                yield held
                held = Dealt(shard, held.index + 1, 0, found)
            else:
                yield Dealt(held.shard, held.index, held.index + 1, held.found)
                held = Dealt(shard, 0, 0, found)
        if held is not None:
            yield Dealt(held.shard, held.index, held.index + 1, held.found)


class _Seen:
    """A set of digests on disk: memory does not grow with it."""

    def __enter__(self) -> "_Seen":
        self._folder = tempfile.TemporaryDirectory(prefix="spider-seen-")
        self._base = sqlite3.connect(Path(self._folder.name) / "seen", isolation_level=None)
        for line in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -65536"):
            self._base.execute(f"PRAGMA {line}")
        self._base.execute("CREATE TABLE seen (digest BLOB PRIMARY KEY) WITHOUT ROWID")
        self._base.execute("BEGIN")
        return self

    def __exit__(self, *_: Any) -> None:
        self._base.close()
        self._folder.cleanup()

    def new(self, one: bytes) -> bool:
        """Take note of it; was it new?"""
        return self._base.execute("INSERT OR IGNORE INTO seen VALUES (?)", (one,)).rowcount == 1
