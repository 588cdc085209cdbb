"""A rating inside the photo file itself: the camera's, or a program's that writes into JPEGs."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from spider_cli.audit.xmp_document import BrokenXmpError, open_document, read_values
from spider_cli.audit.xmp_terms import RATING, Name, Value

__all__ = ["values_inside"]

_XMP_TAG = 700
_RATING_TAG = 0x4746


def values_inside(photo: Path) -> Mapping[Name, Value]:
    """The XMP properties inside a photo; nothing where there are none, or none can be read.

    Only the header is read: of JPEG, PNG, WebP, AVIF, TIFF, and camera RAW files that are TIFFs.
    EXIF's rating stands in for a missing one.
    """
    from spider_cli.formats import Format, identify
    from spider_cli.strict_pillow import strict_pillow

    # A photo that cannot be opened fails where it is judged, with a better message.
    with suppress(Exception), strict_pillow(), photo.open("rb") as file:
        head = file.read(64)
        if head.startswith((b"II*\0", b"MM\0*")):
            return _values(*_inside_tiff(file, head))
        file.seek(0)
        found = identify(head)
        if isinstance(found, Format):
            image = found.open(file)
            return _values(image.info.get("xmp"), image.getexif().get(_RATING_TAG))
    return {}


def _inside_tiff(file: BinaryIO, head: bytes) -> tuple[Any, Any]:
    """The packet and the rating of a TIFF's first directory, whether it is a picture or not."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    directory = ImageFileDirectory_v2(head[:8])
    file.seek(directory.next)
    directory.load(file)
    return directory.get(_XMP_TAG), directory.get(_RATING_TAG)


def _values(packet: Any, rating: Any) -> dict[Name, Value]:
    if isinstance(packet, str):
        packet = packet.encode("utf-8")
    values: dict[Name, Value] = {}
    if isinstance(packet, bytes):
        with suppress(BrokenXmpError):
            values = read_values(open_document(packet.rstrip(b"\0")).xml)
    if isinstance(rating, int) and RATING not in values:
        values[RATING] = str(rating)
    return values
