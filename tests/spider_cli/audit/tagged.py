"""Files with EXIF, of every kind that carries it; the rarer kinds are headers alone."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.ExifTags import IFD, Base
from PIL.TiffImagePlugin import IFDRational

from tests.dng import dng

__all__ = ["ABOVE", "BELOW", "KINDS", "block", "jpeg", "pixels_of", "write_tagged"]

ABOVE = {Base.Make: "Canon", Base.Model: "Canon EOS R5", Base.DateTime: "2027:01:01 00:00:00"}
"""Tags of a file's first directory."""
BELOW = {
    Base.DateTimeOriginal: "2026:11:28 14:03:09",
    Base.SubsecTimeOriginal: "42",
    Base.OffsetTimeOriginal: "+01:00",
    Base.ExposureTime: IFDRational(1, 250),
    Base.FNumber: IFDRational(28, 10),
    Base.ISOSpeedRatings: 400,
    Base.FocalLength: IFDRational(50, 1),
    Base.LensModel: "RF50mm F1.2 L USM",
    Base.BodySerialNumber: "0123456789",
}
"""Tags of its Exif directory."""

_CANON = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")


def block(
    above: dict[int, object] | None = None,
    below: dict[int, object] | None = None,
    *,
    order: str = "<",
) -> bytes:
    """EXIF as JPEG carries it, from its "Exif" on.

    Args:
        order: of a number's bytes, as `struct` has it.
    """
    exif = Image.Exif()
    exif.endian = order
    exif.update(ABOVE if above is None else above)
    exif.get_ifd(IFD.Exif).update(BELOW if below is None else below)
    data: bytes = exif.tobytes()
    return data


def pixels_of(
    size: tuple[int, int] = (64, 48),
) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    """(height, width, 3) uint8: a gentle slope of brightness."""
    width, height = size
    slope = np.linspace(0, 255, width * height * 3)
    return slope.reshape(height, width, 3).astype(np.uint8)


def jpeg(exif: bytes) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels_of()).save(out, "JPEG", exif=exif)
    return out.getvalue()


def write_tagged(kind: str, folder: Path) -> Path:
    """A file of a kind, as its extension says, with `ABOVE` and `BELOW`."""
    path = folder / f"tagged{kind}"
    path.write_bytes(KINDS[kind]())
    return path


def _by_pillow(kind: str) -> Callable[[], bytes]:
    def made() -> bytes:
        out = io.BytesIO()
        Image.fromarray(pixels_of()).save(out, kind, exif=block())
        return out.getvalue()

    return made


def _png_with_exif_last() -> bytes:
    """As some programs write it: behind the pixels."""
    out = io.BytesIO()
    Image.fromarray(pixels_of()).save(out, "PNG")
    content, chunk = out.getvalue(), b"eXIf" + block()[6:]
    end = content.index(b"IEND") - 4
    whole = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return content[:end] + whole + content[end:]


def _heic() -> bytes:
    import pillow_heif

    out = io.BytesIO()
    picture = pillow_heif.from_pillow(Image.fromarray(pixels_of()))
    picture.save(out, exif=block())
    return out.getvalue()


def _jxl() -> bytes:
    import pillow_jxl  # noqa: F401 - it tells Pillow

    out = io.BytesIO()
    Image.fromarray(pixels_of()).save(out, "JXL", exif=block(), use_container=True)
    return out.getvalue()


def _dng() -> bytes:
    def text(value: object) -> tuple[int, list[int]]:
        return 2, [*str(value).encode(), 0]

    tags: dict[int, tuple[int, list[object]]] = {
        int(tag): text(value)
        if isinstance(value, str)
        else (3, [value])
        if isinstance(value, int)
        else (5, [float(str(value))])
        for tag, value in {**ABOVE, **BELOW}.items()
    }
    return dng(np.zeros((48, 64), np.uint16), tags=tags)


def _tiff_named(magic: bytes) -> Callable[[], bytes]:
    """The makers' own words in front of what is a TIFF otherwise."""

    def made() -> bytes:
        content = bytearray(block(order="<" if magic.startswith(b"I") else ">")[6:])
        content[: len(magic)] = magic
        return bytes(content)

    return made


def _cr3() -> bytes:
    def box(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", 8 + len(content)) + name + content

    def directory(tags: dict[int, object]) -> bytes:
        return block(tags, {})[6:]

    parts = box(b"CMT1", directory(dict(ABOVE))) + box(b"CMT2", directory(dict(BELOW)))
    return (
        box(b"ftyp", b"crx \0\0\0\1crx isom")
        + box(b"moov", box(b"uuid", _CANON + parts))
        + box(b"mdat", bytes(64))
    )


def _raf() -> bytes:
    preview = jpeg(block())
    head = b"FUJIFILMCCD-RAW 0201FF129502" + b"X-T4".ljust(32, b"\0")
    head = head.ljust(84, b"\0") + struct.pack(">2I", 148, len(preview))
    return head.ljust(148, b"\0") + preview


KINDS: dict[str, Callable[[], bytes]] = {
    ".jpg": lambda: jpeg(block()),
    "-big-endian.jpg": lambda: jpeg(block(order=">")),
    ".png": _by_pillow("PNG"),
    "-last.png": _png_with_exif_last,
    ".webp": _by_pillow("WEBP"),
    ".tif": _by_pillow("TIFF"),
    ".avif": _by_pillow("AVIF"),
    ".heic": _heic,
    ".jxl": _jxl,
    ".dng": _dng,
    ".orf": _tiff_named(b"IIRO"),
    "-old.orf": _tiff_named(b"MMOR"),
    ".rw2": _tiff_named(b"IIU\0"),
    ".cr3": _cr3,
    ".raf": _raf,
}
"""What the file's name ends with -> its content."""
