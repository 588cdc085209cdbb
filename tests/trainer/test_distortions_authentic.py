"""Faults as cameras make them: what each does to light, and what answers call it."""

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from spider_cli.reading import parse_distortions
from spider_cli.vocabulary import FAMILIES
from trainer.distortions import AUTHENTIC, TYPES, distort, family_of, other_of
from trainer.distortions.light import to_light, to_pixels

Pixels = NDArray[np.uint8]


def made(photo: Pixels, kind: str, level: float, seed: int = 5) -> Pixels:
    return distort(photo, kind, level, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def photo() -> Pixels:
    return np.ascontiguousarray(data.coffee()[:200, 100:400])


def dot(size: int = 81) -> Pixels:
    """One lamp in the dark."""
    pixels = np.zeros((size, size, 3), dtype=np.uint8)
    pixels[size // 2, size // 2] = 255
    return pixels


def test_they_are_kept_apart_and_answer_to_one_name() -> None:
    assert not set(AUTHENTIC) & {name for names in TYPES.values() for name in names}
    for kind, (family, other) in AUTHENTIC.items():
        assert bool(family) != bool(other)
        assert (family_of(kind), other_of(kind)) == (family, other)
        assert not family or family in FAMILIES
    assert family_of("High-ISO") == "noise"
    assert other_of("lens flare") == "lens flare"


@pytest.mark.parametrize("kind", [kind for kind, (_, other) in AUTHENTIC.items() if other])
def test_plain_names_are_read_back_as_other(kind: str) -> None:
    name = other_of(kind)
    for answer in (f"The sky shows moderate {name}.", f"Mild {name} over the whole image."):
        assert parse_distortions(answer) == ((), (name,))


@pytest.mark.parametrize("kind", [k for k in AUTHENTIC if k != "crushed_shadows"])
def test_another_draw_is_another_fault(kind: str, photo: Pixels) -> None:
    if kind == "clipped_highlights":
        assert np.array_equal(made(photo, kind, 3, 1), made(photo, kind, 3, 2))
    else:
        assert not np.array_equal(made(photo, kind, 3, 1), made(photo, kind, 3, 2))


def test_light_there_and_back() -> None:
    ramp = np.arange(256, dtype=np.uint8)[:, None, None].repeat(3, axis=2)
    light = to_light(ramp)
    assert light[128, 0, 0] == pytest.approx(0.21586, abs=1e-5)
    assert np.array_equal(to_pixels(light), ramp)


@pytest.mark.parametrize(("kind", "reach"), [("defocus", 7.0), ("hand_shake", 6.2)])
def test_blur_spreads_light_and_keeps_its_sum(kind: str, reach: float) -> None:
    spot = dot()
    spot[39:42, 39:42] = 200
    light = to_light(made(spot, kind, 5))[..., 0]
    # Up to rounding in the dark: the curve's first bytes are coarse.
    assert light.sum() == pytest.approx(float(to_light(spot)[..., 0].sum()), rel=0.25)
    y, x = np.mgrid[-40:41, -40:41]
    mean = float(np.average(np.hypot(y, x), weights=light))
    assert 0.5 * reach < mean < 1.6 * reach


def test_defocus_has_the_apertures_shape() -> None:
    light = to_light(made(dot(), "defocus", 5))[..., 0]
    y, x = np.mgrid[-40:41, -40:41]
    assert light[np.hypot(y, x) > 9].max() == 0
    assert light[np.hypot(y, x) < 5].min() > 0.3 * light.max()


def test_bright_lamps_stay_bright_where_paper_would_not() -> None:
    spread = {}
    for value in (220, 255):
        spot = np.zeros((81, 81, 3), dtype=np.uint8)
        spot[38:43, 38:43] = value
        spread[value] = to_light(made(spot, "defocus", 4))[40, 40, 0] / to_light(spot)[40, 40, 0]
    assert spread[255] > 2 * spread[220]


def test_high_iso_noise_is_blotchy_and_worst_in_the_dark() -> None:
    grey = np.full((256, 256, 3), 128, dtype=np.uint8)
    noise = made(grey, "high_iso", 3).astype(float) - 128
    red = noise[..., 0] - noise.mean(axis=2)  # its colour
    neighbours = np.corrcoef(red[:, :-1].ravel(), red[:, 1:].ravel())[0, 1]
    assert neighbours > 0.7
    assert noise.std() > 5
    # In light as sensors count it, shot noise grows with the light, but less than the light.
    shares = {}
    for value in (60, 200):
        light = to_light(made(np.full((128, 128, 3), value, np.uint8), "high_iso", 2))[..., 1]
        shares[value] = light.std() / light.mean()
    assert shares[60] > 2 * shares[200]


def test_highlights_clip_even_in_dark_photos(photo: Pixels) -> None:
    dark = photo // 2
    white = [(made(dark, "clipped_highlights", level) == 255).mean() for level in (2, 3, 5)]
    assert white[0] < white[1] < white[2]
    assert white[2] > 0.08
    assert (made(photo, "clipped_highlights", 3) >= photo).all()


def test_shadows_are_crushed_to_black() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2).repeat(16, axis=1)
    black = [
        int((made(ramp, "crushed_shadows", level) == 0).sum(axis=0)[0, 0]) for level in (1, 3, 5)
    ]
    assert 15 < black[0] < black[1] < black[2] < 120


def test_flare_adds_light_and_haze_takes_contrast(photo: Pixels) -> None:
    flared = made(photo, "lens_flare", 3)
    assert (flared >= photo).all()
    hazy = made(photo, "haze", 3)
    assert hazy.std() < 0.8 * photo.std()
    # The scene is farther away towards the top.
    kept = [
        part.std() / before.std()
        for part, before in zip(
            np.array_split(hazy.astype(float), 2),
            np.array_split(photo.astype(float), 2),
            strict=True,
        )
    ]
    assert kept[0] < kept[1]


def test_colours_part_towards_the_corners_alone() -> None:
    grid = np.zeros((201, 301, 3), dtype=np.uint8)
    grid[::20], grid[:, ::20] = 255, 255
    changed = made(grid, "chromatic_aberration", 3).astype(int)
    apart = np.abs(changed[..., 0] - changed[..., 2])
    assert np.array_equal(changed[..., 1], grid[..., 1])
    assert apart[90:111, 140:161].mean() < 0.5 * apart[:21, :21].mean()


def test_banding_leaves_steps_in_a_ramp_and_grey_grey() -> None:
    ramp = np.linspace(40, 200, 300).astype(np.uint8)[None, :, None]
    ramp = np.ascontiguousarray(np.broadcast_to(ramp, (64, 300, 3)))
    counts = [len(np.unique(made(ramp, "banding", level)[32, 20:-20, 0])) for level in (1, 3, 5)]
    assert 160 > counts[0] > counts[1] > counts[2]
    banded = made(ramp, "banding", 3)
    assert np.ptp(banded.astype(int), axis=2).max() <= 1


def test_moire_makes_waves_of_colour_much_wider_than_its_pattern() -> None:
    grey = np.full((256, 256, 3), 128, dtype=np.uint8)
    waves = made(grey, "moire", 3).astype(float)
    colour = waves[..., 0] - waves[..., 2]
    power = np.abs(np.fft.rfft2(colour - colour.mean())) ** 2
    slow = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.rfftfreq(256)[None, :]) < 0.12
    assert power[slow].sum() > 0.6 * power.sum()
    assert abs(waves.mean() - 128) < 8
