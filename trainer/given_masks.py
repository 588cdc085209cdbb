"""Masks given beside the photos: COCO JSON, labelme JSON, label maps.

For ``cats/1.jpg``, in this order, the first that is there:

1. a COCO JSON file that was named;
2. ``cats/1.json``, as labelme writes it;
3. any other JSON file in ``cats/`` in COCO's form that has masks of the photo;
4. ``cats/1.labels.png``, one channel, one number a region; a number may be in several pieces.

Masks have the size of the photo (upright, where its EXIF turns it).
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from spider_cli.errors import UsageError
from spider_cli.pixels import orientation
from spider_cli.reading import parse_distortions
from spider_cli.strict_pillow import strict_pillow
from trainer.coco import CocoFile, looks_like_coco
from trainer.labelme_shapes import looks_like_labelme, shape_masks
from trainer.opencv import resized
from trainer.region_filter import Found, RegionFilter, choose
from trainer.regions import label_map_regions
from trainer.segments import BoolMask

if TYPE_CHECKING:
    from trainer.sources import LabelledPhoto

__all__ = ["GivenRegions", "noun_phrase"]

_DETERMINERS = frozenset(
    {
        *("the", "a", "an", "this", "that", "these", "those", "his", "her", "its", "their"),
        *("my", "your", "our", "one", "two", "three", "four", "five", "six", "some", "several"),
        *("many", "both", "all", "each", "another"),
    }
)
_LONGEST_LABEL = 80
_MAP_MODES = ("1", "L", "P", "I", "I;16", "I;16B", "I;16L")
_MANY = 65_535


@dataclass(frozen=True, slots=True)
class GivenRegions:
    """A finder of regions that people, or another program, drew.

    A label that two masks of a photo share names neither of them, and is left out.
    """

    coco: Path | None = None
    "A COCO file; each of its images is the photo whose path ends with the file name."
    rule: RegionFilter = field(default_factory=RegionFilter)
    "What a mask must be to become a region."

    def name(self) -> str:
        """What the data set's config calls it: it changes when the COCO file does.

        Raises:
            UsageError: the COCO file is none.
        """
        if self.coco is None:
            return "given masks"
        _named_coco(self.coco)
        digest = hashlib.sha256(self.coco.read_bytes()).hexdigest()[:12]
        return f"given masks of {self.coco.name} ({digest})"

    def find(
        self,
        photo: "LabelledPhoto",
        pixels: npt.NDArray[np.uint8],
        rng: np.random.Generator,
        count: int,
    ) -> list[Found]:
        """As `RegionFinder.find`; nothing where nothing is given."""
        height, width = pixels.shape[:2]
        size = _size_of(photo.path)
        masks = self._masks(photo.path, size)
        if masks is not None:
            return choose(self._at(masks, (height, width)), rng, count, rule=self.rule)
        if photo.labels is None:
            return []
        labels = resized(
            _label_map(photo.labels, photo.path, size), (width, height), cv2.INTER_NEAREST_EXACT
        )
        return [Found(mask) for mask in label_map_regions(labels, rng, count)]

    def check(self, photo: "LabelledPhoto") -> int:
        """Look at everything given for a photo, as `find` would.

        Returns:
            How many masks there are; 0 where only a label map is, or nothing.

        Raises:
            UsageError: a mask is empty, of another size, or malformed.
        """
        size = _size_of(photo.path)
        masks = self._masks(photo.path, size)
        if masks is None and photo.labels is not None:
            _label_map(photo.labels, photo.path, size)
        return sum(1 for _ in masks or ())

    def _at(self, masks: Iterable[tuple[BoolMask, str]], shape: tuple[int, int]) -> list[Found]:
        """The masks at the working size, where they are large enough to become regions."""
        found: list[Found] = []
        times: Counter[str] = Counter()
        for mask, label in masks:
            phrase = noun_phrase(label)
            times[phrase] += 1
            # Most of a busy photo's masks are far too small: none of them is resized.
            if mask.mean() >= 0.9 * self.rule.min_share:
                small = resized(
                    mask.view(np.uint8), (shape[1], shape[0]), cv2.INTER_NEAREST_EXACT
                ).astype(bool)
                if small.any():
                    found.append(Found(small, phrase))
        return [one if times[one.label] == 1 else Found(one.mask) for one in found]

    def _masks(self, path: Path, size: tuple[int, int]) -> Iterator[tuple[BoolMask, str]] | None:
        """The photo's masks and labels; None where none are given."""
        if self.coco is not None:
            named = _named_coco(self.coco)
            if named.has(path):
                return named.masks(path, size)
        beside = path.with_suffix(".json")
        if beside.is_file():
            value = _read_json(beside, "shapes")
            if looks_like_labelme(value):
                return shape_masks(beside, value, size)
        for file in _coco_files(path.parent):
            if file.has(path, path.parent):
                return file.masks(path, size, path.parent)
        return None


