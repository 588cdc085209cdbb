"""Automatic regions: any segmenter of the SAM family, without torchvision; nano's own."""

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco

from spider_cli.errors import UsageError
from trainer.automatic import AutomaticRegions, distinct
from trainer.region_filter import RegionFilter
from trainer.regions import AnyRegions, SuperpixelRegions, choose_finder
from trainer.sources import LabelledPhoto, load_pixels
from trainer.truth import Pixels

PHOTO = LabelledPhoto(Path("nowhere.jpg"), "nowhere")
SIDE = 64
"""Of the tiny segmenters' input."""


@pytest.fixture(scope="module")
def shot(photos: Path) -> Pixels:
    pixels = load_pixels(photos / "rocket.jpg")
    scale = 320 / max(pixels.shape[:2])
    return np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


def tiny_model(family: str) -> Any:
    """A random segmenter with a 64-pixel input."""
    import torch
    from transformers import Sam2Config, Sam2Model, SamConfig, SamHQConfig, SamHQModel, SamModel

    torch.manual_seed(5)
    prompt = {"hidden_size": 32, "image_size": SIDE, "patch_size": 16, "mask_input_channels": 4}
    decoder = {"hidden_size": 32, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 8}
    if family == "sam2":
        backbone = {
            "model_type": "sam2_hiera_det_model",
            "image_size": [SIDE, SIDE],
            "hidden_size": 8,
            "window_positional_embedding_background_size": [4, 4],
            "blocks_per_stage": [1, 1, 1, 1],
            "embed_dim_per_stage": [8, 16, 32, 64],
            "num_attention_heads_per_stage": [1, 1, 2, 2],
            "window_size_per_stage": [8, 4, 4, 4],
            "global_attention_blocks": [],
        }
        config: Any = Sam2Config(
            vision_config={
                "backbone_config": backbone,
                "backbone_channel_list": [64, 32, 16, 8],
                "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
                "fpn_hidden_size": 32,
            },
            prompt_encoder_config=prompt,
            mask_decoder_config=decoder,
        )
        return Sam2Model(config)
    vision = {
        "hidden_size": 32,
        "output_channels": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": SIDE,
        "patch_size": 16,
        "window_size": 2,
        "global_attn_indexes": [1],
        "num_pos_feats": 16,
        "mlp_dim": 32,
    }
    if family == "sam_hq":
        decoder["vit_dim"] = 32
        config = SamHQConfig(
            vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder
        )
        return SamHQModel(config)
    config = SamConfig(
        vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder
    )
    return SamModel(config)


def saved(family: str, folder: Path) -> Path:
    """Its folder, as the hub's have it."""
    import json

    import torch

    model = tiny_model(family)
    with torch.no_grad():  # as sure of itself as a taught one
        for name, weight in model.mask_decoder.named_parameters():
            if weight.ndim > 1 and ("upscale" in name or "hypernetworks" in name):
                weight.mul_(12)
        model.mask_decoder.iou_prediction_head.proj_out.bias.fill_(1.0)
    model.save_pretrained(folder)
    square = {"height": SIDE, "width": SIDE}
    settings: dict[str, Any] = {"size": {"longest_edge": SIDE}, "pad_size": square}
    if family == "sam2":
        settings = {"size": square, "image_processor_type": "Sam2ImageProcessorFast"}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


