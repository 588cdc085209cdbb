"""Masks as run lengths: those of pycocotools, whatever the size, and back."""

import numpy as np
import pytest
from pycocotools import mask as coco

from spider_cli.masks import decode_mask, encode_mask


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (200, 1), (63, 64), (64, 65), (40, 333)])
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_run_lengths(shape: tuple[int, int], share: float) -> None:
    mask = np.random.default_rng(5).random(shape) < share
    encoded = encode_mask(mask)
    whole = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert encoded.counts == whole["counts"].decode("ascii")
    assert encoded.size == shape
    assert np.array_equal(decode_mask(encoded), mask)
    assert encode_mask(np.asfortranarray(mask)) == encoded
