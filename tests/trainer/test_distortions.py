"""The distortions: every type keeps shapes, repeats with a seed, and grows with the level."""

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity

from spider_cli.errors import UsageError
from spider_cli.vocabulary import FAMILIES
from trainer.distortions import TYPES, distort, family_of, severity_of

Pixels = NDArray[np.uint8]

ALL_TYPES = [name for names in TYPES.values() for name in names]
ANCHORED = {
    "blur": "blur_gaussian",
    "noise": "noise_gaussian_rgb",
    "compression": "compression_jpeg",
    "brighten": "brighten_gamma_rgb",
    "darken": "darken_gamma_rgb",
    "contrast strengthen": "contrast_strengthen_scale",
    "contrast weaken": "contrast_weaken_scale",
    "saturate strengthen": "saturate_strengthen_ycrcb",
    "saturate weaken": "saturate_weaken_ycrcb",
    "quantization": "quantization_uniform",
}


@pytest.fixture(scope="module")
def photos() -> list[Pixels]:
    """Real photos that ship with scikit-image, halved to keep the tests quick."""
    taken = (data.astronaut(), data.coffee(), data.chelsea(), data.rocket())
    return [np.ascontiguousarray(photo[::2, ::2]) for photo in taken]


def made(photo: Pixels, kind: str, level: float, seed: int = 5) -> Pixels:
    return distort(photo, kind, level, np.random.default_rng(seed))


def similarity(photo: Pixels, other: Pixels) -> float:
    return float(structural_similarity(photo, other, channel_axis=2))


def colour_difference(photo: Pixels, other: Pixels) -> float:
    return float(deltaE_ciede2000(rgb2lab(photo), rgb2lab(other)).mean())


def test_every_family_has_its_types() -> None:
    assert tuple(TYPES) == FAMILIES
    # The 35 types of DQ-495K, vignette, and uniform quantization, which holds the family's anchor.
    assert len(ALL_TYPES) == len(set(ALL_TYPES)) == 37
    assert all(family_of(name) == family for family, names in TYPES.items() for name in names)
    assert all(ANCHORED[family] in TYPES[family] for family in ANCHORED)


@pytest.mark.parametrize("kind", ALL_TYPES)
def test_level_by_level(kind: str, photos: list[Pixels]) -> None:
    for photo in photos:
        scores = [similarity(photo, made(photo, kind, level)) for level in (1, 2, 3, 4, 5)]
        assert scores == sorted(set(scores), reverse=True), scores


@pytest.mark.parametrize("kind", ALL_TYPES)
def test_level_one_is_visible_and_half_a_level_is_weaker(kind: str, photos: list[Pixels]) -> None:
    similarities, differences, weaker = [], [], []
    for photo in photos:
        one = made(photo, kind, 1)
        similarities.append(similarity(photo, one))
        differences.append(colour_difference(photo, one))
        weaker.append(similarity(photo, made(photo, kind, 0.5)))
    assert np.mean(similarities) <= 0.97 or np.mean(differences) >= 2
    assert np.mean(weaker) > np.mean(similarities)


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


@pytest.mark.parametrize("family", sorted(ANCHORED))
def test_types_of_a_family_look_about_as_strong(family: str, photos: list[Pixels]) -> None:
    def strength(kind: str, level: float) -> float:
        pairs = [(photo, made(photo, kind, level)) for photo in photos]
        # Lost detail and grain are seen by similarity, moved colours by the colour difference.
        if family in ("blur", "noise", "compression"):
            return float(np.mean([1 - similarity(*pair) for pair in pairs]))
        return float(np.mean([colour_difference(*pair) for pair in pairs]))

    for level in (1.5, 5):
        anchor = strength(ANCHORED[family], level)
        for kind in TYPES[family]:
            assert 0.6 < strength(kind, level) / anchor < 1.4, (kind, level)


def test_anchors_are_the_written_ones() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2).repeat(16, axis=1)
    assert made(ramp, "brighten_gamma_rgb", 3)[64, 0, 0] == round(255 * (64 / 255) ** 0.48)
    assert made(ramp, "darken_gamma_rgb", 5)[128, 0, 0] == round(255 * (128 / 255) ** 4)
    for level, count in ((1.5, 12), (3, 7), (5, 4)):
        assert len(np.unique(made(ramp, "quantization_uniform", level))) == count
    grey = np.full((300, 300, 3), 128, dtype=np.uint8)
    for level, deviation in ((1.5, 12), (3, 25)):
        noise = made(grey, "noise_gaussian_rgb", level).astype(float) - 128
        assert noise.std() == pytest.approx(deviation, rel=0.02)
    spike = np.zeros((61, 61, 3), dtype=np.uint8)
    spike[30:] = 255
    edge = np.diff(made(spike, "blur_gaussian", 3)[:, 30, 0].astype(float))
    spread = np.sqrt(np.average((np.arange(60) - 29) ** 2, weights=edge))
    assert spread == pytest.approx(2.8, rel=0.05)
    noise = np.random.default_rng(2).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    blocks = made(noise, "pixelate", 5).reshape(10, 9, 10, 9, 3)
    assert np.array_equal(blocks, np.broadcast_to(blocks[:, :1, :, :1], blocks.shape))


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
    # Three values need three classes: severe has three, and each class's mean is its value.
    assert np.array_equal(made(photo, "quantization_otsu", 5), photo)


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
