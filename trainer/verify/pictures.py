"""PNGs out of the files: the photo and its masks, with what is wrong with them."""

import hashlib
import io
import re

import numpy as np
import numpy.typing as npt
from PIL import Image

from spider_cli.strict_pillow import strict_pillow
from trainer.build.survey import MIN_SIDE
from trainer.datasets.schema import MAX_PIXELS
from trainer.truth import BoolMask, Pixels
from trainer.verify.findings import Reporter

__all__ = ["digest_of", "read_mask", "read_photo"]

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
"""What is opened to be able to say that it is no PNG; nothing that starts other programs."""


def read_photo(data: bytes, report: Reporter, field: str = "image") -> Pixels | None:
    """A photo's PNG: (height, width, 3) uint8 RGB; None when it is no picture at all."""
    pixels = _decoded(data, report, field, "RGB")
    if pixels is None:
        return None
    height, width = pixels.shape[:2]
    if min(height, width) < MIN_SIDE:
        report.say(
            field,
            "too_small",
            f"is {width} x {height} pixels, expected at least {MIN_SIDE} a side",
        )
    return pixels


def read_mask(
    data: bytes, report: Reporter, field: str, shape: tuple[int, int] | None
) -> BoolMask | None:
    """A mask's PNG: (height, width) bool; None when it cannot serve.

    Args:
        shape: height and width of the photo, where they are known.
    """
    values = _decoded(data, report, field, "L")
    if values is None:
        return None
    if shape is not None and values.shape != shape:
        turned = ", turned by 90 degrees" if values.shape == shape[::-1] else ""
        report.say(
            field,
            "mask_size",
            f"is {values.shape[1]} x {values.shape[0]} pixels{turned}, expected the photo's "
            f"{shape[1]} x {shape[0]}",
        )
        return None
    between = int(np.count_nonzero((values != 0) & (values != 255)))
    if between:
        report.say(field, "mask_values", f"has {between:,} pixels of other values than 0 and 255")
    mask: BoolMask = values > 127
    if not mask.any():
        report.say(field, "empty_mask", "is empty: no pixel is inside")
        return None
    return mask


def digest_of(pixels: Pixels) -> str:
    """Names the pixels: equal for equal photos."""
    head = repr(pixels.shape).encode()
    return hashlib.sha256(head + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def _decoded(data: bytes, report: Reporter, field: str, mode: str) -> npt.NDArray[np.uint8] | None:
    try:
        with strict_pillow(), Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if image.size[0] * image.size[1] > MAX_PIXELS:
                report.say(
                    field,
                    "too_large",
                    f"is {image.size[0]} x {image.size[1]}, more than {MAX_PIXELS:,} pixels",
                )
                return None
            if image.format != "PNG":
                report.say(field, "not_png", f"is {image.format}, expected PNG")
            if image.mode != mode:
                report.say(
                    field, "picture_mode", f"is a picture of mode {image.mode}, expected {mode}"
                )
            return np.array(image.convert(mode))
    # Decoders raise whatever they like on broken files.
    except Exception as error:
        why = re.sub(r"\s*<_io\.\w+ object at \w+>", "", str(error))
        report.say(field, "no_picture", f"cannot be decoded, expected a PNG: {why}")
        return None
