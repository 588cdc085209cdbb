"""Photos composed on the spot, from any folder: so many regions distorted in each."""

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from spider_cli.errors import UsageError
from trainer.annotate import compose
from trainer.opencv import read_labels, resized
from trainer.regions import BoolMask, label_map_regions, superpixel_regions
from trainer.sources import LabelledPhoto, load_pixels
from trainer.truth import Region, Sample

__all__ = ["composed", "composed_pairs", "endless", "prepared"]

_LONGEST = 640
"""Photos are shrunk to this before they are distorted: the anchors of strength hold there."""

_PATIENCE = 300
"""Photos tried in a row before the folder is given up on."""


def endless(sources: list[LabelledPhoto]) -> Iterator[LabelledPhoto]:
    """The photos over and over."""
    while True:
        yield from sources


def prepared(
    photo: LabelledPhoto, count: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.uint8], list[BoolMask]]:
    """A photo at its benchmark size, and up to `count` regions of it."""
    pixels = load_pixels(photo.path)
    height, width = pixels.shape[:2]
    factor = min(1.0, _LONGEST / max(height, width))
    size = (round(width * factor), round(height * factor))
    pixels = resized(pixels, size, cv2.INTER_AREA)
    if photo.labels is not None:
        labels = read_labels(photo.labels)
        assert labels is not None, photo
        labels = resized(labels, size, cv2.INTER_NEAREST)
        masks = label_map_regions(labels, rng, count)
        if len(masks) == count:
            return pixels, masks
    return pixels, superpixel_regions(pixels, rng, count)


def composed(
    pool: Iterator[LabelledPhoto], count: int, rng: np.random.Generator, two_share: float
) -> tuple[str, Sample]:
    """The next photo on which exactly `count` regions could be distorted.

    Raises:
        UsageError: hundreds of tries found none.
    """
    for _ in range(_PATIENCE):
        photo = next(pool)
        pixels, masks = prepared(photo, count, rng)
        sample = compose(
            pixels, masks, rng, whole_share=0, clean_share=0, two_share=two_share, repeat_share=0.5
        )
        if len(sample.regions) == count:
            return photo.path.name, sample
    raise UsageError(
        f"none of the photos has room for {count} distorted regions",
        hint="give photos of at least a few hundred pixels a side, with something on them",
    )


def composed_pairs(
    photos: list[LabelledPhoto], size: int, seed: int
) -> Iterator[tuple[Sample, Region]]:
    """Photos with two distorted regions, and the one that is degraded the most."""
    rng = np.random.default_rng([seed, 5])
    pool = endless(photos)
    made = 0
    while made < size:
        _, sample = composed(pool, 2, rng, two_share=0.45)
        first, second = sample.regions
        if abs(first.total - second.total) < 0.7:
            continue
        made += 1
        yield sample, first if first.total > second.total else second
