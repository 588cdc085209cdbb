"""Boxes as people type them, and their pixels on a photo."""

import math
import re
from dataclasses import dataclass

from spider_cli.errors import PhotoError, UsageError

__all__ = ["BoxSpec"]

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_FORM = "a box is x1,y1,x2,y2: pixels of the upright photo, or fractions such as 0.25,0.0,0.75,0.5"


@dataclass(frozen=True, slots=True)
class BoxSpec:
    """A box before it meets a photo: ``x1,y1,x2,y2``, end-exclusive.

    Pixels of the upright photo, or fractions of its width and height: the latter when any value
    was written with a decimal point and all are <= 1.
    """

    x1: float
    y1: float
    x2: float
    y2: float
    fractional: bool

    @classmethod
    def parse(cls, text: str) -> "BoxSpec":
        """Read ``x1,y1,x2,y2``.

        Values below zero are allowed: that box is partly, or wholly, outside every photo.

        Raises:
            UsageError: not four plain numbers, or inverted or empty; code "bad_box".
        """
        parts = [part.strip() for part in text.split(",")]
        values = [float(part) for part in parts if _NUMBER.fullmatch(part)]
        if len(parts) != 4 or len(values) != 4 or not all(map(math.isfinite, values)):
            raise UsageError(f"malformed box {text!r}", hint=_FORM, code="bad_box")
        x1, y1, x2, y2 = values
        for axis, low, high in (("x", x1, x2), ("y", y1, y2)):
            if low >= high:
                what = "inverted" if low > high else "empty"
                raise UsageError(
                    f"{what} box {text!r}: {axis}2 must be greater than {axis}1",
                    hint=_FORM,
                    code="bad_box",
                )
        fractional = any("." in part for part in parts) and max(values) <= 1
        return cls(x1, y1, x2, y2, fractional)

    def resolve(self, width: int, height: int) -> tuple[tuple[int, int, int, int], bool]:
        """The box on a photo of `width` x `height` pixels, and whether it was clipped to it.

        Edges are rounded to the nearest pixel. However thin, a box that touches the photo keeps at
        least one pixel.

        Raises:
            PhotoError: wholly outside the photo; code "box_outside".
        """
        scale_x, scale_y = (width, height) if self.fractional else (1, 1)
        across = _span(self.x1 * scale_x, self.x2 * scale_x, width)
        down = _span(self.y1 * scale_y, self.y2 * scale_y, height)
        if across is None or down is None:
            raise PhotoError(
                f"the box {self} is wholly outside the photo of {width}x{height} pixels",
                hint="boxes are x1,y1,x2,y2 in pixels of the upright photo, from its top left",
                code="box_outside",
            )
        (x1, x2, cut_x), (y1, y2, cut_y) = across, down
        return (x1, y1, x2, y2), cut_x or cut_y

    def __str__(self) -> str:
        return ",".join(f"{value:.12g}" for value in (self.x1, self.y1, self.x2, self.y2))


def _span(low: float, high: float, size: int) -> tuple[int, int, bool] | None:
    """One axis: the pixels of ``[low, high)`` inside ``[0, size)`` and whether any fell outside."""
    if low >= size or high <= 0:
        return None
    inner_low, inner_high = max(low, 0.0), min(high, float(size))
    # floor(v + 0.5), not round(): rounding halves to even would shift neighbouring boxes unevenly.
    first, end = math.floor(inner_low + 0.5), math.floor(inner_high + 0.5)
    if first >= end:  # too thin to survive rounding: the pixel it begins in
        first = math.floor(inner_low)
        end = first + 1
    return first, end, low < 0 or high > size
