"""`spider train stage1 --dry-run`: what a run would learn, need and see; nothing is trained, and no
weights are loaded."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch

from trainer.tuning.base import NEW, Base, find_base, skeleton
from trainer.tuning.export import is_adapted
from trainer.tuning.materials import Materials, gather_materials, load_processor
from trainer.tuning.memory import GIB, estimate_memory, seen_by
from trainer.tuning.parts import apply_parts, count_parameters
from trainer.tuning.sums import check_sums
from trainer.tuning.train import base_of

if TYPE_CHECKING:
    from trainer.tuning.recipe import Recipe

__all__ = ["dry_run"]


def dry_run(recipe: "Recipe") -> str:
    """A report in plain text.

    Raises:
        UsageError: what a run would raise before its first step, but for weights that do not load.
    """
    with TemporaryDirectory() as folder:  # a new base is made there, and forgotten
        fresh = recipe.model.base == NEW
        base = base_of(recipe, Path(folder)) if fresh else find_base(recipe.model, weights=False)
        return _report(recipe, base)


def _report(recipe: "Recipe", base: Base) -> str:
    processor = load_processor(base)
    materials = gather_materials(recipe, processor, base)
    check_sums(recipe)
    model = apply_parts(skeleton(base, getattr(torch, recipe.model.dtype)), recipe)
    numbers = list(range(recipe.run.micro_batch))
    batch = materials.batch(materials.rows, numbers)
    lines = [f"{recipe.name}: {base.name}" + (f" at {base.revision}" if base.revision else "")]
    lines += ["", *_parts(model, recipe), "", *_data(recipe, materials)]
    lines += ["", *_batch(batch, processor), "", *_memory(model, recipe, batch)]
    return "\n".join(lines)


def _parts(model: Any, recipe: "Recipe") -> list[str]:
    counts = count_parameters(model)
    total = sum(one.total for one in counts.values())
    learning = sum(one.trainable for one in counts.values())
    lines = [f"{'part':<10} {'how':<7} {'parameters':>16} {'learning':>14} {'share':>7}"]
    for part, count in counts.items():
        how = "" if part == "unused" else getattr(recipe.parts, part)
        share = count.trainable / max(count.total, 1)
        lines.append(f"{part:<10} {how:<7} {count.total:>16,} {count.trainable:>14,} {share:>7.2%}")
    lines.append(f"{'all':<10} {'':<7} {total:>16,} {learning:>14,} {learning / total:>7.2%}")
    if is_adapted(model):
        lines.append(f"LoRA of rank {recipe.lora.rank}; its matrices are counted among the above")
    return lines


def _data(recipe: "Recipe", materials: Materials) -> list[str]:
    run = recipe.run
    lines = [f"{'rows':>10} {'an epoch':>10}  data"]
    for one in materials.counts:
        lines.append(f"{one['rows']:>10,} {one['per_epoch']:>10,}  {one['path']} ({one['split']})")
    rows = materials.steps * run.batch
    lines.append(f"a row has {materials.longest:,} tokens at most; longer ones: {run.long_rows}")
    lines += [
        f"{materials.steps:,} steps of {run.batch} rows, {run.micro_batch} at a time in a process: "
        f"{rows:,} rows, {materials.rows.epoch_at(rows):.2f} epochs",
        f"learning rates: language {recipe.optim.lr_lora:g}, vision {recipe.optim.lr_vision:g}, "
        f"projector {recipe.optim.lr_projector:g}; {recipe.optim.schedule} after "
        f"{round(recipe.optim.warmup * materials.steps):,} steps of warm-up",
    ]
    return lines


def _batch(batch: dict[str, Any], processor: Any) -> list[str]:
    lines = ["the first micro-batch:"]
    lines += [
        f"  {name:<22} {tuple(value.shape)!s:<20} {str(value.dtype).removeprefix('torch.')}"
        for name, value in batch.items()
        if torch.is_tensor(value)
    ]
    labels = batch["labels"]
    live = int((labels != -100).sum())
    notes = batch["notes"]
    lines.append(f"  {notes.tokens:,} tokens, {live:,} of them live; rows {', '.join(notes.ids)}")
    if notes.dropped or notes.truncated:
        lines.append(f"  too long: {notes.dropped} left out, {notes.truncated} cut")
    first = labels[0][labels[0] != -100].tolist()
    lines.append(f"  learnt of the first row: {processor.tokenizer.decode(first)!r}")
    return lines


def _memory(model: Any, recipe: "Recipe", batch: dict[str, Any]) -> list[str]:
    if not hasattr(model.config, "vision_config"):  # the estimate knows encoders of layers alone
        return ["memory: not estimated for this encoder"]
    found = estimate_memory(model, recipe, **seen_by(model, batch))
    parts = {
        "weights": found.weights,
        "gradients": found.gradients,
        "optimizer": found.optimizer,
        "activations": found.activations,
        "sum": found.total,
    }
    lines = ["memory of one process, estimated from shapes (docs/stage1.md), GiB:"]
    lines += [f"  {name:<12} {size / GIB:>8.2f}" for name, size in parts.items()]
    return lines
