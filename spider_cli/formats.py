"""What a file is, by its content: the formats spider reads, and a name for those it does not
yet."""

import importlib
import io
import struct
import zlib
from dataclasses import dataclass
from typing import Any, BinaryIO

from PIL import ImageFile

__all__ = [
    "AVIF",
    "BMP",
    "GIF",
    "JPEG",
    "PNG",
    "TIFF",
    "WEBP",
    "Format",
    "critical_chunks",
    "identify",
    "looks_raw",
    "webp_size",
]


@dataclass(frozen=True, slots=True)
class Format:
    """A format spider reads, with the Pillow class that reads it."""

    name: str
    reader: str
    """Module and class inside PIL; imported when first needed."""

    def open(self, file: BinaryIO) -> ImageFile.ImageFile:
        """Read the header. The pixels come with ``.load()``. Raises whatever Pillow does."""
        module, name = self.reader.split(":")
        reader = getattr(importlib.import_module(f"PIL.{module}"), name)
        image: ImageFile.ImageFile = reader(file)
        return image


# The plain JPEG class also for multi-picture files: their first picture is the photo, the rest
# previews.
JPEG = Format("JPEG", "JpegImagePlugin:JpegImageFile")
PNG = Format("PNG", "PngImagePlugin:PngImageFile")
GIF = Format("GIF", "GifImagePlugin:GifImageFile")
WEBP = Format("WebP", "WebPImagePlugin:WebPImageFile")
TIFF = Format("TIFF", "TiffImagePlugin:TiffImageFile")
BMP = Format("BMP", "BmpImagePlugin:BmpImageFile")
AVIF = Format("AVIF", "AvifImagePlugin:AvifImageFile")

_HEIF = "a HEIC or HEIF photo"
_RAW = "a camera RAW file"

_BRANDS: dict[bytes, Format | str] = {
    b"avif": AVIF, b"avis": AVIF, b"crx ": _RAW,
    b"heic": _HEIF, b"heix": _HEIF, b"hevc": _HEIF, b"hevx": _HEIF, b"heim": _HEIF, b"heis": _HEIF,
}  # fmt: skip

_STARTS: tuple[tuple[bytes, Format | str], ...] = (
    (b"\xff\xd8\xff", JPEG), (b"\x89PNG\r\n\x1a\n", PNG), (b"GIF87a", GIF), (b"GIF89a", GIF),
    (b"II*\0", TIFF), (b"MM\0*", TIFF), (b"II+\0", TIFF), (b"MM\0+", TIFF),
    (b"FUJIFILMCCD-RAW", _RAW), (b"IIRO", _RAW), (b"IIRS", _RAW), (b"MMOR", _RAW), (b"IIU\0", _RAW),
    (b"FOVb", _RAW), (b"II\x1a\0\0\0HEAPCCDR", _RAW), (b"\0MRM", _RAW),
    (b"\xff\x0a", "a JPEG XL photo"), (b"\0\0\0\x0cJXL ", "a JPEG XL photo"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 photo"), (b"\xff\x4f\xff\x51", "a JPEG 2000 photo"),
    (b"8BPS", "a Photoshop document"), (b"%PDF", "a PDF document"), (b"%!PS", "a PostScript file"),
    (b"v/1\x01", "an OpenEXR picture"), (b"gimp xcf", "a GIMP picture"),
    (b"P5\n", "a PGM picture"), (b"P6\n", "a PPM picture"),
)  # fmt: skip

_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)


def identify(head: bytes) -> Format | str | None:
    """The format of a file that starts with `head`: read, or known (in words), or None."""
    if head[4:8] == b"ftyp":
        known: Format | str | None = _BRANDS.get(head[8:12])
        if known is not None:
            return known
        # A general brand ("mif1"): what is inside stands among the compatible ones.
        length = int.from_bytes(head[:4])
        compatible = {head[i : i + 4] for i in range(16, min(length, len(head)), 4)}
        if compatible & {b"avif", b"avis"}:
            return AVIF
        return _HEIF if head[8:12] in (b"mif1", b"msf1") else None
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return WEBP
    if head.startswith(b"BM"):  # so may a text: see that its second header has a known length
        return BMP if int.from_bytes(head[14:18], "little") in _BMP_HEADERS else None
    if head.startswith(b"II*\0") and head[8:10] == b"CR":  # Canon's RAW is a TIFF up to this mark
        return _RAW
    for start, found in _STARTS:
        if head.startswith(start):
            return found
    return None


def webp_size(head: bytes) -> tuple[int, int] | None:
    """Width and height of a WebP file, from its first 30 bytes.

    Pillow's reader takes the memory for its pixels before it tells.
    """
    kind, data = head[12:16], head[20:30]
    if len(data) < 10:
        return None
    if kind == b"VP8X":
        return int.from_bytes(data[4:7], "little") + 1, int.from_bytes(data[7:10], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(data[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack("<HH", data[6:10])
    return width & 0x3FFF, height & 0x3FFF


def looks_raw(image: Any) -> bool:
    """Whether an opened TIFF is a camera RAW file, whose first picture would be a thumbnail."""
    tags = image.tag_v2
    is_dng, sensor = 50706 in tags, tags.get(262) in (32803, 34892)
    return is_dng or sensor or (330 in tags and bool(tags.get(254, 0) & 1))


def critical_chunks(file: BinaryIO) -> io.BytesIO | None:
    """A PNG file in memory, without text, colour profile and animation.

    Kept besides the pixels: transparency and EXIF, where their checksums are right. None if the
    file is cut short or huge.
    """
    file.seek(0)
    out = io.BytesIO()
    out.write(file.read(8))
    while len(header := file.read(8)) == 8:
        length, kind = int.from_bytes(header[:4]), header[4:]
        if length + out.tell() > 1 << 30:
            return None
        if kind not in (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"eXIf"):
            file.seek(length + 4, 1)
            continue
        body = file.read(length + 4)
        if len(body) < length + 4:
            return None
        whole = zlib.crc32(kind + body[:-4]) == int.from_bytes(body[-4:])
        if whole or kind[:1].isupper():
            out.write(header + body)
        if kind == b"IEND":
            out.seek(0)
            return out
    return None
