"""Boxes to ask about: how much of each region they hold."""

import numpy as np
import pytest

from trainer.boxes import CLEAN_SHARE, OTHER_SHARE, OWN_SHARE, BoxFinder
from trainer.regions import blob_regions, box_of, interior_point


def test_counting_of_boxes_is_close_to_the_truth() -> None:
    rng = np.random.default_rng(5)
    masks = blob_regions((241, 303), rng, 2)
    finder = BoxFinder((241, 303), masks, whole=False)
    for _ in range(50):
        box = finder.anywhere(rng)
        x1, y1, x2, y2 = box
        assert (x2 - x1) * (y2 - y1) >= 0.025 * 241 * 303
        for share, mask in zip(finder.shares(box), masks, strict=True):
            assert share == pytest.approx(mask[y1:y2, x1:x2].mean(), abs=0.08)
    assert BoxFinder((241, 303), [], whole=True).distorted((0, 0, 50, 50)) == 1


def test_boxes_of_regions_and_of_nothing() -> None:
    shape, found, clean = (200, 260), 0, 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        masks = blob_regions(shape, rng, 2)
        finder = BoxFinder(shape, masks, whole=False)
        for index, mask in enumerate(masks):
            box = finder.of_region(index, box_of(mask), interior_point(mask), rng)
            if box is not None:
                x1, y1, x2, y2 = box
                shares = [float(one[y1:y2, x1:x2].mean()) for one in masks]
                assert shares.pop(index) > OWN_SHARE - 0.08
                assert sum(shares) < OTHER_SHARE + 0.06
                found += 1
        box = finder.clean(rng)
        if box is not None:
            x1, y1, x2, y2 = box
            assert sum(float(one[y1:y2, x1:x2].mean()) for one in masks) < CLEAN_SHARE + 0.05
            clean += 1
    assert found > 50 and clean > 12
    assert BoxFinder(shape, [], whole=True).clean(np.random.default_rng(0)) is None
