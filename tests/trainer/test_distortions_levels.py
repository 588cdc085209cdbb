"""Levels of the distortions: ordered, visible from the first, and alike within a family."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from trainer.distortions import AUTHENTIC, TYPES, distort, family_of
from trainer.distortions.fidelity import Reference, colour_difference, psnr

Pixels = NDArray[np.uint8]

SYNTHETIC = [name for names in TYPES.values() for name in names]
ALL_TYPES = [*SYNTHETIC, *AUTHENTIC]
LEVELS = (1, 2, 3, 4, 5)
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
def photos() -> list[Reference]:
    """Real photos that ship with scikit-image, halved to keep the tests quick."""
    taken = (data.astronaut(), data.coffee(), data.chelsea(), data.rocket())
    return [Reference(np.ascontiguousarray(photo[::2, ::2][:176, :176])) for photo in taken]


def made(photo: Reference, kind: str, level: float, seed: int = 5) -> Pixels:
    return distort(photo.pixels, kind, level, np.random.default_rng(seed))


def similarity(photo: Reference, other: Pixels) -> float:
    return float(photo.ssim(other).mean())


@pytest.mark.parametrize("kind", ALL_TYPES)
def test_level_by_level_on_every_photo(kind: str, photos: list[Reference]) -> None:
    for photo in photos:
        shown = [made(photo, kind, level) for level in LEVELS]
        scores = [similarity(photo, changed) for changed in shown]
        # Where one photo's bands fall is luck: there only the means need be in order.
        assert kind == "banding" or scores == sorted(set(scores), reverse=True), scores
        signals = [psnr(photo.pixels, changed) for changed in shown]
        assert signals == sorted(set(signals), reverse=True), signals


@pytest.mark.parametrize("kind", ALL_TYPES)
def test_means_fall_whatever_is_drawn(kind: str, photos: list[Reference]) -> None:
    # Another seed for every level: none may owe its place to a draw that it shares.
    shown = [
        [(p, made(p, kind, level, 100 * draw + level)) for p in photos for draw in range(2)]
        for level in LEVELS
    ]
    similar = [np.mean([similarity(*pair) for pair in pairs]) for pairs in shown]
    assert similar == sorted(set(similar), reverse=True), similar
    signals = [np.mean([psnr(photo.pixels, other) for photo, other in pairs]) for pairs in shown]
    assert signals == sorted(set(signals), reverse=True), signals


@pytest.mark.parametrize("kind", ALL_TYPES)
def test_level_one_is_visible_and_half_a_level_is_weaker(
    kind: str, photos: list[Reference]
) -> None:
    ones = [made(photo, kind, 1) for photo in photos]
    pairs = list(zip(photos, ones, strict=True))
    similar = np.mean([similarity(photo, one) for photo, one in pairs])
    different = np.mean([colour_difference(photo.pixels, one) for photo, one in pairs])
    assert similar <= 0.97 or different >= 2
    assert np.mean([similarity(photo, made(photo, kind, 0.5)) for photo in photos]) > similar


@pytest.mark.parametrize("family", sorted(ANCHORED))
def test_types_of_a_family_look_about_as_strong(family: str, photos: list[Reference]) -> None:
    def strength(kind: str, level: float) -> float:
        pairs = [(photo, made(photo, kind, level)) for photo in photos]
        # Lost detail and grain are seen by similarity, moved colours by the colour difference.
        if family in ("blur", "noise", "compression"):
            return float(np.mean([1 - similarity(*pair) for pair in pairs]))
        return float(np.mean([colour_difference(photo.pixels, other) for photo, other in pairs]))

    kinds = [kind for kind in ALL_TYPES if family_of(kind) == family]
    for level in (1.5, 3, 5):
        anchor = strength(ANCHORED[family], level)
        for kind in kinds:
            assert 0.6 < strength(kind, level) / anchor < 1.4, (kind, level)


def test_anchors_are_the_written_ones() -> None:
    def spoilt(pixels: Pixels, kind: str, level: float) -> Pixels:
        return distort(pixels, kind, level, np.random.default_rng(5))

    ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2).repeat(16, axis=1)
    for level, up, down in ((1.5, 0.65, 1.7), (3, 0.48, 2.6), (5, 0.30, 4)):
        assert spoilt(ramp, "brighten_gamma_rgb", level)[64, 0, 0] == round(255 * (64 / 255) ** up)
        assert spoilt(ramp, "darken_gamma_rgb", level)[128, 0, 0] == round(
            255 * (128 / 255) ** down
        )
    for level, strong, weak in ((1.5, 1.6, 0.6), (3, 2.2, 0.4), (5, 3.2, 0.22)):
        # The ramp's mean is 127.5.
        for kind, factor in (("strengthen", strong), ("weaken", weak)):
            scaled = spoilt(ramp, f"contrast_{kind}_scale", level)[140, 0, 0]
            assert abs(float(scaled) - (127.5 + 12.5 * factor)) <= 0.5
    for level, count in ((1.5, 12), (3, 7), (5, 4)):
        assert len(np.unique(spoilt(ramp, "quantization_uniform", level))) == count
    grey = np.full((300, 300, 3), 128, dtype=np.uint8)
    for level, deviation in ((1.5, 12), (3, 25)):
        noise = spoilt(grey, "noise_gaussian_rgb", level).astype(float) - 128
        assert noise.std() == pytest.approx(deviation, rel=0.02)
    spike = np.zeros((61, 61, 3), dtype=np.uint8)
    spike[30:] = 255
    for level, sigma in ((1.5, 1.5), (3, 2.8), (5, 5.0)):
        edge = np.diff(spoilt(spike, "blur_gaussian", level)[:, 30, 0].astype(float))
        spread = np.sqrt(np.average((np.arange(60) - 29) ** 2, weights=edge))
        assert spread == pytest.approx(sigma, rel=0.05)
    noise = np.random.default_rng(2).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    for level, size in ((1.5, 3), (3, 5), (5, 9)):
        blocks = spoilt(noise, "pixelate", level).reshape(90 // size, size, 90 // size, size, 3)
        assert np.array_equal(blocks, np.broadcast_to(blocks[:, :1, :, :1], blocks.shape))
    options = [cv2.IMWRITE_JPEG_QUALITY, 12]
    _, encoded = cv2.imencode(".jpg", noise[..., ::-1], options)
    expected = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))[..., ::-1]
    assert np.array_equal(spoilt(noise, "compression_jpeg", 3), expected)
    colour = np.full((16, 16, 3), (140, 120, 110), dtype=np.uint8)
    luma = 0.299 * 140 + 0.587 * 120 + 0.114 * 110
    for level, strong, weak in ((1.5, 1.8, 0.5), (3, 2.8, 0.25), (5, 5, 0)):
        for kind, factor in (("strengthen", strong), ("weaken", weak)):
            red = float(spoilt(colour, f"saturate_{kind}_ycrcb", level)[0, 0, 0])
            assert red == pytest.approx(luma + (140 - luma) * factor, abs=2.5)


def test_blocks_of_a_fraction_of_a_pixel_grow_with_the_level(photos: list[Reference]) -> None:
    signals = [
        np.mean([psnr(photo.pixels, made(photo, "pixelate", float(level))) for photo in photos])
        for level in np.linspace(1, 5, 9)
    ]
    assert signals == sorted(set(signals), reverse=True), signals
