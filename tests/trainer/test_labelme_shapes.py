"""labelme files: what is wrong with one is said with file, row and field."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_cli.errors import UsageError
from trainer.labelme_shapes import shape_masks

HEIGHT, WIDTH = 120, 160


def labelme_json(*shapes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "imagePath": "a.png",
        "imageHeight": HEIGHT,
        "imageWidth": WIDTH,
        "shapes": list(shapes),
    } | changes


def polygon(label: str, *points: tuple[float, float], kind: str = "polygon") -> dict[str, Any]:
    return {"label": label, "points": [list(p) for p in points], "shape_type": kind}


SQUARE = polygon("sky;blur:2", (0, 0), (80, 0), (80, 60), (0, 60))


BAD_LABELME: dict[str, tuple[dict[str, Any], str, str]] = {
    "another size": (
        labelme_json(SQUARE, imageWidth=161),
        "imageWidth: is 161, but the photo is 160 x 120",
        "mask_size",
    ),
    "path that climbs out": (
        labelme_json(SQUARE, imagePath="..\\..\\etc\\passwd"),
        "imagePath: .*climbs out",
        "unsafe_path",
    ),
    "two points": (
        labelme_json(SQUARE, polygon("b", (1, 1), (9, 9))),
        r"row 2, shapes\.points: has 2 points; at least 3",
        "bad_field",
    ),
    "NaN": (
        labelme_json(polygon("b", (1, 1), (9, float("nan")), (3, 4))),
        r"row 1, shapes\.points\[1\]\[1\]: is nan",
        "bad_field",
    ),
    "outside": (
        labelme_json(polygon("b", (1, 1), (9, 9), (3, 400))),
        r"row 1, shapes\.points: the point \(3, 400\) lies outside",
        "mask_size",
    ),
    "empty": (
        labelme_json(polygon("b", (5, 5), (5, 5), (5, 5))),
        r"row 1, shapes\.points: the mask is empty",
        "empty_mask",
    ),
    "circle outside": (
        labelme_json(polygon("b", (500, 500), (505, 505), kind="circle")),
        r"row 1, shapes\.points: the mask is empty",
        "empty_mask",
    ),
    "circle of three points": (
        labelme_json(polygon("b", (5, 5), (6, 6), (7, 7), kind="circle")),
        r"row 1, shapes\.points: has 3 points; a circle has 2",
        "bad_polygon",
    ),
    "a line": (
        labelme_json(polygon("b", (5, 5), (6, 6), kind="line")),
        r"row 1, shapes\.shape_type: is 'line'",
        "bad_polygon",
    ),
    "no label": (
        labelme_json({"points": [[1, 1], [9, 9], [3, 4]]}),
        r"row 1, shapes\.label: is missing",
        "bad_field",
    ),
}


@pytest.mark.parametrize("case", BAD_LABELME)
def test_bad_labelme(case: str) -> None:
    value, words, code = BAD_LABELME[case]
    file = Path("photos") / "a.json"
    with pytest.raises(UsageError, match=f"^{re.escape(str(file))}, {words}") as caught:
        list(shape_masks(file, value, (HEIGHT, WIDTH)))
    assert caught.value.code == code
    assert "\n" not in caught.value.message


def test_a_rectangle_may_have_four_corners() -> None:
    four = polygon("b", (0, 0), (80, 0), (80, 60), (0, 60), kind="rectangle")
    two = polygon("b", (80, 60), (0, 0), kind="rectangle")
    for shape in (four, two):
        ((mask, label),) = shape_masks(Path("a.json"), labelme_json(shape), (HEIGHT, WIDTH))
        assert label == "b" and mask[:60, :80].all() and mask.sum() == 4800


anything = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.just([[1, 2]])
)
fields = st.sampled_from(["label", "points", "shape_type"])


@given(fields, anything, st.sampled_from(["imagePath", "imageWidth", "shapes", "x"]), anything)
def test_whatever_stands_there_is_read_or_refused(
    field: str, new: Any, outer: str, other: Any
) -> None:
    value = labelme_json(SQUARE | {field: new}) | ({outer: other} if outer != "x" else {})
    try:
        list(shape_masks(Path("a.json"), value, (HEIGHT, WIDTH)))
    except UsageError as error:
        assert error.message.startswith("a.json") and "\n" not in error.message
