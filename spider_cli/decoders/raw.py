"""Camera RAW files, by rawpy: the preview that the camera put in, or a development of our own."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from spider_cli.decoders import CheckSize, DecoderError, check_length
from spider_cli.formats import JPEG
from spider_cli.pixels import Pixels, orientation, rgb_pixels
from spider_cli.structure import raw_is_cut

if TYPE_CHECKING:
    import rawpy

__all__ = ["develop", "is_raw", "upright_turn"]

_EXIF_OF_FLIP = (1, 2, 4, 3, 5, 8, 6, 7)
"""LibRaw's flip, 0-7 -> EXIF's orientation, 1-8."""


def develop(file: BinaryIO, check: CheckSize) -> tuple[Pixels, tuple[str, ...], str]:
    """The picture of a camera RAW file.

    The embedded JPEG, if its long side is at least half the sensor's: that is what the photographer
    saw, and it is quickly there. Else the sensor's data, developed at half size (each 2 x 2 block
    becomes a pixel, so nothing is interpolated) with the camera's white balance, unbrightened.

    Returns:
        (height, width, 3) uint8 RGB in sRGB, upright; notes; and which of the two it is.

    Raises:
        DecoderError: LibRaw does not know the file, or it is damaged.
        EOFError: it is cut, and the sensor's data are needed.
        MemoryError: they are more than LibRaw takes.
    """
    import rawpy

    cut = raw_is_cut(file)
    check_length(file)
    with _explaining(), rawpy.RawPy() as raw:
        raw.open_buffer(file)
        if (found := _preview(raw, check)) is not None:
            pixels, notes = found
            if cut:
                notes = (
                    *notes,
                    "the file ends early: its preview is whole, its sensor's data are not",
                )
            return pixels, notes, f"embedded preview {_size(pixels)}"
        if cut:
            raise EOFError
        pixels = _developed(raw, check)
        return pixels, (), f"developed at half size, {_size(pixels)}"


def is_raw(file: BinaryIO) -> bool:
    """Whether LibRaw takes a file for a camera's."""
    import rawpy

    check_length(file)
    with rawpy.RawPy() as raw:
        try:
            raw.open_buffer(file)
        except rawpy.LibRawError:
            return False
    return True


def upright_turn(own: int, flip: int, preview: tuple[int, int], sensor: tuple[int, int]) -> int:
    """The EXIF orientation, 1-8, that turns a preview upright.

    Cameras differ: the preview may lie as the sensor does, or stand upright already, whatever the
    RAW file's orientation says of the sensor.

    Args:
        own: the orientation of the preview's own EXIF data; 1 if it has none.
        flip: that of the RAW file.
        preview: width and height as stored.
        sensor: likewise.
    """
    if flip == 1:
        return own

    def tall(size: tuple[int, int], turn: int) -> bool:
        return (size[1] > size[0]) != (turn >= 5)

    wanted = tall(sensor, flip)
    return next((turn for turn in (own, flip, 1) if tall(preview, turn) == wanted), own)


def _preview(raw: "rawpy.RawPy", check: CheckSize) -> tuple[Pixels, tuple[str, ...]] | None:
    """The embedded JPEG, upright, or None where it is missing, small or damaged."""
    import rawpy

    sizes = raw.sizes
    try:
        raw.unpack_thumb()
        # Of previews that are no JPEG, rawpy may give more bytes than there are.
        preview = raw.dcraw_make_mem_thumb()
        if preview.format != rawpy.ThumbFormat.JPEG:
            return None
        image = JPEG.open(io.BytesIO(bytes(preview.data)))
        if 2 * max(image.size) < max(sizes.width, sizes.height):
            return None
        check(image.size)
        image.load()
        turn = upright_turn(
            orientation(image),
            _EXIF_OF_FLIP[sizes.flip & 7],
            image.size,
            (sizes.width, sizes.height),
        )
        return rgb_pixels(image, turn)
    except (rawpy.LibRawError, OSError, SyntaxError, ValueError):
        return None  # the sensor's data may be well


def _developed(raw: "rawpy.RawPy", check: CheckSize) -> Pixels:
    sizes = raw.sizes
    check((sizes.raw_width, sizes.raw_height))
    shown: Any = raw.postprocess(
        half_size=True,
        use_camera_wb=True,
        no_auto_bright=True,
        gamma=(2.4, 12.92),  # sRGB's
        output_bps=8,
    )
    if shown.shape[2] not in (1, 3):
        raise DecoderError(
            "unsupported", f"has {shown.shape[2]} colours", "Convert it to JPEG or TIFF."
        )
    # A copy: the other one's memory is LibRaw's.
    return np.repeat(shown, 3, axis=2) if shown.shape[2] == 1 else np.array(shown)


@contextmanager
def _explaining() -> Iterator[None]:
    """LibRaw's errors in words for people."""
    import rawpy

    try:
        yield
    except (rawpy.LibRawUnsufficientMemoryError, rawpy.LibRawTooBigError) as error:
        raise MemoryError from error
    except (rawpy.LibRawFileUnsupportedError, rawpy.LibRawNotImplementedError) as error:
        version = ".".join(map(str, rawpy.libraw_version))
        what = f"is no camera RAW file that LibRaw {version} can read"
        hint = "Update rawpy, or convert it to DNG, JPEG or TIFF."
        raise DecoderError("unsupported", what, hint) from error
    except rawpy.LibRawError as error:
        reason = error.args[0] if error.args else ""
        said = reason.decode("ascii", "replace") if isinstance(reason, bytes) else str(reason)
        what = f"is damaged ({said.lower()})" if said else "is damaged"
        raise DecoderError("unreadable", what, "Copy or download it again.") from error


def _size(pixels: Pixels) -> str:
    return f"{pixels.shape[1]} x {pixels.shape[0]}"
