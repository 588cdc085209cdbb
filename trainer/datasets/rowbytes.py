"""One Parquet row as bytes, on its way from a worker to the shard it will stand in."""

from functools import cache
from typing import TYPE_CHECKING, Any

from trainer.datasets.schema import features

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["pack_row", "unpack_row"]


@cache
def _schema() -> "pa.Schema":
    return features().arrow_schema


def pack_row(row: dict[str, Any]) -> bytes:
    """A row of `schema.to_row` in Arrow's stream form: the same bytes for the same row."""
    import pyarrow as pa

    table = pa.Table.from_pylist([row], schema=_schema())
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def unpack_row(data: bytes) -> dict[str, Any]:
    """The inverse of `pack_row`."""
    import pyarrow as pa

    with pa.ipc.open_stream(data) as reader:
        row: dict[str, Any] = reader.read_all().to_pylist()[0]
    return row
