"""Pictures that show a chat model which region is meant."""

from collections.abc import Sequence

import cv2
import numpy as np

from trainer.regions import box_of
from trainer.truth import BoolMask, Pixels

__all__ = ["OUTLINE", "cut_out", "outlined"]

OUTLINE = "magenta"
_COLOUR = (255, 0, 255)
_MARGIN = 0.15
"""Of the region's own size, kept around it when it is cut out."""
_LEAST_SIDE = 224
"""A smaller cut-out is enlarged to this long side, so that a model sees something."""


def outlined(pixels: Pixels, masks: Sequence[BoolMask], *, numbered: bool = False) -> Pixels:
    """The photo with each region outlined, and its number, from 1, written into it.

    Args:
        pixels: (height, width, 3) uint8 RGB.
        masks: (height, width) bool each, none empty.
    """
    drawn = pixels.copy()
    thick = max(1, round(max(pixels.shape[:2]) / 250))
    for mask in masks:
        rims, _ = cv2.findContours(
            mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
        )
        cv2.drawContours(drawn, rims, -1, (0, 0, 0), thick + 2)
        cv2.drawContours(drawn, rims, -1, _COLOUR, thick)
    if numbered:
        scale = max(pixels.shape[:2]) / 500
        for number, mask in enumerate(masks, 1):
            x1, y1, x2, y2 = box_of(mask)
            at = (round((x1 + x2) / 2 - 8 * scale), round((y1 + y2) / 2 + 8 * scale))
            for colour, width in (((0, 0, 0), 3 * thick), (_COLOUR, thick)):
                cv2.putText(drawn, str(number), at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, width)
    return drawn


def cut_out(pixels: Pixels, mask: BoolMask) -> Pixels:
    """The region's box with a little around it, enlarged where it is small."""
    height, width = mask.shape
    x1, y1, x2, y2 = box_of(mask)
    across, down = round((x2 - x1) * _MARGIN), round((y2 - y1) * _MARGIN)
    part = pixels[
        max(0, y1 - down) : min(height, y2 + down), max(0, x1 - across) : min(width, x2 + across)
    ]
    scale = _LEAST_SIDE / max(part.shape[:2])
    if scale <= 1:
        return part.copy()
    size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_CUBIC), np.uint8)
