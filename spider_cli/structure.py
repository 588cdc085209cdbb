"""What a file's structure alone tells: how many pictures it holds, and whether its end is missing.

Pillow counts pictures too, but by setting every one up; here a crafted file of a million empty
frames costs no more than a look at the first thousands.
"""

import itertools
import struct
from typing import BinaryIO

from spider_cli.formats import (
    AVIF,
    BMP,
    CAMERA_RAW,
    GIF,
    HEIF,
    JPEG,
    JPEG_XL,
    PNG,
    TIFF,
    WEBP,
    identify,
)
from spider_cli.tiff_directories import BROKEN, beyond, directories

__all__ = ["MOST_FRAMES", "gif_frames", "is_raw_tiff", "looks_cut", "raw_is_cut", "tiff_pages"]

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
        for number, page in enumerate(directories(file)):
            kind = page.get(_SUBFILE_TYPE, [0])
            pages += not (kind and kind[0] & _REDUCED_OR_MASK)
            if number == MOST_FRAMES:
                break
    except BROKEN:
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
    if kind in (AVIF, HEIF) or (kind is JPEG_XL and head[4:8] == b"JXL "):
        return _boxes_end(file, size) > size
    if kind is CAMERA_RAW:
        return raw_is_cut(file)
    return kind is TIFF and _tiff_is_cut(file, size)


def is_raw_tiff(file: BinaryIO) -> bool:
    """Whether a TIFF is a camera RAW file, whose first picture may be a thumbnail."""
    try:
        first = next(directories(file), {})
    except BROKEN:
        return False
    (kind, *_), (colours, *_) = first.get(_SUBFILE_TYPE) or [0], first.get(262) or [0]
    is_dng, is_sensor = 50706 in first, colours in (32803, 34892)
    return is_dng or is_sensor or (330 in first and bool(kind & 1))


def raw_is_cut(file: BinaryIO) -> bool:
    """Whether a camera RAW file ends before its sensor's data does, where its kind tells."""
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(108)
    if head[4:8] == b"ftyp":
        return _boxes_end(file, size) > size
    if head.startswith(b"FUJIFILMCCD-RAW") and len(head) == 108:
        parts = struct.unpack_from(">6I", head, 84)  # preview, metadata, sensor: place and length
        return any(parts[i] + parts[i + 1] > size for i in (0, 2, 4))
    if head[:4] not in (b"II*\0", b"MM\0*", b"IIRO", b"IIRS", b"MMOR"):
        return False
    try:
        found = itertools.islice(directories(file, inner=True), _MOST_DIRECTORIES)
        return any(beyond(directory, size) for directory in found)
    except BROKEN:  # cameras put all sorts of things into their directories
        return False


def _boxes_end(file: BinaryIO, size: int) -> int:
    """Where the last box of a file of ISO's base media format ends.

    What programs have hung on behind the boxes counts for nothing.
    """
    end = 0
    for _ in range(_MOST_BOXES):
        file.seek(end)
        header = file.read(16)
        length = int.from_bytes(header[:4])
        if length == 1:
            length = int.from_bytes(header[8:])
        if length < 8 or header[4:8] not in _BOXES:  # length 0: to the end of the file
            break
        end += length
        if end >= size:
            return end
    return size


def _tiff_is_cut(file: BinaryIO, size: int) -> bool:
    try:
        return beyond(next(directories(file), {}), size)
    except (struct.error, EOFError):  # it ends in the directory
        return True
    except BROKEN:
        return False


_SUBFILE_TYPE = 254
_REDUCED_OR_MASK = 0b101
_MOST_DIRECTORIES = 100
_MOST_BOXES = 10_000
_BOXES = frozenset(
    (
        *(b"ftyp", b"meta", b"mdat", b"moov", b"idat", b"free", b"skip", b"uuid", b"mpvd"),
        *(b"JXL ", b"jxll", b"jxlc", b"jxlp", b"jxli", b"jbrd", b"brob", b"Exif", b"xml "),
    )
)
