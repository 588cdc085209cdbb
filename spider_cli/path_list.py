"""A list of paths on standard input, as ``find`` and its friends write it."""

import os
import sys
from collections.abc import Iterator
from typing import BinaryIO, TextIO

from spider_cli.errors import UsageError

__all__ = ["listed_paths"]

_LONGEST_PATH = 1 << 16
"""Bytes. No system takes a longer path, so longer "lines" mean that the list is something else."""

_PICTURE_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n")

_LIST_HINT = (
    "- reads paths, one per line, or NUL-separated paths with -0; name a photo as an argument."
)


def listed_paths(stream: BinaryIO | None, null: bool) -> Iterator[str]:
    """Read paths, each handed on before more input is waited for.

    Args:
        stream: what to read; None means the process's own standard input.
        null: paths end with NUL, and may hold line breaks. Otherwise they end with LF or CRLF, and
            blank lines are skipped.

    Raises:
        UsageError: ``bad_list`` for a picture, for NULs without `null`, or for endless "paths".
    """
    if stream is None:
        own: TextIO | None = sys.stdin  # None in a program without a console
        if own is None:
            return
        stream = own.buffer
    yield from map(os.fsdecode, _separated(stream) if null else _lines(stream))


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    first = True
    while line := stream.readline(_LONGEST_PATH + 1):
        if first and line.startswith(_PICTURE_STARTS):
            raise UsageError(
                "standard input holds a picture, not a list of paths",
                hint=_LIST_HINT,
                code="bad_list",
            )
        if b"\0" in line:
            raise UsageError(
                "the paths on standard input are separated by NUL", hint="Add -0.", code="bad_list"
            )
        first = False
        line = _checked(line.removesuffix(b"\n"))
        # CRLF from another system; but a file may truly be called so.
        if line.endswith(b"\r") and not os.path.lexists(line):
            line = line[:-1]
        if line:
            yield line


def _separated(stream: BinaryIO) -> Iterator[bytes]:
    # read1 takes what is there without waiting for more; a stream without it is read byte by byte.
    read_some = getattr(stream, "read1", None)
    rest = b""
    while chunk := read_some(_LONGEST_PATH) if read_some else stream.read(1):
        *whole, rest = (rest + chunk).split(b"\0")
        yield from (_checked(entry) for entry in whole if entry)
        _checked(rest)
    if rest:
        yield rest


def _checked(entry: bytes) -> bytes:
    if len(entry) > _LONGEST_PATH:
        raise UsageError(
            f"standard input holds a path of more than {_LONGEST_PATH} bytes",
            hint=_LIST_HINT,
            code="bad_list",
        )
    return entry
