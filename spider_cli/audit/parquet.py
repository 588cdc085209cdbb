"""An audit as a Parquet table: one row a shot, typed columns, lists as lists."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from spider_cli.errors import UsageError
from spider_cli.outputs.files import publish, temporary
from spider_cli.results import Record
from spider_cli.vocabulary import LEVELS

__all__ = ["check_parquet", "write_parquet", "write_rows"]

_ROWS = 512
"""Rows of a group; so many are in memory at a time."""


def check_parquet() -> None:
    """Is what writes it installed?

    Raises:
        UsageError: no; the hint is the command that installs it.
    """
    from importlib.util import find_spec

    if find_spec("pyarrow") is None:
        raise UsageError(
            "a .parquet report needs pyarrow, which is not installed",
            hint="pip install 'spider-iqa[parquet]'",
            code="missing_extra",
        )


def write_parquet(target: Path, records: Iterable[Record], *, overwrite: bool) -> None:
    """Write the table whole, or not at all.

    Columns are those of the CSV (docs/json.md), but for lists, which are lists, and the mask, which
    is there too.

    Raises:
        FileExistsError: it exists and `overwrite` is false.
        OSError: it cannot be written.
    """
    with temporary(target.parent) as (passing, stream):
        write_rows(stream, records)
        stream.close()
        publish(passing, target, overwrite=overwrite)


def write_rows(stream: BinaryIO, records: Iterable[Record]) -> None:
    """Write the table into a stream, which stays open."""
    from pyarrow import Table
    from pyarrow.parquet import ParquetWriter

    schema = _schema()
    with ParquetWriter(stream, schema, compression="zstd") as writer:
        for group in _groups(map(_row, records)):
            writer.write_table(Table.from_pylist(group, schema=schema))


def _groups(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while group := list(islice(rows, _ROWS)):
        yield group


def _schema() -> Any:
    import pyarrow as pa

    text, real, whole, yes = pa.string(), pa.float64(), pa.int64(), pa.bool_()
    distortion = pa.struct([("family", text), ("severity", text)])
    view = pa.struct([("box", pa.list_(whole)), ("size", pa.list_(whole))])
    return pa.schema(
        [
            *((name, text) for name in ("schema", "command", "photo", "photo_b64", "raw")),
            *((name, text) for name in ("raw_b64", "read_as", "model", "revision")),
            *[("untuned", yes), ("quantize", text), ("seconds", real), ("max_pixels", whole)],
            *[("looked_at", pa.list_(view)), ("score", real), ("level", text)],
            *((level, real) for level in LEVELS),
            *((name, text) for name in ("score_answer", "worded", "question", "answer")),
            *[("distortions", pa.list_(distortion)), ("other", pa.list_(text)), ("why", text)],
            *[("flagged", pa.list_(text)), ("burst", whole), ("pick", yes)],
            *((f"region_{name}", text) for name in ("question", "answer", "worded")),
            *(
                (f"region_{name}", pa.list_(kind))
                for name, kind in (("point", real), ("box", whole))
            ),
            *[("region_probed", yes), ("region_whole", yes), ("region_area", real)],
            *[("region_mask_size", pa.list_(whole)), ("region_mask_counts", text)],
            *((f"region_{kind}_file", text) for kind in ("overlay", "heatmap", "mask")),
            *[("width", whole), ("height", whole), ("taken", text), ("camera", text)],
            *[("serial", text), ("lens", text), ("exposure", real), ("aperture", real)],
            *[("iso", whole), ("focal_length", real), ("look", text), ("focus", real)],
            *((f"error_{name}", text) for name in ("code", "message", "hint")),
        ]
    )


def _row(record: Record) -> dict[str, Any]:
    """A record's JSON form, its objects laid flat; what the table has no column for is left out."""
    said = record.to_json()
    region = said.pop("region", None) or {}
    mask = region.pop("mask", None) or {}
    files = region.pop("files", None) or {}
    row = said | (said.pop("levels", None) or {}) | (said.pop("facts", None) or {})
    row |= {f"region_{name}": value for name, value in region.items()}
    row |= {f"region_mask_{name}": value for name, value in mask.items()}
    row |= {f"region_{kind}_file": path for kind, path in files.items()}
    row |= {f"error_{name}": text for name, text in (said.pop("error", None) or {}).items()}
    return row
