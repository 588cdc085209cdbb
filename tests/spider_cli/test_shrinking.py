"""Pictures made small strip by strip: to the byte what Pillow makes of them whole."""

import numpy as np
import pytest
from PIL import Image

from spider_cli import shrinking
from spider_cli.shrinking import shrunk

BICUBIC, LANCZOS = Image.Resampling.BICUBIC, Image.Resampling.LANCZOS


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((401, 603, 3), (64, 43)),  # nothing divides anything
        ((403, 600), (60, 40)),
        ((37, 1500, 3), (300, 7)),
        ((1500, 5, 3), (1, 300)),
        ((90, 120, 3), (100, 75)),  # no blocks
        ((90, 120, 3), (120, 90)),
        ((3, 4000, 3), (20, 3)),  # across alone
    ],
)
@pytest.mark.parametrize("resample", [BICUBIC, LANCZOS])
def test_it_is_what_pillow_makes(
    shape: tuple[int, ...],
    size: tuple[int, int],
    resample: Image.Resampling,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shrinking, "_STRIP", 5000)
    pixels = np.random.default_rng(3).integers(0, 256, shape, np.uint8)
    whole = Image.fromarray(pixels).resize(size, resample, reducing_gap=2.0)
    assert np.array_equal(shrunk(pixels, size, resample, reducing_gap=2.0), whole)
