"""Teach nano's segmenter: a point inside a region gives that region, not its neighbour.

Targets are the synthetic distortion masks (several in one photo, so that the point decides) and
human region maps. The encoder starts from a taught nano's; its trunk stays as it is.
"""

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from spider_cli.nano.segmenting import NanoSegmenter
from trainer.annotate import compose
from trainer.opencv import read_labels, resized
from trainer.regions import BoolMask, blob_regions, label_map_regions, superpixel_regions
from trainer.sources import LabelledPhoto, load_pixels
from trainer.tuning.augment import as_jpeg

__all__ = ["SegmentConfig", "mask_loss", "point_inside", "segment_stage"]

_POINTS = 4
_SAVED = 0.4
"""Share of photos saved as a good JPEG."""


@dataclass(frozen=True, slots=True)
class SegmentConfig:
    """What the segmenter's stage does."""

    minutes: float = 20
    batch: int = 4
    """Photos per step, each asked at up to four points."""
    lr: float = 1e-3
    warmup: int = 50
    human_share: float = 0.2
    """Photos taken with a human region map and no distortion."""
    average: float = 0.995
    workers: int = 1
    seed: int = 0


@dataclass(frozen=True, slots=True)
class _Batch:
    pixels: Tensor
    points: Tensor
    targets: Tensor
    valid: Tensor


def point_inside(mask: BoolMask, rng: np.random.Generator) -> tuple[float, float]:
    """A random point of a mask, away from its border where it is wide enough: ``(x, y)``."""
    distance = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    deep = distance >= float(rng.uniform(0.05, 0.7)) * distance.max()
    ys, xs = np.nonzero(deep & mask)
    chosen = int(rng.integers(len(ys)))
    return float(xs[chosen]) + 0.5, float(ys[chosen]) + 0.5


class _Prompts(IterableDataset[tuple[Tensor, ...]]):
    """Endless (pixels, points, masks, valid) at the segmenter's own square size."""

    def __init__(
        self,
        photos: list[LabelledPhoto],
        human: list[LabelledPhoto],
        side: int,
        config: SegmentConfig,
    ) -> None:
        self.photos, self.human, self.side, self.config = photos, human, side, config

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        info = get_worker_info()
        cv2.setNumThreads(1)
        rng = np.random.default_rng([self.config.seed, 3, 0 if info is None else info.id])
        while True:
            if self.human and rng.random() < self.config.human_share:
                pixels, masks = self._human(rng)
            else:
                pixels, masks = self._composed(rng)
            if masks:
                yield self._prompts(pixels, masks, rng)

    def _human(self, rng: np.random.Generator) -> tuple[npt.NDArray[np.uint8], list[BoolMask]]:
        photo = self.human[int(rng.integers(len(self.human)))]
        labels = None if photo.labels is None else read_labels(photo.labels)
        assert labels is not None, photo
        return load_pixels(photo.path), label_map_regions(labels, rng, 4)

    def _composed(self, rng: np.random.Generator) -> tuple[npt.NDArray[np.uint8], list[BoolMask]]:
        pixels = load_pixels(self.photos[int(rng.integers(len(self.photos)))].path)
        height, width = pixels.shape[:2]
        factor = min(1.0, float(rng.uniform(400, 780)) / max(height, width))
        size = (round(width * factor), round(height * factor))
        pixels = resized(pixels, size, cv2.INTER_AREA)
        count = int(rng.choice([1, 2, 3], p=[0.2, 0.45, 0.35]))
        if rng.random() < 0.5:
            masks = superpixel_regions(pixels, rng, count)
        else:
            masks = blob_regions(pixels.shape[:2], rng, count)
        sample = compose(pixels, masks, rng, whole_share=0.0, clean_share=0.0)
        pixels = sample.pixels
        if rng.random() < _SAVED:  # as most photos were, and no fault
            pixels = as_jpeg(pixels, int(rng.integers(82, 99)))
        return pixels, [region.mask for region in sample.regions]

    def _prompts(
        self, pixels: npt.NDArray[np.uint8], masks: list[BoolMask], rng: np.random.Generator
    ) -> tuple[Tensor, ...]:
        flip = rng.random() < 0.5
        if flip:
            pixels, masks = pixels[:, ::-1], [mask[:, ::-1] for mask in masks]
        height, width = pixels.shape[:2]
        scale = self.side / max(height, width)
        h, w = round(height * scale), round(width * scale)
        small = cv2.resize(np.ascontiguousarray(pixels), (w, h), interpolation=cv2.INTER_LINEAR)
        square = np.zeros((self.side, self.side, 3), np.float32)
        square[:h, :w] = (small.astype(np.float32) - 127) / 128
        grid = self.side // 4
        points, targets = [], []
        for index in range(_POINTS):
            mask = np.ascontiguousarray(masks[index % len(masks)])
            x, y = point_inside(mask, rng)
            points.append([x * scale, y * scale])
            target = np.zeros((grid, grid), np.float32)
            low = cv2.resize(
                mask.astype(np.float32), (round(w / 4), round(h / 4)), interpolation=cv2.INTER_AREA
            )
            target[: low.shape[0], : low.shape[1]] = low
            targets.append(target)
        valid = np.zeros((grid, grid), np.float32)
        valid[: round(h / 4), : round(w / 4)] = 1
        return (
            torch.from_numpy(square.transpose(2, 0, 1).copy()),
            torch.tensor(points),
            torch.from_numpy(np.stack(targets)),
            torch.from_numpy(valid),
        )


