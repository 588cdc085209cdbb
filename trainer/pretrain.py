"""Before stage 1: teach nano's encoder densely, every patch knowing its distortions from the mask.

Per patch and family three binary labels (at least mild, moderate, severe), and where two
distortions meet, which came last; per photo with a human score, that score. The heads that read
these are thrown away: the language model reads the encoder's maps.
"""

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from spider_cli.nano.vision import PATCH, TAPPED, NanoVisionEncoder, box_statistics, channels_last
from spider_cli.vocabulary import FAMILIES, SEVERITIES
from trainer.annotate import compose
from trainer.init import imagenet_file, normalise_taps, start_from_imagenet
from trainer.opencv import read_labels, resized
from trainer.regions import blob_regions, label_map_regions, superpixel_regions
from trainer.sources import LabelledPhoto, Opinion, load_pixels
from trainer.truth import Sample

__all__ = ["DenseConfig", "DenseHead", "patch_targets", "pretrain", "random_crop"]

COUNT = len(FAMILIES)


@dataclass(frozen=True, slots=True)
class DenseConfig:
    """What the dense stage does."""

    steps: int = 1000
    """Optimiser steps."""
    batch: int = 16
    """Crops per step."""
    crop: int = 288
    """Side of the crops in pixels."""
    width: int = 160
    """Channels of the encoder's fused map."""
    contexts: int = 2
    """Context blocks in the encoder."""
    lr_trunk: float = 4e-4
    lr_head: float = 2e-3
    warmup: int = 40
    opinions: int = 4
    """Photos with human scores in every second step."""
    average: float = 0.995
    """Decay of the running average of weights, which is what is kept."""
    workers: int = 2
    seed: int = 0


