"""A sound data set passes; every wrong photo and region is said, where it is, and no more."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.trainer.verify.spoiling import (
    TEST,
    TRAIN,
    Check,
    Rows,
    as_jpeg,
    as_pattern,
    cut,
    fault,
    findings,
    grey_mask,
    grown,
    mask,
    other_photo,
    over,
    painted,
    photo,
    region,
    reverse,
    reverse_whole,
    shorten,
    tiny,
    twice,
)


def test_sound_data_passes(pristine: Path, check: Check) -> None:
    code, lines = check(pristine)
    assert code == 0
    assert lines == [f"{pristine}: 7 photos, 3 references, 48 questions: all as it should be"]


PHOTOS: dict[str, tuple[str, Callable[[Rows], object], list[str]]] = {
    "a box as x,y,width,height": (
        TRAIN,
        region(0, 0, box=[8, 8, 65, 53]),
        [
            "000000, regions[0].box: is [8, 8, 65, 53], expected [8, 8, 73, 61], the mask's own "
            "(x1,y1,x2,y2); the box looks like x,y,width,height"
        ],
    ),
    "a box with its last pixels": (
        TRAIN,
        region(0, 1, box=[92, 70, 149, 119]),
        [
            "000000, regions[1].box: is [92, 70, 149, 119], expected [92, 70, 150, 120], the "
            "mask's own (x1,y1,x2,y2); the box's ends look like the last pixels inside, not the "
            "first outside"
        ],
    ),
    "a point outside": (
        TRAIN,
        region(0, 0, point=[3.0, 4.5]),
        ["000000, regions[0].point: (3, 4.5) lies outside the mask, expected inside the mask"],
    ),
    "a point as y,x": (
        TRAIN,
        region(0, 1, point=[94.5, 120.5]),
        [
            "000000, regions[1].point: (94.5, 120.5) lies outside the mask, expected inside the "
            "mask; the point looks like y,x"
        ],
    ),
    "another place": (
        TRAIN,
        region(0, 1, place=["top", "right"]),
        [
            "000000, regions[1].place: is 'top right', expected 'bottom right' by the box's centre"
        ],
    ),
    "an order reversed": (
        TRAIN,
        reverse,
        [
            "000000, regions[0].distortions: are noise, then blur, an order that no viewer can "
            "tell; expected blur, then noise",
            "000000, regions[0].distortions: the order is reversed: the pixels show blur, then "
            "noise, the record says noise, then blur",
        ],
    ),
    "an order reversed all over": (
        TRAIN,
        reverse_whole,
        [
            "000001, whole: are noise, then contrast weaken, an order that no viewer can tell; "
            "expected contrast weaken, then noise",
            "000001, whole: the order is reversed: the pixels show contrast weaken, then noise, "
            "the record says noise, then contrast weaken",
        ],
    ),
    "another level": (
        TRAIN,
        fault(0, 0, 0, level=2.0, severity="mild"),
        [
            "000000, regions[0].distortions[0].level: is 2, but the pixels show blur_gaussian at "
            "level 4.5 (severe)"
        ],
    ),
    "another severity": (
        TRAIN,
        fault(3, 0, 0, severity="mild"),
        [
            "000003, regions[0].distortions[0].severity: is mild, expected severe for level 5",
        ],
    ),
    "a level off the scale": (
        TRAIN,
        fault(3, 0, 0, level=7.0),
        ["000003, regions[0].distortions[0].level: is 7, expected 1 to 5"],
    ),
    "another type": (
        TRAIN,
        fault(0, 0, 0, type="blur_lens"),
        [
            "000000, regions[0].distortions[0].type: is blur_lens, but the pixels show "
            "blur_gaussian at that level"
        ],
    ),
    "an unknown type": (
        TRAIN,
        fault(3, 0, 0, type="compression_jpg"),
        [
            "000003, regions[0].distortions[0].type: is 'compression_jpg', no type of distortion; "
            "did you mean 'compression_jpeg'?"
        ],
    ),
    "an unknown family": (
        TRAIN,
        fault(3, 0, 0, family="squash"),
        ["000003, regions[0].distortions[0].family: is 'squash', no family of distortions",
         "000003, regions[0].distortions[0].family: is 'squash', expected 'compression' for type "
         "compression_jpeg"],
    ),
    "another seed": (
        TRAIN,
        photo(1, seed=99),
        [
            "000001, whole: do not give the photo's pixels: no other order, level or type does, "
            "so the seed may be another"
        ],
    ),
    "a soft edge called hard": (
        TRAIN,
        region(0, 1, feather=0.0),
        ["000000, regions[1].feather: is 0, but the pixels show an edge 3 wide"],
    ),
    "an empty mask": (
        TRAIN,
        mask(0, 0, np.zeros_like),
        ["000000, regions[0].mask: is empty: no pixel is inside"],
    ),
    "a mask too small": (
        TRAIN,
        mask(0, 0, cut),
        [
            "000000, regions[0].mask: does not cover the distorted pixels: # changed pixels "
            "lie outside every mask, in [8, 14, 20, 55]"
        ],
    ),
    "a mask too large": (
        TRAIN,
        mask(0, 0, grown),
        [
            "000000, regions[0].mask: covers more than is distorted: # pixels under it (#%) "
            "are the reference's"
        ],
    ),
    "a mask turned": (
        TRAIN,
        mask(0, 0, lambda pixels: pixels.T.copy()),
        [
            "000000, regions[0].mask: is 128 x 160 pixels, turned by 90 degrees, expected the "
            "photo's 160 x 128"
        ],
    ),
    "masks that overlap": (
        TRAIN,
        mask(0, 1, over),
        [
            "000000, regions[1].mask: overlaps the mask of regions[0] in 122 pixels",
            "000000, regions[1].mask: covers more than is distorted: # pixels under it (#%) "
            "are the reference's",
        ],
    ),
    "a mask of greys": (
        TRAIN,
        grey_mask,
        ["000003, regions[0].mask: has 2,715 pixels of other values than 0 and 255"],
    ),
    "paint outside the masks": (
        TRAIN,
        painted(0, 10, 100),
        ["000000, image: # changed pixels lie outside every mask, in [10, 100, 20, 105]"],
    ),
    "paint inside a mask": (
        TRAIN,
        painted(0, 35, 30),
        [
            "000000, regions[0].distortions: do not give the photo's pixels: # of 2,715 pixels "
            "differ, by up to # of 255, in [35, 30, 45, 35]"
        ],
    ),
    "paint on a clean photo": (
        TRAIN,
        painted(2, 10, 100),
        [
            "000002, image: is clean by its record, but differs from its reference: # of 20,480 "
            "pixels differ, by up to # of 255, in [10, 100, 20, 105]"
        ],
    ),
    "another photo": (
        TRAIN,
        other_photo,
        [
            "000001, whole: do not give the photo's pixels: no other order, level or type does, "
            "so the seed may be another"
        ],
    ),
    "a photo cut": (
        TRAIN,
        shorten,
        [
            "000002, height: is 128, the image has 100",
            "000002, image: is 160 x 100, its reference 160 x 128",
        ],
    ),
    "a photo too small": (
        TRAIN,
        tiny,
        ["000002, image: is 160 x 40 pixels, expected at least 64 a side"],
    ),
    "a photo as JPEG": (
        TEST,
        as_jpeg,
        ["000005, image: is JPEG, expected PNG"],
    ),
    "no picture": (
        TRAIN,
        photo(2, image={"bytes": b"hello", "path": None}),
        ["000002, image: cannot be decoded, expected a PNG: cannot identify image file"],
    ),
    "a path out of the folder": (
        TRAIN,
        photo(0, source="../../etc/passwd"),
        ["000000, source: is '../../etc/passwd', a path that leaves the photos' folder"],
    ),
    "an absolute path": (
        TEST,
        photo(1, source="/etc/passwd"),
        [
            "000005, source: is '/etc/passwd', an absolute path, expected one relative to the "
            "photos' folder"
        ],
    ),
    "an id twice": (TRAIN, twice, ["000000, id: stands twice in the set, first in " + TRAIN]),
    "a photo in two splits": (
        TEST,
        photo(2, source="table/coffee.png"),
        [
            "000006, source: is 'table/coffee.png', as is that of photo 000000 in split train: "
            "one photo in two splits"
        ],
    ),
    "look-alikes in two splits": (
        TEST,
        photo(2, group="animals/cat.png"),
        [
            "000006, group: is 'animals/cat.png', as is that of photo 000001 in split train: "
            "one photo in two splits"
        ],
    ),
    "an unknown reference": (
        TRAIN,
        photo(0, reference="r000009"),
        ["000000, reference: is 'r000009', which the references do not have"],
    ),
    "no reference": (
        TRAIN,
        photo(0, reference=""),
        [
            "000000, reference: is empty, expected the untouched photo that a photo of scene "
            "regions is made from"
        ],
    ),
    "a reference of another photo": (
        TRAIN,
        photo(0, reference="r000001"),
        ["000000, source: is 'table/coffee.png', but its reference is of 'animals/cat.png'"],
    ),
    "a score off the scale": (TEST, photo(1, mos=61.0), ["000005, mos: is 61, expected 0 to 1"]),
    "no score": (
        TEST,
        photo(1, mos=float("nan")),
        ["000005, mos: is nan, expected a finite number"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PHOTOS)
def test_photos_and_regions(name: str, spoiled: Any, check: Check) -> None:
    file, change, expected = PHOTOS[name]
    spoiled.edit(file, change)
    code, lines = check(spoiled.folder)
    assert code == 1
    said = findings(lines)
    assert len(said) == len(expected), said
    for line, one in zip(said, expected, strict=True):
        assert re.fullmatch(as_pattern(f"{file}, photo {one}"), line), line
