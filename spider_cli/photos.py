"""From a path to pixels: a photo is decoded once and turned upright, or refused in a sentence.

The content decides what a file is. Its name, size, dates and other metadata never reach the pixels
(the EXIF orientation and the colour profile excepted, which say how to show them).
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from spider_cli.errors import PhotoError
from spider_cli.formats import (
    GIF,
    PNG,
    TIFF,
    WEBP,
    Format,
    critical_chunks,
    identify,
    looks_raw,
    webp_size,
)
from spider_cli.patterns import is_glob
from spider_cli.pixels import Pixels, array_pixels, orientation, rgb_pixels
from spider_cli.sources import UNSUPPORTED_SUFFIXES, Source, find_photos, named_source, shown
from spider_cli.strict_pillow import strict_pillow
from spider_cli.structure import MOST_FRAMES, gif_frames, looks_cut, tiff_pages

__all__ = [
    "MAX_PIXELS",
    "Photo",
    "Source",
    "find_photos",
    "named_source",
    "open_photo",
    "photo_from_array",
]

MAX_PIXELS = 200_000_000
"""Photos of more pixels are refused from their header. This many take about 1.5 GB to decode."""

_CONVERT = "Convert it to JPEG, PNG or TIFF."


@dataclass(frozen=True, slots=True)
class Photo:
    """A decoded photo."""

    source: Source
    pixels: Pixels = field(compare=False, repr=False)
    """(height, width, 3) uint8 RGB in sRGB, upright (EXIF orientation applied)."""
    notes: tuple[str, ...] = ()
    """What had to be decided, to be shown as warnings: "first frame of 12"."""

    @property
    def width(self) -> int:
        """Pixels, upright."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Pixels, upright."""
        return int(self.pixels.shape[0])


def open_photo(source: Source, *, max_pixels: int = MAX_PIXELS) -> Photo:
    """Open and decode one photo; safe to call from several threads.

    Animations and multi-page files give their first picture, with a note. See `pixels.rgb_pixels`
    for what happens to colour profiles, transparency and deep or floating-point values.

    Args:
        source: as found by `find_photos`.
        max_pixels: the most pixels (width times height) to decode.

    Raises:
        PhotoError: with code ``not_found``, ``unreadable`` (permission, a folder, a pipe, damage in
            the middle), ``empty_file``, ``not_an_image``, ``unsupported`` (HEIC, camera RAW, ...),
            ``truncated`` or ``too_large``. The message is one line and names the file.
    """
    with _opened(source) as file:
        try:
            head = file.read(512)
            if not head:
                raise _failure(
                    source, "empty_file", "is an empty file", "Was it copied completely?"
                )
            kind = identify(head)
            if not isinstance(kind, Format):
                raise _unknown(source, kind)
            with strict_pillow():
                pixels, notes = _decode(file, kind, source, max_pixels)
        except PhotoError:
            raise
        except Exception as error:  # Pillow lets out whatever its parsers stumble over
            raise _explained(error, source, file) from error
    return Photo(source=source, pixels=pixels, notes=notes)


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
        raise _failure(source, "unsupported", f"cannot be read: {_one_line(error)}", "") from error
    return Photo(source=source, pixels=result, notes=notes)


def _decode(
    file: BinaryIO, kind: Format, source: Source, max_pixels: int
) -> tuple[Pixels, tuple[str, ...]]:
    try:
        return _decode_whole(file, kind, source, max_pixels)
    except (PhotoError, OSError, MemoryError):
        raise
    except Exception:
        # A PNG's text or colour profile may be broken or a decompression bomb, and its pixels well.
        if kind is not PNG or (bare := critical_chunks(file)) is None:
            raise
    pixels, notes = _decode_whole(bare, kind, source, max_pixels)
    return pixels, (*notes, "its metadata is damaged or too large, and was ignored")


def _decode_whole(
    file: BinaryIO, kind: Format, source: Source, max_pixels: int
) -> tuple[Pixels, tuple[str, ...]]:
    file.seek(0)
    if kind is WEBP and (size := webp_size(file.read(30))) is not None:
        _check_size(size, source, max_pixels)
    file.seek(0)
    # The format's own class instead of Image.open, whose limit on pixels is the whole process's.
    image: Any = kind.open(file)
    _check_size(image.size, source, max_pixels)
    if kind is TIFF and looks_raw(image):
        raise _unknown(source, "a camera RAW file")
    if kind is TIFF and image.width * image.height > (Image.MAX_IMAGE_PIXELS or max_pixels):
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
    return pixels, notes


