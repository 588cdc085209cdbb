"""The directories of a TIFF file, and of the camera RAW files that are built like one."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias

__all__ = ["BROKEN", "Directory", "beyond", "directories"]

Directory: TypeAlias = dict[int, list[int]]
"""Tag -> its whole numbers, where they tell of the file's structure; else none."""

BROKEN = (struct.error, EOFError, OverflowError, OSError, ValueError)
"""What reading a directory raises at damage."""

_SUB_DIRECTORIES = 330
_MOST_SUB_DIRECTORIES = 32
_TOLD = frozenset((254, 262, 273, 279, 324, 325, _SUB_DIRECTORIES, 50706))
_MOST_NUMBERS = 1 << 20
_TYPES = {1: "B", 2: "s", 3: "H", 4: "I", 5: "8s", 6: "b", 7: "s", 8: "h", 9: "i", 10: "8s"} | {
    11: "4s", 12: "8s", 13: "I", 16: "Q", 17: "q", 18: "Q"
}  # fmt: skip


def directories(file: BinaryIO, *, inner: bool = False) -> Iterator[Directory]:
    """One directory after the other, as they are chained.

    Args:
        inner: after each, the directories that it names as its own (tag 330), not theirs.

    Raises:
        One of `BROKEN` at damage: struct.error or EOFError where the file ends too early.
    """
    layout = _layout(file)
    size = file.seek(0, 2)
    offset = layout.first
    seen: set[int] = set()
    while offset and offset not in seen:
        seen.add(offset)
        directory, offset = _directory(file, layout, offset, size)
        yield directory
        if inner:
            for own in directory.get(_SUB_DIRECTORIES, [])[:_MOST_SUB_DIRECTORIES]:
                yield _directory(file, layout, own, size)[0]


def beyond(directory: Directory, size: int) -> bool:
    """Whether strips or tiles of the directory's picture reach past the end of the file."""
    return any(
        start + length > size
        for offsets, counts in ((273, 279), (324, 325))  # strips, tiles
        for start, length in zip(
            directory.get(offsets, []), directory.get(counts, []), strict=False
        )
    )


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a TIFF file writes its directories."""

    order: str
    count: str
    entry: str
    offset: str
    first: int


def _layout(file: BinaryIO) -> _Layout:
    file.seek(0)
    header = file.read(16)
    order = "<" if header[:1] == b"I" else ">"
    if b"\x2b" in header[2:4]:
        return _Layout(order, "Q", "HHQ8s", "Q", *struct.unpack_from(order + "Q", header, 8))
    return _Layout(order, "H", "HHI4s", "I", *struct.unpack_from(order + "I", header, 4))


def _directory(file: BinaryIO, layout: _Layout, offset: int, size: int) -> tuple[Directory, int]:
    """A directory, and where the next one begins; 0 for nowhere."""
    file.seek(offset)
    (count,) = _read(file, layout.order + layout.count)
    start = file.tell()
    entries = file.read(min(count, 4096) * struct.calcsize(layout.order + layout.entry))
    file.seek(start + count * struct.calcsize(layout.order + layout.entry))
    (following,) = _read(file, layout.order + layout.offset)
    directory = {
        tag: _values(file, layout, kind, number, field, size, told=tag in _TOLD)
        for tag, kind, number, field in struct.iter_unpack(layout.order + layout.entry, entries)
        if kind in _TYPES
    }
    return directory, following


def _values(
    file: BinaryIO,
    layout: _Layout,
    kind: int,
    number: int,
    field: bytes,
    size: int,
    *,
    told: bool,
) -> list[int]:
    """A tag's numbers; none for text, fractions and floats, or unless `told`.

    That they are inside the file is checked all the same.
    """
    form = _TYPES[kind]
    length = struct.calcsize(layout.order + form) * number
    if length > len(field):
        (start,) = struct.unpack(layout.order + layout.offset, field)
        if start + length > size:
            raise EOFError
        if told and not form.endswith("s"):
            number = min(number, _MOST_NUMBERS)
            file.seek(start)
            field = file.read(struct.calcsize(layout.order + form) * number)
    if not told or form.endswith("s"):
        return []
    return list(struct.unpack_from(f"{layout.order}{number}{form}", field))


def _read(file: BinaryIO, form: str) -> tuple[int, ...]:
    return struct.unpack(form, file.read(struct.calcsize(form)))
