"""Regions as records mark them (polygons, run lengths, mask pictures) into regions of ours."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from spider_cli.errors import UsageError
from spider_cli.results import Box
from trainer.checks import Convention, box_convention
from trainer.datasets.entries import Entry, Marked, Polygon, Rle, Where
from trainer.regions import box_of, interior_point
from trainer.truth import BoolMask, Region

__all__ = ["decode_rle", "regions_of"]

_SHARED = 0.05
"""Share of a mask that may lie under another, as rims drawn by hand do; the larger gives way."""
_BEYOND = 0.02
"""How far outside the photo, as a share of its side, a corner drawn by hand may lie."""


def regions_of(
    entry: Entry, height: int, width: int, find: Callable[[str], Path | None]
) -> tuple[tuple[Region, ...], tuple[str, ...]]:
    """An entry's regions at the photo's size, and what there is to say about them.

    Args:
        height, width: of the photo, upright.
        find: path in a record -> the file.

    Raises:
        UsageError: a mask of another size, empty, unreadable, or over another one; a box that its
            mask contradicts.
    """
    where = entry.where
    if entry.size is not None and entry.size != (height, width):
        _wrong_size(where, "size", entry.size, height, width)
    masks = [_mask(one, where, height, width, find) for one in entry.regions]
    conventions = [
        _check_box(one, mask, where) for one, mask in zip(entry.regions, masks, strict=True)
    ]
    _check_same(entry, conventions)
    _part(entry, masks)
    regions = tuple(
        Region(
            mask=mask,
            box=box_of(mask),
            point=interior_point(mask),
            distortions=one.distortions,
            label=one.label,
            ordered=one.ordered and len(one.distortions) == 2,
        )
        for one, mask in zip(entry.regions, masks, strict=True)
    )
    said = {found for found in conventions if found}
    return regions, tuple(f"boxes are {_WORDS[one]}" for one in sorted(said))


_WORDS: dict[Convention, str] = {"xywh": "x,y,w,h", "xyxy": "x1,y1,x2,y2"}


def decode_rle(rle: Rle, where: Where, field: str, height: int, width: int) -> BoolMask:
    """COCO run lengths -> (height, width) bool.

    Raises:
        UsageError: they are of another size, or no run lengths.
    """
    if rle.size is not None and rle.size != (height, width):
        _wrong_size(where, f"{field}.size", rle.size, height, width)
    counts = _uncompressed(rle.counts) if isinstance(rle.counts, str) else rle.counts
    if counts is None or any(run < 0 for run in counts) or sum(counts) != height * width:
        covered = "no run lengths" if counts is None else f"run lengths of {sum(counts):,} pixels"
        raise where.error(
            f"{field}.counts",
            f"are {covered}; the photo has {width} x {height} = {height * width:,}",
            code="bad_mask",
        )
    inside = np.arange(len(counts)) % 2 == 1
    flat = np.repeat(inside, np.asarray(counts, dtype=np.int64))
    return flat.reshape(width, height).T.copy()


def _uncompressed(text: str) -> tuple[int, ...] | None:
    """COCO's compressed string: numbers of 5 bits a character, the third on as differences."""
    counts: list[int] = []
    at = 0
    while at < len(text):
        value, shift, more = 0, 0, True
        while more:
            if at == len(text):
                return None
            bits = ord(text[at]) - 48
            if not 0 <= bits < 64 or shift > 60:
                return None
            value |= (bits & 31) << shift
            more = bool(bits & 32)
            at, shift = at + 1, shift + 5
            if not more and bits & 16:
                value -= 1 << shift
        if len(counts) > 2:
            value += counts[-2]
        counts.append(value)
    return tuple(counts)


def _mask(
    one: Marked, where: Where, height: int, width: int, find: Callable[[str], Path | None]
) -> BoolMask:
    if one.rle is not None:
        mask = decode_rle(one.rle, where, f"{one.field}.segmentation", height, width)
    elif one.picture:
        mask = _picture_mask(one, where, height, width, find)
    else:
        mask = _drawn(one, where, height, width)
    if not mask.any():
        raise where.error(one.field, "its mask is empty", code="empty_mask")
    return mask


