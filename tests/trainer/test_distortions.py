"""The distortions: every type keeps shapes, repeats with a seed, and is found by its name."""

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from spider_cli.errors import UsageError
from spider_cli.vocabulary import FAMILIES
from trainer.distortions import AUTHENTIC, TYPES, distort, family_of, other_of, severity_of

Pixels = NDArray[np.uint8]

SYNTHETIC = [name for names in TYPES.values() for name in names]
ALL_TYPES = [*SYNTHETIC, *AUTHENTIC]


@pytest.fixture(scope="module")
def photos() -> list[Pixels]:
    """Real photos that ship with scikit-image, halved to keep the tests quick."""
    taken = (data.astronaut(), data.coffee(), data.chelsea(), data.rocket())
    return [np.ascontiguousarray(photo[::3, ::3]) for photo in taken]


def made(photo: Pixels, kind: str, level: float, seed: int = 5) -> Pixels:
    return distort(photo, kind, level, np.random.default_rng(seed))


def test_every_family_has_its_types() -> None:
    assert tuple(TYPES) == FAMILIES
    # The 35 types of DQ-495K, vignette, and uniform quantization, which holds the family's anchor.
    assert len(SYNTHETIC) == len(set(SYNTHETIC)) == 37
    assert all(family_of(name) == family for family, names in TYPES.items() for name in names)
    assert all(other_of(name) == "" for name in SYNTHETIC)


@pytest.mark.parametrize("kind", ALL_TYPES)
@pytest.mark.parametrize("shape", [(16, 16, 3), (16, 71, 3), (67, 33, 3)])
def test_any_size_at_both_ends(kind: str, shape: tuple[int, int, int]) -> None:
    photo = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    before = photo.copy()
    for level in (0.5, 5):
        after = made(photo, kind, level)
        assert after.shape == shape
        assert after.dtype == np.uint8
    assert np.array_equal(photo, before)


@pytest.mark.parametrize("kind", ALL_TYPES)
@pytest.mark.parametrize("value", [0, 128, 255])
def test_flat_photos_do_not_fail(kind: str, value: int) -> None:
    photo = np.full((40, 50, 3), value, dtype=np.uint8)
    assert made(photo, kind, 3).shape == photo.shape


@pytest.mark.parametrize("kind", ALL_TYPES)
def test_same_seed_same_pixels(kind: str, photos: list[Pixels]) -> None:
    first = made(photos[0], kind, 3.3)
    assert np.array_equal(first, made(photos[0], kind, 3.3))
    # A view with other strides is the same photo.
    mirrored = np.asfortranarray(photos[0])
    assert np.array_equal(first, made(mirrored, kind, 3.3))


@pytest.mark.parametrize("kind", [name for name in ALL_TYPES if "noise" in name])
def test_another_seed_is_other_noise(kind: str, photos: list[Pixels]) -> None:
    assert not np.array_equal(made(photos[0], kind, 2, seed=1), made(photos[0], kind, 2, seed=2))


def test_hsv_types_keep_hue_and_saturation() -> None:
    photo = np.full((16, 16, 3), (120, 60, 30), dtype=np.uint8)
    for kind in (
        "darken_gamma_hsv",
        "darken_shift_hsv",
        "brighten_gamma_hsv",
        "brighten_shift_hsv",
    ):
        red, green, blue = (float(value) for value in made(photo, kind, 2)[0, 0])
        assert green / red == pytest.approx(0.5, abs=0.02)
        assert blue / red == pytest.approx(0.25, abs=0.02)
    stronger = made(photo, "saturate_strengthen_hsv", 5)[0, 0]
    assert stronger[0] == 120 and stronger[2] == 0
    assert len(set(made(photo, "saturate_weaken_ycrcb", 5)[0, 0].tolist())) == 1


def test_otsu_finds_the_modes() -> None:
    photo = np.full((30, 30, 3), 20, dtype=np.uint8)
    photo[10:20], photo[20:] = 90, 220
    # Three values need three classes: level 4 has three, and each class's mean is its value.
    assert np.array_equal(made(photo, "quantization_otsu", 4), photo)


def test_names_are_forgiving_and_unknown_ones_are_explained(photos: list[Pixels]) -> None:
    photo = photos[2]
    plain = made(photo, "saturate_weaken_ycrcb", 2)
    assert np.array_equal(plain, made(photo, "saturate weaken-YCrCb", 2))
    with pytest.raises(UsageError) as raised:
        made(photo, "blur_gausian", 2)
    assert raised.value.code == "unknown_distortion"
    assert "did you mean 'blur_gaussian'?" in raised.value.hint
    assert "noise_poisson" in raised.value.hint


@pytest.mark.parametrize("level", [0.0, 0.49, 5.01, -1.0, float("nan"), float("inf")])
def test_levels_out_of_range_are_refused(level: float, photos: list[Pixels]) -> None:
    with pytest.raises(UsageError) as raised:
        made(photos[0], "pixelate", level)
    assert raised.value.code == "bad_strength"


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((40, 40), dtype=np.uint8),
        np.zeros((40, 40, 4), dtype=np.uint8),
        np.zeros((40, 40, 3), dtype=np.float32),
        np.zeros((15, 40, 3), dtype=np.uint8),
    ],
)
def test_wrong_arrays_are_refused(pixels: Pixels) -> None:
    with pytest.raises(ValueError, match="pixels must be"):
        made(pixels, "pixelate", 3)


def test_severity_words() -> None:
    words = [severity_of(level) for level in (1, 2, 2.4, 2.6, 3, 3.4, 3.6, 4, 5)]
    assert words == ["mild"] * 3 + ["moderate"] * 3 + ["severe"] * 3
