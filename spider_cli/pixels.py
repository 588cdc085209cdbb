"""Any picture Pillow has opened, or any array, as upright 8-bit sRGB pixels.

The work goes strip by strip: next to the decoded picture and the result, memory holds about a
megapixel.
"""

import io
from collections.abc import Callable
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageCms

__all__ = ["Pixels", "array_pixels", "orientation", "rgb_pixels"]

Pixels: TypeAlias = npt.NDArray[np.uint8]

_STRIP = 1 << 18
"""Pixels per strip: small enough to stay in the processor's cache."""

_BITS_PER_SAMPLE, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339


def rgb_pixels(image: Image.Image, turn: int = 1) -> tuple[Pixels, tuple[str, ...]]:
    """Turn a loaded picture into (height, width, 3) uint8 RGB, and say what had to be decided.

    - An embedded colour profile is applied (relative colorimetric, black point compensation), so
      that the result is sRGB; one that is broken or does not fit the picture is ignored, with a
      note.
    - Transparent parts are laid on white, with a note if there are any.
    - 16-bit grey is scaled, 0-65535 to 0-255; 12-bit grey likewise. 32-bit integers and floats say
      nothing about their range, so it is taken from the values (1, 255 or 65535, see `_white_of`),
      with a note. Values outside it are clipped, NaN is black.

    Args:
        image: any mode; loaded, or loadable.
        turn: the EXIF orientation to apply, 1-8.
    """
    width, height = image.size
    shape = (width, height, 3) if turn >= 5 else (height, width, 3)
    upright = np.empty(shape, np.uint8)
    stored = _as_stored(upright, turn)
    notes: list[str] = []
    to_eight_bit = _scaler(image, notes)
    has_alpha = to_eight_bit is None and _has_alpha(image)
    colour = _colours(image, notes)
    see_through = False
    rows = max(1, _STRIP // width)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(height, top + rows)))
        if to_eight_bit is not None:
            strip = Image.fromarray(to_eight_bit(np.asarray(strip)))
        if has_alpha:
            strip, alpha = _split_alpha(strip)
            opaque = alpha.getextrema()[0] == 255
            strip = colour(strip)
            if not opaque:
                see_through = True
                strip = Image.composite(strip, Image.new("RGB", strip.size, "white"), alpha)
        else:
            strip = colour(strip)
        stored[top : top + rows] = np.asarray(strip)
    if see_through:
        notes.append("transparent parts are shown on white")
    return upright, tuple(notes)


def array_pixels(array: npt.NDArray[Any]) -> tuple[Pixels, tuple[str, ...]]:
    """Turn an array into (height, width, 3) uint8 RGB, a copy, with the same rules as `rgb_pixels`.

    Args:
        array: (height, width), or (height, width, channels) with 1 (grey), 2 (grey and alpha), 3
            (RGB) or 4 (RGB and alpha) channels. uint8 0-255, uint16 0-65535, float 0-1, or bool.

    Raises:
        ValueError: another shape or dtype, no pixels, or floats outside 0-1.
    """
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 2, 3, 4):
        raise ValueError(
            f"an array of shape {array.shape} is not (height, width) or (height, width, 1-4)"
        )
    if array.size == 0:
        raise ValueError(f"an array of shape {array.shape} has no pixels")
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * np.uint8(255)
    elif array.dtype == np.uint16:
        array = _rescaled(array, 65535.0)
    elif array.dtype.kind == "f":
        low, high = float(array.min()), float(array.max())
        if not (low >= 0.0 and high <= 1.0):  # NaN fails too
            raise ValueError(f"a float array must hold 0 to 1, not {low:g} to {high:g}")
        array = _rescaled(array, 1.0)
    elif array.dtype != np.uint8:
        raise ValueError(f"an array of {array.dtype} is not uint8, uint16, float or bool")
    colours = array[:, :, :3] if array.shape[2] >= 3 else array[:, :, :1]
    pixels = np.empty((*array.shape[:2], 3), np.uint8)
    pixels[:] = colours
    notes: tuple[str, ...] = ()
    if array.shape[2] in (2, 4):
        alpha = array[:, :, -1:].astype(np.uint16)
        if alpha.min() < 255:
            pixels[:] = (pixels * alpha + 255 * (255 - alpha) + 127) // 255
            notes = ("transparent parts are shown on white",)
    return pixels, notes


def orientation(image: Image.Image) -> int:
    """The EXIF orientation still to be applied, 1-8; 1 if the metadata has none or is damaged."""
    if image.format == "TIFF":
        return 1  # Pillow turned it while loading
    try:
        value = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damaged metadata fails in many ways, and none of them spoils the pixels
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _as_stored(upright: Pixels, turn: int) -> Pixels:
    """A view of the upright array whose rows and columns run as in the file."""
    if turn >= 5:  # stored on its side
        upright = upright.swapaxes(0, 1)
    if turn in (3, 4, 6, 7):
        upright = upright[::-1]
    if turn in (2, 3, 7, 8):
        upright = upright[:, ::-1]
    return upright


def _has_alpha(image: Image.Image) -> bool:
    return image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info


