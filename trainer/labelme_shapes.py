"""labelme JSON: the shapes that people drew on one photo, into masks."""

from collections.abc import Iterator
from pathlib import Path

from trainer.checks import safe_relative
from trainer.datasets.entries import Where
from trainer.datasets.fields import Fields, shown
from trainer.outlines import circle_mask, polygon_mask
from trainer.segments import BoolMask

__all__ = ["looks_like_labelme", "shape_masks"]

_KINDS = ("polygon", "rectangle", "circle")


def looks_like_labelme(value: object) -> bool:
    """A JSON value with labelme's list of shapes."""
    return isinstance(value, dict) and isinstance(value.get("shapes"), list)


def shape_masks(file: Path, value: object, size: tuple[int, int]) -> Iterator[tuple[BoolMask, str]]:
    """Fill the shapes; those with the same label are one mask.

    Args:
        file: where it lies, for messages: their row is the number of the shape, from 1.
        value: what it holds, see `looks_like_labelme`.
        size: height and width of the photo.

    Yields:
        (height, width) bool, not empty, and the label up to the first ";".

    Raises:
        UsageError: an empty mask, another size, a shape that has no inside, a photo's path that
            leaves the folder.
    """
    whole = Fields(value, Where(file))
    if whole.has("imagePath"):
        safe_relative(whole.text("imagePath"), where=f"{file}, imagePath")
    for name, true in (("imageHeight", size[0]), ("imageWidth", size[1])):
        if whole.has(name) and whole.whole(name) != true:
            whole.fail(
                name,
                f"is {whole.whole(name)}, but the photo is {size[1]} x {size[0]}",
                hint="masks must be drawn at the photo's own size",
                code="mask_size",
            )
    merged: dict[str, BoolMask] = {}
    for index, item in enumerate(whole.list("shapes")):
        shape = Fields(item, Where(file, index + 1), "shapes")
        label = shape.text("label").split(";")[0].strip()
        mask = _filled(shape, size)
        if not mask.any():
            shape.fail("points", "the mask is empty", code="empty_mask")
        merged[label] = merged[label] | mask if label in merged else mask
    for label, mask in merged.items():
        yield mask, label


def _filled(shape: Fields, size: tuple[int, int]) -> BoolMask:
    kind = shape.text("shape_type", "polygon")
    if kind not in _KINDS:
        shape.fail(
            "shape_type",
            f"is {shown(kind)}, which has no inside that spider knows",
            hint=f"draw regions as {', '.join(_KINDS)}",
            code="bad_polygon",
        )
    least = 3 if kind == "polygon" else 2
    points = shape.points("points", least=least)
    if kind != "polygon" and len(points) != 2 and (kind, len(points)) != ("rectangle", 4):
        shape.fail("points", f"has {len(points)} points; a {kind} has 2", code="bad_polygon")
    if kind == "circle":
        return circle_mask(points[0], points[1], size)
    if len(points) == 2:
        (x1, y1), (x2, y2) = points
        points = (x1, y1), (x2, y1), (x2, y2), (x1, y2)
    return polygon_mask([points], size, where=[f"{shape.where}, {shape.name('points')}"])