def mask_loss(logits: Tensor, scores: Tensor, targets: Tensor, valid: Tensor) -> Tensor:
    """SAM's training rule: of the masks proposed per point the best one learns; every quality
    estimate learns its mask's true IoU.

    Args:
        logits: (B, P, M, h, w).
        scores: (B, P, M).
        targets: (B, P, h, w) in 0-1.
        valid: (B, h, w): 1 where there is photo.
    """
    weight = valid[:, None, None]
    target = targets[:, :, None].expand_as(logits)
    cross = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    cross = (cross * weight).sum(dim=(-2, -1)) / weight.sum(dim=(-2, -1))
    p = logits.sigmoid() * weight
    inter = (p * target).sum(dim=(-2, -1))
    dice = 1 - (2 * inter + 1) / (p.sum(dim=(-2, -1)) + target.sum(dim=(-2, -1)) + 1)
    each = 4 * cross + dice  # (B, P, M)
    with torch.no_grad():
        hard, truth = (logits > 0) & (weight > 0), target > 0.5
        union = (hard | truth).sum(dim=(-2, -1)).clamp_min(1)
        iou = (hard & truth).sum(dim=(-2, -1)) / union
    # The best proposal leads; a little for the others keeps them from dying.
    return each.min(dim=-1).values.mean() + 0.1 * each.mean() + F.mse_loss(scores, iou)


def segment_stage(
    segmenter: NanoSegmenter,
    photos: list[LabelledPhoto],
    human: list[LabelledPhoto],
    out: Path,
    config: SegmentConfig,
) -> None:
    """Train in place; the averaged weights end up in `segmenter`.

    Writes ``log.jsonl`` and, every two minutes and at the end, ``segmenter.safetensors``.
    """
    torch.manual_seed(config.seed)
    out.mkdir(parents=True, exist_ok=True)
    encoder = segmenter.vision_encoder.encoder
    for part in (encoder.stem, encoder.stages):
        part.requires_grad_(False)
    segmenter.train()
    parameters = [p for p in segmenter.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=config.lr, weight_decay=0.01, betas=(0.9, 0.98))
    mean = {n: p.detach().clone() for n, p in segmenter.named_parameters() if p.requires_grad}
    side = segmenter.config.side
    loader = iter(
        DataLoader(
            _Prompts(photos, human, side, config),
            batch_size=config.batch,
            num_workers=config.workers,
        )
    )
    start = saved = time.monotonic()
    running, step = 0.0, 0
    while (done := (time.monotonic() - start) / (60 * config.minutes)) < 1:
        rate = config.lr * min(1, (step + 1) / config.warmup) * 0.5 * (1 + math.cos(math.pi * done))
        for group in optimiser.param_groups:
            group["lr"] = rate
        pixels, points, targets, valid = next(loader)
        embeddings = segmenter.vision_encoder(pixels)[0]
        out_masks = segmenter(
            image_embeddings=embeddings,
            input_points=points[:, :, None],
            input_labels=torch.ones(points.shape[:2], dtype=torch.int64)[:, :, None],
            multimask_output=True,
        )
        loss = mask_loss(out_masks.pred_masks, out_masks.iou_scores, targets, valid)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        decay = min(config.average, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, parameter in segmenter.named_parameters():
                if parameter.requires_grad:
                    mean[name].lerp_(parameter, 1 - decay)
        running = float(loss.detach()) if not step else 0.95 * running + 0.05 * float(loss.detach())
        step += 1
        if step % 20 == 0:
            row = {"step": step, "seconds": round(time.monotonic() - start), "loss": running}
            with (out / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        if time.monotonic() - saved > 120:
            saved = time.monotonic()
            _save(out, segmenter, mean)
    _save(out, segmenter, mean)
    with torch.no_grad():
        for name, parameter in segmenter.named_parameters():
            if name in mean:
                parameter.copy_(mean[name])
    segmenter.requires_grad_(True)
    segmenter.eval()


def _save(out: Path, segmenter: NanoSegmenter, mean: dict[str, Tensor]) -> None:
    weights = {k: v.contiguous() for k, v in (segmenter.state_dict() | mean).items()}
    # The same tensor as shared_image_embedding's, which is how transformers saves the two.
    weights.pop("prompt_encoder.shared_embedding.positional_embedding", None)
    temporary = out / ".segmenter.safetensors"
    save_file(weights, temporary)
    temporary.replace(out / "segmenter.safetensors")
