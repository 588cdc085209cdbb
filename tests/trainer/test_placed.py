"""Where free English puts faults: a table written by hand, and any text. (Our own answers are read
in test_answers.)"""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_cli.reading import parse_distortions
from trainer.placed import Placed, placed_distortions
from trainer.places import Place, find_places


def brief(answer: str) -> str:
    """What was read: "top left: severe noise, mild blur; whole: lens flare; -: mild darken"."""
    return "; ".join(f"{_where(said)}: {_what(said)}" for said in placed_distortions(answer))


def _where(said: Placed) -> str:
    words = [word for word in (said.vertical, said.horizontal) if word]
    return "whole" if said.whole else " ".join(words) or "-"


def _what(said: Placed) -> str:
    return ", ".join([*(f"{d.severity} {d.family}" for d in said.distortions), *said.other])


TABLE = [
    # a place first
    ("The region on the top left shows severe noise.", "top left: severe noise"),
    ("On the bottom right there is mild blur.", "bottom right: mild blur"),
    ("The upper right corner is heavily pixelated.", "top right: severe pixelate"),
    ("The top-left is noisy, while the bottom-right is slightly blurry.",
     "top left: moderate noise; bottom right: mild blur"),
    ("The left side is overexposed and the right side is underexposed.",
     "left: moderate brighten; right: moderate darken"),
    ("The lower half of the image suffers from strong jpeg artifacts and mild noise.",
     "bottom: severe compression, mild noise"),
    ("In the lower-left corner, there is severe blur, mild darkening, and moderate noise.",
     "bottom left: severe blur, mild darken, moderate noise"),
    ("The top is dark; the bottom is bright.", "top: moderate darken; bottom: moderate brighten"),
    ("On the left, severe blur; on the right, mild noise.", "left: severe blur; right: mild noise"),
    ("The top left and the bottom right are noisy.",
     "top left: moderate noise; bottom right: moderate noise"),
    ("The right-hand side of the photo looks faded, with low contrast and faded colours.",
     "right: moderate contrast weaken, moderate saturate weaken"),
    ("Top left: severe noise.", "top left: severe noise"),
    ("The top left region, which contains the sky, shows severe noise.",
     "top left: severe noise"),
    ("The left part of the image is sharp, but the right part is out of focus.",
     "right: moderate blur"),
    ("In the upper part of the photo, the clouds are overexposed; in the lower part, the water is "
     "too dark.", "top: moderate brighten; bottom: moderate darken"),
    ("The top left corner of the image, the sky, shows severe noise, and the bottom right corner "
     "of the image, the grass, shows mild blur.",
     "top left: severe noise; bottom right: mild blur"),
    ("The region on the top left shows severe noise, which hides the bottom of the tower, and mild "
     "blur.", "top left: severe noise, mild blur"),
    ("In the top left the colours are faded and the edges are blurry.",
     "top left: moderate saturate weaken, moderate blur"),
    # a place last
    ("severe noise on the top left and mild blur on the bottom right",
     "top left: severe noise; bottom right: mild blur"),
    ("There is severe noise and mild blur in the upper left, darkening in the lower right.",
     "top left: severe noise, mild blur; bottom right: moderate darken"),
    ("Blur is visible on the left and noise on the right.",
     "left: moderate blur; right: moderate noise"),
    ("Severe noise (top left), mild blur (bottom right).",
     "top left: severe noise; bottom right: mild blur"),
    ("Noise, on the top left, and blur, on the bottom right.",
     "top left: moderate noise; bottom right: moderate blur"),
    ("Severe noise affects the top left and bottom left.",
     "top left: severe noise; bottom left: severe noise"),
    ("Not only noise but also mild blur on the top left.", "top left: moderate noise, mild blur"),
    ("There is severe noise on the top left, and mild blur.", "top left: severe noise, mild blur"),
    ("Mild noise, which is visible on the bottom right.", "bottom right: mild noise"),
    ("Severe noise, which hides detail on the top left, and mild blur, which softens the edges "
     "on the bottom right.", "top left: severe noise; bottom right: mild blur"),
    ("Moderate pixelation can be seen at the left side, near the bottom.",
     "bottom left: moderate pixelate"),
    # both orders in one sentence
    ("The top left shows noise, and there is mild blur on the bottom right.",
     "top left: moderate noise; bottom right: mild blur"),
    ("The left side is noisier than the right.", "left: moderate noise"),
    ("Compared to the left, the right side is more blurry.", "right: moderate blur"),
    # all of the photo, the rest, the middle
    ("The whole image shows severe noise.", "whole: severe noise"),
    ("Severe noise across the entire photo, plus mild blur in the top right.",
     "whole: severe noise; top right: mild blur"),
    ("The top left is noisy and the rest of the image is slightly blurry.",
     "top left: moderate noise; -: mild blur"),
    ("The centre is blurry while the bottom left is dark.",
     "-: moderate blur; bottom left: moderate darken"),
    ("The rest of the image is clean.", ""),
    ("The region on the top left shows blur. The rest of the image is clean.",
     "top left: moderate blur"),
    ("No noise on the top left, but blur on the bottom right.", "bottom right: moderate blur"),
    # places of things, and words that are no places
    ("The top of the tower is blurry.", "-: moderate blur"),
    ("The upper left corner of the window is noisy.", "-: moderate noise"),
    ("The exposure is just right, with mild noise.", "-: mild noise"),
    ("The sky is noisy and the top left is blurry.", "-: moderate noise; top left: moderate blur"),
    ("The top left is noisy and the background is blurry.",
     "top left: moderate noise; -: moderate blur"),
    ("The photo is blurry.", "-: moderate blur"),
    ("", ""),
    # sentences that go on
    ("The region on the top left stands out. It shows severe noise.", "top left: severe noise"),
    ("The top left shows severe noise. This region is also slightly dark.",
     "top left: severe noise; top left: mild darken"),
    ("The top left shows severe noise. The noise covers fine detail.", "top left: severe noise"),
    ("The image shows severe noise. It is also blurry.", "-: severe noise; -: moderate blur"),
    ("The image shows severe noise and blur. The noise is on the top left.",
     "-: severe noise, severe blur; top left: severe noise"),
    ("There are two distorted regions. The first one, at the top left, is severely blurred. The "
     "second one, at the bottom right, is mildly noisy.",
     "top left: severe blur; bottom right: mild noise"),
    # lists of large models
    ("- **Top left**: severe noise\n- **Bottom right**: mild blur, moderate darkening",
     "top left: severe noise; bottom right: mild blur, moderate darken"),
    ("**Top left:**\n- severe noise\n- mild blur\n\n**Bottom right:**\n- darkening",
     "top left: severe noise; top left: mild blur; bottom right: moderate darken"),
    ("1. Severe noise in the top-left corner.\n2. Mild blur in the bottom-right corner.",
     "top left: severe noise; bottom right: mild blur"),
    ("Location: top left\nDistortion: severe noise\nLocation: bottom right\nDistortion: mild blur",
     "top left: severe noise; bottom right: mild blur"),
    ("Distortion: severe noise\nLocation: top left\nDistortion: mild blur\nLocation: bottom right",
     "top left: severe noise; bottom right: mild blur"),
    ("### Bottom left\nSevere compression is visible.\n### Overall:\nThe photo is blurry.",
     "bottom left: severe compression; -: moderate blur"),
    # faults of no family
    ("Moderate lens flare on the top right and severe noise on the bottom left.",
     "top right: lens flare; bottom left: severe noise"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "read"), TABLE)
