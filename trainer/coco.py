"""COCO JSON: masks of photos with the names of what they show.

Everything that needs no mask to be filled is checked when the file is read, the rest when a photo's
masks are asked for. Rows in messages count the items of the list named with them, from 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NoReturn, TypeAlias

import numpy as np

from trainer.checks import box_convention, safe_relative
from trainer.datasets.entries import Rle, Where
from trainer.datasets.fields import Fields, shown
from trainer.datasets.marks import decode_rle
from trainer.outlines import polygon_mask
from trainer.regions import box_of
from trainer.segments import BoolMask

__all__ = ["CocoFile", "looks_like_coco"]

Id: TypeAlias = int | str
_MOST_SIDE = 1_000_000


def looks_like_coco(value: object) -> bool:
    """A JSON value with COCO's lists of images and annotations."""
    return isinstance(value, dict) and all(
        isinstance(value.get(name), list) for name in ("images", "annotations")
    )


@dataclass(frozen=True, slots=True)
class _Image:
    fields: Fields
    name: PurePosixPath
    size: tuple[int | None, int | None]
    """Height and width, where the file says."""
    annotations: list[Fields] = field(default_factory=list)


class CocoFile:
    """A COCO file that has been read.

    Args:
        path: where it lies, for messages.
        value: what it holds.

    Raises:
        UsageError: not COCO; an id, or a file name, that is there twice; an annotation of an image
            or a category that is not there; a file name that leaves its folder.
    """

    def __init__(self, path: Path, value: object) -> None:
        self.path = path
        whole = Fields(value, Where(path))
        images = whole.list("images")
        annotations = whole.list("annotations")
        categories = whole.list("categories") if whole.has("categories") else []
        self._by_id: dict[Id, _Image] = {}
        self._by_basename: dict[str, list[_Image]] = {}
        self._names = self._read_categories(categories)
        self._read_images(images)
        self._read_annotations(annotations)

    def has(self, photo: Path, root: Path | None = None) -> bool:
        """The file has masks of this photo, see `masks`."""
        image = self._image_of(photo, root)
        return image is not None and bool(image.annotations)

    def masks(
        self, photo: Path, size: tuple[int, int], root: Path | None = None
    ) -> Iterator[tuple[BoolMask, str]]:
        """The masks of a photo, one at a time, with the names of their categories.

        Args:
            photo: its path.
            size: its height and width.
            root: the folder that file names start from. When None, a photo is the one whose name
                its path ends with: of several, the longest.

        Yields:
            (height, width) bool, not empty; "" for a category that is not named, and for crowds.

        Raises:
            UsageError: a mask of another size than the photo, empty, malformed, or in contradiction
                to its box.
        """
        image = self._image_of(photo, root)
        if image is None:
            return
        for name, said, true in zip(("height", "width"), image.size, size, strict=True):
            if said is not None and said != true:
                turned = image.size == size[::-1]
                image.fields.fail(
                    name,
                    f"is {said}, but {photo} is {size[1]} x {size[0]}",
                    hint="the photo's EXIF turns it: turn the masks too"
                    if turned
                    else "masks must be drawn at the photo's own size",
                    code="mask_size",
                )
        for annotation in image.annotations:
            mask = _mask(annotation, size)
            if annotation.has("bbox"):
                box_convention(
                    annotation.numbers("bbox"),
                    box_of(mask),
                    where=_place(annotation, "bbox"),
                    expected="xywh",
                )
            crowd = annotation.value.get("iscrowd") in (1, True)
            label = "" if crowd else self._names.get(_id(annotation, "category_id", ""), "")
            yield mask, label

    def _read_categories(self, items: list[object]) -> dict[Id, str]:
        names: dict[Id, str] = {}
        for fields in self._items("categories", items):
            number = _id(fields, "id")
            if number in names:
                _twice(fields, "id", number)
            names[number] = fields.text("name")
        return names

    def _read_images(self, items: list[object]) -> None:
        seen: set[PurePosixPath] = set()
        for fields in self._items("images", items):
            number = _id(fields, "id")
            if number in self._by_id:
                _twice(fields, "id", number)
            name = safe_relative(fields.text("file_name"), where=_place(fields, "file_name"))
            if name in seen:
                _twice(fields, "file_name", str(name))
            seen.add(name)
            image = _Image(fields, name, (_side(fields, "height"), _side(fields, "width")))
            self._by_id[number] = image
            self._by_basename.setdefault(name.name, []).append(image)

    def _read_annotations(self, items: list[object]) -> None:
        seen: set[Id] = set()
        for fields in self._items("annotations", items):
            if fields.has("id"):
                number = _id(fields, "id")
                if number in seen:
                    _twice(fields, "id", number)
                seen.add(number)
            image = self._by_id.get(_id(fields, "image_id"))
            if image is None:
                _unknown(fields, "image_id", "image")
            if self._names and _id(fields, "category_id") not in self._names:
                _unknown(fields, "category_id", "category")
            image.annotations.append(fields)

    def _items(self, name: str, items: list[object]) -> Iterator[Fields]:
        for index, item in enumerate(items):
            yield Fields(item, Where(self.path, index + 1), name)

    def _image_of(self, photo: Path, root: Path | None) -> _Image | None:
        candidates = self._by_basename.get(photo.name, [])
        if not candidates:
            return None
        parts = photo.resolve().parts
        if root is not None:
            base = root.resolve().parts
            if parts[: len(base)] != base:
                return None
            return next((one for one in candidates if one.name.parts == parts[len(base) :]), None)
        ends = [one for one in candidates if parts[-len(one.name.parts) :] == one.name.parts]
        return max(ends, key=lambda one: len(one.name.parts), default=None)


