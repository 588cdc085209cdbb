"""Stage 1 for nano: next-token cross-entropy on answers only, several questions per photo at once.

The photo's tokens stand once, every question after them sees the photo and itself only. Positional
words and level words are taught as soft targets over the vocabulary.
"""

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from spider_cli.nano.modeling import NanoForConditionalGeneration, Readings
from trainer.features import Lesson
from trainer.packing import Row

__all__ = ["Stage1Config", "answer_loss", "draw_rows", "pack_batch", "stage1"]


@dataclass(frozen=True, slots=True)
class Stage1Config:
    """What stage 1 does."""

    minutes: float = 35
    """Wall-clock length; the learning rate falls to zero over it."""
    batch: int = 16
    """Photos per step."""
    lr: float = 2e-3
    warmup: int = 60
    opinion_share: float = 0.2
    """Photos per batch that people scored."""
    weight_decay: float = 0.05
    average: float = 0.995
    seed: int = 0
    rows: Mapping[str, int] = field(
        default_factory=lambda: {
            "describe": 1,
            "describe_region": 1,
            "refer_short": 2,
            "refer_long": 1,
            "ground_hyd": 1,
            "ground_sid": 1,
            "ground_dao": 1,
            "score": 1,
        }
    )
    """Questions per photo and step, by task, where the photo has them."""
    soft_weight: float = 1.0
    """How much a softly taught word (position, quality level) counts beside another token: there
    are few of them, and the point and the score are read from nothing else."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A batch: photo tokens first, then each question's turn; all padded on the right."""

    ids: Tensor
    """(B, T)"""
    features: list[Readings]
    """Row by row, in the order of the placeholders."""
    positions: Tensor
    """(B, T): turns all start right after the photo."""
    mask: Tensor
    """(B, 1, T, T) bool: who sees whom."""
    where: Tensor
    """(N, 2): batch row and index of each token that is predicted *from*."""
    targets: Tensor
    """(N, 2) token ids; hard targets have the same id twice."""
    shares: Tensor
    """(N, 2) probabilities of the two."""
    soft: Tensor
    """(N,) bool: the target is a soft one."""


def draw_rows(
    lesson: Lesson, rng: np.random.Generator, wanted: Mapping[str, int]
) -> list[tuple[Row, tuple[tuple[Readings, ...], ...]]]:
    """Some of a lesson's rows, so that tasks are balanced."""
    chosen = []
    for task, count in wanted.items():
        own = [row for row in lesson.rows if row[0].task == task]
        order = rng.permutation(len(own))[:count]
        chosen += [own[int(i)] for i in order]
    order = rng.permutation(len(chosen))
    return [chosen[int(i)] for i in order]


def pack_batch(
    batch: Sequence[Lesson],
    rng: np.random.Generator,
    *,
    rows: Mapping[str, int],
    image_token: int,
    statistics: int,
) -> Packed:
    """Lay out photos and questions."""
    ids: list[list[int]] = []
    turns: list[list[int]] = []
    positions: list[list[int]] = []
    features: list[Readings] = []
    where: list[tuple[int, int]] = []
    targets: list[tuple[int, int]] = []
    shares: list[tuple[float, float]] = []
    softly: list[bool] = []
    for b, lesson in enumerate(batch):
        count = sum(len(r.cells) + statistics for r in lesson.photo)
        features += lesson.photo
        row_ids, row_turns, row_positions = [image_token] * count, [0] * count, list(range(count))
        for turn, (row, boxes) in enumerate(draw_rows(lesson, rng, rows), start=1):
            for readings in boxes:
                features += readings
            start = len(row_ids)
            row_ids += row.ids
            row_turns += [turn] * len(row.ids)
            row_positions += range(count, count + len(row.ids))
            for index in range(row.answer, len(row.ids)):
                where.append((b, start + index - 1))
                softly.append(index in row.soft)
                soft = sorted(row.soft.get(index, {row.ids[index]: 1.0}).items())
                targets.append((soft[0][0], soft[-1][0]))
                shares.append((soft[0][1], soft[-1][1] if len(soft) > 1 else 0.0))
        ids.append(row_ids)
        turns.append(row_turns)
        positions.append(row_positions)
    longest = max(map(len, ids))
    asked = torch.tensor([row + [-1] * (longest - len(row)) for row in turns])
    causal = torch.ones(longest, longest, dtype=torch.bool).tril()
    sees = (asked[:, None, :] == asked[:, :, None]) | (asked[:, None, :] == 0)  # (B, query, key)
    return Packed(
        ids=torch.tensor([row + [0] * (longest - len(row)) for row in ids]),
        features=features,
        positions=torch.tensor([row + [0] * (longest - len(row)) for row in positions]),
        mask=(sees & causal)[:, None],
        where=torch.tensor(where),
        targets=torch.tensor(targets),
        shares=torch.tensor(shares),
        soft=torch.tensor(softly),
    )


