"""Where a recipe's rows come from: one of our data sets, or outside data read as it is.

A source knows all its rows at once, by task, and opens a photo when one of its rows is wanted.
"""

import bisect
import json
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from spider_cli.errors import PhotoError, UsageError
from spider_cli.questions import SCORE_PREFIX, SCORE_QUESTION
from spider_cli.vocabulary import LEVELS
from trainer.datasets.schema import Item, from_row
from trainer.datasets.store import CHECKSUMS, open_data
from trainer.rows import QA, SUBTASKS
from trainer.scores import expected_opinion
from trainer.truth import Sample

if TYPE_CHECKING:
    import pyarrow.parquet as pq

    from trainer.tuning.recipe import DataPart

__all__ = ["TASKS", "ExpectedScores", "OurRows", "OutsideRows", "Source", "open_source"]

TASKS: tuple[str, ...] = tuple(SUBTASKS)

Numbers = npt.NDArray[np.int64]

_DOUBT = 0.12
"""Deviation of an expected opinion, on 0-1: about that of people's."""
_OPEN_FILES = 64
"""Shards that a process keeps open."""


class Source(Protocol):
    """Rows, numbered from 0. It can be sent to another process."""

    photos: Numbers
    """(rows,) number of each row's photo."""
    places: Numbers
    """(rows,) number of the row among its photo's."""
    tasks: Numbers
    """(rows,) index into TASKS."""

    def item(self, photo: int) -> Item:
        """A photo with its truth and rows.

        Raises:
            UsageError: it cannot be read.
        """
        ...


def open_source(part: "DataPart") -> Source:
    """Open a part's data and look it over, without decoding photos.

    Raises:
        UsageError: there is no such data, it is not finished or not whole, or lacks the split.
    """
    path = Path(part.path).expanduser()
    if part.format is None:
        ours = OurRows(path, part.split)
        return ExpectedScores(ours) if part.expected_scores else ours
    images = None if part.images is None else Path(part.images).expanduser()
    return OutsideRows(path, part.split, part.format, images)


class OurRows:
    """A split of a data set of ours.

    Of each file its list of tasks is read at once, the rest row group by row group when wanted.
    """

    def __init__(self, folder: Path, split: str) -> None:
        data = open_data(folder)
        if split not in data.splits:
            raise UsageError(
                f"{folder} has no split {split!r}",
                hint=f"it has {', '.join(data.splits)}: set the part's split",
                code="no_split",
            )
        self.folder = folder
        self.files = data.shards(split)
        _check_sizes(folder, self.files)
        tasks = [_tasks_of(file) for file in self.files]
        self.starts = np.cumsum([0, *map(len, tasks)])
        """Number of the first photo of each file, and the number of all photos."""
        flat = [names for file in tasks for names in file]
        self.photos = np.repeat(np.arange(len(flat)), [len(names) for names in flat])
        self.places = np.concatenate([np.arange(len(names)) for names in flat] or [np.arange(0)])
        number = {name: index for index, name in enumerate(TASKS)}
        try:
            codes = [number[name] for names in flat for name in names]
        except KeyError as error:
            raise UsageError(
                f"{folder} has rows of an unknown task {error}",
                hint=f"spider data verify {folder} says where",
                code="bad_data",
            ) from error
        self.tasks = np.array(codes, dtype=np.int64)
        self._opened: OrderedDict[int, tuple[pq.ParquetFile, list[int]]] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_opened": OrderedDict()}

    def item(self, photo: int) -> Item:
        import pyarrow as pa

        index = int(np.searchsorted(self.starts, photo, side="right")) - 1
        inside = photo - int(self.starts[index])
        try:
            return from_row(self._row(index, inside))
        except (KeyError, TypeError, ValueError, OSError, pa.ArrowException) as error:
            raise UsageError(
                f"{self.files[index]}: photo {inside + 1} is damaged: {error}",
                hint=f"spider data verify {self.folder} says what is wrong",
                code="bad_data",
            ) from error

    def _row(self, index: int, inside: int) -> dict[str, Any]:
        file, ends = self._file(index)
        group = bisect.bisect_right(ends, inside)
        table = file.read_row_group(group, use_threads=False)
        [row] = table.slice(inside - (ends[group - 1] if group else 0), 1).to_pylist()
        found: dict[str, Any] = row
        return found

    def _file(self, index: int) -> "tuple[pq.ParquetFile, list[int]]":
        """A shard, and the number of its first photo after each group of those read together."""
        import pyarrow.parquet as pq

        if index not in self._opened:
            file = pq.ParquetFile(self.files[index], memory_map=True)
            facts = file.metadata
            rows = [facts.row_group(group).num_rows for group in range(facts.num_row_groups)]
            self._opened[index] = file, np.cumsum(rows).tolist()
            if len(self._opened) > _OPEN_FILES:
                self._opened.popitem(last=False)[1][0].close()
        self._opened.move_to_end(index)
        return self._opened[index]