def _mask(annotation: Fields, size: tuple[int, int]) -> BoolMask:
    """(height, width) bool, not empty."""
    outline = annotation.get("segmentation")
    if isinstance(outline, dict):
        mask = _run_lengths(annotation, size)
    elif isinstance(outline, list):
        mask = _polygons(annotation, outline, size)
    else:
        annotation.fail("segmentation", f"is {shown(outline)}, neither polygons nor run lengths")
    if not mask.any():
        annotation.fail(
            "segmentation",
            "the mask is empty",
            hint="leave out annotations without a mask",
            code="empty_mask",
        )
    return mask


def _run_lengths(annotation: Fields, size: tuple[int, int]) -> BoolMask:
    rle = annotation.inside("segmentation")
    said = rle.numbers("size")
    if list(said) != list(size):
        rle.fail(
            "size",
            f"is {shown(list(said))} (height, width), the photo's is {list(size)}",
            hint="masks must be drawn at the photo's own size",
            code="mask_size",
        )
    counts = rle.get("counts")
    if isinstance(counts, str):
        return decode_rle(Rle(counts), rle.where, rle.path, *size)
    numbers = np.asarray(rle.numbers("counts"), dtype=np.float64)
    wrong = np.flatnonzero((numbers < 0) | (numbers != np.rint(numbers)))
    if len(wrong):
        index = int(wrong[0])
        rle.fail(f"counts[{index}]", f"is {numbers[index]:g}, no length of a run", code="bad_mask")
    return decode_rle(Rle(tuple(int(n) for n in numbers)), rle.where, rle.path, *size)


def _polygons(annotation: Fields, outline: list[object], size: tuple[int, int]) -> BoolMask:
    """COCO's flat lists x1, y1, x2, y2, ..."""
    polygons: list[list[tuple[float, float]]] = []
    places: list[str] = []
    for index in range(len(outline)):
        name = f"segmentation[{index}]"
        numbers = Fields({name: outline[index]}, annotation.where, annotation.path).numbers(name)
        if len(numbers) % 2:
            annotation.fail(name, f"has {len(numbers)} numbers, not pairs of x and y")
        polygons.append(list(zip(numbers[::2], numbers[1::2], strict=True)))
        places.append(_place(annotation, name))
    return polygon_mask(polygons, size, where=places)


def _id(fields: Fields, name: str, default: Id | None = None) -> Id:
    if default is not None and not fields.has(name):
        return default
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | str):
        fields.fail(name, f"is {shown(value)}, no id", hint="ids are whole numbers or text")
    return value


def _side(fields: Fields, name: str) -> int | None:
    if not fields.has(name):
        return None
    side = fields.whole(name)
    if not 1 <= side <= _MOST_SIDE:
        fields.fail(name, f"is {side}, no size of a photo", code="mask_size")
    return side


def _place(fields: Fields, name: str) -> str:
    return f"{fields.where}, {fields.name(name)}"


def _twice(fields: Fields, name: str, value: object) -> NoReturn:
    fields.fail(name, f"{shown(value)} is there twice", code="duplicate_id")


def _unknown(fields: Fields, name: str, what: str) -> NoReturn:
    fields.fail(name, f"there is no {what} {shown(fields.value[name])}", code="unknown_id")
