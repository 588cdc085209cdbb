"""`spider train stage1`: from a base model and data to a tuned one. Reads top to bottom.

A run's folder holds recipe.json, log.jsonl, checkpoint-STEP/ (the newest ones and the best), and in
the end model/, which is what `--model` takes.
"""

import platform
import time
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import set_seed

from spider_cli import __version__
from spider_cli.errors import SpiderError, UsageError
from spider_cli.nano.vision import channels_last
from trainer.tuning.arguments import arguments, global_batch
from trainer.tuning.base import NANO, NEW, Base, class_of, find_base, licence_of, load_base
from trainer.tuning.callbacks import Reporter
from trainer.tuning.card import model_card
from trainer.tuning.checkpoints import checkpoints_of, step_of
from trainer.tuning.examining import examination_of, examiner
from trainer.tuning.export import export, is_adapted, read_weights
from trainer.tuning.failures import memory_explained, said_once
from trainer.tuning.files import disk_explained
from trainer.tuning.log import RunLog, read_log
from trainer.tuning.loop import Stage1Trainer
from trainer.tuning.materials import Materials, gather_materials, load_processor
from trainer.tuning.measured import check_figure
from trainer.tuning.nano.settle import settle
from trainer.tuning.nano.start import start_nano, started_as
from trainer.tuning.parts import apply_parts, count_parameters
from trainer.tuning.photo_rows import TrainingPhotos
from trainer.tuning.recipe import Recipe
from trainer.tuning.run_folder import BASE, begin, look
from trainer.tuning.signals import Signals
from trainer.tuning.sums import check_sums

__all__ = ["MODEL", "Stopped", "base_of", "tune"]

MODEL = "model"


class Stopped(Exception):  # noqa: N818 - no error: the run was asked to stop, and saved
    """A signal ended the run after a checkpoint."""

    def __init__(self, signal: int) -> None:
        super().__init__(f"signal {signal}")
        self.signal = signal


def tune(
    recipe: Recipe,
    out: Path,
    *,
    resume: bool = False,
    merge: bool = False,
    tensorboard: bool = False,
    quiet: bool = False,
    earlier: Sequence[Recipe] = (),
    later: Sequence[Recipe] = (),
) -> Path | None:
    """Tune a model by a recipe.

    Args:
        out: the run's folder.
        resume: go on from its newest checkpoint; without one, begin.
        merge: write one whole model in the end instead of an adapter.
        tensorboard: log for TensorBoard as well.
        quiet: nothing for people.
        earlier: recipes of the phases before, which the model's card tells of.
        later: of the phases to come, which are looked at before the first step.

    Returns:
        The model's folder; None in processes that do not write it.

    Raises:
        Stopped: SIGTERM or Ctrl-C, and a checkpoint is written.
        UsageError: something is wrong with recipe, data, base or machine; or the loss is not a
            number, or memory or the disk ran out: the last checkpoint is whole.
    """
    args = arguments(recipe, out, tensorboard=tensorboard)
    first = args.process_index == 0
    with said_once(first):
        global_batch(args, recipe)
        with args.main_process_first():
            base = base_of(recipe, out)
        # Some of nano's photos have no answer, others no patches.
        args.ddp_find_unused_parameters = base.kind == NANO
        start = look(out, recipe, base, resume=resume)
        processor = load_processor(base)
        materials = gather_materials(recipe, processor, base)
        if first:
            check_sums(recipe)
        for one in later:
            _check_ahead(one, processor, base, args)
        args.max_steps = materials.steps
        args.warmup_steps = round(recipe.optim.warmup * materials.steps)
        examination = examination_of(recipe)
        best_by = ("loss", False)
        if examination is not None:
            best_by = check_figure(recipe.run.best_by, examination)
        model = _model(recipe, base)
        settled = 0 if start is not None else _settled(model, recipe, materials)
        if args.distributed_state is not None:
            args.distributed_state.wait_for_everyone()  # all have looked before one writes
        if first:
            begin(out, recipe, base)
    log = RunLog(out, writes=first)
    reporter = Reporter(log, materials.steps, shown=first and not quiet)
    with Signals() as signals, memory_explained(recipe), said_once(first, "not_a_number"):
        trainer = Stage1Trainer(
            model=model,
            args=args,
            rows=materials.rows,
            collate=materials.collate,
            loss_of=materials.loss_of,
            recipe=recipe,
            base=base,
            processor=processor,
            reporter=reporter,
            signals=signals,
            best_by=best_by,
        )
        if trainer.spread:
            _for_spread(model, start, recipe, merge=merge)
        if examination is not None:
            trainer.examine = examiner(trainer, examination, materials, processor)
        _note_start(log, reporter, recipe, base, model, materials, args, start)
        if settled:
            log.add("settle", 0, photos=settled)
        try:
            trainer.train(resume_from_checkpoint=None if start is None else str(start))
        except SpiderError as error:
            log.add("stop", trainer.state.global_step, reason=error.code, message=error.message)
            raise
        finally:
            reporter.close()
    if trainer.guard.stopping is not None:
        step = trainer.state.global_step
        log.add("stop", step, reason=f"signal {trainer.guard.stopping}")
        reporter.say(f"saved after step {step}; --resume goes on from there")
        raise Stopped(trainer.guard.stopping)
    return _finish(trainer, out, recipe, base, materials, reporter, merge=merge, earlier=earlier)


# --- before ---------------------------------------------------------------------------------------


