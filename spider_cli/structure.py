"""What a file's structure alone tells: how many pictures it holds, and whether its end is missing.

Pillow counts pictures too, but by setting every one up; here a crafted file of a million empty
frames costs no more than a look at the first thousands.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from spider_cli.formats import AVIF, BMP, GIF, JPEG, PNG, TIFF, WEBP, identify

__all__ = ["MOST_FRAMES", "gif_frames", "looks_cut", "tiff_pages"]

MOST_FRAMES = 9999
"""Counting stops after this many."""


def gif_frames(file: BinaryIO) -> int:
    """Frames of a GIF file up to the first damage, at most `MOST_FRAMES` + 1."""
    file.seek(0)
    header = file.read(13)
    frames = 0
    if len(header) == 13:
        _skip_colour_table(file, header[10])
    while frames <= MOST_FRAMES and (block := file.read(1)):
        if block == b"!":  # an extension: its label, then sub-blocks
            file.seek(1, 1)
        elif block == b",":  # a picture: its descriptor, colours, code size, then sub-blocks
            descriptor = file.read(9)
            if len(descriptor) < 9:
                break
            frames += 1
            _skip_colour_table(file, descriptor[8])
            file.seek(1, 1)
        else:  # the trailer, or nothing that belongs here
            break
        while (length := file.read(1)) not in (b"", b"\0"):
            file.seek(length[0], 1)
    return frames


def _skip_colour_table(file: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        file.seek(3 << ((flags & 7) + 1), 1)


def tiff_pages(file: BinaryIO) -> int:
    """Full-size pages of a TIFF file up to the first damage or loop, at most `MOST_FRAMES` + 1.

    Thumbnails, pyramid levels and masks are left out.
    """
    pages = 0
    try:
        for number, page in enumerate(_directories(file)):
            kind = page.get(_SUBFILE_TYPE, [0])
            pages += not (kind and kind[0] & _REDUCED_OR_MASK)
            if number == MOST_FRAMES:
                break
    except _BROKEN:
        pass
    return pages


def looks_cut(file: BinaryIO) -> bool:
    """Whether a file that failed to decode ends too early, by its format's own account."""
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(512)
    file.seek(max(0, size - 65536))
    tail = file.read()
    kind = identify(head)
    if kind is JPEG:
        return b"\xff\xd9" not in tail
    if kind is PNG:
        return b"IEND" not in tail
    if kind is GIF:
        return not tail.rstrip(b"\0").endswith(b";")
    if kind is WEBP:
        return int.from_bytes(head[4:8], "little") + 8 > size
    if kind is BMP:
        return int.from_bytes(head[2:6], "little") > size
    if kind is AVIF:
        return _boxes_end(file, size) > size
    return kind is TIFF and _tiff_is_cut(file, size)


def _boxes_end(file: BinaryIO, size: int) -> int:
    end = 0
    while end < size:
        file.seek(end)
        length = int.from_bytes(file.read(4))
        if length < 8:  # to the end of the file, or longer than a photo's boxes are
            return size
        end += length
    return end


def _tiff_is_cut(file: BinaryIO, size: int) -> bool:
    try:
        page = next(_directories(file), {})
    except (struct.error, EOFError):  # it ends in the directory
        return True
    except _BROKEN:
        return False
    for offsets, counts in ((273, 279), (324, 325)):  # strips, tiles
        for start, length in zip(page.get(offsets, []), page.get(counts, []), strict=False):
            if start + length > size:
                return True
    return False


_SUBFILE_TYPE = 254
_REDUCED_OR_MASK = 0b101
_BROKEN = (struct.error, EOFError, OverflowError, OSError, ValueError)
_TYPES = {1: "B", 2: "s", 3: "H", 4: "I", 5: "8s", 6: "b", 7: "s", 8: "h", 9: "i", 10: "8s"} | {
    11: "4s", 12: "8s", 13: "I", 16: "Q", 17: "q", 18: "Q"
}  # fmt: skip


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


def _directories(file: BinaryIO) -> Iterator[dict[int, list[int]]]:
    """The whole-number tags of one page after the other.

    Raises one of `_BROKEN` at damage: struct.error or EOFError where the file ends too early.
    """
    layout = _layout(file)
    size = file.seek(0, 2)
    offset = layout.first
    seen: set[int] = set()
    while offset and offset not in seen:
        seen.add(offset)
        file.seek(offset)
        (count,) = _read(file, layout.order + layout.count)
        start = file.tell()
        entries = file.read(min(count, 4096) * struct.calcsize(layout.order + layout.entry))
        file.seek(start + count * struct.calcsize(layout.order + layout.entry))
        (offset,) = _read(file, layout.order + layout.offset)
        yield {
            tag: _values(file, layout, kind, number, field, size)
            for tag, kind, number, field in struct.iter_unpack(layout.order + layout.entry, entries)
            if kind in _TYPES
        }


def _values(
    file: BinaryIO, layout: _Layout, kind: int, number: int, field: bytes, size: int
) -> list[int]:
    """A tag's numbers; none for text, fractions and floats, whose place is checked all the same."""
    form = _TYPES[kind]
    length = struct.calcsize(layout.order + form) * number
    if length > len(field):
        (start,) = struct.unpack(layout.order + layout.offset, field)
        if start + length > size:
            raise EOFError
        if form.endswith("s"):
            return []
        file.seek(start)
        field = file.read(length)
    if form.endswith("s"):
        return []
    return list(struct.unpack_from(f"{layout.order}{number}{form}", field))


def _read(file: BinaryIO, form: str) -> tuple[int, ...]:
    return struct.unpack(form, file.read(struct.calcsize(form)))
