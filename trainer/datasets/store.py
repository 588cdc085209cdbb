"""A data set on disk: written shard by shard, each file whole or absent; read back in a stream.

DIR/README.md            the card; its header tells `datasets.load_dataset` where the rest is
DIR/config.json          what was asked for, with which seed and libraries, and what came out
DIR/checksums.json       SHA-256 of all other files; written last: a set without it is unfinished
DIR/data/SPLIT-00000.parquet        one row per photo (schema.py)
DIR/references/references-00000.parquet    the untouched photos
DIR/rejects.jsonl        what was left out, and why
"""

import errno
import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spider_cli.errors import UsageError
from trainer.datasets.schema import (
    SCHEMA,
    Item,
    decode_png,
    features,
    from_row,
    reference_features,
)
from trainer.truth import Pixels

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "CHECKSUMS",
    "CONFIG",
    "REJECTS",
    "DataSet",
    "full_disk",
    "open_data",
    "sha256_of",
    "write_atomic",
    "write_data",
]

CONFIG, CHECKSUMS, CARD, REJECTS = "config.json", "checksums.json", "README.md", "rejects.jsonl"
SHARD = 200
"""Photos in one file: some 60 MB at 512 pixels."""
_ROW_GROUP = 4
"""Photos that are read together: training reads one at a time, in any order."""


@dataclass(frozen=True)
class DataSet:
    """A finished data set."""

    folder: Path
    config: dict[str, Any]
    splits: tuple[str, ...]

    def count(self, split: str) -> int:
        """How many photos a split holds."""
        import pyarrow.parquet as pq

        return sum(pq.read_metadata(path).num_rows for path in self.shards(split))

    def shards(self, split: str) -> list[Path]:
        """A split's files, in order."""
        return sorted((self.folder / "data").glob(f"{split}-[0-9]*.parquet"))

    def items(self, split: str, only: Collection[str] | None = None) -> Iterator[Item]:
        """A split's photos in order, decoded one at a time.

        Args:
            only: ids of photos; the others are not read. None: all.

        Raises:
            UsageError: no such split, or a row that is not as it should be (`spider data verify`
                says more).
        """
        if split not in self.splits:
            raise UsageError(
                f"{self.folder} has no split {split!r}", hint=f"it has {', '.join(self.splits)}"
            )
        for path in self.shards(split):
            for number, row in _rows(path, only):
                try:
                    yield from_row(row)
                except (KeyError, TypeError, ValueError, OSError) as error:
                    raise UsageError(
                        f"{path}: photo {number} is damaged: {error}",
                        hint=f"spider data verify {self.folder} says what is wrong",
                        code="bad_data",
                    ) from error

    def references(self) -> Iterator[tuple[str, str, Pixels]]:
        """The untouched photos: id, source, pixels."""
        for path in sorted((self.folder / "references").glob("references-[0-9]*.parquet")):
            for _, row in _rows(path):
                yield row["id"], row["source"], decode_png(row["image"]["bytes"])


def open_data(folder: Path) -> DataSet:
    """Open a data set of ours.

    Raises:
        UsageError: there is none, or it is not finished.
    """
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{folder} holds no data set of spider's: {error}",
            hint="spider data build PHOTOS --out DIR makes one; spider data convert turns others "
            "into one",
            code="no_data",
        ) from error
    if not isinstance(config, dict) or config.get("schema") != SCHEMA:
        found = config.get("schema") if isinstance(config, dict) else config
        raise UsageError(f"{folder / CONFIG}: schema is {found!r}, not {SCHEMA!r}", code="no_data")
    if not (folder / CHECKSUMS).is_file():
        raise UsageError(
            f"{folder} is not finished: it has no {CHECKSUMS}",
            hint="run the command that was building it again: it goes on where it stopped",
            code="unfinished_data",
        )
    names = sorted((folder / "data").glob("*-[0-9]*.parquet"))
    known = ("train", "validation", "test")
    found_splits = {path.name.rpartition("-")[0] for path in names}
    ordered = [s for s in known if s in found_splits]
    ordered += sorted(found_splits.difference(known))
    return DataSet(folder, config, tuple(ordered))


