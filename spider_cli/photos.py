"""From a path to pixels: a photo is decoded once and turned upright, or refused in a sentence.

The content decides what a file is. Its name, size, dates and other metadata never reach the pixels
(the EXIF orientation and the colour profile excepted, which say how to show them).
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from spider_cli.errors import PhotoError
from spider_cli.extras import RAW
from spider_cli.formats import (
    CAMERA_RAW,
    GIF,
    HEIF,
    JPEG_XL,
    PNG,
    TIFF,
    WEBP,
    Format,
    critical_chunks,
    identify,
    webp_size,
)
from spider_cli.photo_errors import (
    check_size,
    explained,
    failure,
    lacking,
    not_opened,
    one_line,
    unknown,
)
from spider_cli.pixels import Pixels, array_pixels, orientation, rgb_pixels
from spider_cli.sources import Source, find_photos, named_source
from spider_cli.strict_pillow import strict_pillow
from spider_cli.structure import MOST_FRAMES, gif_frames, is_raw_tiff, looks_cut, tiff_pages

__all__ = [
    "MAX_DECODE_PIXELS",
    "Photo",
    "Source",
    "find_photos",
    "named_source",
    "open_photo",
    "photo_from_array",
]

MAX_DECODE_PIXELS = 200_000_000
"""Photos of more pixels are refused from their header. This many take about 1.5 GB to decode."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A decoded photo."""

    source: Source
    pixels: Pixels = field(compare=False, repr=False)
    """(height, width, 3) uint8 RGB in sRGB, upright (EXIF orientation applied)."""
    notes: tuple[str, ...] = ()
    """What had to be decided, to be shown as warnings: "first frame of 12"."""
    read_as: str | None = None
    """Of a camera RAW file, what was read of it: "embedded preview 6000 x 4000" or "developed at
    half size, 3000 x 2000". None: the file has one picture, and this is it."""

    @property
    def width(self) -> int:
        """Pixels, upright."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Pixels, upright."""
        return int(self.pixels.shape[0])


def open_photo(source: Source, *, max_decode_pixels: int = MAX_DECODE_PIXELS) -> Photo:
    """Open and decode one photo; safe to call from several threads.

    Animations and multi-page files give their first picture, with a note; camera RAW files what
    `decoders.raw.develop` says. See `pixels.rgb_pixels` for what happens to colour profiles,
    transparency and deep or floating-point values.

    Args:
        source: as found by `find_photos`.
        max_decode_pixels: the most pixels (width times height) to decode.

    Raises:
        PhotoError: with code ``not_found``, ``unreadable`` (permission, a folder, a pipe, damage in
            the middle), ``empty_file``, ``not_an_image``, ``unsupported`` (no format of ours, or
            one whose extra is not installed), ``truncated`` or ``too_large``. The message is one
            line and names the file.
    """
    with _opened(source) as file:
        kind: Format | None = None
        try:
            head = file.read(512)
            if not head:
                raise failure(source, "empty_file", "is an empty file", "Was it copied completely?")
            kind = _kind(file, head, source)
            with strict_pillow():
                decoded = _decode(file, kind, source, max_decode_pixels)
        except PhotoError:
            raise
        except Exception as error:  # Pillow lets out whatever its parsers stumble over
            raise explained(error, source, file, kind) from error
    return Photo(source, decoded.pixels, decoded.notes, decoded.read_as)


def photo_from_array(pixels: npt.NDArray[Any] | Image.Image, name: str = "photo") -> Photo:
    """Make a photo of pixels that are already in memory; they are copied.

    Args:
        pixels: an array as `pixels.array_pixels` takes it: (height, width[, 1-4]) uint8, uint16,
            bool, or float 0-1; or a Pillow image, treated like a file: turned upright if its EXIF
            orientation says so, its colour profile applied.
        name: the record's `photo`.

    Raises:
        PhotoError: ``unsupported``, naming the shape, dtype or values at fault.
    """
    source = named_source(name or "photo")
    try:
        if isinstance(pixels, Image.Image):
            if 0 in pixels.size:
                raise ValueError(f"an image of {pixels.width} x {pixels.height} has no pixels")
            with strict_pillow():
                pixels.load()
                result, notes = rgb_pixels(pixels, orientation(pixels))
        else:
            result, notes = array_pixels(np.asarray(pixels))
    except Exception as error:  # as above, for images that are still lazily bound to their file
        raise failure(source, "unsupported", f"cannot be read: {one_line(error)}", "") from error
    return Photo(source=source, pixels=result, notes=notes)


