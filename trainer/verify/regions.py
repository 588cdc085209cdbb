"""Regions: mask, box, point and place words, each against the mask's own pixels."""

from collections.abc import Sequence

import numpy as np

from spider_cli.results import Box
from trainer.regions import box_of, position_words
from trainer.truth import BoolMask, Region
from trainer.verify.faults import read_distortions
from trainer.verify.findings import Record, shown
from trainer.verify.pictures import read_mask

__all__ = ["LARGEST", "SMALLEST", "read_regions"]

SMALLEST, LARGEST = 0.01, 0.7
"""Shares of the photo between which a region of ours must lie."""


def read_regions(
    records: Sequence[Record], shape: tuple[int, int] | None, *, scene: str, made: bool
) -> list[Region | None]:
    """Check regions; None stands for one that cannot be understood.

    Args:
        shape: height and width of the photo, where they are known.
        scene: the photo's.
        made: the distortions were put there by us.
    """
    masks: list[BoolMask | None] = []
    regions: list[Region | None] = []
    for record in records:
        data = record.data("mask")
        mask = None if data is None else read_mask(data, record.report, "mask", shape)
        masks.append(mask)
        regions.append(_region(record, mask, scene=scene, made=made))
    _check_apart(records, masks)
    return regions


def _region(record: Record, mask: BoolMask | None, *, scene: str, made: bool) -> Region | None:
    label, ordered = record.text("label"), record.flag("ordered")
    feather = record.number("feather")
    box, point = record.numbers("box", 4), record.numbers("point", 2)
    place = record.texts("place")
    listed = record.records("distortions")
    if feather is not None and feather < 0:
        record.report.say("feather", "bad_feather", f"is {feather:g}, expected 0 or more")
        feather = None
    distortions = None
    if listed is not None:
        if not listed and scene != "unknown":
            record.report.say("distortions", "no_distortion", "are none, expected one or two")
        distortions = read_distortions(
            listed, record, "distortions", made=made, ordered=ordered is not False
        )
    if mask is None:
        return None
    height, width = mask.shape
    share = float(mask.mean())
    if made and not SMALLEST <= share <= LARGEST:
        record.report.say(
            "mask",
            "mask_share",
            f"covers {share:.1%} of the photo, expected {SMALLEST:.0%} to {LARGEST:.0%}",
        )
    true = box_of(mask)
    if box is not None:
        _check_box(record, box, true)
    if point is not None:
        _check_point(record, point, mask)
    words = position_words(true, width, height)
    if place is not None and place != words:
        record.report.say(
            "place",
            "wrong_place",
            f"is {shown(' '.join(place))}, expected {shown(' '.join(words))} by the box's centre",
        )
    if point is None or distortions is None or label is None or ordered is None or feather is None:
        return None
    # The mask's own box: one wrong box is one finding, not one for each that follows from it.
    return Region(mask, true, (point[0], point[1]), distortions, label, ordered, feather)


def _check_box(record: Record, box: tuple[float, ...], true: Box) -> None:
    x1, y1, x2, y2 = true
    found = list(box)
    if found == [x1, y1, x2, y2]:
        return
    said = f"is {_listed(box)}, expected {_listed(true)}, the mask's own (x1,y1,x2,y2)"
    if found == [x1, y1, x2 - x1, y2 - y1]:
        said += "; the box looks like x,y,width,height"
    elif found == [x1, y1, x2 - 1, y2 - 1]:
        said += "; the box's ends look like the last pixels inside, not the first outside"
    elif found == [y1, x1, y2, x2]:
        said += "; the box looks like y1,x1,y2,x2"
    record.report.say("box", "wrong_box", said)


def _check_point(record: Record, point: tuple[float, ...], mask: BoolMask) -> None:
    height, width = mask.shape
    x, y = (round(value) for value in point)
    if 0 <= x < width and 0 <= y < height and mask[y, x]:
        return
    inside = 0 <= x < width and 0 <= y < height
    said = f"({point[0]:g}, {point[1]:g}) lies outside the {'mask' if inside else 'photo'}"
    said += ", expected inside the mask"
    if 0 <= y < width and 0 <= x < height and mask[x, y]:
        said += "; the point looks like y,x"
    record.report.say("point", "wrong_point", said)


def _check_apart(records: Sequence[Record], masks: Sequence[BoolMask | None]) -> None:
    for number, mask in enumerate(masks):
        for other, before in enumerate(masks[:number]):
            if mask is None or before is None or mask.shape != before.shape:
                continue
            shared = int(np.count_nonzero(mask & before))
            if shared:
                records[number].report.say(
                    "mask",
                    "overlapping_masks",
                    f"overlaps the mask of regions[{other}] in {shared:,} pixels",
                )


def _listed(values: Sequence[float]) -> str:
    return "[" + ", ".join(f"{value:g}" for value in values) + "]"
