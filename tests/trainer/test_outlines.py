"""Outlines are filled as COCO fills them, and keep to the photo."""

import numpy as np
import pytest
from pycocotools import mask as coco

from trainer.outlines import circle_mask, polygon_mask

SIZE = (120, 160)


def test_polygons_are_filled_as_coco_fills_them() -> None:
    star = [(80.0, 5.0), (100.5, 100.0), (10.0, 40.0), (150.0, 40.0), (60.0, 100.0)]
    mask = polygon_mask([star], SIZE, where=["here"])
    flat = [value for point in star for value in point]
    assert np.array_equal(mask, coco.decode(coco.frPyObjects([flat], *SIZE))[..., 0].astype(bool))
    # A pixel beyond the rim is the rim; two polygons are one mask.
    whole = polygon_mask([[(-1, -1), (161, -1), (161, 121), (-1, 121)]], SIZE, where=["here"])
    assert whole.all()
    square = np.zeros(SIZE, bool)
    square[:9, :9] = True
    two = polygon_mask([[(0, 0), (9, 0), (9, 9), (0, 9)], star], SIZE, where=["a", "b"])
    assert np.array_equal(two, mask | square)


def test_a_circle_keeps_to_the_photo() -> None:
    mask = circle_mask((0, 0), (40, 0), SIZE)
    assert mask.sum() == pytest.approx(np.pi * 1600 / 4, rel=0.02)
    assert circle_mask((80, 60), (1e9, 0), SIZE).all()