def test_free_english(answer: str, read: str) -> None:
    assert brief(answer) == read


def test_the_table_is_long() -> None:
    assert len({answer for answer, _ in TABLE}) == len(TABLE) >= 40


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("the top left", [("top", "left")]),
        ("the upper-right corner", [("top", "right")]),
        ("left/top", [("top", "left")]),
        ("the left hand side", [(None, "left")]),
        ("the rightmost part", [(None, "right")]),
        ("the left side, near the bottom", [("bottom", "left")]),
        ("at the top of the image", [("top", None)]),
        ("the bottom of the glass, the left arm, the right colour, on top of that", []),
        ("the lower contrast on the left", [(None, "left")]),
        ("in the middle", [(None, None)]),
    ],
)
def test_places(text: str, places: list[tuple[str | None, str | None]]) -> None:
    assert [place for _, _, place in find_places(text)] == [Place(v, h) for v, h in places]


WORDS = (
    "the", "top", "left", "right", "noise", ",", "and", ".", "severe", "blur", "which", "whole",
    "image", ":", "no", "is", "of", "on", "mild", "making", "moire", "\n- ", "it",
)  # fmt: skip


@given(
    st.text(max_size=120) | st.lists(st.sampled_from(WORDS), max_size=40).map(lambda w: " ".join(w))
)
def test_any_text_is_read_and_nothing_is_made_up(text: str) -> None:
    families, others = parse_distortions(text)
    found = placed_distortions(text)
    assert {one.family for said in found for one in said.distortions} <= {
        f.family for f in families
    }
    assert {name for said in found for name in said.other} <= set(others)
    assert all(said.distortions or said.other for said in found)


def test_hostile_answers_take_no_time() -> None:
    start = time.perf_counter()
    for text in (
        "which severe noise and " * 2000, "top left noise, " * 4000, "on the " * 5000,
        "the top left shows noise and " * 4000, "noise\n" * 4000, "top left:\n" * 4000,
        "a " * 20000 + "noise", "which is visible on the left " * 3000,
    ):  # fmt: skip
        placed_distortions(text)
    assert time.perf_counter() - start < 20