def embed_readings(model: NanoForConditionalGeneration, readings: Sequence[Readings]) -> Tensor:
    """As `model.embed_readings`, all of one size together: (total tokens, hidden)."""
    groups: dict[tuple[int, int], list[int]] = {}
    for index, one in enumerate(readings):
        groups.setdefault((one.kind, len(one.cells)), []).append(index)
    parts: dict[int, Tensor] = {}
    for members in groups.values():
        tokens = model.projector.many([readings[i] for i in members])  # (M, tokens, hidden)
        parts.update(zip(members, tokens, strict=True))
    return torch.cat([parts[index] for index in range(len(readings))])


def answer_loss(
    model: NanoForConditionalGeneration, packed: Packed, *, soft_weight: float = 1.0
) -> Tensor:
    """Weighted mean cross-entropy over answer tokens, soft where the row says so."""
    embeds = model.get_input_embeddings()(packed.ids)
    holes = (packed.ids == model.config.image_token_id) | (
        packed.ids == model.config.region_token_id
    )
    embeds = embeds.clone()
    embeds[holes] = embed_readings(model, packed.features)
    hidden = model.language_model.model(
        inputs_embeds=embeds,
        attention_mask=packed.mask,
        position_ids=packed.positions,
        use_cache=False,
    ).last_hidden_state
    picked = hidden[packed.where[:, 0], packed.where[:, 1]]  # (N, hidden)
    log_p: Tensor = model.language_model.lm_head(picked).float().log_softmax(dim=-1)
    loss = -(log_p.gather(1, packed.targets) * packed.shares).sum(dim=1)
    weight = torch.where(packed.soft, soft_weight, 1.0)
    return (loss * weight).sum() / weight.sum()


def stage1(
    model: NanoForConditionalGeneration,
    composed: list[Lesson],
    opinions: list[Lesson],
    validation: list[Lesson],
    out: Path,
    config: Stage1Config,
) -> None:
    """Train projector and language model on lessons; the averaged weights end up in `model`.

    Writes ``log.jsonl`` and every few minutes ``language.safetensors`` into `out`.

    Raises:
        FloatingPointError: the loss is not a number.
    """
    torch.manual_seed(config.seed)
    rng = np.random.default_rng([config.seed, 2])
    out.mkdir(parents=True, exist_ok=True)
    model.vision_encoder.requires_grad_(False)
    model.projector.readout.requires_grad_(False)  # the dense stage taught it
    model.train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    matrices = [p for p in parameters if p.ndim > 1]
    vectors = [p for p in parameters if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": config.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=config.lr,
        betas=(0.9, 0.98),
    )
    mean = {n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}
    layout: dict[str, Any] = {
        "image_token": model.config.image_token_id,
        "statistics": model.config.statistics,
        "rows": config.rows,
    }
    start = saved = time.monotonic()
    running, step = 0.0, 0
    while (done := (time.monotonic() - start) / (60 * config.minutes)) < 1:
        rate = config.lr * min(1, (step + 1) / config.warmup) * 0.5 * (1 + math.cos(math.pi * done))
        for group in optimiser.param_groups:
            group["lr"] = rate
        batch = []
        for _ in range(config.batch):
            pool = opinions if opinions and rng.random() < config.opinion_share else composed
            batch.append(pool[int(rng.integers(len(pool)))])
        packed = pack_batch(batch, rng, **layout)
        loss = answer_loss(model, packed, soft_weight=config.soft_weight)
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss is {float(loss.detach())} at step {step}")
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        decay = min(config.average, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if parameter.requires_grad:
                    mean[name].lerp_(parameter, 1 - decay)
        running = float(loss.detach()) if not step else 0.95 * running + 0.05 * float(loss.detach())
        step += 1
        if step % 20 == 0:
            row = {"step": step, "seconds": round(time.monotonic() - start), "loss": running}
            if step % 200 == 0:
                row["validation"] = _validate(model, validation, layout)
            with (out / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        if time.monotonic() - saved > 180:
            saved = time.monotonic()
            _save(out, mean)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in mean:
                parameter.copy_(mean[name])
    _save(out, mean)
    model.requires_grad_(True)
    model.eval()


@torch.no_grad()
def _validate(
    model: NanoForConditionalGeneration, lessons: list[Lesson], layout: dict[str, Any]
) -> float:
    if not lessons:
        return float("nan")
    model.eval()
    rng = np.random.default_rng(0)
    losses = [
        float(answer_loss(model, pack_batch(lessons[i : i + 16], rng, **layout)))
        for i in range(0, len(lessons), 16)
    ]
    model.train()
    return sum(losses) / len(losses)


def _save(out: Path, mean: dict[str, Tensor]) -> None:
    temporary = out / ".language.safetensors"
    save_file({name: value.contiguous() for name, value in mean.items()}, temporary)
    temporary.replace(out / "language.safetensors")
