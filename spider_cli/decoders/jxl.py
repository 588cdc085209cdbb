"""JPEG XL photos, by pillow-jxl-plugin."""

import io
from fractions import Fraction
from typing import Any, BinaryIO

from PIL import Image

from spider_cli.decoders import CheckSize, DecoderError, check_length
from spider_cli.formats import JPEG

__all__ = ["jxl_size", "open_jxl"]

_RATIOS = (None, *map(Fraction, ("1", "12/10", "4/3", "3/2", "16/9", "5/4", "2")))
"""Width to height, by the header's code for it."""


def open_jxl(file: BinaryIO, check: CheckSize) -> Image.Image:
    """Decode a file.

    Where it holds a JPEG, the picture is that JPEG, with its EXIF data. Otherwise the codestream
    says how it is to be turned, and the decoder does so; the EXIF data beside are none of ours.

    Raises:
        DecoderError: it is damaged, or moves (of which this decoder would give the last picture).
    """
    check_length(file)
    content = file.read()
    header = _header(content)
    if header is None:
        raise DecoderError(
            "unreadable", "is damaged: it says no size", "Copy or download it again."
        )
    width, height, moves = header
    check((width, height))
    if moves:
        what = "is an animated JPEG XL picture, of which spider reads single ones only"
        raise DecoderError("unsupported", what, "Save one of its pictures as JPEG or PNG.")
    is_jpeg, info, pixels, icc = _decoded(content)
    if is_jpeg:
        photo = JPEG.open(io.BytesIO(pixels))
        check(photo.size)
        photo.load()
        return photo
    mode = "F" if info.mode == "F;16" else info.mode  # given as 32 bits, like other floats
    image = Image.frombytes(mode, (info.width, info.height), pixels)
    image.info = {"icc_profile": icc or None}
    return image


def jxl_size(content: bytes) -> tuple[int, int] | None:
    """Width and height as stored (before any turning), from a file's header; None at damage."""
    header = _header(content)
    return None if header is None else header[:2]


def _decoded(content: bytes) -> tuple[bool, Any, bytes, bytes]:
    import pillow_jxl

    # One thread: photos are decoded side by side already.
    decoder: Any = pillow_jxl.Decoder(num_threads=1)
    try:
        is_jpeg, info, pixels, icc, *_ = decoder(content)  # and, of late, other boxes
    except MemoryError:
        raise
    except BaseException as error:
        # A panic inside the decoder is no Exception; what a user's Ctrl-C raises is none of these.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        # The decoder's own words are about how to build it.
        what = "is damaged or cut short"
        raise DecoderError("unreadable", what, "Copy or download it again.") from error
    return is_jpeg, info, pixels, icc


def _header(content: bytes) -> tuple[int, int, bool] | None:
    """Width, height, and whether it moves."""
    stream = _codestream(content)
    if len(stream) < 12 or not stream.startswith(b"\xff\x0a"):
        return None
    bits = _Bits(stream[2:64])
    try:
        width, height = bits.size()
        moves = False
        if not bits.take(1) and bits.take(1):  # not all default, and more fields
            bits.take(3)  # orientation
            if bits.take(1):  # a size it would have
                bits.size()
            moves = not bits.take(1) and bool(bits.take(1))  # behind a preview it is not looked for
    except EOFError:
        return None
    return width, height, moves


def _codestream(content: bytes) -> bytes:
    """The beginning of the codestream: the file's own, or that in the container's first part."""
    if content.startswith(b"\xff\x0a"):
        return content[:64]
    at = 0
    while at + 16 <= len(content):
        length, kind = int.from_bytes(content[at : at + 4]), content[at + 4 : at + 8]
        body = at + 8
        if length == 1:
            length, body = int.from_bytes(content[at + 8 : at + 16]), at + 16
        if kind in (b"jxlc", b"jxlp"):
            start = body + 4 * (kind == b"jxlp")  # a part begins with its number
            return content[start : start + 64]
        if length < 8:
            break
        at += length
    return b""


class _Bits:
    """A run of bits, the least of each byte first."""

    def __init__(self, content: bytes) -> None:
        self._rest = int.from_bytes(content, "little")
        self._left = 8 * len(content)

    def take(self, count: int) -> int:
        if count > self._left:
            raise EOFError
        value = self._rest & ((1 << count) - 1)
        self._rest >>= count
        self._left -= count
        return value

    def size(self) -> tuple[int, int]:
        """Width and height as the format writes them."""
        small = self.take(1)
        height = self._length(small)
        ratio = _RATIOS[self.take(3)]
        width = self._length(small) if ratio is None else int(height * ratio)
        return width, height

    def _length(self, small: int) -> int:
        if small:
            return 8 * (self.take(5) + 1)
        return self.take((9, 13, 18, 30)[self.take(2)]) + 1
