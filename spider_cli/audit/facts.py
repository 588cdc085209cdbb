"""What is known of a shot beside its quality: from its EXIF, which is hostile text, and its pixels.

Cheap beside decoding: EXIF comes from the header, the perceptual hash from every n-th pixel, the
focus from some tiles.
"""

import re
import unicodedata
from contextlib import suppress
from datetime import datetime
from functools import cache
from importlib.util import find_spec
from typing import Any

from PIL import Image
from PIL.ExifTags import Base

from spider_cli.audit.exif import Tags, exif_of
from spider_cli.audit.focus import focus_of
from spider_cli.photos import Photo
from spider_cli.pixels import Pixels
from spider_cli.shot_facts import Facts

__all__ = ["can_hash", "facts_of", "look_of"]

_MOST_CHARACTERS = 100
_DNG_SERIAL = 50735
_LOOK_SIDE = 256
"""Pixels of the copy that is hashed, at least, along its longest side."""
_MOMENT = re.compile(r"(\d{4})[:/-](\d\d)[:/-](\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?")
_OFFSET = re.compile(r"[+-](?:0\d|1[0-4]):[0-5]\d")
_COMPANY = frozenset(
    ("ag", "co", "company", "corp", "corporation", "gmbh", "imaging", "inc", "ltd")
)


def facts_of(photo: Photo) -> Facts:
    """What is known of a photo; safe to call from several threads, on those that decode.

    The file is opened again for its header. Never raises: what is absent, odd or broken is None.
    Text comes without control characters, on one line, of at most 100 characters.
    """
    tags = exif_of(photo.source.path)
    return Facts(
        width=photo.width,
        height=photo.height,
        taken=_taken(tags),
        camera=_camera(_text(tags.get(Base.Make)), _text(tags.get(Base.Model))),
        serial=_text(tags.get(Base.BodySerialNumber)) or _text(tags.get(_DNG_SERIAL)),
        lens=_text(tags.get(Base.LensModel)),
        exposure=_number(tags.get(Base.ExposureTime), 1e6) or _exposure_of_apex(tags),
        aperture=_number(tags.get(Base.FNumber), 1e4) or _aperture_of_apex(tags),
        iso=_iso(tags),
        focal_length=_number(tags.get(Base.FocalLength), 1e6),
        look=look_of(photo.pixels),
        focus=focus_of(photo.pixels),
    )


def look_of(pixels: Pixels) -> str | None:
    """imagehash's 64-bit `phash` of (height, width, 3) uint8 RGB, as 16 hexadecimal digits.

    None where imagehash is not installed. It is made from every n-th pixel of every n-th row: what
    the hash compares are brightnesses of large parts, each a mean of dozens of those.
    """
    if not can_hash():
        return None
    import imagehash

    step = max(1, max(pixels.shape[:2]) // _LOOK_SIDE)
    copy = Image.fromarray(pixels[step // 2 :: step, step // 2 :: step].copy())
    return str(imagehash.phash(copy))


@cache
def can_hash() -> bool:
    """Is imagehash installed?"""
    return find_spec("imagehash") is not None


def _taken(tags: Tags) -> str | None:
    """When the shutter opened; not when a program saved the file, which tells nothing of it."""
    sources = (
        (Base.DateTimeOriginal, Base.SubsecTimeOriginal, Base.OffsetTimeOriginal),
        (Base.DateTimeDigitized, Base.SubsecTimeDigitized, Base.OffsetTimeDigitized),
    )
    for moment_tag, fraction_tag, offset_tag in sources:
        found = _MOMENT.fullmatch(_text(tags.get(moment_tag)) or "")
        if found is None:
            continue
        with suppress(ValueError):
            moment = datetime(*(int(part) for part in found.groups()[:6]))  # type: ignore[arg-type]
            fraction = found[7] or _text(tags.get(fraction_tag)) or ""
            if not (fraction.isascii() and fraction.isdecimal()):
                fraction = ""
            offset = _text(tags.get(offset_tag)) or ""
            if not _OFFSET.fullmatch(offset):
                offset = ""
            return moment.isoformat() + (f".{fraction[:9]}" if fraction else "") + offset
    return None


def _camera(maker: str | None, model: str | None) -> str | None:
    """Maker and model as people say them: "Canon EOS R5", "NIKON D850", "SONY ILCE-7M4"."""
    words = (maker or "").replace(",", " ").split()
    while len(words) > 1 and words[-1].strip(".").casefold() in _COMPANY:
        words.pop()
    if model is None:
        return " ".join(words) or None
    if not words or model.casefold().startswith(words[0].casefold()):
        return model
    return f"{' '.join(words)} {model}"[:_MOST_CHARACTERS]


def _text(value: Any) -> str | None:
    """Harmless text of whatever stands in a tag, or None."""
    if isinstance(value, tuple) and value:
        value = value[0]
    if isinstance(value, str):
        # Pillow reads ASCII as Latin-1; what is no ASCII is UTF-8 more often.
        value = value.encode("latin-1", "replace")
    if not isinstance(value, bytes):
        return None
    value = value.partition(b"\0")[0]
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    # Control, format (which turns text around), surrogate, private, unassigned; line separators.
    kept = (" " if unicodedata.category(c)[0] in "CZ" else c for c in text[: 16 * _MOST_CHARACTERS])
    return " ".join("".join(kept).split())[:_MOST_CHARACTERS].strip() or None


def _number(value: Any, most: float) -> float | None:
    """A positive number up to `most`, to six digits."""
    if isinstance(value, tuple) and value:
        value = value[0]
    with suppress(Exception):  # rationals over zero, text, bytes
        number = float(f"{float(value):.6g}")
        if not isinstance(value, bytes | str) and 0 < number <= most:  # NaN fails too
            return number
    return None


def _iso(tags: Tags) -> int | None:
    # 65535 says that it is more, and stands in another tag.
    for tag in (
        Base.ISOSpeedRatings,
        Base.RecommendedExposureIndex,
        Base.StandardOutputSensitivity,
        Base.ISOSpeed,
    ):
        number = _number(tags.get(tag), 1e8)
        if number is not None and number >= 1 and number != 65535:
            return round(number)
    return None


def _exposure_of_apex(tags: Tags) -> float | None:
    value = tags.get(Base.ShutterSpeedValue)
    with suppress(Exception):
        return _number(2.0 ** -float(value), 1e6)
    return None


def _aperture_of_apex(tags: Tags) -> float | None:
    value = tags.get(Base.ApertureValue)
    with suppress(Exception):
        return _number(2.0 ** (float(value) / 2), 1e4)
    return None
