"""Profiles made of code points, as Pillow's colour engine reads them."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms

from spider_cli.decoders.code_points import is_hdr, profile

Array = npt.NDArray[Any]


def shown(values: list[tuple[int, int, int]], primaries: int, transfer: int) -> Array:
    """(n, 3) int: the values in sRGB."""
    content = profile(primaries, transfer)
    assert content is not None
    known = ImageCms.ImageCmsProfile(io.BytesIO(content))
    image = ImageCms.profileToProfile(
        Image.fromarray(np.array([values], np.uint8)),
        known,
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    assert image is not None
    return np.asarray(image)[0].astype(int)


def srgb(light: float) -> int:
    return round(
        255 * (12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055)
    )


@pytest.mark.parametrize(
    ("primaries", "transfer"), [(1, 13), (1, 1), (2, 2), (6, 6), (1, 14), (1, 15), (77, 99)]
)
def test_srgb_by_any_name_needs_none(primaries: int, transfer: int) -> None:
    assert profile(primaries, transfer) is None


def test_display_p3() -> None:
    """sRGB's pure colours, in Display P3 (as CSS Color 4 converts them), come back."""
    found = shown([(234, 51, 35), (117, 251, 76), (0, 0, 245)], 12, 13)
    assert np.abs(found - [(255, 0, 0), (0, 255, 0), (0, 0, 255)]).max() <= 6


@pytest.mark.parametrize("primaries", [1, 9, 11, 12])
@pytest.mark.parametrize("transfer", [4, 5, 8, 13, 16, 17, 18])
def test_grey_stays_grey(primaries: int, transfer: int) -> None:
    if profile(primaries, transfer) is None:
        return
    found = shown([(v, v, v) for v in range(0, 256, 5)], primaries, transfer)
    assert np.ptp(found, axis=1).max() <= 2
    assert (np.diff(found[:, 0]) >= 0).all()


@pytest.mark.parametrize(("transfer", "power"), [(4, 2.2), (5, 2.8), (8, 1.0)])
def test_power_laws(transfer: int, power: float) -> None:
    [found] = shown([(128, 128, 128)], 1, transfer)
    assert abs(int(found[0]) - srgb((128 / 255) ** power)) <= 2


def test_hdr_middle_tones_keep_their_light_and_highlights_roll_off() -> None:
    # By ITU-R BT.2408 PQ's 38% are 26 cd/m2, 58% are white's 203, and 75% are 1,000.
    middle, white, bright = shown([(v, v, v) for v in (97, 148, 192)], 9, 16)[:, 0]
    assert abs(int(middle) - srgb(26 / 203)) <= 3
    assert srgb(0.8) < white < bright <= 255
    # HLG's 38% and 75% are the same two.
    middle, white = shown([(v, v, v) for v in (97, 191)], 9, 18)[:, 0]
    assert abs(int(middle) - srgb(26 / 203)) <= 3
    assert srgb(0.8) < white < 255


def test_which_are_hdr() -> None:
    assert [code for code in range(20) if is_hdr(code)] == [16, 18]
