"""The segmenter behind its interface: a tiny SAM of transformers' own, and nano's."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spider_cli.errors import UsageError
from spider_cli.segmenter import Segment, Segmenter, load_segmenter

SIDE = 64
POINTS = ((3.0, 2.0), (40.5, 20.25), (80.0, 60.0), (0.0, 0.0))


@pytest.fixture(scope="module")
def sam_folder(tmp_path_factory: pytest.TempPathFactory, loud: Any) -> Path:
    """SAM itself, plain ViT and all, with almost no width."""
    from transformers import SamConfig, SamModel
    from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

    torch.manual_seed(0)
    config = SamConfig(
        vision_config={
            "hidden_size": 16,
            "output_channels": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": SIDE,
            "patch_size": 16,
            "mlp_dim": 32,
            "num_pos_feats": 16,
            "global_attn_indexes": [1],
            "window_size": 2,
        },
        prompt_encoder_config={
            "hidden_size": 32,
            "image_size": SIDE,
            "patch_size": 16,
            "mask_input_channels": 4,
        },
        mask_decoder_config={
            "hidden_size": 32,
            "mlp_dim": 32,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 16,
        },
    )
    folder = tmp_path_factory.mktemp("sam")
    model = SamModel(config)
    loud(model)
    model.save_pretrained(folder)
    SamImageProcessorPil(
        size={"longest_edge": SIDE},
        pad_size={"height": SIDE, "width": SIDE},
        mask_size={"longest_edge": SIDE // 4},
        mask_pad_size={"height": SIDE // 4, "width": SIDE // 4},
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=["sam", "nano"])
def segmenter(request: pytest.FixtureRequest, nano_folder: Path) -> Segmenter:
    if request.param == "nano":
        return load_segmenter(nano_folder / "segmenter")
    folder: Path = request.getfixturevalue("sam_folder")
    return load_segmenter(folder)


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def equal(one: Segment, other: Segment) -> bool:
    return bool(np.array_equal(one.probability, other.probability)) and one.quality == other.quality


def test_a_mask_at_the_photos_own_size(segmenter: Segmenter) -> None:
    embedding = segmenter.embed(photo(70, 90))
    for point in POINTS:
        found = segmenter.segment(embedding, point)
        assert found.mask.shape == found.probability.shape == (70, 90)
        assert found.mask.dtype == np.bool_
        assert found.probability.dtype == np.float32
        assert 0 <= found.probability.min() <= found.probability.max() <= 1
        assert found.mask.any()
        assert np.isfinite(found.quality)


def test_the_point_matters(segmenter: Segmenter) -> None:
    embedding = segmenter.embed(photo(70, 90))
    one, other = (segmenter.segment(embedding, point) for point in POINTS[:2])
    assert np.abs(one.probability - other.probability).max() > 1e-4


def test_the_photo_matters(segmenter: Segmenter) -> None:
    one, other = (segmenter.embed(photo(70, 90, seed)) for seed in (0, 1))
    difference = segmenter.segment(one, POINTS[1]).probability
    difference = np.abs(difference - segmenter.segment(other, POINTS[1]).probability)
    assert difference.max() > 1e-5


def test_points_do_not_depend_on_points_before(segmenter: Segmenter) -> None:
    pixels = photo(70, 90)
    embedding = segmenter.embed(pixels)
    features = embedding.features.clone()
    there = [segmenter.segment(embedding, point) for point in POINTS]
    back = [segmenter.segment(embedding, point) for point in reversed(POINTS)][::-1]
    fresh = [segmenter.segment(segmenter.embed(pixels), point) for point in POINTS]
    assert torch.equal(features, embedding.features)
    for one, two, three in zip(there, back, fresh, strict=True):
        assert equal(one, two)
        assert equal(one, three)


def test_embed_once_ask_often(segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    encoder = segmenter.model.vision_encoder
    forward = encoder.forward

    def spy(*args: Any, **options: Any) -> Any:
        calls.append(1)
        return forward(*args, **options)

    monkeypatch.setattr(encoder, "forward", spy)
    embedding = segmenter.embed(photo(70, 90))
    for point in POINTS:
        segmenter.segment(embedding, point)
    assert len(calls) == 1


@pytest.mark.parametrize(
    "size",
    [
        (1, 1),
        (2, 2),
        (7, 5),
        (64, 64),
        (3, 100),  # three rows look like three channels
        (100, 3),
        (1, 100),
        (4, 100),
        (1, 3000),  # the short side rounds to nothing
        (3000, 1),
        (3, 3),
        (301, 517),
    ],
)
def test_any_size_and_shape(segmenter: Segmenter, size: tuple[int, int]) -> None:
    pixels = photo(*size)
    height, width = size
    embedding = segmenter.embed(pixels)
    assert embedding.original == size
    for point in ((0.0, 0.0), (width / 2, height / 2), (float(width), float(height))):
        found = segmenter.segment(embedding, point)
        assert found.mask.shape == size
        assert found.mask.any()


def test_rows_are_rows(segmenter: Segmenter) -> None:
    """A photo of three rows is no picture of three channels: it is as wide as it is."""
    for height, width in ((3, 100), (100, 3), (1, 100), (4, 100)):
        embedding = segmenter.embed(photo(height, width))
        ratio = embedding.resized[1] / embedding.resized[0]
        assert (ratio > 1) == (width > height)
        assert max(embedding.resized) == segmenter._side()


def test_the_point_lands_where_it_should(
    segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is asked in pixels of its own square, of which the photo fills a part."""
    asked: list[list[float]] = []
    model = segmenter.model
    forward = model.forward

    def spy(**options: Any) -> Any:
        asked.append(options["input_points"].flatten().tolist())
        return forward(**options)

    monkeypatch.setattr(model, "forward", spy)
    side = segmenter._side()
    embedding = segmenter.embed(photo(50, 200))
    segmenter.segment(embedding, (150.0, 25.0))
    assert asked == [pytest.approx([0.75 * side, 0.125 * side])]


