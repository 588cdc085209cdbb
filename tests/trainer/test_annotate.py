"""Composition: what the sample says was done is what was done to the pixels."""

import cv2
import numpy as np
import pytest

from spider_cli.vocabulary import FAMILIES
from trainer.annotate import MIN_CHANGE, ORDERS, compose
from trainer.distortions import TYPES, severity_of
from trainer.regions import blob_regions
from trainer.truth import Sample

SHAPE = (200, 300)


def photo(seed: int = 0) -> np.ndarray:
    """(200, 300, 3) uint8 with colour, shade and texture."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(30, 226, (6, 9, 3), dtype=np.uint8)
    fine = rng.normal(0, 12, (*SHAPE, 1))
    large = cv2.resize(coarse, SHAPE[::-1], interpolation=cv2.INTER_CUBIC).astype(float)
    return np.clip(large + cv2.GaussianBlur(fine, (0, 0), 0.8)[..., None], 0, 255).astype(np.uint8)


def samples(number: int, **options: float) -> list[tuple[np.ndarray, Sample]]:
    out = []
    for seed in range(number):
        rng = np.random.default_rng(seed)
        pixels = photo(seed % 5)
        masks = blob_regions(SHAPE, rng, int(rng.integers(1, 4)))
        out.append((pixels, compose(pixels, masks, rng, **options)))
    return out


def test_same_seed_same_sample() -> None:
    for (_, one), (_, two) in zip(samples(5), samples(5), strict=True):
        assert np.array_equal(one.pixels, two.pixels)
        assert [r.distortions for r in one.regions] == [r.distortions for r in two.regions]
        assert one.whole == two.whole


@pytest.mark.parametrize("feather", [0.0, 1.0])
def test_only_the_regions_change_and_they_change_visibly(feather: float) -> None:
    seen = 0
    for pixels, sample in samples(30, whole_share=0, clean_share=0, feather_share=feather):
        change = np.abs(sample.pixels.astype(int) - pixels).mean(axis=2)
        union = np.zeros(SHAPE, bool)
        for region in sample.regions:
            assert change[region.mask].mean() > 0.3 * MIN_CHANGE  # noise is seen sooner
            x, y = region.point
            assert region.mask[round(y), round(x)]
            x1, y1, x2, y2 = region.box
            assert region.mask[y1:y2, x1:x2].sum() == region.mask.sum()
            union |= region.mask
            seen += 1
        reach = 2 * int(9 * feather) + 1
        grown = cv2.dilate(union.astype(np.uint8), np.ones((reach, reach), np.uint8)).astype(bool)
        assert (sample.pixels[~grown] == pixels[~grown]).all()
    assert seen > 40


def test_contents() -> None:
    for _, sample in samples(60):
        assert not (sample.whole and sample.regions)
        groups = [sample.whole] if sample.whole else [r.distortions for r in sample.regions]
        for group in groups:
            assert len(group) in (1, 2)
            if len(group) == 2:
                assert group[1].family in ORDERS[group[0].family]
            for applied in group:
                assert applied.kind in TYPES[applied.family]
                assert 1 <= applied.level <= 5
                assert applied.severity == severity_of(applied.level)
        for i, one in enumerate(sample.regions):
            for two in sample.regions[:i]:
                same = [a.family for a in one.distortions] == [a.family for a in two.distortions]
                assert not same or abs(one.total - two.total) >= 1.5


def test_shares() -> None:
    made = [sample for _, sample in samples(150)]
    assert 0.12 * 0.4 < np.mean([s.clean for s in made]) < 0.12 * 2
    assert 0.2 * 0.5 < np.mean([bool(s.whole) for s in made]) < 0.2 * 1.6
    assert all(s.clean for _, s in samples(5, clean_share=1.0))
    assert all(s.whole for _, s in samples(5, clean_share=0.0, whole_share=1.0))
    pairs = [r for _, s in samples(60, two_share=0.0) for r in s.regions if len(r.distortions) == 2]
    assert not pairs
    families = {a.family for s in made for r in s.regions for a in r.distortions}
    assert families == set(FAMILIES)


def test_families_asked_for() -> None:
    rng = np.random.default_rng(1)
    masks = blob_regions(SHAPE, rng, 2)
    sample = compose(photo(), masks, rng, families=("blur", "noise"), whole_share=0, clean_share=0)
    assert {a.family for r in sample.regions for a in r.distortions} <= {"blur", "noise"}


def test_what_cannot_be_seen_is_not_said() -> None:
    grey = np.full((*SHAPE, 3), 128, np.uint8)
    rng = np.random.default_rng(2)
    families = ("blur", "saturate weaken", "pixelate", "compression")
    for _ in range(5):
        masks = blob_regions(SHAPE, rng, 2)
        sample = compose(grey, masks, rng, families=families, clean_share=0, two_share=0)
        assert sample.clean
        assert (sample.pixels == grey).all()


def test_a_mask_of_another_size_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="does not fit"):
        compose(photo(), [np.ones((10, 10), bool)], rng)


def test_the_photo_given_is_not_changed() -> None:
    pixels = photo()
    before = pixels.copy()
    for seed in range(6):
        rng = np.random.default_rng(seed)
        compose(pixels, blob_regions(SHAPE, rng, 2), rng)
    assert (pixels == before).all()
