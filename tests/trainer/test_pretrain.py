"""The dense stage: labels per patch, the trunk's start, a few steps."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from spider_cli.nano.vision import TAPPED, NanoVisionEncoder
from spider_cli.vocabulary import FAMILIES, SEVERITIES
from trainer.init import imagenet_file, normalise_taps, start_from_imagenet
from trainer.pretrain import (
    DenseConfig,
    DenseHead,
    _cosine,
    dense_loss,
    finish,
    patch_targets,
    pretrain,
    random_crop,
)
from trainer.sources import LabelledPhoto, Opinion
from trainer.truth import Applied, Region, Sample

BLANK = np.zeros((64, 96, 3), np.uint8)  # 4 x 6 patches


def applied(family: str, severity: str) -> Applied:
    return Applied(family, family, 3.0, severity)


def region(mask: np.ndarray, *distortions: Applied) -> Region:
    return Region(mask, (0, 0, 1, 1), (0, 0), distortions)


# --- targets by hand ----------------------------------------------------------------------------


def test_a_clean_photo_teaches_that_there_is_nothing() -> None:
    severity, weight, last = patch_targets(Sample(BLANK))
    assert severity.shape == (12, 3, 4, 6)
    assert not severity.any()
    assert (weight == 1).all()
    assert (last == -1).all()


def test_a_patch_knows_family_severity_and_order() -> None:
    mask = np.zeros((64, 96), bool)
    mask[16:48, 32:72] = True  # patch rows 1-2, columns 2-3, and half of column 4
    sample = Sample(BLANK, (region(mask, applied("blur", "moderate"), applied("noise", "severe")),))
    severity, weight, last = patch_targets(sample)
    inside = np.zeros((4, 6), bool)
    inside[1:3, 2:5] = True
    blur, noise = FAMILIES.index("blur"), FAMILIES.index("noise")
    for family, steps in ((blur, 2), (noise, 3)):
        for step in range(3):
            expected = inside if step < steps else np.zeros_like(inside)
            assert np.array_equal(severity[family, step] > 0, expected)
    others = [f for f in range(12) if f not in (blur, noise)]
    assert not severity[others].any()
    # A border through the middle of a patch: no one knows what it is.
    assert weight[1, 4] == 0
    assert weight[1, 2] == weight[0, 0] == 1
    # Noise came last.
    assert np.array_equal(last[noise] == 1, inside)
    assert np.array_equal(last[blur] == 0, inside)
    assert (last[others] == -1).all()


def test_one_distortion_has_no_order() -> None:
    mask = np.ones((64, 96), bool)
    _, _, last = patch_targets(Sample(BLANK, (region(mask, applied("blur", "mild")),)))
    assert (last == -1).all()


def test_the_whole_photo() -> None:
    severity, weight, _ = patch_targets(Sample(BLANK, whole=(applied("darken", "mild"),)))
    assert (severity[FAMILIES.index("darken"), 0] == 1).all()
    assert severity.sum() == 4 * 6
    assert (weight == 1).all()


# --- what the photos go through -----------------------------------------------------------------


@pytest.mark.parametrize("crop", [64, 288])
def test_a_crop_and_its_map(shots: list[LabelledPhoto], crop: int) -> None:
    for seed in range(4):
        pixels, labels = random_crop(shots[0], crop, np.random.default_rng(seed))
        assert pixels.shape == (crop, crop, 3)
        assert labels is not None
        assert labels.shape == (crop, crop)
        assert pixels.flags.c_contiguous
    bare = LabelledPhoto(shots[0].path, "one")
    assert random_crop(bare, 64, np.random.default_rng(0))[1] is None


def test_finishing_is_no_fault(draw: Any) -> None:
    """At most a good JPEG; a third of the photos or so get one."""
    pixels = cv2.GaussianBlur(draw(64, 96, 0), (0, 0), 2)
    seen = [finish(pixels, np.random.default_rng(seed)) for seed in range(30)]
    kept = [np.array_equal(one, pixels) for one in seen]
    assert 10 < sum(kept) < 25
    for one in seen:
        assert one.shape == pixels.shape
        assert np.abs(one.astype(int) - pixels).mean() < 4


# --- the start ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def imagenet() -> Path:
    return imagenet_file()


@torch.inference_mode()
def test_batch_norms_are_folded(imagenet: Path) -> None:
    """Every convolution of the trunk does what convolution and batch norm did."""
    state = torch.load(imagenet, map_location="cpu", weights_only=True)
    encoder = NanoVisionEncoder(width=16, contexts=1)
    start_from_imagenet(encoder, imagenet)
    blocks = [block for stage in encoder.stages for block in stage]
    pairs = [(encoder.stem, "_conv_stem", "_bn0")]
    for index, block in enumerate(blocks):
        names = [("depthwise", "_depthwise_conv", "_bn1"), ("project", "_project_conv", "_bn2")]
        if block.expand is not None:
            names.append(("expand", "_expand_conv", "_bn0"))
        pairs += [
            (getattr(block, part), f"_blocks.{index}.{convolution}", f"_blocks.{index}.{norm}")
            for part, convolution, norm in names
        ]
    assert len(pairs) == 1 + 3 * 16 - 1  # the first block expands nothing
    used = {name for _, *names in pairs for name in names}
    rest = {name.rpartition(".")[0] for name in state} - used
    assert rest == {"_conv_head", "_bn1", "_fc"}  # ImageNet's classes: nothing of ours
    torch.manual_seed(0)
    for layer, convolution, norm in pairs:
        weight = state[f"{convolution}.weight"]
        assert layer.weight.shape == weight.shape
        x = torch.randn(1, layer.in_channels, 12, 12)
        low, high = layer.extra
        padded = F.pad(x, (low, high, low, high)) if high else x
        plain = F.conv2d(padded, weight, None, layer.stride, layer.padding, groups=layer.groups)
        expected = F.batch_norm(
            plain,
            state[f"{norm}.running_mean"],
            state[f"{norm}.running_var"],
            state[f"{norm}.weight"],
            state[f"{norm}.bias"],
            eps=1e-3,
        )
        torch.testing.assert_close(layer(x), expected, atol=1e-3, rtol=1e-3)


@torch.inference_mode()
def test_strided_convolutions_pad_like_tensorflow() -> None:
    """Even sides: one more row at the bottom and right than at the top and left."""
    encoder = NanoVisionEncoder(width=16, contexts=1)
    strided = [m for m in encoder.modules() if isinstance(m, nn.Conv2d) and m.stride[0] == 2]
    extras = {(m.kernel_size[0], m.extra) for m in strided}
    assert extras == {(3, (0, 1)), (5, (1, 2))}
    for layer in strided:
        assert layer(torch.zeros(1, layer.in_channels, 8, 8)).shape[-2:] == (4, 4)


@torch.inference_mode()
def test_taps_are_normalised(draw: Any) -> None:
    torch.manual_seed(0)
    encoder = NanoVisionEncoder(width=16, contexts=1)
    shown = np.stack([draw(96, 96, seed) for seed in range(4)]).transpose(0, 3, 1, 2)
    pixels = (torch.from_numpy(shown.copy()).float() - 127) / 128
    normalise_taps(encoder, pixels)
    patches = encoder(pixels).patches
    assert patches.shape == (4, TAPPED, 6, 6)
    moving = patches.std(dim=(0, 2, 3)) > 0.5
    assert moving.float().mean() > 0.3
    assert patches.mean(dim=(0, 2, 3)).abs().max() < 0.01
    assert patches.std(dim=(0, 2, 3)).max() == pytest.approx(1, abs=0.05)


# --- the loss and the loop ----------------------------------------------------------------------


def test_the_heads_shapes() -> None:
    severity, last = DenseHead(16)(torch.zeros(2, 16, 4, 6))
    assert severity.shape == (2, len(FAMILIES), len(SEVERITIES), 4, 6)
    assert last.shape == (2, len(FAMILIES), 4, 6)


def test_the_loss_by_hand() -> None:
    """One patch that counts, one that does not; ln 2 for each of the 36 labels."""
    zeros = torch.zeros(1, 12, 3, 1, 2)
    none = torch.full((1, 12, 1, 2), -1.0)
    weight = torch.tensor([[[1.0, 0.0]]])
    flat = dense_loss((zeros, torch.zeros(1, 12, 1, 2)), zeros, weight, none)
    assert float(flat) == pytest.approx(36 * np.log(2), rel=1e-5)
    sure = dense_loss((zeros - 20, torch.zeros(1, 12, 1, 2)), zeros, weight, none)
    assert float(sure) < 1e-4
    # What weighs nothing may be anything.
    wrong = zeros.clone()
    wrong[..., 1] = 1
    assert float(dense_loss((zeros - 20, none), wrong, weight, none)) < 1e-4
    # The order counts where two distortions meet.
    known = none.clone()
    known[0, 3, 0, 0] = 1
    right, left = (
        float(dense_loss((zeros - 20, torch.full_like(none, value)), zeros, weight, known))
        for value in (9.0, -9.0)
    )
    assert left > right + 0.05


def test_a_few_steps_lower_the_loss(draw: Any) -> None:
    torch.manual_seed(0)
    encoder = NanoVisionEncoder(width=16, contexts=1)
    head = DenseHead(16)
    shown = np.stack([draw(64, 64, seed) for seed in range(2)]).transpose(0, 3, 1, 2)
    pixels = (torch.from_numpy(shown.copy()).float() - 127) / 128
    normalise_taps(encoder, pixels)
    severity = torch.zeros(2, 12, 3, 4, 4)
    severity[0, 1, :2] = 1
    severity[1, 0, 0, :2] = 1
    labels = (severity, torch.ones(2, 4, 4), torch.full((2, 12, 4, 4), -1.0))
    optimiser = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=2e-3)
    losses = []
    for _ in range(8):
        loss = dense_loss(head(encoder(pixels).fused), *labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_the_rate_rises_and_falls() -> None:
    config = DenseConfig(steps=200, warmup=20)
    rates = [_cosine(step, config) for step in range(201)]
    assert rates[0] == pytest.approx(1 / 20)
    assert max(rates) == pytest.approx(1)
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[200] == pytest.approx(0.02)


def test_the_stage_runs(imagenet: Path, shots: list[LabelledPhoto], tmp_path: Path) -> None:
    opinions = [Opinion(shots[0].path, 0.3), Opinion(shots[1].path, 0.8)]
    config = DenseConfig(
        steps=2, batch=2, crop=64, width=16, contexts=1, opinions=1, workers=0, warmup=1
    )
    encoder = pretrain(shots, opinions, tmp_path, config)
    saved = load_file(tmp_path / "encoder.safetensors")
    own = encoder.state_dict()
    assert set(saved) == set(own)
    assert all(torch.equal(saved[name], own[name]) for name in own)
    other = NanoVisionEncoder(width=16, contexts=1)
    other.load_state_dict(saved)
    assert (tmp_path / "head.safetensors").is_file()
    assert not list(tmp_path.glob(".*"))


def test_the_log_is_json_lines(
    imagenet: Path, shots: list[LabelledPhoto], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line every 20 steps; the loop without its network."""
    from trainer import pretrain as module

    class Light(nn.Module):
        """Stands for the encoder."""

        def __init__(self, **_: Any) -> None:
            super().__init__()
            self.stem, self.stages = nn.Conv2d(3, 16, 16, 16), nn.ModuleList()

        def forward(self, x: torch.Tensor) -> Any:
            class Out:
                fused = self.stem(x)

            return Out

    monkeypatch.setattr(module, "NanoVisionEncoder", Light)
    monkeypatch.setattr(module, "start_from_imagenet", lambda *_: None)
    monkeypatch.setattr(module, "normalise_taps", lambda *_: None)
    config = DenseConfig(steps=40, batch=1, crop=64, width=16, workers=0, warmup=2)
    pretrain(shots, [], tmp_path, config)
    rows = [
        json.loads(line)
        for line in (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert [row["step"] for row in rows] == [20, 40]
    assert all(row["dense"] > 0 for row in rows)