class DenseHead(nn.Module):
    """Fused map -> per patch (B, 12 families, 3 severities) and (B, 12) "came last" logits; and the
    opinion from the statistics. Used in training only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.map = nn.Sequential(
            nn.Conv2d(width, 192, 1), nn.GELU(), nn.Conv2d(192, COUNT * (len(SEVERITIES) + 1), 1)
        )
        self.opinion = nn.Sequential(
            nn.LayerNorm(2 * TAPPED), nn.Dropout(0.2), nn.Linear(2 * TAPPED, 1)
        )

    def forward(self, fused: Tensor) -> tuple[Tensor, Tensor]:
        out = self.map(fused)
        batch, _, height, width = out.shape
        severity = out[:, : COUNT * 3].reshape(batch, COUNT, 3, height, width)
        return severity, out[:, COUNT * 3 :]


def random_crop(
    photo: LabelledPhoto, crop: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8] | None]:
    """A photo (and its region map) at a random size and place: (crop, crop, 3) and (crop, crop)."""
    pixels = load_pixels(photo.path)
    labels = None
    if photo.labels is not None:
        labels = read_labels(photo.labels)
    height, width = pixels.shape[:2]
    longest = rng.uniform(416, 704)
    factor = min(1.0, longest / max(height, width))
    factor = max(factor, (crop + 1) / min(height, width))
    if factor != 1.0:
        size = (round(width * factor), round(height * factor))
        method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        pixels = resized(pixels, size, method)
        if labels is not None:
            labels = resized(labels, size, cv2.INTER_NEAREST)
    height, width = pixels.shape[:2]
    y, x = rng.integers(0, height - crop + 1), rng.integers(0, width - crop + 1)
    pixels = pixels[y : y + crop, x : x + crop]
    if labels is not None:
        labels = labels[y : y + crop, x : x + crop]
    if rng.random() < 0.5:
        pixels = pixels[:, ::-1]
        labels = None if labels is None else labels[:, ::-1]
    return np.ascontiguousarray(pixels), None if labels is None else np.ascontiguousarray(labels)


def finish(pixels: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """What happens to most photos after they were taken, and is no fault: a good JPEG."""
    if rng.random() < 0.4:
        quality = int(rng.integers(82, 99))
        _, code = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        decoded = np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), dtype=np.uint8)
        pixels = np.ascontiguousarray(decoded[..., ::-1])
    return pixels


def patch_targets(sample: Sample) -> tuple[npt.NDArray[np.float32], ...]:
    """Dense labels of a composed photo, at one per patch.

    Returns:
        severity (12, 3, h, w) in 0-1, weight (h, w) of a patch (low where a border crosses it),
        last (12, h, w): 1 for the family applied last of two, 0 for the one before, -1 elsewhere.
    """
    height, width = sample.pixels.shape[:2]
    h, w = height // PATCH, width // PATCH
    severity = np.zeros((COUNT, 3, h, w), np.float32)
    weight = np.ones((h, w), np.float32)
    last = np.full((COUNT, h, w), -1, np.float32)
    whole = np.ones((height, width), bool)
    parts = [(r.mask, r.distortions) for r in sample.regions]
    if sample.whole:
        parts.append((whole, sample.whole))
    for mask, distortions in parts:
        share = mask[: h * PATCH, : w * PATCH].reshape(h, PATCH, w, PATCH).mean(axis=(1, 3))
        inside = share >= 0.5
        weight = np.minimum(weight, np.abs(2 * share - 1).astype(np.float32))
        for position, applied in enumerate(distortions):
            family = FAMILIES.index(applied.family)
            for step in range(SEVERITIES.index(applied.severity) + 1):
                severity[family, step][inside] = 1
            if len(distortions) == 2:
                last[family][inside] = position
    return severity, weight, last


class _Crops(IterableDataset[tuple[Tensor, ...]]):
    """Endless composed crops; item i of worker k is the same for the same seed."""

    def __init__(self, photos: list[LabelledPhoto], config: DenseConfig) -> None:
        self.photos = photos
        self.config = config

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        info = get_worker_info()
        worker = 0 if info is None else info.id
        cv2.setNumThreads(1)
        rng = np.random.default_rng([self.config.seed, worker])
        while True:
            photo = self.photos[int(rng.integers(len(self.photos)))]
            pixels, labels = random_crop(photo, self.config.crop, rng)
            count = int(rng.integers(1, 4))
            if labels is not None and rng.random() < 0.7:
                masks = label_map_regions(labels, rng, count)
            elif rng.random() < 0.3:
                masks = superpixel_regions(pixels, rng, count)
            else:
                masks = blob_regions(pixels.shape[:2], rng, count)
            sample = compose(pixels, masks, rng)
            severity, weight, last = patch_targets(sample)
            finished = finish(sample.pixels, rng)
            yield (
                torch.from_numpy(np.ascontiguousarray(finished.transpose(2, 0, 1))),
                torch.from_numpy(severity),
                torch.from_numpy(weight),
                torch.from_numpy(last),
            )


def dense_loss(
    logits: tuple[Tensor, Tensor], severity: Tensor, weight: Tensor, last: Tensor
) -> Tensor:
    """Binary cross-entropy over families and severities, plus the order where two meet."""
    severity_logits, last_logits = logits
    loss = F.binary_cross_entropy_with_logits(severity_logits, severity, reduction="none")
    loss = (loss.sum(dim=(1, 2)) * weight).sum() / weight.sum().clamp_min(1)
    known = (last >= 0).float() * weight[:, None]
    order = F.binary_cross_entropy_with_logits(last_logits, last.clamp_min(0), reduction="none")
    return loss + 0.5 * (order * known).sum() / known.sum().clamp_min(50)


def _opinion_batch(
    opinions: list[Opinion], count: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """(count, 3, 384, 512) pixels and (count,) scores."""
    chosen = [opinions[int(i)] for i in rng.integers(0, len(opinions), count)]
    pixels = []
    for opinion in chosen:
        photo = load_pixels(opinion.path)
        height, width = photo.shape[:2]
        photo = photo[: height - height % 32, : width - width % 32]
        if rng.random() < 0.5:
            photo = photo[:, ::-1]
        pixels.append(
            resized(photo, (512, 384), cv2.INTER_AREA) if photo.shape[:2] != (384, 512) else photo
        )
    batch = torch.from_numpy(np.stack(pixels).transpose(0, 3, 1, 2).copy())
    return batch, torch.tensor([o.mos for o in chosen])


def pretrain(
    photos: list[LabelledPhoto], opinions: list[Opinion], out: Path, config: DenseConfig
) -> NanoVisionEncoder:
    """Run the dense stage; writes ``encoder.safetensors``, ``head.safetensors`` and ``log.jsonl``.

    Returns:
        The encoder with the averaged weights, which are those written.
    """
    torch.manual_seed(config.seed)
    rng = np.random.default_rng([config.seed, 10_000])
    encoder = NanoVisionEncoder(width=config.width, contexts=config.contexts)
    start_from_imagenet(encoder, imagenet_file())
    head = DenseHead(config.width)
    loader = iter(
        DataLoader(_Crops(photos, config), batch_size=config.batch, num_workers=config.workers)
    )
    normalise_taps(encoder, _normalise(next(loader)[0]))
    channels_last(encoder)
    trunk = [*encoder.stem.parameters(), *encoder.stages.parameters()]
    known = {id(p) for p in trunk}
    rest = [p for p in encoder.parameters() if id(p) not in known] + list(head.parameters())
    groups = [{"params": trunk, "lr": config.lr_trunk}, {"params": rest, "lr": config.lr_head}]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.01, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda s: _cosine(s, config))
    mean = torch.optim.swa_utils.AveragedModel(
        nn.ModuleDict({"encoder": encoder, "head": head}),
        multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(config.average),
    )
    averaged = cast(nn.ModuleDict, mean.module)
    out.mkdir(parents=True, exist_ok=True)
    start, running = time.monotonic(), {"dense": 0.0, "opinion": 0.0}
    for step in range(config.steps):
        pixels, severity, weight, last = next(loader)
        dense = dense_loss(head(encoder(_normalise(pixels)).fused), severity, weight, last)
        loss, opinion = dense, torch.zeros(())
        if opinions and step % 2:
            shown, mos = _opinion_batch(opinions, config.opinions, rng)
            patches = encoder(_normalise(shown)).patches
            box = (0.0, 0.0, float(shown.shape[3]), float(shown.shape[2]))
            told = torch.stack([box_statistics(one, box) for one in patches])
            opinion = F.mse_loss(head.opinion(told)[:, 0], mos * 4)
            loss = loss + opinion
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([*encoder.parameters(), *head.parameters()], 5.0)
        optimiser.step()
        schedule.step()
        mean.update_parameters(nn.ModuleDict({"encoder": encoder, "head": head}))
        running["dense"] = 0.95 * running["dense"] + 0.05 * float(dense.detach())
        if step % 2:
            running["opinion"] = 0.9 * running["opinion"] + 0.1 * float(opinion.detach())
        if step % 20 == 19:
            row: dict[str, Any] = {"step": step + 1, "seconds": time.monotonic() - start}
            _log(out / "log.jsonl", row | {k: round(v, 4) for k, v in running.items()})
        if step % 100 == 99 or step + 1 == config.steps:
            for name, part in averaged.items():
                weights = {k: v.detach().contiguous() for k, v in part.state_dict().items()}
                temporary = out / f".{name}.safetensors"
                save_file(weights, temporary)
                temporary.replace(out / f"{name}.safetensors")
    encoder.load_state_dict(averaged["encoder"].state_dict())
    return encoder


def _normalise(pixels: Tensor) -> Tensor:
    return ((pixels.float() - 127) / 128).contiguous(memory_format=torch.channels_last)


def _cosine(step: int, config: DenseConfig) -> float:
    if step < config.warmup:
        return (step + 1) / config.warmup
    done = (step - config.warmup) / max(1, config.steps - config.warmup)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done))


def _log(path: Path, row: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