def write_data(
    folder: Path,
    splits: Mapping[str, Iterable[dict[str, Any]]],
    *,
    references: Iterable[dict[str, Any]] = (),
    rejects: Iterable[dict[str, Any]] = (),
    finish: Callable[[], tuple[dict[str, Any], str]],
) -> None:
    """Write a data set; the same arguments give the same bytes.

    Args:
        folder: made where it is missing. Files of the same names are replaced.
        splits: split -> rows as `schema.to_row` makes them; taken one shard at a time.
        references: rows of `schema.reference_features`.
        rejects: JSON values, one a line.
        finish: called when the rows are written: the config (JSON values; "schema" is added) and
            the card, README.md.

    Raises:
        UsageError: no room on the disk.
    """
    with full_disk(folder):
        _write_data(folder, splits, references, rejects, finish)


def _write_data(
    folder: Path,
    splits: Mapping[str, Iterable[dict[str, Any]]],
    references: Iterable[dict[str, Any]],
    rejects: Iterable[dict[str, Any]],
    finish: Callable[[], tuple[dict[str, Any], str]],
) -> None:
    (folder / CHECKSUMS).unlink(missing_ok=True)  # unfinished from here on
    written: list[Path] = []
    photos = features().arrow_schema
    for split, rows in splits.items():
        written += _write_shards(folder / "data", split, rows, photos)
    written += _write_shards(
        folder / "references", "references", references, reference_features().arrow_schema
    )
    config, card = finish()
    config = {"schema": SCHEMA, **config}
    lines = "".join(json.dumps(one, ensure_ascii=False, sort_keys=True) + "\n" for one in rejects)
    for name, text in (
        (REJECTS, lines),
        (CONFIG, json.dumps(config, ensure_ascii=False, indent=1, sort_keys=True) + "\n"),
        (CARD, card),
    ):
        write_atomic(folder / name, text.encode())
        written.append(folder / name)
    _drop_stale(folder, set(written))
    sums = {
        path.relative_to(folder).as_posix(): {
            "sha256": sha256_of(path),
            "size": path.stat().st_size,
        }
        for path in sorted(written)
    }
    write_atomic(folder / CHECKSUMS, (json.dumps({"files": sums}, indent=1) + "\n").encode())


def _write_shards(
    folder: Path, name: str, rows: Iterable[dict[str, Any]], schema: "pa.Schema"
) -> list[Path]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    stream = iter(rows)
    while part := list(islice(stream, SHARD)):
        path = folder / f"{name}-{len(written):05d}.parquet"
        temporary = path.with_name(f".{path.name}.tmp")
        table = pa.Table.from_pylist(part, schema=schema)
        pq.write_table(table, temporary, row_group_size=_ROW_GROUP, compression="zstd")
        temporary.replace(path)
        written.append(path)
    return written


def _drop_stale(folder: Path, written: set[Path]) -> None:
    """Shards of an earlier, longer set by the same names would be read as part of this one."""
    for part in ("data", "references"):
        for path in (folder / part).glob("*.parquet"):
            if path not in written:
                path.unlink()


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file beside its place, then rename it there."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(data)
    temporary.replace(path)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class full_disk:  # noqa: N801 - used as a function: `with full_disk(folder):`
    """Turns "no space left" into one line that names the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UsageError(
                f"no room left on the disk of {self.folder}",
                hint="make room and run the same command again: it goes on where it stopped",
                code="full_disk",
            ) from error


def _rows(path: Path, only: Collection[str] | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a file with their numbers, from 1; all, or those of some ids."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            wanted: Sequence[int] = range(file.num_row_groups)
            if only is not None:
                about = path.stat()
                ids = _ids(path, about.st_mtime_ns, about.st_size)
                wanted = [at for at, group in enumerate(ids) if any(one in only for one in group)]
            heads = (file.metadata.row_group(at).num_rows for at in range(file.num_row_groups))
            first = list(accumulate(heads, initial=1))
            for at in wanted:
                number = first[at]
                for batch in file.iter_batches(batch_size=8, row_groups=[at]):
                    for row in batch.to_pylist():
                        if only is None or row["id"] in only:
                            yield number, row
                        number += 1
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"{path} cannot be read: {error}", code="bad_data") from error


@lru_cache(maxsize=1024)
def _ids(path: Path, changed: int, size: int) -> tuple[tuple[str, ...], ...]:
    """The ids of each row group of a file, as it is now."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        groups = [file.read_row_group(at, columns=["id"]) for at in range(file.num_row_groups)]
    return tuple(tuple(group.column("id").to_pylist()) for group in groups)