class _Flat(torch.nn.Module):
    """A model that finds nothing anywhere, or hardly anything."""

    def __init__(self, inner: Any, peak: float) -> None:
        super().__init__()
        self.inner, self.peak = inner, peak
        self.device, self.dtype = inner.device, inner.dtype

    def forward(self, **options: Any) -> Any:
        out = self.inner(**options)
        out.pred_masks[:] = -200.0
        out.pred_masks[..., 4:8, 4:8] = self.peak
        return out


@pytest.mark.parametrize("peak", [-5.0, -60.0])
def test_a_faint_region_is_still_a_region(segmenter: Segmenter, peak: float) -> None:
    """Nowhere at one half: then half of the peak, and no more than there."""
    embedding = segmenter.embed(photo(64, 64))
    faint = Segmenter(_Flat(segmenter.model, peak), segmenter.image_processor)
    found = faint.segment(embedding, (20.0, 20.0))
    assert found.mask.any()
    assert found.mask.mean() < 0.25


def test_no_region_at_all_is_not_everything(segmenter: Segmenter) -> None:
    embedding = segmenter.embed(photo(64, 64))
    none = Segmenter(_Flat(segmenter.model, -200.0), segmenter.image_processor)
    assert not none.segment(embedding, (20.0, 20.0)).mask.any()


def test_the_proposal_it_rates_best(segmenter: Segmenter) -> None:
    embedding = segmenter.embed(photo(70, 90))
    with torch.inference_mode():
        out = segmenter.model(
            image_embeddings=embedding.features,
            input_points=torch.tensor([[[[1.0, 1.0]]]]),
            input_labels=torch.ones(1, 1, 1, dtype=torch.int64),
            multimask_output=True,
        )
    assert out.iou_scores.shape[-1] == 3
    scale = embedding.resized[1] / 90
    found = segmenter.segment(embedding, (1 / scale, 1 / scale))
    assert found.quality == pytest.approx(float(out.iou_scores.max()), abs=1e-4)


def by_sams_own_call(segmenter: Segmenter, embedding: Any, point: tuple[float, float]) -> Segment:
    """One point by one plain call of the model, its best-rated proposal enlarged."""
    from torch.nn import functional as F

    height, width = embedding.original
    x = point[0] * (embedding.resized[1] / width)
    y = point[1] * (embedding.resized[0] / height)
    with torch.inference_mode():
        out = segmenter.model(
            image_embeddings=embedding.features,
            input_points=torch.tensor([[[[x, y]]]]),
            input_labels=torch.ones(1, 1, 1, dtype=torch.int64),
            multimask_output=True,
        )
        best = int(out.iou_scores[0, 0].argmax())
        low = out.pred_masks[:, 0, best : best + 1].float()
        side = segmenter._side()
        full = F.interpolate(low, size=(side, side), mode="bilinear", align_corners=False)
        full = full[..., : embedding.resized[0], : embedding.resized[1]]
        full = F.interpolate(full, size=(height, width), mode="bilinear", align_corners=False)
        probability = full[0, 0].sigmoid_().numpy()
        quality = float(out.iou_scores[0, 0, best])
    cut = min(0.5, max(float(probability.max()) / 2, np.finfo(np.float32).tiny))
    return Segment(probability >= cut, probability, quality)


