"""COCO files: what is wrong with one is said with file, row and field."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco

from spider_cli.errors import UsageError
from trainer.coco import CocoFile
from trainer.regions import choose_finder
from trainer.truth import BoolMask

HEIGHT, WIDTH = 120, 160
SIZE = (HEIGHT, WIDTH)
SKY = np.zeros(SIZE, bool)
SKY[:40] = True


def compressed(mask: BoolMask) -> dict[str, Any]:
    rle = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": list(mask.shape), "counts": rle["counts"].decode("ascii")}


def record() -> dict[str, Any]:
    """A photo with a sky (run lengths) and a dog (a polygon)."""
    sky = {"segmentation": compressed(SKY), "bbox": [0, 0, 160, 40]}
    dog = {"segmentation": [[30, 60, 90, 60, 90, 110, 30, 110]], "bbox": [30, 60, 60, 50]}
    return {
        "images": [{"id": 7, "file_name": "a.png", "height": HEIGHT, "width": WIDTH}],
        "categories": [{"id": 1, "name": "sky"}, {"id": 2, "name": "dog"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 1, **sky},
            {"id": 2, "image_id": 7, "category_id": 2, **dog},
        ],
    }


def read(value: Any, folder: Path) -> list[str]:
    file = CocoFile(folder / "masks.json", json.loads(json.dumps(value)))
    return [label for _, label in file.masks(folder / "a.png", SIZE)]


def test_a_good_file(tmp_path: Path) -> None:
    assert read(record(), tmp_path) == ["sky", "dog"]


def change(path: str, new: Any) -> Callable[[dict[str, Any]], None]:
    """ "annotations.1.bbox" -> a function that puts `new` there; ... takes the field away."""

    def apply(value: Any) -> None:
        *way, last = [int(key) if key.isdigit() else key for key in path.split(".")]
        for key in way:
            value = value[key]
        if new is ...:
            del value[last]
        else:
            value[last] = new

    return apply


LARGE = {"size": [100_000, 100_000], "counts": [0, 10_000_000_000]}
A = "annotations"
BAD_COCO: dict[str, tuple[Callable[[Any], None], str, str]] = {
    "mask of another size": (
        change(f"{A}.0.segmentation", compressed(SKY[:, :100])),
        r"row 1, annotations\.segmentation\.size: is \[120.*100.*\] .* the photo's is \[120, 160\]",
        "mask_size",
    ),
    "photo of another size": (
        change("images.0.width", 161),
        r"row 1, images\.width: is 161, but .*a\.png is 160 x 120",
        "mask_size",
    ),
    "size without end": (
        change(f"{A}.0.segmentation", LARGE),
        r"row 1, annotations\.segmentation\.size: ",
        "mask_size",
    ),
    "size of nothing": (change("images.0.width", 0), r"row 1, images\.width: is 0", "mask_size"),
    "empty polygon": (
        change(f"{A}.1.segmentation", [[5, 5, 5, 5, 5, 5]]),
        r"row 2, annotations\.segmentation: the mask is empty",
        "empty_mask",
    ),
    "no polygon": (change(f"{A}.1.segmentation", []), "row 2, .*the mask is empty", "empty_mask"),
    "empty run lengths": (
        change(f"{A}.0.segmentation", {"size": list(SIZE), "counts": [HEIGHT * WIDTH]}),
        "row 1, .*the mask is empty",
        "empty_mask",
    ),
    "run lengths of too few pixels": (
        change(f"{A}.0.segmentation.counts", [10, 20]),
        r"row 1, annotations\.segmentation\.counts: are run lengths of 30 pixels",
        "bad_mask",
    ),
    "negative run": (
        change(f"{A}.0.segmentation.counts", [10, -20, HEIGHT * WIDTH + 10]),
        r"row 1, annotations\.segmentation\.counts\[1\]: is -20",
        "bad_mask",
    ),
    "broken run": (
        change(f"{A}.0.segmentation.counts", [1.5, HEIGHT * WIDTH - 1.5]),
        r"row 1, .*\.counts\[0\]: is 1\.5",
        "bad_mask",
    ),
    "run without end": (
        change(f"{A}.0.segmentation.counts", [0, 10**30]),
        r"row 1, annotations\.segmentation\.counts",
        "bad_mask",
    ),
    "text that is no run lengths": (
        change(f"{A}.0.segmentation.counts", "hello ~~~"),
        r"row 1, annotations\.segmentation\.counts: are no run lengths",
        "bad_mask",
    ),
    "cut text": (change(f"{A}.0.segmentation.counts", "PPPo"), "row 1, .*counts: are", "bad_mask"),
    "no counts": (
        change(f"{A}.0.segmentation.counts", ...),
        "row 1, .*counts: is missing",
        "bad_field",
    ),
    "two points": (
        change(f"{A}.1.segmentation", [[1, 1, 50, 50]]),
        r"row 2, annotations\.segmentation\[0\]: a polygon of 2 points",
        "bad_polygon",
    ),
    "half a point": (
        change(f"{A}.1.segmentation", [[1, 1, 50, 50, 60, 2, 9]]),
        r"row 2, annotations\.segmentation\[0\]: has 7 numbers",
        "bad_field",
    ),
    "NaN": (
        change(f"{A}.1.segmentation", [[1, 1, 50, float("nan"), 60, 2]]),
        r"row 2, annotations\.segmentation\[0\]\[3\]: is nan",
        "bad_field",
    ),
    "text for a number": (
        change(f"{A}.1.segmentation", [[1, 1, "50", 4, 60, 2]]),
        r"row 2, annotations\.segmentation\[0\]\[2\]: is text",
        "bad_field",
    ),
    "polygon outside": (
        change(f"{A}.1.segmentation", [[1, 1, 5_000_000, 50, 60, 2]]),
        r"row 2, annotations\.segmentation\[0\]: the point \(5e\+06, 50\) lies outside",
        "mask_size",
    ),
    "outline without end": (
        change(f"{A}.1.segmentation", [[0, 0, 160, 120] * 1000]),
        r"row 2, annotations\.segmentation\[0\]: the outline is 3\d\d,\d{3} pixels long",
        "bad_polygon",
    ),
    "no mask": (
        change(f"{A}.1.segmentation", ...),
        r"row 2, annotations\.segmentation: is missing",
        "bad_field",
    ),
    "mask of no kind": (
        change(f"{A}.1.segmentation", "dog"),
        "row 2, .*neither polygons nor run lengths",
        "bad_field",
    ),
    "xyxy": (
        change(f"{A}.1.bbox", [30, 60, 90, 110]),
        r"row 2, annotations\.bbox: \[30, 60, 90, 110\] is x1, y1, x2, y2 by its mask",
        "box_mismatch",
    ),
    "another's box": (
        change(f"{A}.1.bbox", [5, 5, 20, 20]),
        r"row 2, annotations\.bbox: .* contradicts the mask",
        "box_mismatch",
    ),
    "two annotations of one id": (
        change(f"{A}.1.id", 1),
        r"row 2, annotations\.id: 1 is there twice",
        "duplicate_id",
    ),
    "no such image": (
        change(f"{A}.1.image_id", 70),
        r"row 2, annotations\.image_id: there is no image 70",
        "unknown_id",
    ),
    "no such category": (
        change(f"{A}.1.category_id", 9),
        r"row 2, annotations\.category_id: there is no category 9",
        "unknown_id",
    ),
    "an id that is none": (
        change(f"{A}.1.image_id", [7]),
        r"row 2, .*image_id: .* no id",
        "bad_field",
    ),
    "two images of one id": (
        change("images", [{"id": 7, "file_name": "a.png"}, {"id": 7, "file_name": "b.png"}]),
        r"row 2, images\.id: 7 is there twice",
        "duplicate_id",
    ),
    "two images of one name": (
        change("images", [{"id": 7, "file_name": "a.png"}, {"id": 8, "file_name": "./a.png"}]),
        r"row 2, images\.file_name: 'a\.png' is there twice",
        "duplicate_id",
    ),
    "two categories of one id": (
        change("categories", [{"id": 1, "name": "sky"}, {"id": 1, "name": "dog"}]),
        r"row 2, categories\.id: 1 is there twice",
        "duplicate_id",
    ),
    "path that climbs out": (
        change("images.0.file_name", "../../etc/passwd"),
        r"row 1, images\.file_name: '\.\./\.\./etc/passwd' climbs out",
        "unsafe_path",
    ),
    "absolute path": (
        change("images.0.file_name", "/etc/passwd"),
        r"row 1, images\.file_name: .*absolute",
        "unsafe_path",
    ),
    "an annotation that is none": (change(f"{A}.1", 3), "row 2, annotations: is", "bad_field"),
}


@pytest.mark.parametrize("case", BAD_COCO)
def test_bad_coco(tmp_path: Path, case: str) -> None:
    spoil, words, code = BAD_COCO[case]
    value = record()
    spoil(value)
    file = re.escape(str(tmp_path / "masks.json"))
    with pytest.raises(UsageError, match=f"^{file}, {words}") as caught:
        read(value, tmp_path)
    assert caught.value.code == code
    assert "\n" not in caught.value.message


def test_a_file_that_is_no_coco(tmp_path: Path) -> None:
    for text in ("[1]", "{", '{"images": [], "annotations": 3}', "[" * 100_000):
        file = tmp_path / f"{len(text)}.json"
        file.write_text(text, encoding="utf-8")
        with pytest.raises(UsageError, match=re.escape(str(file))) as caught:
            choose_finder("given", masks=file)
        assert caught.value.code == "bad_json"
    with pytest.raises(UsageError, match=r"none\.json"):
        choose_finder("given", masks=tmp_path / "none.json")


def test_large_coco_is_read_once_and_quickly(tmp_path: Path) -> None:
    images = [{"id": i, "file_name": f"{i}.jpg"} for i in range(2000)]
    annotations = [
        {"id": i, "image_id": i % 2000, "category_id": 1, "segmentation": [[0, 0, 9, 0, 9, 9]]}
        for i in range(20_000)
    ]
    categories = [{"id": 1, "name": "dog"}]
    value = {"images": images, "annotations": annotations, "categories": categories}
    file = CocoFile(tmp_path / "large.json", value)
    assert len(list(file.masks(tmp_path / "5.jpg", (20, 30)))) == 10


def places(value: Any, path: str = "") -> list[str]:
    """The path of every value inside one, as `change` takes them."""
    if not isinstance(value, dict | list):
        return []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, inner in items:
        found += [f"{path}{key}", *places(inner, f"{path}{key}.")]
    return found


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["size", "counts", "id"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(places(record())), anything)
def test_whatever_stands_there_is_read_or_refused(path: str, new: Any) -> None:
    value = record()
    change(path, new)(value)
    try:
        read(value, Path("photos"))
    except UsageError as error:
        assert "masks.json" in error.message and "\n" not in error.message
