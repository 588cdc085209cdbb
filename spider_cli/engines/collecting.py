"""Records, as they come from an engine in any order, put back into their input shards."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from spider_cli.results import Record
from spider_cli.results_json import record_from_json

__all__ = ["Collector"]


class Collector:
    """Holds the records of shards that are not whole yet: a bounded number, as an engine has so
    many photos in hand at a time."""

    def __init__(self) -> None:
        self._parts: dict[int, dict[int, Record]] = {}
        self._sizes: dict[int, int] = {}
        self._done: set[int] = set()

    def add(self, rows: Iterable[dict[str, Any]]) -> Iterator[list[Record]]:
        """Take rows (shard, index, of, record); hand on the shards that are whole now, in order.

        A row that comes twice, as from an actor that died when it was done, counts once.
        """
        for row in rows:
            shard = row["shard"]
            if shard in self._done:
                continue
            part = self._parts.setdefault(shard, {})
            part[row["index"]] = record_from_json(json.loads(row["record"]))
            if row["of"]:
                self._sizes[shard] = row["of"]
            if len(part) == self._sizes.get(shard):
                del self._parts[shard], self._sizes[shard]
                self._done.add(shard)
                yield [part[index] for index in range(len(part))]

    @property
    def waiting(self) -> int:
        """Records of shards that are not whole."""
        return sum(map(len, self._parts.values()))