@contextmanager
def _opened(source: Source) -> Iterator[BinaryIO]:
    """The file, opened for reading; anything but a regular file is refused untouched."""
    try:
        mode = source.path.stat().st_mode
        if stat.S_ISDIR(mode) and os.access(source.path, os.R_OK | os.X_OK):
            raise _failure(source, "unreadable", "is a folder, not a photo", "")
        if stat.S_ISDIR(mode):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if not stat.S_ISREG(mode):
            hint = "A pipe or device may never end; save the photo to a file first."
            raise _failure(source, "unreadable", "is not a regular file", hint)
        file = source.path.open("rb")
    except (OSError, ValueError) as error:
        raise _not_opened(error, source) from error
    with file:
        yield file


def _not_opened(error: OSError | ValueError, source: Source) -> PhotoError:
    # A ValueError means a name that no file can have.
    absent = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)
    if isinstance(error, OSError) and error.errno not in absent:
        reason = (error.strerror or _one_line(error)).lower()
        return _failure(source, "unreadable", f"cannot be read: {reason}", "")
    with suppress(OSError, ValueError):
        if source.path.is_symlink():
            return _failure(source, "not_found", "is a link that leads nowhere", "")
    if is_glob(str(source.path)):
        return _failure(source, "not_found", "matches no file", "Patterns know * ? [...] and **.")
    hint = "Check the spelling; relative paths start at the current folder."
    return _failure(source, "not_found", "does not exist", hint)


def _unknown(source: Source, kind: str | None) -> PhotoError:
    suffix = source.path.suffix.lower()
    if kind is None and suffix in UNSUPPORTED_SUFFIXES:
        kind = f"a {suffix[1:].upper()} file"
    if kind is not None:
        return _failure(source, "unsupported", f"is {kind}, which spider cannot read yet", _CONVERT)
    hint = "spider reads JPEG, PNG, WebP, TIFF, GIF, BMP and AVIF."
    return _failure(source, "not_an_image", "is not a photo", hint)


def _check_size(size: tuple[int, int], source: Source, max_pixels: int) -> None:
    if size[0] * size[1] > max_pixels:
        what = f"is too large: {size[0]} x {size[1]} pixels, more than {max_pixels:,} in all"
        raise _failure(source, "too_large", what, "Shrink it, or cut it into parts.")


def _explained(error: Exception, source: Source, file: BinaryIO) -> PhotoError:
    """What went wrong inside Pillow, in words for people."""
    if isinstance(error, Image.DecompressionBombError):
        what = "is too large for Pillow's reader of this format"
        return _failure(source, "too_large", what, "Convert it to PNG or TIFF.")
    if isinstance(error, MemoryError):
        return _failure(source, "too_large", "needs more memory than there is", "Shrink it.")
    if isinstance(error, ImportError) or "support not installed" in str(error):
        what = "cannot be read by the Pillow that is installed"
        return _failure(source, "unsupported", what, f"Update Pillow. {_CONVERT}")
    # EINVAL is Pillow following a nonsensical offset.
    if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
        return _not_opened(error, source)
    if isinstance(error, EOFError) or "truncated" in str(error).lower() or looks_cut(file):
        what = "is truncated: the file ends before the picture does"
        return _failure(source, "truncated", what, "Copy or download it again.")
    if source.path.suffix.lower() in UNSUPPORTED_SUFFIXES:
        return _unknown(source, None)
    if not isinstance(error, SyntaxError):  # which is what Pillow raises for a header
        what = f"is damaged{_reason(error)}"
        return _failure(source, "unreadable", what, "Copy or download it again.")
    file.seek(0)
    if identify(file.read(512)) is TIFF:
        what = f"is a TIFF of a kind that spider cannot read{_reason(error)}"
        return _failure(source, "unsupported", what, "Convert it to JPEG or PNG.")
    return _failure(source, "not_an_image", f"has a damaged header{_reason(error)}", "")


def _failure(source: Source, code: str, what: str, hint: str) -> PhotoError:
    return PhotoError(f"{shown(source.name)} {what}", hint=hint, code=code)


def _reason(error: Exception) -> str:
    """Pillow's own words in brackets, unless they are only Python's."""
    text = _one_line(error)
    is_own = isinstance(error, SyntaxError | OSError | ValueError) and " " in text
    return f" ({text})" if is_own and text != str(error.__cause__) else ""


def _one_line(error: Exception) -> str:
    text = shown(" ".join(str(error).split())) or type(error).__name__
    return text if len(text) <= 120 else text[:117] + "..."
