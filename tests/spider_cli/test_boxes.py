"""Boxes: what is accepted, where fractions begin, and where a box lands on a photo."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_cli.boxes import BoxSpec
from spider_cli.errors import PhotoError, UsageError

SIDES = st.integers(1, 5000)
PIXELS = st.integers(-6000, 6000)


def spec(x1: float, y1: float, x2: float, y2: float) -> BoxSpec:
    return BoxSpec.parse(f"{x1},{y1},{x2},{y2}")


@pytest.mark.parametrize(
    ("text", "values", "fractional"),
    [
        ("10,20,30,40", (10, 20, 30, 40), False),
        (" 10 , 20,30, 40 ", (10, 20, 30, 40), False),
        ("0,0,1,1", (0, 0, 1, 1), False),  # no decimal point: one pixel
        ("0.0,0,1,1", (0, 0, 1, 1), True),
        ("0,0,1.,1", (0, 0, 1, 1), True),
        (".25,0,.75,1", (0.25, 0, 0.75, 1), True),
        ("0.5,0,1.5,1", (0.5, 0, 1.5, 1), False),  # one value above 1: pixels
        ("-0.5,0,0.5,1", (-0.5, 0, 0.5, 1), True),
        ("-5,+2,10,9", (-5, 2, 10, 9), False),
    ],
)
def test_parses(text: str, values: tuple[float, ...], fractional: bool) -> None:
    box = BoxSpec.parse(text)
    assert (box.x1, box.y1, box.x2, box.y2) == values
    assert box.fractional is fractional


@pytest.mark.parametrize(
    "text",
    [
        *("", "1,2,3", "1,2,3,4,5", "a,b,c,d", "1;2;3;4", "1,2,3,", "1,2,3,nan", "1,2,3,inf"),
        *("1e0,2,3,4", "0x1,2,3,4", "1_0,2,30,4", "1,2,3,4\n,", ".,0,1,1", "\u0661,2,3,4"),
        f"0,0,{'9' * 400},5",
    ],
)
def test_refuses_malformed(text: str) -> None:
    with pytest.raises(UsageError, match="malformed box") as caught:
        BoxSpec.parse(text)
    assert caught.value.code == "bad_box"
    assert "x1,y1,x2,y2" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("30,0,10,10", "inverted box '30,0,10,10': x2 must be greater than x1"),
        ("0,30,10,10", "inverted box '0,30,10,10': y2 must be greater than y1"),
        ("0,5,10,5", "empty box '0,5,10,5': y2 must be greater than y1"),
        ("0.9,0.0,0.1,1.0", "inverted box '0.9,0.0,0.1,1.0': x2 must be greater than x1"),
    ],
)
def test_refuses_inverted(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        BoxSpec.parse(text)
    assert caught.value.message == said
    assert caught.value.code == "bad_box"


@pytest.mark.parametrize(
    ("text", "box", "clipped"),
    [
        ("10,20,30,40", (10, 20, 30, 40), False),
        ("0,0,640,480", (0, 0, 640, 480), False),
        ("600,400,700,500", (600, 400, 640, 480), True),
        ("-5,-5,10,10", (0, 0, 10, 10), True),
        ("0.0,0.0,1.0,1.0", (0, 0, 640, 480), False),
        ("0.25,0.5,0.75,1.0", (160, 240, 480, 480), False),
        ("-0.5,0.0,0.5,0.5", (0, 0, 320, 240), True),
        ("10.4,10.5,20.4,20.5", (10, 11, 20, 21), False),
        ("639.6,0,640.0,480", (639, 0, 640, 480), False),  # rounds to nothing: keeps one pixel
        ("0.5,0.5,0.5001,0.5001", (320, 240, 321, 241), False),
    ],
)
def test_resolves(text: str, box: tuple[int, ...], clipped: bool) -> None:
    assert BoxSpec.parse(text).resolve(640, 480) == (box, clipped)


@pytest.mark.parametrize(
    "text", ["640,0,700,10", "0,480,10,500", "-20,0,0,10", "-0.5,0.0,-0.1,1.0", "900,900,910,910"]
)
def test_wholly_outside(text: str) -> None:
    with pytest.raises(PhotoError) as caught:
        BoxSpec.parse(text).resolve(640, 480)
    assert caught.value.code == "box_outside"
    assert "640x480" in caught.value.message


@given(PIXELS, PIXELS, PIXELS, PIXELS, SIDES, SIDES)
def test_whole_pixels_meet_the_photo(
    x1: int, y1: int, x2: int, y2: int, width: int, height: int
) -> None:
    """A box of whole pixels resolves to its plain intersection with the photo."""
    if x1 >= x2 or y1 >= y2:
        with pytest.raises(UsageError):
            spec(x1, y1, x2, y2)
        return
    left, top, right, bottom = max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)
    if left >= right or top >= bottom:
        with pytest.raises(PhotoError):
            spec(x1, y1, x2, y2).resolve(width, height)
        return
    box, clipped = spec(x1, y1, x2, y2).resolve(width, height)
    assert box == (left, top, right, bottom)
    assert clipped == (box != (x1, y1, x2, y2))


@given(st.data(), SIDES, SIDES)
def test_fractions_stay_inside(data: st.DataObject, width: int, height: int) -> None:
    """Fractions in 0-1 give at least one pixel, inside the photo, within a pixel of the truth."""
    share = st.integers(0, 10_000)
    x1, x2 = sorted(data.draw(st.lists(share, min_size=2, max_size=2, unique=True)))
    y1, y2 = sorted(data.draw(st.lists(share, min_size=2, max_size=2, unique=True)))
    text = ",".join(f"{value / 10_000:.4f}" for value in (x1, y1, x2, y2))
    box, clipped = BoxSpec.parse(text).resolve(width, height)
    assert not clipped
    assert 0 <= box[0] < box[2] <= width
    assert 0 <= box[1] < box[3] <= height
    truth = (x1 * width, y1 * height, x2 * width, y2 * height)
    assert all(abs(got - true / 10_000) <= 1 for got, true in zip(box, truth, strict=True))


@given(PIXELS, PIXELS, PIXELS, PIXELS)
def test_text_and_back(x1: int, y1: int, x2: int, y2: int) -> None:
    if x1 < x2 and y1 < y2:
        box = spec(x1, y1, x2, y2)
        assert BoxSpec.parse(str(box)) == box
