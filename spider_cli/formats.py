"""What a file is, by its content: the formats spider reads, and a name for those it does not
yet."""

import importlib
import io
import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO

from PIL import ImageFile

from spider_cli.extras import HEIC, JXL, RAW, Extra

__all__ = [
    "AVIF",
    "BMP",
    "CAMERA_RAW",
    "GIF",
    "HEIF",
    "JPEG",
    "JPEG_XL",
    "PNG",
    "TIFF",
    "WEBP",
    "Format",
    "critical_chunks",
    "identify",
    "webp_size",
]


@dataclass(frozen=True, slots=True)
class Format:
    """A format spider reads, with the Pillow class that reads it, or the extra that does."""

    name: str
    reader: str = ""
    """Module and class inside PIL; imported when first needed."""
    extra: Extra | None = None
    """Its decoder is in `spider_cli.decoders`."""

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
HEIF = Format("HEIC", extra=HEIC)
JPEG_XL = Format("JPEG XL", extra=JXL)
CAMERA_RAW = Format("camera RAW", extra=RAW)

_BRANDS: dict[bytes, Format] = {
    b"avif": AVIF, b"avis": AVIF, b"crx ": CAMERA_RAW,
    b"heic": HEIF, b"heix": HEIF, b"hevc": HEIF, b"hevx": HEIF, b"heim": HEIF, b"heis": HEIF,
    b"hevm": HEIF, b"hevs": HEIF,
}  # fmt: skip
_GENERAL_BRANDS = (b"mif1", b"mif2", b"msf1", b"miaf", b"heif")

_STARTS: tuple[tuple[bytes, Format | str], ...] = (
    (b"\xff\xd8\xff", JPEG), (b"\x89PNG\r\n\x1a\n", PNG), (b"GIF87a", GIF), (b"GIF89a", GIF),
    (b"II*\0", TIFF), (b"MM\0*", TIFF), (b"II+\0", TIFF), (b"MM\0+", TIFF),
    (b"FUJIFILMCCD-RAW", CAMERA_RAW), (b"IIRO", CAMERA_RAW), (b"IIRS", CAMERA_RAW),
    (b"MMOR", CAMERA_RAW), (b"IIU\0", CAMERA_RAW), (b"FOVb", CAMERA_RAW),
    (b"II\x1a\0\0\0HEAPCCDR", CAMERA_RAW), (b"\0MRM", CAMERA_RAW),
    (b"\xff\x0a", JPEG_XL), (b"\0\0\0\x0cJXL ", JPEG_XL),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 photo"), (b"\xff\x4f\xff\x51", "a JPEG 2000 photo"),
    (b"8BPS", "a Photoshop document"), (b"%PDF", "a PDF document"), (b"%!PS", "a PostScript file"),
    (b"v/1\x01", "an OpenEXR picture"), (b"gimp xcf", "a GIMP picture"),
    (b"P5\n", "a PGM picture"), (b"P6\n", "a PPM picture"),
)  # fmt: skip

_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)


def identify(head: bytes) -> Format | str | None:
    """The format of a file that starts with `head`: read, or known (in words), or None."""
    if head[4:8] == b"ftyp":
        known = _BRANDS.get(head[8:12])
        if known is not None:
            return known
        # A general brand ("mif1"): what is inside stands among the compatible ones.
        length = int.from_bytes(head[:4])
        compatible = [head[i : i + 4] for i in range(16, min(length, len(head)), 4)]
        inside = {_BRANDS[brand] for brand in compatible if brand in _BRANDS}
        if AVIF in inside or HEIF in inside:
            return AVIF if AVIF in inside else HEIF
        return HEIF if head[8:12] in _GENERAL_BRANDS else None
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return WEBP
    if head.startswith(b"BM"):  # so may a text: see that its second header has a known length
        return BMP if int.from_bytes(head[14:18], "little") in _BMP_HEADERS else None
    if head.startswith(b"II*\0") and head[8:10] == b"CR":  # Canon's RAW is a TIFF up to this mark
        return CAMERA_RAW
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
