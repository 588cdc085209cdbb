"""Photos to views: never enlarged, padded with themselves, tiles at 100%."""

from typing import Any

import numpy as np
import pytest

from spider_cli.lmm import LanguageModel
from spider_cli.nano.processing import NanoProcessor, shrink_to


@pytest.fixture(scope="module")
def processor(nano_model: LanguageModel) -> NanoProcessor:
    found: Any = nano_model.eyes
    made: NanoProcessor = found.processor
    return made


def photo(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (31, 33), (64, 32), (3, 500), (640, 640), (500, 700)])
def test_up_to_the_overview_one_view_is_all(
    processor: NanoProcessor, size: tuple[int, int]
) -> None:
    pixels = photo(*size)
    [view] = processor.views(pixels)
    assert view.kind == "overview"
    assert view.place == (0, 0, 1, 1)
    width, height = view.valid
    assert max(width, height) == min(640, max(size))
    assert view.pixels.shape[1] % 32 == view.pixels.shape[2] % 32 == 0
    assert view.pixels.shape[1] - height < 32
    assert view.pixels.shape[2] - width < 32
    if max(size) <= 640:
        assert view.shrink == 1
        assert np.array_equal(view.pixels[:, :height, :width].permute(1, 2, 0).numpy(), pixels)


def test_padding_mirrors_the_edge(processor: NanoProcessor) -> None:
    pixels = photo(50, 60)
    [view] = processor.views(pixels)
    shown = view.pixels.permute(1, 2, 0).numpy()
    assert shown.shape == (64, 64, 3)
    assert np.array_equal(shown[50:, :60], pixels[:-15:-1])
    assert np.array_equal(shown[:50, 60:], pixels[:, :-5:-1])


def test_a_very_small_photo_repeats_its_border(processor: NanoProcessor) -> None:
    pixels = photo(2, 3)
    shown = processor.views(pixels)[0].pixels.permute(1, 2, 0).numpy()
    assert (shown[1:, 2:] == pixels[1, 2]).all()


def test_tiles_are_the_photo_at_100_percent(processor: NanoProcessor) -> None:
    pixels = photo(900, 1600)
    overview, *tiles = processor.views(pixels)
    side, length = processor.config.overview_tiled, processor.config.tile
    assert overview.valid == (side, side * 900 // 1600)
    assert overview.shrink == 1600 / side
    assert len(tiles) == 5
    for tile in tiles:
        assert tile.kind == "tile"
        assert tile.shrink == 1
        x1, y1, x2, y2 = (round(v * s) for v, s in zip(tile.place, (1600, 900) * 2, strict=True))
        assert (x2 - x1, y2 - y1) == (length, length)
        assert np.array_equal(tile.pixels.permute(1, 2, 0).numpy(), pixels[y1:y2, x1:x2])
    centres = {((t.place[0] + t.place[2]) / 2, (t.place[1] + t.place[3]) / 2) for t in tiles}
    assert len(centres) == 5
    assert any(x == pytest.approx(0.5) and y == pytest.approx(0.5) for x, y in centres)


def test_an_overview_beside_tiles_may_be_smaller(processor: NanoProcessor) -> None:
    """A photo just too large for one view is not shrunk less than one much larger."""
    assert processor.config.overview_tiled < processor.config.overview == 640
    [alone] = processor.views(photo(500, 799))
    assert alone.valid[0] == 640
    large, *tiles = processor.views(photo(500, 800))
    assert large.valid[0] == processor.config.overview_tiled
    assert tiles


def test_a_large_sliver_has_tiles_within_it(processor: NanoProcessor) -> None:
    for view in processor.views(photo(40, 2000)):
        assert view.valid[0] <= processor.config.overview_tiled
        assert view.valid[1] <= 40
        x1, y1, x2, y2 = view.place
        assert 0 <= x1 < x2 <= 1
        assert 0 <= y1 < y2 <= 1


def test_a_close_look_at_a_box(processor: NanoProcessor) -> None:
    pixels = photo(900, 1600)
    view = processor.region_view(pixels, (0.5, 0.5, 0.5625, 0.625))
    assert view is not None
    assert view.kind == "region_tile"
    assert view.valid == (100, 112)
    assert view.place == pytest.approx((0.5, 0.5, 0.5625, 0.625), abs=0.001)
    # Larger than a tile: its middle. Smaller than a patch or two: some of what is around it.
    large = processor.region_view(pixels, (0.0, 0.0, 1.0, 1.0))
    tiny = processor.region_view(pixels, (0.0, 0.0, 0.001, 0.001))
    assert large is not None
    assert tiny is not None
    assert large.valid == (processor.config.tile,) * 2
    assert tiny.valid == (32, 32)
    # Where the overview is not shrunk by a quarter or more, it is close enough.
    assert processor.region_view(photo(790, 600), (0.1, 0.1, 0.2, 0.2)) is None


def test_shrinking_averages(processor: NanoProcessor) -> None:
    """A fine checkerboard becomes grey, not a moire."""
    board = (np.indices((1200, 1200)).sum(axis=0) % 2 * 255).astype(np.uint8)
    small = shrink_to(np.repeat(board[..., None], 3, axis=2), 300)
    assert small.shape == (300, 300, 3)
    assert np.abs(small.astype(int) - 127).max() <= 3
    assert shrink_to(small, 300) is small
    assert shrink_to(photo(1, 3000), 640).shape == (1, 640, 3)
