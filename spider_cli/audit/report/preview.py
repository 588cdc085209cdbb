"""Small pictures of a shot for its report: from the pixels at hand, or from the file once more."""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from spider_cli.audit.entry import Preview
from spider_cli.errors import PhotoError
from spider_cli.masks import decode_mask
from spider_cli.photos import Source, open_photo
from spider_cli.results import Audited, Grounding, Mask, Record
from spider_cli.shrinking import shrunk

__all__ = ["HEAT_SIDE", "SIDE", "preview_again", "preview_of", "preview_of_photo"]

SIDE = 1024
"""The most pixels of a preview's longer side."""
HEAT_SIDE = 256
"""The same of its heatmap."""

_QUALITY = 84


def preview_of(record: Record) -> Preview | None:
    """The pictures of a record that still has its pixels (`Auditor.to_ground`, `with_pixels`).

    Returns:
        None where there are none: the photo failed, or a server answered in words alone.
    """
    if not isinstance(record.outcome, Audited):
        return None
    region = record.outcome.region
    if not isinstance(region, Grounding) or region.pixels is None:
        return None
    return preview_of_photo(region.pixels, region.probability)


def preview_of_photo(
    pixels: npt.NDArray[np.uint8], probability: npt.NDArray[np.float32] | None
) -> Preview:
    """The pictures of a photo at hand.

    Args:
        pixels: (height, width, 3) uint8 RGB, upright.
        probability: (height, width) float32 in 0-1 of being in the worst region; None: there is
            none, or nobody knows where.
    """
    return Preview(_jpeg(pixels), None if probability is None else _heat(probability))


def preview_again(source: Source, mask: Mask | None) -> Preview | None:
    """The pictures of a photo, opened anew; the heatmap is its mask, inside or outside.

    Args:
        mask: of the worst region, as the record has it; None: nothing is at fault.

    Returns:
        None if the photo cannot be opened any more. Without a heatmap if it has changed its shape.
    """
    try:
        pixels = open_photo(source).pixels
    except PhotoError:
        return None
    heat = None
    if mask is not None and mask.size == pixels.shape[:2]:
        heat = _heat(decode_mask(mask).astype(np.float32))
    return Preview(_jpeg(pixels), heat)


def _jpeg(pixels: npt.NDArray[np.uint8]) -> bytes:
    """(height, width, 3) uint8 RGB as a JPEG; never enlarged, and made of pixels alone."""
    height, width = pixels.shape[:2]
    factor = SIDE / max(height, width)
    if factor < 1:
        size = max(1, round(width * factor)), max(1, round(height * factor))
        picture = shrunk(pixels, size, Image.Resampling.BICUBIC, reducing_gap=1.5)
    else:
        picture = Image.fromarray(pixels)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def _heat(probability: npt.NDArray[np.float32]) -> bytes:
    """(height, width) float32, 0-1, as a grey PNG."""
    height, width = probability.shape
    # Every so many rows and columns will do: the segmenter's own grid is no finer.
    step = max(1, max(height, width) // (4 * HEAT_SIDE))
    grey = (probability[::step, ::step].clip(0, 1) * 255 + 0.5).astype(np.uint8)
    factor = min(1.0, HEAT_SIDE / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    picture = Image.fromarray(grey).resize(size, Image.Resampling.BOX)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