def _split_alpha(strip: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Colours ("L" or "RGB") and alpha ("L") of a strip with transparency of any kind."""
    key = strip.info.get("transparency")
    if strip.mode == "RGB" and isinstance(key, tuple) and max(key) > 255:
        # The transparent colour of a 16-bit file, whose pixels come in 8 bits.
        strip.info["transparency"] = tuple(value >> 8 for value in key)
    strip = strip.convert("LA" if strip.mode in ("1", "L", "LA", "La") else "RGBA")
    *bands, alpha = strip.split()
    return (bands[0] if len(bands) == 1 else Image.merge("RGB", bands)), alpha


def _colours(image: Image.Image, notes: list[str]) -> Callable[[Image.Image], Image.Image]:
    """What makes a strip (alpha split off, 8 bits) sRGB."""

    def plain(strip: Image.Image) -> Image.Image:
        return strip if strip.mode == "RGB" else strip.convert("RGB")

    profile = image.info.get("icc_profile")
    if not profile or image.mode in ("1", "LAB", "HSV"):
        return plain
    grey = image.mode in ("L", "LA", "La", "F") or image.mode.startswith("I")
    mode = "CMYK" if image.mode == "CMYK" else "L" if grey else "RGB"
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        if mode != "CMYK" and _changes_nothing(transform, mode):
            return plain
    except Exception:  # whatever is wrong with a profile, the pixels are still there
        notes.append("its colour profile is broken or does not fit, and was ignored")
        return plain

    def converted(strip: Image.Image) -> Image.Image:
        result = ImageCms.applyTransform(
            strip if strip.mode == mode else strip.convert(mode), transform
        )
        assert result is not None  # only an in-place transform gives None
        return result

    return converted


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether a profile is sRGB by another name, as most are: then the slow part is skipped."""
    steps = np.arange(0, 256, 51 if mode == "RGB" else 1, dtype=np.uint8)
    if mode == "RGB":
        grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
        probe = Image.fromarray(grid)
    else:
        grid = np.repeat(steps[None, :, None], 3, axis=2)
        probe = Image.fromarray(steps[None])
    result = ImageCms.applyTransform(probe, transform)
    return int(np.abs(np.asarray(result).astype(int) - grid).max()) <= 2


def _scaler(image: Image.Image, notes: list[str]) -> Callable[[npt.NDArray[Any]], Pixels] | None:
    """What makes a strip of numbers wider than 8 bits grey, or None for the 8-bit modes."""
    if image.mode not in ("I", "F") and not image.mode.startswith("I;"):
        return None
    tags: Any = getattr(image, "tag_v2", {})
    bits = tags.get(_BITS_PER_SAMPLE, (16 if image.format == "PNG" else 32,))[0]
    signed = 2 in tuple(tags.get(_SAMPLE_FORMAT, (1,)))
    unsigned32 = image.mode == "I" and bits == 32 and bool(tags) and not signed
    inverted = tags.get(_PHOTOMETRIC) == 0
    key = image.info.get("transparency")
    if image.mode.startswith("I;"):
        white = 4095.0 if bits == 12 else 65535.0
    elif image.mode == "I" and bits == 16:
        white = 32767.0 if signed else 65535.0
    else:
        white = _white_of(image, unsigned32)
        kind = "floating-point" if image.mode == "F" else "32-bit"
        notes.append(f"{kind} values are read as 0 to {white:.10g}")
    if isinstance(key, int):
        notes.append("transparent parts are shown on white")

    def scaled(values: npt.NDArray[Any]) -> Pixels:
        grey = _rescaled(values.view(np.uint32) if unsigned32 else values, white)
        if inverted:
            grey = 255 - grey
        if isinstance(key, int):
            grey[values == key] = 255
        return grey

    return scaled


def _rescaled(values: npt.NDArray[Any], white: float) -> Pixels:
    """0 to `white` as 0 to 255, rounded; outside it clipped, NaN as 0."""
    # Clipped first: infinities would overflow in the product.
    inside = np.nan_to_num(values.astype(np.float32).clip(0.0, white), nan=0.0)
    grey: Pixels = np.rint(inside * np.float32(255.0 / white)).astype(np.uint8)
    return grey


def _white_of(image: Image.Image, unsigned32: bool) -> float:
    """The white level of numbers that do not say theirs.

    The first of 1 (floats only), 255 and 65535 that fits. Integers fit if none is above the level;
    floats if 99% of them, judged on at most a megapixel picked evenly, stay under twice the level,
    as highlights brighter than white are common there. Without a fit it is the brightest value.
    """
    if image.mode == "I":
        low, high = cast("tuple[int, int]", image.getextrema())
        top = float(0xFFFFFFFF if unsigned32 and low < 0 else high)  # Pillow reads them as signed
        return next((level for level in (255.0, 65535.0) if top <= level), top)
    small = (min(image.width, 1024), min(image.height, 1024))
    values = np.asarray(image.resize(small, Image.Resampling.NEAREST))
    values = values[np.isfinite(values)]
    if values.size == 0:
        return 1.0
    top = float(np.percentile(values, 99)) / 2
    return next((level for level in (1.0, 255.0, 65535.0) if top <= level), float(values.max()))
