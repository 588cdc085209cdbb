"""Photos that Pillow alone cannot read, by packages that are imported when one is met."""

from collections.abc import Callable
from typing import BinaryIO, TypeAlias

__all__ = ["CheckSize", "DecoderError", "check_length"]

CheckSize: TypeAlias = Callable[[tuple[int, int]], None]
"""Takes width and height in pixels before they are decoded; raises if they are too many."""

MOST_BYTES = 1 << 30
"""These decoders take a file into memory whole."""


class DecoderError(Exception):
    """A file that a decoder does not take.

    Args:
        code: as in a record's error.
        what: what is the matter, to follow the file's name.
        hint: what to do about it.
    """

    def __init__(self, code: str, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.code = code
        self.what = what
        self.hint = hint


def check_length(file: BinaryIO) -> None:
    """Refuse a file of more than `MOST_BYTES`; leaves the others at their start."""
    if (size := file.seek(0, 2)) > MOST_BYTES:
        what = f"is too large: {size / 1e9:.1f} GB, more than {MOST_BYTES / 1e9:.1f}"
        raise DecoderError("too_large", what)
    file.seek(0)
