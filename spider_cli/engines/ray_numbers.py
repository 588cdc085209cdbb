"""Numbered work for Ray Data: a source of numbers, and actors that work on them."""

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from ray.data.block import BlockMetadata
from ray.data.datasource import Datasource, ReadTask

from spider_cli.engines.machine import go_to, same_folders, same_packages, same_release
from spider_cli.engines.numbered import Done, Gang, worked
from spider_cli.engines.trials import Trials

__all__ = ["Numbers", "Working"]


class Numbers(Datasource):  # type: ignore[misc]
    """0 to `count`, some at a time: a table of a row, first and stop, for each handful."""

    def __init__(self, count: int, *, at_once: int) -> None:
        super().__init__()
        self._count = count
        self._at_once = at_once

    def estimate_inmemory_data_size(self) -> int | None:
        return None

    def get_read_tasks(
        self,
        parallelism: int,
        per_task_row_limit: int | None = None,
        data_context: Any = None,
    ) -> list[ReadTask]:
        count, at_once = self._count, self._at_once

        def read() -> Iterator[pa.Table]:
            for first in range(0, count, at_once):
                stop = min(first + at_once, count)
                yield pa.table({"first": [first], "stop": [stop]})

        about = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
        return [ReadTask(read, about)]


class Working:
    """An actor that works; what it needs is loaded once.

    Args:
        gang: what all of them are told.
        work: a reference to the `numbered.Work` in the engine's memory.

    Raises:
        UsageError: the machine is not as the others are.
    """

    def __init__(self, gang: Gang, work: Any) -> None:
        import ray

        same_release(gang.version)
        same_packages(gang.packages)
        go_to(gang.base)
        same_folders(gang.folders)
        self._worker = ray.get(work).begin()
        self._trials = Trials(gang.run, "work")

    def __call__(self, handfuls: pa.Table) -> Iterator[pa.Table]:
        for row in handfuls.to_pylist():
            for done in worked(self._worker, range(row["first"], row["stop"]), self._trials):
                yield _row(done)
        self._trials.end()


def _row(done: Done) -> pa.Table:
    number, said, data = done
    return pa.table(
        {
            "number": pa.array([number], pa.int64()),
            "said": pa.array([json.dumps(said)], pa.large_string()),
            "data": pa.array([data], pa.large_binary()),
        }
    )
