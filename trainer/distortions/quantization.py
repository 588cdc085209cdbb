"""Too few colours: uniform levels, Otsu's classes, median cut and equal parts of the histogram."""

import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.distortions.kinds import Kind, Pixels, to_bytes

__all__ = ["KINDS"]

RAMP = np.arange(256, dtype=np.float64)
StartsOf = Callable[[NDArray[np.float64], int], NDArray[np.float64]]


def uniform(pixels: Pixels, levels: float, rng: np.random.Generator) -> Pixels:
    """Round every channel to evenly spaced `levels`, 0 and 255 among them."""
    gaps = _whole(levels) - 1
    curve = to_bytes((np.rint(RAMP * (gaps / 255)) * (255 / gaps)).astype(np.float32))
    return np.asarray(cv2.LUT(pixels, curve), dtype=np.uint8)


def otsu(pixels: Pixels, classes: float, rng: np.random.Generator) -> Pixels:
    """Each channel in `classes` that minimise the variance inside them."""
    return _per_channel(pixels, _otsu_starts, _whole(classes))


def histogram(pixels: Pixels, classes: float, rng: np.random.Generator) -> Pixels:
    """Each channel in `classes` that hold equally many pixels."""
    return _per_channel(pixels, _equal_starts, _whole(classes))


def median(pixels: Pixels, colours: float, rng: np.random.Generator) -> Pixels:
    """A palette of `colours` chosen by median cut, without dithering."""
    # Cut the 32 x 32 x 32 histogram: a colour's bin has 5 bits of red, then of green, then of blue.
    bins = (pixels >> 3).astype(np.int32) @ np.array([1024, 32, 1], dtype=np.int32)
    counts = np.bincount(bins.ravel(), minlength=32768).astype(np.float64)
    used = np.flatnonzero(counts)
    places = np.stack([used >> 10, used >> 5 & 31, used & 31])  # (3, bins in use)
    boxes = [np.arange(len(used))]
    while len(boxes) < _whole(colours):
        # The box to cut has the most pixels times the longest side, so that skies do not take all.
        sides = [np.ptp(places[:, box], axis=1) for box in boxes]
        sizes = [
            side.max() * counts[used[box]].sum() for side, box in zip(sides, boxes, strict=True)
        ]
        widest = int(np.argmax(sizes))
        if sizes[widest] == 0:
            break
        boxes += _halves(boxes.pop(widest), places[int(sides[widest].argmax())], counts[used])
    palette = np.zeros((32768, 3), dtype=np.uint8)
    for box in boxes:
        # Bins are 8 wide: their middle is 3.5 above their start.
        mean = np.average(places[:, box], axis=1, weights=counts[used[box]]) * 8 + 3.5
        palette[used[box]] = np.rint(mean)
    return palette[bins]


def _halves(
    box: NDArray[np.intp], place: NDArray[np.intp], counts: NDArray[np.float64]
) -> list[NDArray[np.intp]]:
    """Cut a box at the median of its pixels' `place`; neither half is empty."""
    totals = np.bincount(place[box], counts[box], minlength=32)
    cut = int(np.searchsorted(np.cumsum(totals), totals.sum() / 2))
    cut = min(max(cut, int(place[box].min())), int(place[box].max()) - 1)
    return [box[place[box] <= cut], box[place[box] > cut]]


def _whole(number: float) -> int:
    # Rounded up, with room for the error of interpolation at a whole number: rounding to the
    # nearest would put 5 and 4 levels next to each other, and on some photos 5 fall worse.
    return max(2, math.ceil(number - 0.01))


def _per_channel(pixels: Pixels, starts_of: StartsOf, classes: int) -> Pixels:
    table = np.empty((1, 256, 3), dtype=np.uint8)
    for channel in range(3):
        plane = np.ascontiguousarray(pixels[..., channel])
        counts = np.bincount(plane.ravel(), minlength=256).astype(np.float64)
        starts = starts_of(counts, classes)
        label = np.searchsorted(starts, RAMP, side="right") - 1
        weight = np.bincount(label, counts, minlength=len(starts))
        total = np.bincount(label, counts * RAMP, minlength=len(starts))
        table[0, :, channel] = np.rint(total / np.maximum(weight, 1))[label]
    return np.asarray(cv2.LUT(pixels, table), dtype=np.uint8)


def _equal_starts(counts: NDArray[np.float64], classes: int) -> NDArray[np.float64]:
    """First value of each class (ascending, the first is 0); fewer when values repeat a lot."""
    before = np.cumsum(counts) - counts
    wanted = counts.sum() * np.arange(classes) / classes
    return np.unique(np.append(np.searchsorted(before, wanted[1:]), 0)).astype(np.float64)


def _otsu_starts(counts: NDArray[np.float64], classes: int) -> NDArray[np.float64]:
    """As _equal_starts, for the least variance inside classes: exact, by dynamic programming."""
    weight = np.append(0, np.cumsum(counts))
    first = np.append(0, np.cumsum(counts * RAMP))
    second = np.append(0, np.cumsum(counts * RAMP * RAMP))
    # inside[a, b]: squared error of the class of values a..b-1; infinite where it would be empty.
    in_weight = weight[None, :] - weight[:, None]
    in_first = first[None, :] - first[:, None]
    inside = second[None, :] - second[:, None] - in_first**2 / np.maximum(in_weight, 1)
    inside[np.tril_indices(257)] = np.inf
    best = inside[0]
    choices = []
    for _ in range(classes - 1):
        through = best[:, None] + inside
        choices.append(through.argmin(axis=0))
        best = through.min(axis=0)
    starts = [256]
    for choice in reversed(choices):
        starts.append(int(choice[starts[-1]]))
    return np.unique([0, *starts[1:]]).astype(np.float64)


KINDS: dict[str, Kind] = {
    "quantization_uniform": Kind(uniform, (64.0, 12.0, 7.0, 4.0), geometric=True),
    "quantization_otsu": Kind(otsu, (48.0, 9.2, 4.0, 2.0), geometric=True),
    "quantization_median": Kind(median, (256.0, 20.0, 7.0, 3.0), geometric=True),
    "quantization_histogram": Kind(histogram, (64.0, 9.2, 4.0, 2.0), geometric=True),
}