def test_one_point_is_sams_own_call_to_the_bit(segmenter: Segmenter) -> None:
    embedding = segmenter.embed(photo(70, 90))
    for point in POINTS:
        found = segmenter.segment(embedding, point)
        expected = by_sams_own_call(segmenter, embedding, point)
        assert found.probability.tobytes() == expected.probability.tobytes()
        assert found.quality == expected.quality
        assert np.array_equal(found.mask, expected.mask)


def test_all_proposals_and_the_best_of_them(segmenter: Segmenter) -> None:
    embedding = segmenter.embed(photo(70, 90))
    for point in POINTS:
        masks = segmenter.propose(embedding, [point], [1])
        assert len(masks) == 3
        best = max(masks, key=lambda one: one.quality)
        assert equal(best, segmenter.segment(embedding, point))


def test_prompts_together_are_as_alone(segmenter: Segmenter) -> None:
    embedding = segmenter.embed(photo(70, 90))
    prompts = [list(POINTS[:2]), list(POINTS[1:3]), list(POINTS[2:])]
    together = list(segmenter.propose_each(embedding, prompts, (1, 0)))
    for points, masks in zip(prompts, together, strict=True):
        for one, other in zip(masks, segmenter.propose(embedding, points, (1, 0)), strict=True):
            assert one.quality == pytest.approx(other.quality, abs=1e-4)
            assert np.abs(one.probability - other.probability).max() < 1e-3


@pytest.mark.parametrize("size", [(70, 90), (500, 300), (3, 900)])
def test_regions_at_many_points_are_those_of_each(
    segmenter: Segmenter, size: tuple[int, int]
) -> None:
    """Small ones cost little; whole ones are what `segment` makes of the point."""
    embedding = segmenter.embed(photo(*size))
    height, width = size
    points = [(x * width, y * height) for x, y in ((0.2, 0.1), (0.5, 0.5), (0.9, 0.7))]
    found = segmenter.regions_at(embedding, points)
    assert [one.point for one in found] == points
    for one, point in zip(found, points, strict=True):
        alone, whole = segmenter.segment(embedding, point), one.whole()
        assert one.quality == whole.quality == pytest.approx(alone.quality, abs=1e-4)
        assert np.abs(whole.probability - alone.probability).max() < 1e-3
        assert max(one.mask.shape) <= 256
        rows, columns = (
            np.minimum((np.arange(own) + 0.5) * small / own, small - 1).astype(int)
            for own, small in zip(size, one.mask.shape, strict=True)
        )
        as_large = one.mask[np.ix_(rows, columns)]
        assert (as_large == whole.mask).mean() > 0.9
        x1, y1, x2, y2 = one.box()
        assert 0 <= x1 < x2 <= width
        assert 0 <= y1 < y2 <= height
        assert np.count_nonzero(whole.mask[y1:y2, x1:x2]) >= 0.9 * np.count_nonzero(whole.mask)


def test_labels_and_more_points_matter(segmenter: Segmenter) -> None:
    embedding = segmenter.embed(photo(70, 90))
    one, other = POINTS[1], POINTS[0]
    asked = {
        "one": ([one], [1]),
        "two": ([one, other], [1, 1]),
        "negative": ([one, other], [1, 0]),
    }
    found = {
        name: segmenter.propose(embedding, points, labels)[0].probability
        for name, (points, labels) in asked.items()
    }
    for name, more in (("one", "two"), ("one", "negative"), ("two", "negative")):
        assert np.abs(found[name] - found[more]).max() > 1e-5, (name, more)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(nano_folder: Path, dtype: torch.dtype) -> None:
    half = load_segmenter(nano_folder / "segmenter", dtype=dtype)
    found = half.segment(half.embed(photo(70, 90)), POINTS[1])
    assert found.mask.any()
    assert np.isfinite(found.probability).all()


def test_a_folder_that_does_not_load(sam_folder: Path, tmp_path: Path) -> None:
    def without(name: str) -> Path:
        folder = Path(shutil.copytree(sam_folder, tmp_path / name))
        (folder / name).unlink()
        return folder

    other = Path(shutil.copytree(sam_folder, tmp_path / "other"))
    (other / "config.json").write_text(json.dumps({"model_type": "bert"}), encoding="utf-8")
    names = ("config.json", "model.safetensors", "preprocessor_config.json")
    for folder in (*map(without, names), other, tmp_path / "nowhere"):
        with pytest.raises(UsageError) as caught:
            load_segmenter(folder)
        assert caught.value.code == "model_unloadable"
        assert str(folder) in caught.value.message
