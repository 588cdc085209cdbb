"""The segmenter's stage: points inside, targets where the segmenter will look for them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

from trainer import segment as module
from trainer.new_nano import new_segmenter
from trainer.segment import SegmentConfig, _Prompts, mask_loss, point_inside, segment_stage
from trainer.sources import LabelledPhoto

SIDE = 128


def half(height: int, width: int) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[:, : width // 2] = True
    return mask


@pytest.mark.parametrize("shape", ["half", "ring", "speck", "all"])
def test_points_are_inside(shape: str) -> None:
    y, x = np.mgrid[0:60, 0:90]
    distance = np.hypot(x - 45, y - 30)
    mask = {
        "half": half(60, 90),
        "ring": (distance < 25) & (distance > 18),
        "speck": (x == 7) & (y == 50),
        "all": np.ones((60, 90), bool),
    }[shape]
    seen = set()
    for seed in range(30):
        px, py = point_inside(mask, np.random.default_rng(seed))
        assert mask[int(py), int(px)]
        seen.add((px, py))
    assert len(seen) > 5 or shape == "speck"


# --- the loss -----------------------------------------------------------------------------------


@pytest.fixture
def truth() -> tuple[torch.Tensor, torch.Tensor]:
    """Targets (1, 1, 8, 8), and the part of the square that is photo."""
    targets = torch.zeros(1, 1, 8, 8)
    targets[..., 2:5, 1:6] = 1
    valid = torch.ones(1, 8, 8)
    valid[:, 6:] = 0
    return targets, valid


def test_the_right_mask_costs_nothing(truth: Any) -> None:
    targets, valid = truth
    right = (targets * 40 - 20)[:, :, None].repeat(1, 1, 3, 1, 1)
    scores = torch.ones(1, 1, 3)
    assert float(mask_loss(right, scores, targets, valid)) < 0.1
    assert float(mask_loss(-right, scores, targets, valid)) > 20
    assert float(mask_loss(right, scores - 1, targets, valid)) > 0.9  # a quality denied


def test_the_best_proposal_leads(truth: Any) -> None:
    """Two of three may be wrong at a tenth of the price."""
    targets, valid = truth
    right = (targets * 20 - 10)[:, :, None].repeat(1, 1, 3, 1, 1)
    scores = torch.tensor([[[1.0, 0.0, 0.0]]])
    one_wrong = right.clone()
    one_wrong[:, :, 1] *= -1
    all_wrong = -right
    good, fair, bad = (
        float(mask_loss(logits, scores, targets, valid)) for logits in (right, one_wrong, all_wrong)
    )
    assert good < fair < 0.3 * bad


def test_outside_the_photo_nothing_counts(truth: Any) -> None:
    targets, valid = truth
    logits = torch.randn(1, 1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    scores = torch.zeros(1, 1, 3)
    before = mask_loss(logits, scores, targets, valid)
    logits[..., 6:, :] = 30
    assert torch.allclose(before, mask_loss(logits, scores, targets, valid))


def test_qualities_learn_the_true_iou(truth: Any) -> None:
    targets, valid = truth
    logits = (targets * 20 - 10)[:, :, None].clone()
    logits[..., 2:5, 4:6] = -10  # three of five columns found
    losses = [
        float(mask_loss(logits, torch.full((1, 1, 1), quality), targets, valid))
        for quality in (0.4, 0.6, 0.8)
    ]
    assert losses[1] == min(losses)


# --- prompts ------------------------------------------------------------------------------------


def prompts(shots: list[LabelledPhoto], human: bool = True) -> _Prompts:
    config = SegmentConfig(human_share=0.5 if human else 0.0)
    return _Prompts(shots, shots if human else [], SIDE, config)


def test_prompts_fit_the_segmenter(shots: list[LabelledPhoto]) -> None:
    endless = iter(prompts(shots))
    for _ in range(6):
        pixels, points, targets, valid = next(endless)
        assert pixels.shape == (3, SIDE, SIDE)
        assert pixels.dtype == points.dtype == targets.dtype == valid.dtype == torch.float32
        assert points.shape == (4, 2)
        assert targets.shape == (4, SIDE // 4, SIDE // 4)
        assert 0 <= targets.min() <= targets.max() <= 1 + 1e-6
        # Wide photos: the square is filled from the top, zeros below.
        rows = int(valid[:, 0].sum())
        assert rows == round(round(SIDE * 220 / 300) / 4)
        assert not pixels[:, rows * 4 + 4 :].any()
        assert not targets[:, rows:].any()
        for (x, y), target in zip(points.tolist(), targets, strict=True):
            assert 0 <= x <= SIDE
            assert 0 <= y <= rows * 4 + 2
            assert target[min(int(y / 4), rows - 1), min(int(x / 4), SIDE // 4 - 1)] > 0


def test_prompts_repeat(shots: list[LabelledPhoto]) -> None:
    one, other = (next(iter(prompts(shots))) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_pixels_are_prepared_as_at_run_time(shots: list[LabelledPhoto], draw: Any) -> None:
    """The training square is what the packaged image processor makes of the photo."""
    processor = SamImageProcessorPil(
        image_mean=[127 / 255] * 3,
        image_std=[128 / 255] * 3,
        size={"longest_edge": SIDE},
        pad_size={"height": SIDE, "width": SIDE},
    )
    maker = prompts(shots)
    for height, width in ((96, SIDE), (SIDE, 50), (48, 64)):
        photo = draw(height, width, 0)
        if width == 64:  # enlarged: smooth, so that resizers agree
            photo[:] = photo.mean(axis=(0, 1)).astype(np.uint8)
        mask = half(height, width)
        served = processor(images=photo, input_data_format="channels_last", return_tensors="pt")
        served = served["pixel_values"][0]
        seen = 0
        for seed in range(6):
            square = maker._prompts(photo, [mask], np.random.default_rng(seed))[0]
            shown = round(width * SIDE / max(height, width))
            mirrored = square.clone()
            mirrored[..., :shown] = square[..., :shown].flip(-1)
            seen += any(torch.allclose(one, served, atol=0.02) for one in (square, mirrored))
        assert seen == 6


# --- the stage ----------------------------------------------------------------------------------


def test_the_stage_runs(
    shots: list[LabelledPhoto], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segmenter = new_segmenter(width=16, side=SIDE)
    before = {name: value.clone() for name, value in segmenter.state_dict().items()}
    ticks = iter(range(1000))
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(ticks)))
    config = SegmentConfig(minutes=10 / 60, batch=1, workers=0)
    segment_stage(segmenter, shots, shots, tmp_path, config)
    saved = load_file(tmp_path / "segmenter.safetensors")
    own = segmenter.state_dict()
    tied = "prompt_encoder.shared_embedding.positional_embedding"
    assert set(own) - set(saved) == {tied}
    assert all(torch.equal(own[name], value) for name, value in saved.items())
    trunk = ("vision_encoder.encoder.stem.", "vision_encoder.encoder.stages.")
    for name, value in own.items():
        if name.startswith(trunk):
            assert torch.equal(value, before[name]), name
    assert any(not torch.equal(own[n], before[n]) for n in own if n.startswith("mask_decoder."))
    assert torch.equal(own[tied], own["shared_image_embedding.positional_embedding"])
    assert not segmenter.training
    assert all(p.requires_grad for p in segmenter.parameters())


def test_points_and_places_share_their_frequencies() -> None:
    """One tensor: what tells the decoder where a patch is, and where the point is."""
    segmenter = new_segmenter(width=16, side=SIDE)
    one = segmenter.shared_image_embedding.positional_embedding
    assert segmenter.prompt_encoder.shared_embedding.positional_embedding is one


def test_a_few_steps_lower_the_loss(shots: list[LabelledPhoto]) -> None:
    torch.manual_seed(0)
    segmenter = new_segmenter(width=16, side=SIDE)
    pixels, points, targets, valid = (one[None] for one in next(iter(prompts(shots, False))))
    with torch.no_grad():
        embeddings = segmenter.vision_encoder(pixels)[0]
    parameters = [*segmenter.mask_decoder.parameters(), *segmenter.prompt_encoder.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=1e-2)
    losses = []
    for _ in range(25):
        out = segmenter(
            image_embeddings=embeddings,
            input_points=points[:, :, None],
            input_labels=torch.ones(1, 4, 1, dtype=torch.int64),
            multimask_output=True,
        )
        loss = mask_loss(out.pred_masks, out.iou_scores, targets, valid)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert min(losses) < 0.8 * losses[0]