def _check_ahead(recipe: Recipe, processor: Any, base: Base, args: Any) -> None:
    """Would a later phase begin? Its base is not there yet, but is of the same form as this one.

    Raises:
        UsageError: something is wrong with its recipe or data.
    """
    global_batch(copy(args), recipe)
    gather_materials(recipe, processor, base)
    examination = examination_of(recipe)
    if examination is not None:
        check_figure(recipe.run.best_by, examination)


def base_of(recipe: Recipe, out: Path) -> Base:
    """The recipe's base; a new one is made in the run's folder first, and again where the recipe
    has changed since and nothing was saved.

    Raises:
        UsageError: there is none, or the data that a new one starts from cannot be read.
    """
    if recipe.model.base != NEW:
        return find_base(recipe.model)
    folder = out / BASE
    if not (checkpoints_of(out) or started_as(recipe, folder)):
        with disk_explained(folder):
            start_nano(recipe, folder)
    return replace(find_base(replace(recipe.model, base=str(folder))), name=NEW)


def _model(recipe: Recipe, base: Base) -> Any:
    """The base with the recipe's parts learning, the same in all processes."""
    model = load_base(base, getattr(torch, recipe.model.dtype))
    set_seed(recipe.run.seed)  # LoRA's first matrices are random
    model = apply_parts(model, recipe)
    if base.kind == NANO:
        channels_last(model.vision_encoder)
    if recipe.run.checkpointing:
        settings = {"use_reentrant": False}
        if hasattr(model, "activation_checkpointing_enable"):
            model.activation_checkpointing_enable(activation_checkpointing_kwargs=settings)
        else:  # before transformers 5.2x
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=settings)
    return model


def _settled(model: Any, recipe: Recipe, materials: Materials) -> int:
    """Of how many photos the statistics were brought to one scale."""
    wanted = recipe.run.settle
    whole = recipe.parts.projector == "full"  # else an adapter would stand on other weights
    if not (wanted and whole and isinstance(materials.rows, TrainingPhotos)):
        return 0
    return settle(model, materials.rows, wanted)


def _for_spread(model: Any, start: Path | None, recipe: Recipe, *, merge: bool) -> None:
    """What must be done before weights are spread over processes: they are read whole.

    Raises:
        UsageError: they are to be merged, or Muon is to turn them, which needs them in one process.
    """
    if recipe.optim.muon:
        raise UsageError(
            "optim.muon turns whole matrices, and these are spread over processes",
            hint="--set optim.muon=0, or launch without FSDP or DeepSpeed's stages",
            code="bad_recipe",
        )
    if merge:
        raise UsageError(
            "weights spread over processes cannot be merged here",
            hint="leave out --merge; afterwards run the same command in one process with "
            "--resume --merge",
        )
    if start is not None:
        read_weights(model, start)


def _note_start(
    log: RunLog,
    reporter: Reporter,
    recipe: Recipe,
    base: Base,
    model: Any,
    materials: Materials,
    args: Any,
    start: Path | None,
) -> None:
    step = 0 if start is None else step_of(start)
    counts = count_parameters(model)
    if start is not None:
        log.add("resume", step, checkpoint=start.name)
    log.add(
        "start",
        step,
        recipe=recipe.name,
        base=base.name,
        revision=base.revision,
        steps=materials.steps,
        data=materials.counts,
        processes=args.world_size,
        device=str(args.device),
        parameters={part: [one.total, one.trainable] for part, one in counts.items()},
        versions={
            "spider": __version__,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "python": platform.python_version(),
        },
    )
    total = sum(one.total for one in counts.values())
    learning = sum(one.trainable for one in counts.values())
    reporter.say(
        f"{recipe.name}: {learning / 1e6:,.1f} M of {total / 1e6:,.1f} M parameters learn, "
        f"{materials.steps:,} steps of {recipe.run.batch} rows on {args.world_size} x "
        f"{args.device.type}" + (f", from step {step}" if step else "")
    )


# --- after ----------------------------------------------------------------------------------------


def _finish(
    trainer: Stage1Trainer,
    out: Path,
    recipe: Recipe,
    base: Base,
    materials: Materials,
    reporter: Reporter,
    *,
    merge: bool,
    earlier: Sequence[Recipe],
) -> Path | None:
    """Write RUN/model from the best weights, or from the last where nothing was measured."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    step = best = trainer.state.global_step
    if not trainer.spread and trainer.state.best_global_step:
        best = trainer.state.best_global_step
        chosen = out / f"checkpoint-{best}"
        if best != step and chosen.is_dir():
            read_weights(model, chosen)
        else:
            best = step
    state = trainer.accelerator.get_state_dict(trainer.model_wrapped) if trainer.spread else None
    if not trainer.args.should_save:
        trainer.accelerator.wait_for_everyone()
        return None
    figures: dict[str, float] = next(
        (
            row["figures"]
            for row in reversed(read_log(out))
            if row["event"] == "evaluation" and row["step"] == best
        ),
        {},
    )
    card = model_card(
        recipe,
        base,
        licence=licence_of(base.folder),
        adapter=is_adapted(model) and not merge,
        step=best,
        steps=materials.steps,
        figures=figures,
        counts=materials.counts,
        loader=class_of(base).__name__,
        earlier=earlier,
    )
    target = out / MODEL
    started = time.monotonic()
    with disk_explained(target):
        export(
            model,
            target,
            base=base,
            processor=trainer.processor,
            dtype=getattr(torch, recipe.model.dtype),
            merge=merge,
            card=card,
            state=state,
        )
    reporter.log.add(
        "model", best, folder=MODEL, merged=merge, seconds=round(time.monotonic() - started, 3)
    )
    reporter.too_long()
    reporter.say(f"the model of step {best} is in {target}")
    trainer.accelerator.wait_for_everyone()
    return target