class ExpectedScores:
    """A source with one more row a photo, which asks for its score.

    No person scored these photos: the answer is `trainer.scores.expected_opinion`, which knows what
    was done to the photo, with a wide deviation.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        photos, last = np.unique(source.photos[::-1], return_index=True)
        places = source.places[::-1][last] + 1
        self.photos = np.concatenate([source.photos, photos])
        self.places = np.concatenate([source.places, places])
        code = TASKS.index("score")
        self.tasks = np.concatenate([source.tasks, np.full(len(photos), code)])

    def item(self, photo: int) -> Item:
        found = self.source.item(photo)
        if found.mos is not None:
            raise UsageError(
                f"{found.source} has a score of people's already: expected_scores would replace it",
                hint="set the part's expected_scores to false",
                code="bad_recipe",
            )
        opinion = expected_opinion(found.sample)
        row = QA(
            task="score",
            question=SCORE_QUESTION,
            answer=f"{SCORE_PREFIX} {LEVELS[round((1 - opinion) * (len(LEVELS) - 1))]}.",
            truth=(),
            subtask="mos",
        )
        return replace(found, rows=(*found.rows, row), mos=opinion, mos_std=_DOUBT)


class OutsideRows:
    """Questions that an outside file itself asks, its photos opened where they lie.

    What `spider data convert` makes besides, questions about marked regions, is not made here, and
    look-alikes of other splits are not looked for.
    """

    def __init__(self, path: Path, split: str, format: str, images: Path | None) -> None:
        from trainer.datasets.gather import gather
        from trainer.datasets.looks import PhotoFolder
        from trainer.datasets.reader import Options
        from trainer.datasets.readers import read, reader_named

        if not path.exists():
            raise UsageError(f"{path} does not exist", code="not_found")
        name = reader_named(format).name
        found = gather(read(path, format=name, options=Options(images))).photos
        self.path = path
        # Without splits of their own all of them are for training.
        self.entries = [one for one in found if one.rows and (one.split or "train") == split]
        if not self.entries:
            splits = sorted({one.split or "train" for one in found if one.rows})
            raise UsageError(
                f"{path} asks nothing itself about photos of split {split!r}"
                + (f"; it has {', '.join(splits)}" if splits else ""),
                hint=f"spider data convert {path} --out DIR makes questions of what it marks: "
                "name DIR then, without format",
                code="no_records",
            )
        self.folder = PhotoFolder(path, images, self.entries)
        self._check_photos()
        counts = [len(one.rows) * one.repeat for one in self.entries]
        self.photos = np.repeat(np.arange(len(counts)), counts)
        self.places = np.concatenate(
            [np.tile(np.arange(len(one.rows)), one.repeat) for one in self.entries]
        )
        tasks = [TASKS.index(row.task) for one in self.entries for row in one.rows * one.repeat]
        self.tasks = np.array(tasks, dtype=np.int64)

    def item(self, photo: int) -> Item:
        entry = self.entries[photo]
        try:
            pixels = self.folder.pixels(entry.photo)
        except PhotoError as error:
            raise UsageError(f"{entry.where}, photo: {error.message}", code=error.code) from error
        return Item(
            id=entry.id,
            source=entry.photo,
            group=entry.group,
            scene="unknown",
            sample=Sample(pixels, complete=False),
            rows=entry.rows,
            mos=entry.mos,
            mos_std=entry.mos_std,
        )

    def _check_photos(self) -> None:
        missing = [one for one in self.entries if self.folder.find(one.photo) is None]
        if missing:
            more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise UsageError(
                f"{missing[0].where}, photo: there is no {missing[0].photo} in "
                f"{self.folder.root}{more}",
                hint="set the part's images to the folder that the paths start from",
                code="no_photos",
            )


def _check_sizes(folder: Path, files: list[Path]) -> None:
    """Is every file as long as it was when it was written? Reading all of it would take long."""
    try:
        told = json.loads((folder / CHECKSUMS).read_text(encoding="utf-8"))["files"]
        sizes = {name: int(one["size"]) for name, one in told.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{folder / CHECKSUMS} is damaged: {error}", code="bad_data") from error
    names = [file.relative_to(folder).as_posix() for file in files]
    split = names[0].rpartition("-")[0] if names else ""
    for name in sorted({*names, *(one for one in sizes if one.rpartition("-")[0] == split)}):
        found = (folder / name).stat().st_size if (folder / name).is_file() else None
        if found != sizes.get(name):
            said = "is missing" if found is None else f"has {found:,} bytes"
            raise UsageError(
                f"{folder / name} {said}; {CHECKSUMS} says {sizes.get(name, 0):,} bytes",
                hint=f"spider data verify {folder} checks all of it; build or copy it again",
                code="bad_data",
            )


def _tasks_of(file: Path) -> list[list[str]]:
    """The tasks of each photo's rows; nothing else is read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as opened:
            paths = [opened.schema.column(i).path for i in range(len(opened.schema))]
            [column] = [one for one in paths if one.startswith("rows.") and one.endswith(".task")]
            rows = opened.read(columns=[column]).column("rows").to_pylist()
        return [[one["task"] for one in row] for row in rows]
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{file} cannot be read: {error}",
            hint=f"spider data verify {file.parents[1]} says what is wrong",
            code="bad_data",
        ) from error
