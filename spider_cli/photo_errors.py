"""What can be the matter with a photo, in one line for people and a code for programs."""

import errno
from contextlib import suppress
from typing import BinaryIO

from PIL import Image

from spider_cli.decoders import DecoderError
from spider_cli.errors import PhotoError
from spider_cli.extras import EXTRAS, RAW, Extra, installing
from spider_cli.formats import TIFF, Format
from spider_cli.patterns import is_glob
from spider_cli.sources import UNSUPPORTED_SUFFIXES, Source, shown
from spider_cli.structure import looks_cut

__all__ = ["check_size", "explained", "failure", "lacking", "not_opened", "one_line", "unknown"]

_CONVERT = "Convert it to JPEG, PNG or TIFF."


def not_opened(error: OSError | ValueError, source: Source) -> PhotoError:
    """Why the file was not opened, or stopped being readable."""
    # A ValueError means a name that no file can have.
    absent = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)
    if isinstance(error, OSError) and error.errno not in absent:
        reason = (error.strerror or one_line(error)).lower()
        return failure(source, "unreadable", f"cannot be read: {reason}", "")
    with suppress(OSError, ValueError):
        if source.path.is_symlink():
            return failure(source, "not_found", "is a link that leads nowhere", "")
    if is_glob(str(source.path)):
        return failure(source, "not_found", "matches no file", "Patterns know * ? [...] and **.")
    hint = "Check the spelling; relative paths start at the current folder."
    return failure(source, "not_found", "does not exist", hint)


def unknown(source: Source, kind: str | None) -> PhotoError:
    """It is nothing that spider reads: `kind` in words ("a PDF document"), or None."""
    suffix = source.path.suffix.lower()
    if kind is None and suffix in UNSUPPORTED_SUFFIXES:
        kind = f"a {suffix[1:].upper()} file"
    if kind is not None:
        return failure(source, "unsupported", f"is {kind}, which spider cannot read yet", _CONVERT)
    more = "".join(f", {extra.photos}" for extra in EXTRAS if extra.installed)
    hint = f"spider reads JPEG, PNG, WebP, TIFF, GIF, BMP, AVIF{more}."
    return failure(source, "not_an_image", "is not a photo", hint)


def lacking(source: Source, extra: Extra) -> PhotoError:
    """It could be read with an extra that is not installed."""
    what = f"is a {extra.photos} photo, and what reads it is not installed"
    return failure(source, "unsupported", what, installing([extra]))


def check_size(size: tuple[int, int], source: Source, max_decode_pixels: int) -> None:
    """Raise a PhotoError (``too_large``) if width times height are more than that."""
    if size[0] * size[1] > max_decode_pixels:
        what = f"is too large: {size[0]} x {size[1]} pixels, more than {max_decode_pixels:,} in all"
        raise failure(source, "too_large", what, "Shrink it, or cut it into parts.")


def explained(error: Exception, source: Source, file: BinaryIO, kind: Format | None) -> PhotoError:
    """What went wrong inside a decoder, in words for people.

    Args:
        kind: what the file is, once that is known.
    """
    if isinstance(error, DecoderError) and not (error.code == "unreadable" and looks_cut(file)):
        return failure(source, error.code, error.what, error.hint)
    if isinstance(error, ImportError) and kind is not None and kind.extra is not None:
        what = f"cannot be read: {kind.extra.package} does not start{_reason(error)}"
        hint = f"pip install --force-reinstall {kind.extra.package}"
        return failure(source, "unsupported", what, hint)
    if isinstance(error, Image.DecompressionBombError):
        what = "is too large for Pillow's reader of this format"
        return failure(source, "too_large", what, "Convert it to PNG or TIFF.")
    if isinstance(error, MemoryError):
        return failure(source, "too_large", "needs more memory than there is", "Shrink it.")
    if isinstance(error, ImportError) or "support not installed" in str(error):
        what = "cannot be read by the Pillow that is installed"
        return failure(source, "unsupported", what, f"Update Pillow. {_CONVERT}")
    # EINVAL is Pillow following a nonsensical offset.
    if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
        return not_opened(error, source)
    if isinstance(error, EOFError) or "truncated" in str(error).lower() or looks_cut(file):
        what = "is truncated: the file ends before the picture does"
        return failure(source, "truncated", what, "Copy or download it again.")
    suffix = source.path.suffix.lower()
    if suffix in UNSUPPORTED_SUFFIXES:
        return unknown(source, None)
    if suffix in RAW.suffixes and not RAW.installed:
        return lacking(source, RAW)
    if not isinstance(error, SyntaxError):  # which is what Pillow raises for a header
        what = f"is damaged{_reason(error)}"
        return failure(source, "unreadable", what, "Copy or download it again.")
    if kind is TIFF:
        what = f"is a TIFF of a kind that spider cannot read{_reason(error)}"
        return failure(source, "unsupported", what, "Convert it to JPEG or PNG.")
    return failure(source, "not_an_image", f"has a damaged header{_reason(error)}", "")


def failure(source: Source, code: str, what: str, hint: str) -> PhotoError:
    """An error whose message is the photo's name, printable, and `what`."""
    return PhotoError(f"{shown(source.name)} {what}", hint=hint, code=code)


def _reason(error: Exception) -> str:
    """Pillow's own words in brackets, unless they are only Python's."""
    text = one_line(error)
    is_own = isinstance(error, SyntaxError | OSError | ValueError | ImportError) and " " in text
    return f" ({text})" if is_own and text != str(error.__cause__) else ""


def one_line(error: Exception) -> str:
    """An error's own words, printable and at most 120 characters; without any, its class."""
    text = shown(" ".join(str(error).split())) or type(error).__name__
    return text if len(text) <= 120 else text[:117] + "..."
