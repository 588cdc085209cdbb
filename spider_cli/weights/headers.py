"""What a safetensors file says at its head: which tensors, of what shape, where. Of the weights
themselves nothing is read."""

import json
import struct
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Stored", "read_header"]


@dataclass(frozen=True, slots=True)
class Stored:
    """One tensor in a file."""

    name: str
    shape: tuple[int, ...]
    kind: str
    """Of its numbers, as the format spells them: "BF16", "F32", "I64", ..."""
    size: int
    """Bytes in the file."""


def read_header(file: Path) -> tuple[Stored, ...]:
    """The tensors of a file, whose length must be what its header says.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no safetensors file, or truncated; the text goes on after the file's name.
    """
    size = file.stat().st_size
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header = json.loads(stream.read(min(length, size)))
        found = [
            (
                Stored(name, tuple(map(int, facts["shape"])), str(facts["dtype"]), end - start),
                int(end),
            )
            for name, facts in header.items()
            if name[:2] != "__"
            for start, end in [facts["data_offsets"]]
        ]
        wanted = 8 + length + max((end for _, end in found), default=0)
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError("is no safetensors file") from error
    if size != wanted:
        raise ValueError(f"is truncated: {size:,} bytes of {wanted:,}")
    return tuple(stored for stored, _ in found)
