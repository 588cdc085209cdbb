"""Paths that stay inside their folder; boxes that fit their mask."""

import re
from pathlib import PurePosixPath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_cli.errors import UsageError
from trainer.checks import box_convention, safe_relative
from trainer.region_filter import RegionFilter

HERE = "set.json, row 3, image"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("../../etc/passwd", "climbs out"),
        ("cats/../../1.jpg", "climbs out"),
        ("..\\1.jpg", "climbs out"),
        ("/etc/passwd", "absolute"),
        ("\\\\server\\share\\1.jpg", "absolute"),
        ("C:\\1.jpg", "names a drive"),
        ("c:1.jpg", "names a drive"),
        ("http://x.org/1.jpg", "address"),
        ("a\x00.jpg", "control"),
        ("a\n.jpg", "control"),
        ("", "no file"),
        ("./", "no file"),
        ("/", "no file"),
    ],
)
def test_paths_that_leave_the_folder(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        safe_relative(text, where=HERE)
    assert caught.value.code == "unsafe_path" and caught.value.message.startswith(f"{HERE}: ")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("1.jpg", "1.jpg"),
        ("./cats//1.jpg", "cats/1.jpg"),
        ("cats\\1.jpg", "cats/1.jpg"),
        ("a..b/..c/d..", "a..b/..c/d.."),
        ("~/1.jpg", "~/1.jpg"),
        ("\u732b/1.jpg", "\u732b/1.jpg"),
    ],
)
def test_paths_that_stay(text: str, path: str) -> None:
    assert safe_relative(text, where=HERE) == PurePosixPath(path)


@given(st.text(alphabet="./\\:abC\x00\n ", max_size=12))
def test_no_path_gets_out(text: str) -> None:
    try:
        path = safe_relative(text, where=HERE)
    except UsageError as error:
        assert error.code == "unsafe_path"
        return
    assert not path.is_absolute() and ".." not in path.parts and path.parts
    assert not re.match("[a-zA-Z]:", str(path))


MASK = (10, 20, 110, 60)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((10, 20, 100, 40), "xywh"),
        ((10, 20, 110, 60), "xyxy"),
        ((10, 20, 100, 40), None),
        ((10.4, 20, 109.8, 60), None),
        ((10, 20, 99, 39), "xywh"),  # the last pixel not counted
    ],
)
def test_boxes_that_fit(values: tuple[float, ...], expected: str | None) -> None:
    box = box_convention(values, MASK, where=HERE, expected=expected)  # type: ignore[arg-type]
    assert np.abs(np.subtract(box, MASK)).max() <= 1


@pytest.mark.parametrize(
    ("values", "expected", "words"),
    [
        ((10, 20, 110, 60), "xywh", r"is x1, y1, x2, y2 by its mask .*, where x, y, width, height"),
        ((10, 20, 100, 40), "xyxy", r"is x, y, width, height by its mask"),
        ((10, 20, 100, 80), None, "contradicts the mask"),
        ((20, 10, 40, 100), "xywh", "contradicts the mask"),
        ((10, 20, float("nan"), 40), None, "no box of four numbers"),
        ((10, 20, float("inf"), 40), "xywh", "no box of four numbers"),
        ((10, 20, 100), None, "no box of four numbers"),
        ((), "xywh", "no box of four numbers"),
    ],
)
def test_boxes_that_do_not(values: tuple[float, ...], expected: str | None, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        box_convention(values, MASK, where=HERE, expected=expected)  # type: ignore[arg-type]
    assert caught.value.code == "box_mismatch" and caught.value.message.startswith(f"{HERE}: ")
    assert caught.value.hint


sides = st.integers(1, 500)


@given(sides, sides, sides, sides)
def test_either_convention_is_told_by_the_mask(x: int, y: int, width: int, height: int) -> None:
    mask = (x, y, x + width, y + height)
    assert box_convention((x, y, width, height), mask, where=HERE) == mask
    assert box_convention(mask, mask, where=HERE) == mask
    assert box_convention((x, y, width, height), mask, where=HERE, expected="xywh") == mask
    assert box_convention(mask, mask, where=HERE, expected="xyxy") == mask
    if min(x, y) > 2 + 0.02 * max(width, height):
        with pytest.raises(UsageError, match="by its mask"):
            box_convention(mask, mask, where=HERE, expected="xywh")


def test_a_rule_that_nothing_can_pass_is_refused() -> None:
    with pytest.raises(ValueError, match="min_share <= max_share"):
        RegionFilter(min_share=0.5, max_share=0.4)
    with pytest.raises(ValueError, match="max_overlap"):
        RegionFilter(max_overlap=1.5)