class _Decoded(NamedTuple):
    pixels: Pixels
    notes: tuple[str, ...]
    read_as: str | None = None


def _kind(file: BinaryIO, head: bytes, source: Source) -> Format:
    """What a file is, by its content; its name only decides whether LibRaw is asked, too."""
    suffix = source.path.suffix.lower()
    kind = identify(head)
    if kind is TIFF and is_raw_tiff(file):
        kind = CAMERA_RAW
    elif kind in (None, TIFF) and suffix in RAW.suffixes:
        if RAW.installed:
            from spider_cli.decoders.raw import is_raw

            kind = CAMERA_RAW if is_raw(file) else kind
        elif kind is None:
            kind = CAMERA_RAW
    if not isinstance(kind, Format):
        raise unknown(source, kind)
    if kind.extra is not None and not kind.extra.installed:
        raise lacking(source, kind.extra)
    return kind


def _decode(file: BinaryIO, kind: Format, source: Source, max_decode_pixels: int) -> _Decoded:
    try:
        return _decode_whole(file, kind, source, max_decode_pixels)
    except (PhotoError, OSError, MemoryError):
        raise
    except Exception:
        # A PNG's text or colour profile may be broken or a decompression bomb, and its pixels well.
        if kind is not PNG or (bare := critical_chunks(file)) is None:
            raise
    pixels, notes, _ = _decode_whole(bare, kind, source, max_decode_pixels)
    return _Decoded(pixels, (*notes, "its metadata is damaged or too large, and was ignored"))


def _decode_whole(file: BinaryIO, kind: Format, source: Source, max_decode_pixels: int) -> _Decoded:
    check = partial(check_size, source=source, max_decode_pixels=max_decode_pixels)
    if kind is CAMERA_RAW:
        from spider_cli.decoders.raw import develop

        return _Decoded(*develop(file, check))
    if kind is HEIF:
        from spider_cli.decoders.heif import open_heif

        picture, decided = open_heif(file, check)
        pixels, notes = rgb_pixels(picture)
        return _Decoded(pixels, (*decided, *notes))
    if kind is JPEG_XL:
        from spider_cli.decoders.jxl import open_jxl

        picture = open_jxl(file, check)
        return _Decoded(*rgb_pixels(picture, orientation(picture)))
    return _decode_by_pillow(file, kind, source, max_decode_pixels)


def _decode_by_pillow(
    file: BinaryIO, kind: Format, source: Source, max_decode_pixels: int
) -> _Decoded:
    file.seek(0)
    if kind is WEBP and (size := webp_size(file.read(30))) is not None:
        check_size(size, source, max_decode_pixels)
    file.seek(0)
    # The format's own class instead of Image.open, whose limit on pixels is the whole process's.
    image: Any = kind.open(file)
    check_size(image.size, source, max_decode_pixels)
    if kind is TIFF and image.width * image.height > (Image.MAX_IMAGE_PIXELS or max_decode_pixels):
        # Given its memory, Pillow does not check its process-wide limit again.
        core: Any = getattr(Image, "core")  # noqa: B009 - not in its declared interface
        image.im = core.new(image.mode, (image.tag_v2[256], image.tag_v2[257]))
    image.load()
    pixels, notes = rgb_pixels(image, orientation(image))
    if kind is GIF:
        frames = gif_frames(file)
    elif kind is TIFF:
        frames = tiff_pages(file)
        if looks_cut(file):  # Pillow passes over what stands after the pixels, as profiles may
            notes = (*notes, "the file ends early: its pixels are whole, its metadata is not")
    else:
        frames = getattr(image, "n_frames", 1)
    if frames > 1:
        count = f"more than {MOST_FRAMES}" if frames > MOST_FRAMES else str(frames)
        notes = (f"first frame of {count}", *notes)
    return _Decoded(pixels, notes)


@contextmanager
def _opened(source: Source) -> Iterator[BinaryIO]:
    """The file, opened for reading; anything but a regular file is refused untouched."""
    try:
        mode = source.path.stat().st_mode
        if stat.S_ISDIR(mode) and os.access(source.path, os.R_OK | os.X_OK):
            raise failure(source, "unreadable", "is a folder, not a photo", "")
        if stat.S_ISDIR(mode):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if not stat.S_ISREG(mode):
            hint = "A pipe or device may never end; save the photo to a file first."
            raise failure(source, "unreadable", "is not a regular file", hint)
        file = source.path.open("rb")
    except (OSError, ValueError) as error:
        raise not_opened(error, source) from error
    with file:
        yield file
