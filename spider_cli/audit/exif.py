"""EXIF tags from a photo file's header, whatever holds them; a broken tag spoils no other.

Pillow reads the directories. Of each kind of file only what leads to them is read here: never
pixels, and of metadata no more than a few megabytes, whatever they claim.
"""

import io
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from spider_cli.formats import AVIF, CAMERA_RAW, HEIF, JPEG, JPEG_XL, PNG, TIFF, WEBP, identify
from spider_cli.strict_pillow import strict_pillow

__all__ = ["Tags", "exif_of"]

_EXIF_DIRECTORY = 0x8769
_MOST_BYTES = 4 << 20
"""Read of one file's metadata at most."""
_MOST_PARTS = 100_000
"""Chunks or boxes of a file that are stepped over at most."""


class Tags:
    """The tags of a photo: those of its Exif directory, then those of the directory above it.

    Args:
        directories: Pillow's, which decode a tag when it is asked for.
    """

    def __init__(self, *directories: Any) -> None:
        self._directories = directories

    def get(self, tag: int) -> Any:
        """A tag's value as Pillow has it (text, bytes, numbers, rationals, tuples of these), or
        None where it is absent or broken."""
        for directory in self._directories:
            with suppress(Exception):  # values of any type and length stand under any tag
                if (value := directory.get(tag)) is not None:
                    return value
        return None


def exif_of(path: Path) -> Tags:
    """The EXIF tags of a file: of JPEG, TIFF, PNG, WebP, AVIF, HEIC, JPEG XL and camera RAW.

    Never raises: a file that is gone, is no regular one or cannot be understood has no tags.
    """
    with suppress(Exception), strict_pillow(), _opened(path) as file:
        kind = identify(file.read(512))
        file.seek(0)
        if kind is TIFF:
            return _tags(_Sparing(file))
        if kind is CAMERA_RAW:
            return _of_raw(file)
        block = _block(file, kind)
        if block:
            return _of_block(block)
    return Tags()


class _Sparing:
    """A file that gives so many bytes and no more."""

    def __init__(self, file: BinaryIO) -> None:
        self.seek, self.tell = file.seek, file.tell
        self._read = file.read
        self._left = _MOST_BYTES

    def read(self, size: int) -> bytes:
        if size > self._left:
            return b""
        self._left -= size
        return self._read(size)


def _tags(file: Any) -> Tags:
    """Of a TIFF, or of what is built like one under a name of its own."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    head = file.read(16)
    if head[2:4] not in (b"+\0", b"\0+"):
        head = head[:2] + (b"*\0" if head[:1] == b"I" else b"\0*") + head[4:8]
    above = ImageFileDirectory_v2(head)
    file.seek(above.next)
    above.load(file)
    with suppress(Exception):
        below = ImageFileDirectory_v2(head)
        file.seek(above[_EXIF_DIRECTORY])
        below.load(file)
        return Tags(below, above)
    return Tags(above)


def _of_block(block: bytes) -> Tags:
    """Of EXIF as files of other kinds carry it: a TIFF, behind a few bytes of its own or none."""
    while block.startswith(b"Exif\0\0"):
        block = block[6:]
    return _tags(_Sparing(io.BytesIO(block)))


def _block(file: BinaryIO, kind: object) -> bytes | None:
    if kind in (JPEG, AVIF):
        header = (JPEG if kind is JPEG else AVIF).open(file)
        block: bytes | None = header.info.get("exif")
        return block
    if kind is HEIF:
        import pillow_heif

        held = pillow_heif.open_heif(file)
        info: dict[str, Any] = held[held.primary_index].info
        return info.get("exif")
    if kind is PNG:
        # Pillow would decode the pixels to find it behind them.
        return _chunk(file, 8, b"eXIf", ">I4s", trailer=4)
    if kind is WEBP:
        return _chunk(file, 12, b"EXIF", "<4sI", even=True)
    if kind is JPEG_XL:
        box = next((body for name, body in _boxes(file, 0, _length(file)) if name == b"Exif"), None)
        if box is not None:
            body = _part(file, box)
            # Some leave out the number of bytes to skip that stands first.
            return body if body[:2] in (b"II", b"MM") else body[4 + int.from_bytes(body[:4]) :]
    return None


def _chunk(
    file: BinaryIO, start: int, name: bytes, form: str, *, trailer: int = 0, even: bool = False
) -> bytes | None:
    """The content of the first chunk of a name.

    Args:
        start: where the first chunk is.
        form: of a chunk's length and name.
        trailer: bytes behind each.
        even: chunks start at even places.
    """
    for _ in range(_MOST_PARTS):
        file.seek(start)
        header = file.read(8)
        if len(header) < 8:
            break
        first, second = struct.unpack(form, header)
        length, found = (second, first) if isinstance(first, bytes) else (first, second)
        if found == name:
            return file.read(min(length, _MOST_BYTES))
        start += 8 + length + trailer + (length & 1 if even else 0)
    return None


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Name, and from where to where its content goes, of each box of ISO's base media format."""
    for _ in range(_MOST_PARTS):
        file.seek(start)
        header = file.read(16)
        if len(header) < 8:
            return
        length, name, body = int.from_bytes(header[:4]), header[4:8], start + 8
        if length == 1:
            length, body = int.from_bytes(header[8:]), start + 16
        stop = min(end, start + length) if length else end
        yield name, (body, stop)
        if stop <= start or stop >= end:
            return
        start = stop


def _of_raw(file: BinaryIO) -> Tags:
    head = file.read(108)
    if head[4:12] == b"ftypcrx ":
        return _of_canon(file)
    if head.startswith(b"FUJIFILMCCD-RAW"):  # its metadata are those of the JPEG in it
        start, length = struct.unpack_from(">2I", head, 84)
        block = _block(io.BytesIO(_part(file, (start, start + length))), JPEG)
        return _of_block(block) if block else Tags()
    file.seek(0)
    return _tags(_Sparing(file))


def _of_canon(file: BinaryIO) -> Tags:
    """Of Canon's CR3, which has a TIFF of one directory for each of EXIF's."""
    above, below = Tags(), Tags()
    for name, (start, end) in list(_boxes(file, 0, _length(file))):
        if name != b"moov":
            continue
        for inner, (first, last) in list(_boxes(file, start, end)):
            if inner != b"uuid":
                continue
            for leaf, place in list(_boxes(file, first + 16, last)):
                if leaf == b"CMT1":
                    above = _of_block(_part(file, place))
                elif leaf == b"CMT2":
                    below = _of_block(_part(file, place))
    return Tags(below, above)


def _part(file: BinaryIO, place: tuple[int, int]) -> bytes:
    file.seek(place[0])
    return file.read(max(0, min(place[1] - place[0], _MOST_BYTES)))


def _length(file: BinaryIO) -> int:
    return file.seek(0, 2)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """A regular file; a pipe that has taken a photo's place must keep nobody waiting."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as file:  # noqa: PTH123 - a descriptor has no path
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError("not a regular file")
        yield file