@pytest.mark.parametrize("family", ["sam", "sam_hq", "sam2"])
def test_any_segmenter_of_the_family(
    family: str, tmp_path: Path, shot: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    finder = AutomaticRegions(
        str(saved(family, tmp_path)),
        points_per_side=3,
        quality=0.0,
        rule=RegionFilter(min_share=0.0, max_share=1.0, connected=False),
    )
    masks = finder.candidates(shot)
    # Random weights see something or other somewhere.
    assert masks
    assert all(mask.shape == shot.shape[:2] and mask.dtype == bool and mask.any() for mask in masks)
    monkeypatch.setattr("trainer.automatic._remembered", {})
    again = finder.candidates(shot)
    assert all(np.array_equal(one, two) for one, two in zip(masks, again, strict=True))


@pytest.mark.parametrize("family", ["sam", "sam2"])
def test_points_and_masks_are_where_the_photo_is(family: str, tmp_path: Path) -> None:
    """A model that draws a square around each point draws it around that place in the photo."""
    import torch
    from torch import nn

    from trainer import automatic

    saved(family, tmp_path)
    _, processor = automatic._loaded(tmp_path, "cpu")

    class Around(nn.Module):
        device, dtype = torch.device("cpu"), torch.float32

        def get_image_embeddings(self, values: torch.Tensor) -> torch.Tensor:
            assert values.shape == (1, 3, SIDE, SIDE)
            return values

        def forward(self, input_points: torch.Tensor, **_: Any) -> Any:
            grid = (torch.arange(32) + 0.5) * SIDE / 32
            away = torch.maximum(
                (grid[:, None] - input_points[0, :, 0, 1, None, None]).abs(),
                (grid[None, :] - input_points[0, :, 0, 0, None, None]).abs(),
            )
            logits = (SIDE / 8 - away)[None, :, None]
            return type(
                "Out", (), {"pred_masks": logits, "iou_scores": torch.ones(logits.shape[:3])}
            )

    finder = AutomaticRegions(str(tmp_path), points_per_side=2, rule=RegionFilter(min_share=0.01))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(automatic, "_loaded", lambda *_: (Around(), processor))
        masks = finder.candidates(np.zeros((200, 400, 3), np.uint8))
    centres = sorted(
        (round(float(np.flatnonzero(m.any(axis=0)).mean()) / 400, 2),
         round(float(np.flatnonzero(m.any(axis=1)).mean()) / 200, 2))
        for m in masks
    )  # fmt: skip
    wanted = [(0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)]
    assert np.allclose(centres, wanted, atol=0.03), centres


def test_nano_finds_regions_and_they_are_the_same_again(
    shot: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    finder = AutomaticRegions(points_per_side=5)
    found = finder.find(PHOTO, shot, np.random.default_rng(1), 3)
    assert 1 <= len(found) <= 3
    assert np.sum([one.mask for one in found], axis=0).max() == 1
    for one in found:
        assert one.mask.shape == shot.shape[:2] and one.label == ""
        assert 0.04 <= one.mask.mean() <= 0.45
        assert cv2.connectedComponents(one.mask.astype(np.uint8), connectivity=4)[0] == 2

    def fresh(*_: object) -> object:
        raise AssertionError("the photo was looked at twice")

    with monkeypatch.context() as patch:
        patch.setattr(AutomaticRegions, "_generate", fresh)
        again = finder.find(PHOTO, shot, np.random.default_rng(1), 3)
    monkeypatch.setattr("trainer.automatic._remembered", {})
    anew = finder.find(PHOTO, shot, np.random.default_rng(1), 3)
    for one, two, three in zip(found, again, anew, strict=True):
        assert np.array_equal(one.mask, two.mask) and np.array_equal(one.mask, three.mask)


def test_the_number_of_threads_changes_nothing(
    shot: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    finder = AutomaticRegions(points_per_side=3)
    before = torch.get_num_threads()
    masks: list[Any] = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            monkeypatch.setattr("trainer.automatic._remembered", {})
            masks.append(finder.candidates(shot))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert all(np.array_equal(one, two) for one, two in zip(*masks, strict=True))


def test_of_duplicates_the_best_stays() -> None:
    def square(x: int, side: int = 40) -> dict[str, Any]:
        mask = np.zeros((100, 100), np.uint8)
        mask[10 : 10 + side, x : x + side] = 1
        rle: dict[str, Any] = coco.encode(np.asfortranarray(mask))
        return rle

    rles = [square(0), square(2), square(50), square(50)]
    scores = np.array([0.5, 0.9, 0.3, 0.3], np.float32)
    assert distinct(rles, scores, 0.7) == [1, 2]
    assert distinct(rles, scores, 1.0) == [1, 0, 2, 3]
    assert distinct([], np.zeros(0, np.float32), 0.7) == []


def test_torchvision_is_never_imported() -> None:
    code = (
        "import sys; sys.modules['torchvision'] = sys.modules['torchao'] = None\n"
        "import numpy as np\n"
        "from trainer.automatic import AutomaticRegions\n"
        "assert 'torch' not in sys.modules\n"
        "AutomaticRegions(points_per_side=1).candidates(np.zeros((80, 90, 3), np.uint8))\n"
        "import trainer.square\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_it_can_be_sent_to_a_worker_and_names_its_weights() -> None:
    finder = AutomaticRegions()
    assert pickle.loads(pickle.dumps(finder)) == finder
    assert finder.name().startswith("segmenter nano (")


@pytest.mark.parametrize("make", [lambda p: "no/such/model", lambda p: str(p)])
def test_no_segmenter_is_said_at_once(make: Callable[[Path], str], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no segmenter") as caught:
        choose_finder("segmenter", segmenter=make(tmp_path))
    assert caught.value.code == "model_missing"


def test_a_folder_of_something_else(tmp_path: Path, shot: Pixels) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    with pytest.raises(UsageError, match="cannot load") as caught:
        AutomaticRegions(str(tmp_path)).candidates(shot)
    assert caught.value.code == "model_unloadable"


def test_a_grid_without_points() -> None:
    with pytest.raises(ValueError, match="points_per_side"):
        AutomaticRegions(points_per_side=0)


def test_superpixels_fill_what_the_segmenter_leaves(shot: Pixels) -> None:
    nothing = AutomaticRegions(points_per_side=1, rule=RegionFilter(min_share=0.9, max_share=1))
    assert nothing.find(PHOTO, shot, np.random.default_rng(0), 2) == []
    both = AnyRegions((nothing, SuperpixelRegions()))
    assert len(both.find(PHOTO, shot, np.random.default_rng(0), 2)) == 2
