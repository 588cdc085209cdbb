"""nano's eyes: maps at one value per patch, boxes read from them by area."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spider_cli.nano.vision import (
    PATCH,
    TAPPED,
    NanoVisionEncoder,
    Seen,
    _overlap,
    _per_patch,
    box_statistics,
    pool_box,
)


@pytest.fixture(scope="module")
def encoder() -> NanoVisionEncoder:
    torch.manual_seed(0)
    return NanoVisionEncoder(width=24, contexts=1).eval()


@torch.inference_mode()
def test_maps_are_one_value_per_patch(encoder: NanoVisionEncoder) -> None:
    seen = encoder(torch.randn(2, 3, 64, 96))
    assert seen.patches.shape == (2, TAPPED, 4, 6)
    assert seen.fused.shape == (2, 24, 4, 6)


@pytest.mark.parametrize("size", [(48, 64), (64, 40), (1, 32)])
def test_sides_must_fit(encoder: NanoVisionEncoder, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="multiples of 32"):
        encoder(torch.zeros(1, 3, *size))


@torch.inference_mode()
def test_views_in_a_batch_are_seen_alone(encoder: NanoVisionEncoder) -> None:
    pixels = torch.randn(3, 3, 64, 64)
    together = encoder(pixels)
    for index in range(3):
        alone = encoder(pixels[index : index + 1])
        torch.testing.assert_close(together.fused[index], alone.fused[0], atol=1e-4, rtol=1e-4)


def test_it_sees_alike_whether_it_learns_or_not(encoder: NanoVisionEncoder) -> None:
    """Training and use take other ways through the CPU's library; a frozen trunk the second."""
    pixels = torch.randn(2, 3, 64, 96)
    learning = encoder(pixels)
    assert learning.fused.requires_grad
    with torch.inference_mode():
        using = encoder(pixels).patches
    torch.testing.assert_close(using, learning.patches, atol=1e-4, rtol=1e-4)
    encoder.stem.requires_grad_(False)
    encoder.stages.requires_grad_(False)
    try:
        frozen = encoder(pixels)
        torch.testing.assert_close(frozen.fused, learning.fused, atol=1e-4, rtol=1e-4)
        frozen.fused.sum().backward()
        assert encoder.scale.grad is not None
        assert encoder.stem.weight.grad is None
    finally:
        encoder.requires_grad_(True).zero_grad()


@torch.inference_mode()
def test_fine_stages_give_mean_and_deviation() -> None:
    x = torch.randn(1, 2, 8, 12)
    mean, deviation = _per_patch(x, (2, 3), deviation=True)
    cell = x[0, 1, 4:8, 8:12]
    assert mean[0, 1, 1, 2] == pytest.approx(float(cell.mean()), abs=1e-5)
    assert deviation[0, 1, 1, 2] == pytest.approx(float(cell.std(correction=0)), abs=1e-3)
    [plain] = _per_patch(x, (2, 3), deviation=False)
    assert torch.equal(plain, mean)
    [same] = _per_patch(x, (8, 12), deviation=False)
    assert same is x
    [repeated] = _per_patch(x, (16, 24), deviation=False)
    assert repeated[0, 0, 2, 5] == x[0, 0, 1, 2]


# --- boxes --------------------------------------------------------------------------------------


def test_areas_by_hand() -> None:
    """From 0.5 to 2.5 patches in two parts: half of the first, half of the second..."""
    weights, patches = _overlap(0.5, 2.5, 3, 2)
    assert weights.tolist() == [[0.5, 0.5, 0], [0, 0.5, 0.5]]
    assert patches == slice(0, 3)
    assert _overlap(0, 3, 3, 3)[0].tolist() == torch.eye(3).tolist()
    weights, patches = _overlap(1.25, 1.5, 3, 1)
    assert (weights.tolist(), patches) == ([[1]], slice(1, 2))


@given(
    start=st.floats(0, 6),
    length=st.floats(0.001, 6),
    count=st.integers(1, 12),
)
def test_weights_sum_to_one(start: float, length: float, count: int) -> None:
    end = min(start + length, 12)
    weights, patches = _overlap(start, end, 12, count)
    assert weights.shape == (count, patches.stop - patches.start)
    assert patches.start <= start < end <= patches.stop + 1e-9
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(count), atol=1e-5, rtol=0)


def test_a_grid_over_a_box() -> None:
    values = torch.arange(24.0).reshape(1, 4, 6)
    whole = (0.0, 0.0, 6.0 * PATCH, 4.0 * PATCH)
    assert pool_box(values, whole, 1).item() == pytest.approx(11.5)
    quarters = pool_box(values, whole, 2)
    assert quarters.shape == (4, 1)
    # Row by row from the top left.
    assert quarters[:, 0].tolist() == pytest.approx([4, 7, 16, 19])
    patch = (2.0 * PATCH, 1.0 * PATCH, 3.0 * PATCH, 2.0 * PATCH)
    assert pool_box(values, patch, 3)[:, 0].tolist() == pytest.approx([8] * 9)


def plain(values: torch.Tensor) -> Seen:
    """As if the encoder scaled nothing."""
    one = torch.ones(len(values))
    return Seen(taps=values, scale=one, shift=one * 0, fused=values)


@given(
    x1=st.floats(0, 90),
    y1=st.floats(0, 60),
    width=st.floats(0.05, 96),
    height=st.floats(0.05, 64),
)
def test_a_flat_map_is_flat_in_every_box(x1: float, y1: float, width: float, height: float) -> None:
    box = (x1, y1, min(x1 + width, 96.0), min(y1 + height, 64.0))
    flat = torch.full((2, 4, 6), 3.5)
    torch.testing.assert_close(pool_box(flat, box, 3), torch.full((9, 2), 3.5))
    statistics = box_statistics(plain(flat), box)
    assert statistics[:2].tolist() == pytest.approx([3.5, 3.5], abs=1e-4)
    assert statistics[2:].abs().max() < 0.05


def test_statistics_are_mean_and_deviation() -> None:
    values = torch.randn(5, 4, 6, generator=torch.Generator().manual_seed(0))
    found = box_statistics(plain(values), (16.0, 0.0, 64.0, 32.0))
    inside = values[:, :2, 1:4].reshape(5, -1)
    torch.testing.assert_close(found[:5], inside.mean(dim=1), atol=1e-5, rtol=0)
    expected = torch.sqrt(inside.var(dim=1, correction=0) + 1e-4)
    torch.testing.assert_close(found[5:], expected, atol=1e-4, rtol=0)


def test_statistics_are_those_of_the_scaled_map() -> None:
    random = torch.Generator().manual_seed(0)
    taps, scale, shift = (torch.randn(*size, generator=random) for size in ((5, 4, 6), (5,), (5,)))
    seen = Seen(taps=taps, scale=scale, shift=shift, fused=taps)
    box = (10.0, 3.0, 70.0, 50.0)
    torch.testing.assert_close(box_statistics(seen, box), box_statistics(plain(seen.patches), box))


def test_channels_last_changes_nothing_much(encoder: NanoVisionEncoder) -> None:
    pixels = torch.from_numpy(
        np.random.default_rng(0).normal(size=(1, 3, 64, 64)).astype(np.float32)
    )
    with torch.inference_mode():
        plain = encoder(pixels).fused
        turned = encoder(pixels.contiguous(memory_format=torch.channels_last)).fused
    torch.testing.assert_close(plain, turned, atol=1e-4, rtol=1e-4)