def _picture_mask(
    one: Marked, where: Where, height: int, width: int, find: Callable[[str], Path | None]
) -> BoolMask:
    path = find(one.picture)
    if path is None:
        raise where.error(one.field, f"there is no mask {one.picture}", code="bad_mask")
    try:
        with Image.open(io.BytesIO(path.read_bytes())) as image:
            if image.size != (width, height):
                _wrong_size(where, one.field, (image.height, image.width), height, width)
            return np.asarray(np.asarray(image.convert("RGB")).max(axis=2) > 0)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise where.error(
            one.field, f"{one.picture} is no mask picture: {error}", code="bad_mask"
        ) from error


def _drawn(one: Marked, where: Where, height: int, width: int) -> BoolMask:
    """Polygons filled, the larger ones first, so that a smaller one on top keeps what it says."""
    shapes = [(polygon, 1) for polygon in one.polygons] + [(p, 0) for p in one.ignored]
    shapes.sort(key=lambda shape: -_area(shape[0]))
    canvas = np.zeros((height, width), np.uint8)
    for polygon, value in shapes:
        corners = np.asarray(polygon, dtype=np.float64)
        beyond = np.maximum(-corners, corners - (width, height)) / (width, height)
        if beyond.max() > _BEYOND:
            x, y = polygon[int(beyond.max(axis=1).argmax())]
            raise where.error(
                one.field,
                f"the point ({x:g}, {y:g}) lies outside the photo of {width} x {height}",
                hint="are these the points of this photo, at this size?",
                code="mask_size",
            )
        cv2.fillPoly(canvas, [np.rint(corners).astype(np.int32)], value)
    return canvas.astype(bool)


def _area(polygon: Polygon) -> float:
    x, y = np.asarray(polygon, dtype=np.float64).T
    return abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))) / 2


def _wrong_size(where: Where, field: str, size: tuple[int, int], height: int, width: int) -> None:
    hint = ""
    if size == (width, height):
        hint = "turned by 90 degrees: the photo's EXIF turns it, and the mask was not turned"
    raise where.error(
        field,
        f"is {size[1]} x {size[0]}, the photo is {width} x {height}",
        hint=hint,
        code="mask_size",
    )


def _check_box(one: Marked, mask: BoolMask, where: Where) -> Convention | None:
    """What the box must have been; None where both would do, or there is no box."""
    if one.box is None:
        return None
    true = box_of(mask)
    here = f"{where}, {one.box_field}"
    box_convention(one.box, true, where=here, expected=one.convention)
    return None if one.convention else _only_convention(one.box, true, here)


def _only_convention(values: Sequence[float], true: Box, where: str) -> Convention | None:
    fits: list[Convention] = []
    for convention in _WORDS:
        try:
            box_convention(values, true, where=where, expected=convention)
        except UsageError:
            continue
        fits.append(convention)
    return fits[0] if len(fits) == 1 else None


def _check_same(entry: Entry, conventions: Sequence[Convention | None]) -> None:
    """One file has one kind of boxes."""
    first = next((found for found in conventions if found), None)
    for one, found in zip(entry.regions, conventions, strict=True):
        if found and first and found != first:
            raise entry.where.error(
                one.box_field,
                f"reads as {_WORDS[found]}, those before as {_WORDS[first]}",
                code="box_mismatch",
            )


def _part(entry: Entry, masks: list[BoolMask]) -> None:
    """No pixel in two masks: rims that overlap go to the smaller one; more is an error."""
    order = sorted(range(len(masks)), key=lambda index: int(masks[index].sum()))
    for place, small in enumerate(order):
        for large in order[place + 1 :]:
            shared = masks[small] & masks[large]
            count = int(shared.sum())
            if count > _SHARED * int(masks[small].sum()):
                raise entry.where.error(
                    entry.regions[large].field,
                    f"its mask lies over that of {entry.regions[small].field}: {count:,} pixels",
                    hint="regions of a photo must not overlap",
                    code="overlapping_masks",
                )
            if count:
                masks[large] = masks[large] & ~shared
