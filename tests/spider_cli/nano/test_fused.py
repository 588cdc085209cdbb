"""Layers by oneDNN: the same values as torch's, but for rounding; gradients as ever."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from spider_cli.nano.fused import Linear, fuses, with_fused_linears
from spider_cli.nano.vision import NanoVisionEncoder, _Block, _Conv, channels_last


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [1, 63, 64, 300])
def test_a_layer_gives_what_it_gave(rows: int, bias: bool) -> None:
    layer = nn.Linear(48, 80, bias=bias)
    x = torch.randn(2, rows, 48)
    with torch.inference_mode():
        assert fuses(x)
        expected = layer(x)
        with_fused_linears(nn.Sequential(layer))
        assert type(layer) is Linear
        torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-5)


def test_it_learns_as_ever() -> None:
    layer = nn.Linear(16, 8)
    model = nn.Sequential(layer)
    with_fused_linears(model)
    x = torch.randn(100, 16)
    assert not fuses(x)
    model(x).sum().backward()
    assert layer.weight.grad is not None
    torch.testing.assert_close(layer.weight.grad, x.sum(dim=0).expand(8, 16))


def test_other_layers_stay() -> None:
    class Own(nn.Linear):
        pass

    own = Own(4, 4)
    with_fused_linears(nn.Sequential(own))
    assert type(own) is Own


@given(
    kernel=st.sampled_from([3, 5]),
    stride=st.sampled_from([1, 2]),
    depthwise=st.booleans(),
    clip=st.booleans(),
    height=st.integers(1, 6),
    width=st.integers(1, 6),
    seed=st.integers(0, 99),
)
def test_a_convolution_gives_what_it_gave(
    kernel: int, stride: int, depthwise: bool, clip: bool, height: int, width: int, seed: int
) -> None:
    """Even inputs, as views have; padded on all sides alike instead of by a copy."""
    torch.manual_seed(seed)
    conv = _Conv(16, 16, kernel, stride, groups=16 if depthwise else 1)
    conv = conv.to(memory_format=torch.channels_last)
    x = 3 * torch.randn(2, 16, 2 * height, 2 * width).to(memory_format=torch.channels_last)
    learning = conv(x, clip=clip)
    with torch.inference_mode():
        fused = conv(x, clip=clip)
        parts = [conv.fused(x[:, part] if depthwise else x, clip=clip, channels=part)
                 for part in (slice(0, 8), slice(8, 16))]  # fmt: skip
    torch.testing.assert_close(fused, learning.detach(), atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(torch.cat(parts, dim=1), fused, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_block_by_parts_is_the_whole_block(stride: int, monkeypatch: pytest.MonkeyPatch) -> None:
    block = _Block(16, 16, 3, stride, 6).to(memory_format=torch.channels_last)
    x = torch.randn(1, 16, 32, 32).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        whole = block(x)
        # 96 channels of 4 KiB each: in parts of 32, 48 and 96.
        for room in (40 * 4096, 50 * 4096, 96 * 4096):
            monkeypatch.setattr("spider_cli.nano.vision._PART", room)
            torch.testing.assert_close(block(x), whole, atol=1e-5, rtol=1e-5)


def test_the_encoder_sees_the_same_either_way() -> None:
    encoder = channels_last(NanoVisionEncoder(width=32, surroundings=True))
    pixels = torch.randn(1, 3, 64, 96)
    learning = encoder(pixels)
    with torch.inference_mode():
        fused = encoder(pixels)
    for one, other in ((fused.taps, learning.taps), (fused.fused, learning.fused)):
        torch.testing.assert_close(one, other.detach(), atol=1e-4, rtol=1e-4)