def noun_phrase(label: str) -> str:
    """A label as a noun phrase: "dog" and "Dog" -> "the dog", "a boy on the left" as it is.

    COCO's "sky-other-merged" is "the sky". What is too long to be a name gives "", and so does what
    reads as a fault of the photo ("blurred wall"): in an answer it would be one.
    """
    text = " ".join(label.replace("_", " ").split()).strip(" .,;:")
    for ending in ("-merged", "-other", "-stuff"):
        text = text.removesuffix(ending)
    if not text or len(text) > _LONGEST_LABEL or not text.isprintable():
        return ""
    if any(parse_distortions(text)):
        return ""
    if text.istitle() and " " not in text:
        text = text.lower()
    return text if text.split()[0].lower() in _DETERMINERS else f"the {text}"


def _size_of(path: Path) -> tuple[int, int]:
    """Height and width of a photo, upright; only its header is read."""
    try:
        with strict_pillow(), Image.open(path) as image:
            width, height = image.size
            return (width, height) if orientation(image) >= 5 else (height, width)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise UsageError(f"cannot open {path}: {error}", code="unreadable") from error


def _label_map(labels: Path, photo: Path, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """(height, width) uint8, as the photo's size; labels numbered anew."""
    try:
        with strict_pillow(), Image.open(labels) as image:
            if (image.height, image.width) != size:
                raise UsageError(
                    f"{labels} is {image.width} x {image.height}, but {photo} is "
                    f"{size[1]} x {size[0]}",
                    hint="the photo's EXIF turns it: turn the map too"
                    if (image.width, image.height) == size
                    else "a map of regions must have the photo's own size",
                    code="mask_size",
                )
            if image.mode not in _MAP_MODES:
                raise UsageError(
                    f"{labels} has {len(image.getbands())} channels ({image.mode})",
                    hint="a map of regions has one channel: one number a region",
                    code="bad_mask",
                )
            values = np.asarray(image)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise UsageError(f"cannot read {labels}: {error}", code="bad_mask") from error
    if values.dtype == np.uint8:
        return values
    found, numbered = np.unique(values, return_inverse=True)
    if len(found) > 256:
        raise UsageError(
            f"{labels} has {len(found):,} regions, more than 256",
            hint="merge the smallest: regions under 4% of a photo are not used anyway",
            code="bad_mask",
        )
    return numbered.reshape(values.shape).astype(np.uint8)


def _read_json(file: Path, key: str) -> Any:
    """What a JSON file holds; None for one that is no JSON and never mentions `key`."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        return json.loads(text)
    except RecursionError as error:
        raise UsageError(f"{file}: nested too deeply", code="bad_json") from error
    except (OSError, ValueError) as error:
        if isinstance(error, json.JSONDecodeError) and f'"{key}"' not in error.doc:
            return None  # somebody else's file
        raise UsageError(f"{file}: {error}", code="bad_json") from error


@lru_cache(maxsize=4)
def _named_coco(file: Path) -> CocoFile:
    value = _read_json(file, "")
    if not looks_like_coco(value):
        raise UsageError(
            f"{file} is not COCO JSON",
            hint="it must be an object with the lists images and annotations",
            code="bad_json",
        )
    return CocoFile(file, value)


@lru_cache(maxsize=64)
def _coco_files(folder: Path) -> tuple[CocoFile, ...]:
    """The COCO files in a folder. Those named as a photo is are the photo's own, and left out."""
    files = sorted(folder.glob("*.json"))
    photos = {path.stem for path in folder.iterdir() if path.suffix != ".json"} if files else set()
    found: list[CocoFile] = []
    for file in files:
        if file.stem not in photos:
            value = _read_json(file, "annotations")
            if looks_like_coco(value):
                found.append(CocoFile(file, value))
    return tuple(found)
