"""Lists of photos: text, CSV or Parquet with a column of paths, Parquet that holds the photos."""

import csv
import io
import posixpath
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from spider_cli.engines.addresses import Address, is_remote
from spider_cli.engines.found import Found, remote_source
from spider_cli.engines.stores import store_of
from spider_cli.errors import UsageError
from spider_cli.shots import Shot
from spider_cli.sources import named_source

__all__ = ["MANIFESTS", "listed_in"]

MANIFESTS = frozenset((".txt", ".lst", ".csv", ".tsv", ".parquet"))
"""Extensions of files that name photos, lower case, with the dot."""

_PATHS = ("path", "photo", "image", "file", "file_name", "filename", "url", "uri", "key")
_PHOTOS = ("bytes", "image_bytes", "image", "jpg", "content", "data")
_LONGEST = 8192
"""Characters of a path; longer lines are no list."""
_GROUP = 16
"""Rows of a Parquet file that holds photos, in memory at a time."""
_ROWS = 4096
"""Of one that holds paths."""


def listed_in(manifest: str, column: str | None) -> Iterator[Found]:
    """The photos that a manifest names, in its order, row by row.

    A relative path lies beside the manifest, and its photo is called by the path from here: two
    manifests may each name an ``a.jpg``. A row without a path is found with its problem, so
    that it fails visibly.

    Args:
        manifest: its address or path.
        column: the column of paths, or of photos; None: the first of the usual names.

    Raises:
        UsageError: it has no such column, or is no list.
        PhotoError: it cannot be read.
    """
    suffix = posixpath.splitext(manifest)[1].lower()
    with store_of(manifest).open(manifest) as stream:
        if suffix == ".parquet":
            import pyarrow as pa

            try:
                yield from _parquet(stream, manifest, column)
            except (pa.ArrowException, OSError) as error:
                why = (str(error) or type(error).__name__).splitlines()[0]
                raise UsageError(
                    f"{manifest} is no Parquet file, or a damaged one: {why}", code="bad_list"
                ) from error
            return
        rows = _csv if suffix in (".csv", ".tsv") else _text
        for row, path in rows(stream, manifest, column):
            yield _named(manifest, row, path)


def _named(manifest: str, row: int, path: str | None) -> Found:
    if path is None or not path.strip() or "\0" in path or len(path) > _LONGEST:
        problem = ("bad_row", f"{manifest}: row {row} names no photo")
        return Found(Shot(remote_source(f"{manifest}#{row}")), problem=problem)
    if is_remote(path):
        try:
            Address.of(path)
        except UsageError as error:  # the record must not repeat what may be a secret
            problem = (error.code, f"{manifest}: row {row}: {error.message}")
            return Found(Shot(remote_source(f"{manifest}#{row}")), problem=problem)
        return Found(Shot(remote_source(path)), url=path)
    beside = posixpath.join(posixpath.dirname(manifest), path) if path[0] != "/" else path
    if is_remote(beside):
        return Found(Shot(remote_source(beside)), url=beside)
    return Found(Shot(named_source(beside)))


def _lines(stream: BinaryIO, manifest: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")


def _text(stream: BinaryIO, manifest: str, column: str | None) -> Iterator[tuple[int, str | None]]:
    with _lines(stream, manifest) as text:
        row = 0
        while line := text.readline(_LONGEST + 2):
            row += 1
            if len(line) > _LONGEST and not line.endswith("\n"):
                raise UsageError(
                    f"{manifest} is no list of paths: line {row} does not end", code="bad_list"
                )
            line = line.rstrip("\r\n")
            if line.strip():
                yield row, line


def _csv(stream: BinaryIO, manifest: str, column: str | None) -> Iterator[tuple[int, str | None]]:
    with _lines(stream, manifest) as text:
        rows = csv.reader(text, delimiter="\t" if manifest.lower().endswith(".tsv") else ",")
        try:
            head = next(rows, [])
            at = head.index(_chosen(head, column, _PATHS, manifest))
            for number, row in enumerate(rows, 1):
                if row:
                    yield number, row[at] if at < len(row) else None
        except csv.Error as error:
            raise UsageError(f"{manifest} is no CSV: {error}", code="bad_list") from error


def _parquet(stream: BinaryIO, manifest: str, column: str | None) -> Iterator[Found]:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    table = ParquetFile(stream, memory_map=False, pre_buffer=False)
    schema = table.schema_arrow
    photos = [name for name in schema.names if _holds_photos(pa, schema.field(name).type)]
    if column is not None:
        _chosen(schema.names, column, (), manifest)
        photos = [name for name in photos if name == column]
    paths = [n for n in schema.names if _is_text(pa, schema.field(n).type)]
    if photos:
        chosen = next((name for name in _PHOTOS if name in photos), photos[0])
        called = next((name for name in _PATHS if name in paths), None)
        yield from _photos(table, manifest, chosen, called)
        return
    chosen = _chosen(paths, column, _PATHS, manifest)
    row = 0
    for batch in table.iter_batches(_ROWS, columns=[chosen]):
        for path in batch.column(0).to_pylist():
            row += 1
            yield _named(manifest, row, path)


def _photos(table: Any, manifest: str, column: str, called: str | None) -> Iterator[Found]:
    columns = [column] if called is None else [column, called]
    row = 0
    for batch in table.iter_batches(_GROUP, columns=columns):
        for said in batch.to_pylist():
            row += 1
            value, name = said[column], said.get(called) if called else None
            if isinstance(value, dict):  # as the datasets library keeps pictures
                inner, value = value.get("path"), value.get("bytes")
                if not name and inner:  # of the folder that it was in once: others may have it, too
                    name = f"{row}/{inner}"
            named = f"{manifest}#{name or row}"
            if value is None:
                problem = ("bad_row", f"{manifest}: row {row} has no photo")
                yield Found(Shot(remote_source(named)), problem=problem)
            else:
                yield Found(Shot(remote_source(named)), data=bytes(value))


def _holds_photos(pa: Any, kind: Any) -> bool:
    if pa.types.is_struct(kind):
        names = [kind.field(at).name for at in range(kind.num_fields)]
        return "bytes" in names and _holds_photos(pa, kind.field(names.index("bytes")).type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_text(pa: Any, kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _chosen(head: Sequence[str], column: str | None, usual: Sequence[str], manifest: str) -> str:
    if column is not None and column in head:
        return column
    found = next((name for name in usual if name in head), None)
    if column is None and found is not None:
        return found
    there = ", ".join(head[:8]) or "none at all"
    wanted = f"no column {column!r}" if column is not None else "no column of paths that is known"
    raise UsageError(
        f"{manifest} has {wanted}", hint=f"--column names one of: {there}", code="no_column"
    )
