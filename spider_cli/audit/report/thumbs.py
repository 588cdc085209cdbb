"""A shot's pictures as files: the thumbnail, the large one, and the heatmap in its colours."""

import io
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image

from spider_cli.audit.entry import Preview
from spider_cli.outputs.heatmap import OPACITY, colours
from spider_cli.strict_pillow import strict_pillow

__all__ = ["HEAT", "LARGE", "THUMB", "Saved", "save_pictures"]

THUMB, LARGE, HEAT = ".thumb.jpg", ".jpg", ".heat.png"
"""What the names of the files end with."""

_SIDE = 400
"""The most pixels of a thumbnail's longer side."""
_QUALITY = 78


@dataclass(frozen=True, slots=True)
class Saved:
    """The files of one shot."""

    stem: str
    """Their name but for the ending. It holds a sum of the picture, so that a page never shows the
    picture that another report has put in its place."""
    heat: bool
    """Whether there is a heatmap."""
    size: tuple[int, int]
    """Width and height of the large picture, in pixels."""
    bytes: int
    """Of all files together."""


def save_pictures(preview: Preview, number: int, folder: Path) -> Saved | None:
    """Write a preview's files into `folder`.

    Returns:
        None if the preview is no picture.

    Raises:
        OSError: they cannot be written.
    """
    try:
        with strict_pillow():
            thumb, size = _thumb(preview.jpeg)
            heat = None if preview.heat is None else _coloured(preview.heat)
    except (OSError, SyntaxError, ValueError):  # what Pillow says of bytes that are no picture
        return None
    total = zlib.crc32(preview.jpeg)
    if preview.heat is not None:
        total = zlib.crc32(preview.heat, total)
    stem = f"{number:05}-{total:08x}"
    contents = {THUMB: thumb, LARGE: preview.jpeg, HEAT: heat}
    written = {ending: data for ending, data in contents.items() if data is not None}
    for ending, data in written.items():
        (folder / f"{stem}{ending}").write_bytes(data)
    return Saved(stem, heat is not None, size, sum(map(len, written.values())))


def _thumb(jpeg: bytes) -> tuple[bytes, tuple[int, int]]:
    with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
        size = image.size
        image.draft("RGB", (_SIDE, _SIDE))
        picture = image.convert("RGB")
    picture.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue(), size


def _coloured(heat: bytes) -> bytes:
    """A grey heatmap as a PNG to be laid over the photo: its greys become entries of a palette that
    holds their colours and how opaque they are, as `heatmap.overlay` has them."""
    with Image.open(io.BytesIO(heat), formats=["PNG"]) as image:
        picture = image.convert("L")
    palette, opaque = _palette()
    picture.putpalette(palette, "RGB")
    out = io.BytesIO()
    picture.save(out, "PNG", transparency=opaque)
    return out.getvalue()


@lru_cache(maxsize=1)
def _palette() -> tuple[bytes, bytes]:
    return colours().tobytes(), bytes(round(value * OPACITY) for value in range(256))
