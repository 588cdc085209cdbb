"""A camera RAW file for tests: a photo as a sensor would have seen it, in a DNG."""

import struct
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["dng", "mosaic"]

Pixels: TypeAlias = npt.NDArray[np.uint8]
Sensor: TypeAlias = npt.NDArray[np.uint16]
Tags: TypeAlias = dict[int, tuple[int, Sequence[Any]]]

_BYTE, _TEXT, _SHORT, _LONG, _RATIONAL, _SIGNED_RATIONAL = 1, 2, 3, 4, 5, 10
_FORMS = {_BYTE: "B", _TEXT: "B", _SHORT: "H", _LONG: "I", _RATIONAL: "I", _SIGNED_RATIONAL: "i"}

_XYZ_TO_SENSOR = (
    *(3.2404542, -1.5371385, -0.4985314),
    *(-0.9692660, 1.8760108, 0.0415560),
    *(0.0556434, -0.2040259, 1.0572252),
)
"""A sensor that sees in linear sRGB."""


def mosaic(pixels: Pixels) -> Sensor:
    """(height, width) uint16, linear: through a filter of red and green over green and blue."""
    values = pixels / 255
    light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4) * 65535
    seen = light[:, :, 1].copy()
    seen[::2, ::2] = light[::2, ::2, 0]
    seen[1::2, 1::2] = light[1::2, 1::2, 2]
    return np.rint(seen).astype(np.uint16)


def dng(
    sensor: Sensor,
    *,
    orientation: int = 1,
    preview: bytes | None = None,
    preview_size: tuple[int, int] = (0, 0),
    tags: Tags | None = None,
) -> bytes:
    """An uncompressed DNG.

    Args:
        orientation: EXIF's, 1-8.
        preview: a JPEG to embed, in the first directory as most cameras do; the sensor's data are
            in a directory below it then.
        preview_size: its width and height.
        tags: more of them for the first directory: number -> TIFF's type, and values.
    """
    height, width = sensor.shape
    data = sensor.astype("<u2").tobytes()
    camera: Tags = {
        271: (_TEXT, b"spider\0"),
        272: (_TEXT, b"test\0"),
        274: (_SHORT, [orientation]),
        50706: (_BYTE, [1, 4, 0, 0]),
        50708: (_TEXT, b"spider test\0"),
        50721: (_SIGNED_RATIONAL, _XYZ_TO_SENSOR),
        50728: (_RATIONAL, [1, 1, 1]),
        50778: (_SHORT, [21]),  # D65
        **(tags or {}),
    }
    picture: Tags = {
        254: (_LONG, [0]),
        256: (_LONG, [width]),
        257: (_LONG, [height]),
        258: (_SHORT, [16]),
        259: (_SHORT, [1]),
        262: (_SHORT, [32803]),  # a filter array
        273: (_LONG, [0]),
        277: (_SHORT, [1]),
        278: (_LONG, [height]),
        279: (_LONG, [len(data)]),
        33421: (_SHORT, [2, 2]),
        33422: (_BYTE, [0, 1, 1, 2]),
        50717: (_LONG, [65535]),
    }
    start = b"II*\0" + struct.pack("<I", 8)
    if preview is None:
        tags = camera | picture
        tags[273] = (_LONG, [8 + len(_directory(tags, 8))])
        return start + _directory(tags, 8) + data
    preview += bytes(len(preview) % 2)
    first: Tags = camera | {
        254: (_LONG, [1]),
        256: (_LONG, [preview_size[0]]),
        257: (_LONG, [preview_size[1]]),
        258: (_SHORT, [8, 8, 8]),
        259: (_SHORT, [7]),
        262: (_SHORT, [6]),
        273: (_LONG, [0]),
        277: (_SHORT, [3]),
        278: (_LONG, [preview_size[1]]),
        279: (_LONG, [len(preview)]),
        330: (_LONG, [0]),
    }
    below = 8 + len(_directory(first, 8))
    pictures = below + len(_directory(picture, below))
    first[330], first[273] = (_LONG, [below]), (_LONG, [pictures])
    picture[273] = (_LONG, [pictures + len(preview)])
    return start + _directory(first, 8) + _directory(picture, below) + preview + data


def _directory(tags: Tags, at: int) -> bytes:
    """A TIFF directory that stands at an offset, the last of its chain, with its values behind."""
    behind = at + 2 + 12 * len(tags) + 4
    entries, values = b"", b""
    for tag, (kind, numbers) in sorted(tags.items()):
        content = _packed(kind, numbers)
        if len(content) > 4:
            place = struct.pack("<I", behind + len(values))
            values += content + bytes(len(content) % 2)
            content = place
        entries += struct.pack("<HHI", tag, kind, len(numbers)) + content.ljust(4, b"\0")
    return struct.pack("<H", len(tags)) + entries + bytes(4) + values


def _packed(kind: int, numbers: Sequence[Any]) -> bytes:
    if kind in (_RATIONAL, _SIGNED_RATIONAL):
        numbers = [part for value in numbers for part in (round(value * 10_000), 10_000)]
    return struct.pack(f"<{len(numbers)}{_FORMS[kind]}", *numbers)
