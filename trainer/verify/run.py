"""`spider data verify` from top to bottom: files, photos on several processes, the set."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2

from spider_cli.errors import UsageError
from trainer.build.pool import spread
from trainer.datasets.schema import decode_png
from trainer.truth import Pixels
from trainer.verify.across import Across
from trainer.verify.files import (
    Shard,
    check_counts,
    check_files,
    other_libraries,
    read_config,
)
from trainer.verify.findings import Finding, Reporter
from trainer.verify.photo import Facts, Rules, check_photo, check_reference
from trainer.verify.pixels import EXACT, LENIENT

__all__ = ["Verdict", "verify_data"]

_KEPT = 48
"""Untouched photos that a worker keeps decoded."""
_SEARCHES = 10
"""Photos of one row group for which other orders, levels and types are tried."""
_BATCH = 8

Place = tuple[str, int, int]
"""File, row group, row in it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of it."""

    photos: int
    references: int
    questions: int
    counts: dict[str, int]
    """Code -> findings."""
    notes: tuple[str, ...]
    """Worth saying, and nothing wrong."""

    @property
    def wrong(self) -> int:
        """How many findings."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Task:
    """A row group to check."""

    file: str
    group: int
    first: int
    """Number of its first row in the file, from 1."""
    rows: int


@dataclass(slots=True)
class Checked:
    """What a worker found in one row group."""

    found: list[Finding] = field(default_factory=list)
    facts: list[Facts] = field(default_factory=list)


@dataclass
class Job:
    """What all workers share."""

    folder: Path
    rules: Rules
    places: Mapping[str, Place]
    """Id of a reference -> where it is."""
    cache: dict[str, tuple[str, Pixels | None]] = field(default_factory=dict)

    def find(self, name: str) -> tuple[str, Pixels | None] | None:
        """An untouched photo's source and pixels; None where there is no such reference."""
        if name not in self.places:
            return None
        if name not in self.cache:
            while len(self.cache) >= _KEPT:
                del self.cache[next(iter(self.cache))]
            self.cache[name] = self._read(self.places[name])
        return self.cache[name]

    def _read(self, place: Place) -> tuple[str, Pixels | None]:
        import pyarrow.parquet as pq

        file, group, row = place
        source = ""
        # What is wrong with a reference is said where the references are checked.
        try:
            with pq.ParquetFile(self.folder / file) as opened:
                cells = opened.read_row_group(group).slice(row, 1).to_pylist()[0]
            source = str(cells.get("source"))
            return source, decode_png(cells["image"]["bytes"])
        except Exception:
            return source, None


def verify_data(
    folder: Path,
    *,
    workers: int,
    emit: Callable[[Finding], None],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Verdict:
    """Check a data set.

    Args:
        folder: the data set's.
        workers: processes.
        emit: told of every finding, in the order of files and photos, as soon as it is known.
        progress: told how many photos of how many are done.

    Raises:
        UsageError: the folder holds no data set of ours.
    """
    found: list[Finding] = []
    counts: Counter[str] = Counter()

    def flush() -> None:
        for one in found:
            counts[one.code] += 1
            emit(one)
        found.clear()

    config = read_config(folder, found)
    shards = check_files(folder, found)
    flush()
    unlike = other_libraries(config)
    notes: tuple[str, ...] = ()
    if unlike:
        notes = (
            f"made with {'; '.join(unlike)}: pixels are compared with a tolerance of "
            f"{LENIENT.step} of 255",
        )
    places = _reference_places(folder, shards)
    rules = Rules(references=bool(places), tolerance=LENIENT if unlike else EXACT)
    across = Across(found)
    scenes: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    total = sum(shard.photos for shard in shards)
    for task, checked in _in_order(Job(folder, rules, places), _tasks(shards), workers):
        found += checked.found
        for facts in checked.facts:
            if task.file.startswith("references/"):
                totals["references"] += 1
                across.reference(facts)
            else:
                totals["photos"] += 1
                totals["questions"] += len(facts.rows)
                scenes[facts.scene] += 1
                across.photo(facts)
        totals["rows"] += task.rows
        progress(totals["rows"], total)
        flush()
    across.finish()
    check_counts(folder, config, shards, totals["questions"], scenes, found)
    flush()
    return Verdict(totals["photos"], totals["references"], totals["questions"], dict(counts), notes)


def _reference_places(folder: Path, shards: list[Shard]) -> dict[str, Place]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    places: dict[str, Place] = {}
    for shard in shards:
        if not shard.references:
            continue
        try:
            with pq.ParquetFile(folder / shard.file) as file:
                for group in range(len(shard.groups)):
                    names = file.read_row_group(group, columns=["id"]).to_pydict().get("id", [])
                    for row, name in enumerate(names):
                        places.setdefault(name, (shard.file, group, row))
        except (pa.ArrowException, OSError, ValueError):
            continue  # said where its rows are checked
    return places


def _tasks(shards: list[Shard]) -> list[Task]:
    tasks = []
    for shard in shards:
        first = 1
        for group, rows in enumerate(shard.groups):
            tasks.append(Task(shard.file, group, first, rows))
            first += rows
    return tasks


def _in_order(job: Job, tasks: list[Task], workers: int) -> Iterator[tuple[Task, Checked]]:
    """Results in the order of the tasks; those that are early wait."""
    waiting: dict[int, Checked] = {}
    due = 0
    try:
        for number, checked in spread(
            _check_numbered, (job, tasks), range(len(tasks)), workers=min(workers, len(tasks) or 1)
        ):
            waiting[number] = checked
            while due in waiting:
                yield tasks[due], waiting.pop(due)
                due += 1
    except BrokenProcessPool as error:
        raise UsageError(
            "a worker process died: killed from outside, or out of memory",
            hint="--workers 1 needs the least memory",
            code="worker_died",
        ) from error


def _check_numbered(shared: tuple[Job, list[Task]], number: int) -> Checked:
    job, tasks = shared
    cv2.setNumThreads(1)
    return check_group(job, tasks[number])


def check_group(job: Job, task: Task) -> Checked:
    """Check one row group."""
    out = Checked()
    report = Reporter(out.found, task.file)
    searches = iter(range(_SEARCHES))

    def searching() -> bool:
        return next(searches, None) is not None

    for number, row in _rows(job.folder / task.file, task, report):
        before = len(out.found)
        try:
            if task.file.startswith("references/"):
                facts = check_reference(row, report, number)
            else:
                facts = check_photo(row, report, number, job.rules, job.find, searching=searching)
        # The last net: whatever strangers put into a row, the other photos are checked.
        except Exception as error:
            del out.found[before:]
            report.at(photo=f"number {number}").say(
                "", "unchecked", f"could not be checked: {type(error).__name__}: {error}"
            )
            continue
        out.facts.append(facts)
    return out


def _rows(path: Path, task: Task, report: Reporter) -> Iterator[tuple[int, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = task.first
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH, row_groups=[task.group]):
                for index in range(batch.num_rows):
                    number += 1
                    try:
                        row = batch.slice(index, 1).to_pylist()[0]
                    except ValueError as error:  # such as text that is not UTF-8
                        report.at(photo=f"number {number - 1}").say(
                            "", "unreadable", f"cannot be read: {error}"
                        )
                        continue
                    yield number - 1, row
    except (pa.ArrowException, OSError) as error:
        last = task.first + task.rows - 1
        report.say(
            "", "unreadable", f"photos {number} to {last} of the file cannot be read: {error}"
        )
