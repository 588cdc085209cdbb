"""A recipe as arguments of transformers' Trainer."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from transformers import TrainingArguments

from spider_cli.devices import choose_device
from spider_cli.errors import UsageError

if TYPE_CHECKING:
    from trainer.tuning.recipe import Recipe

__all__ = ["arguments", "global_batch"]


def arguments(recipe: "Recipe", out: Path, *, tensorboard: bool) -> TrainingArguments:
    """The Trainer's arguments but for the number of steps; making them sets up distribution.

    Raises:
        UsageError: the recipe asks for what this machine cannot do.
    """
    run, optim = recipe.run, recipe.optim
    device, _ = choose_device("auto")
    many = int(os.environ.get("WORLD_SIZE", "1")) > 1  # set by accelerate launch and torchrun
    if recipe.model.dtype == "float16" and device == "cpu":
        raise UsageError(
            "model.dtype is float16, which needs a GPU",
            hint="--set model.dtype=float32, or bfloat16",
            code="bad_recipe",
        )
    if tensorboard and not find_spec("tensorboard"):
        raise UsageError(
            "--tensorboard: the package tensorboard is missing",
            hint="pip install tensorboard; RUN/log.jsonl and spider train plot need nothing",
            code="missing_package",
        )
    return TrainingArguments(
        output_dir=str(out),
        max_steps=1,
        per_device_train_batch_size=run.micro_batch,
        max_grad_norm=optim.grad_clip,
        lr_scheduler_type="constant_with_warmup"
        if optim.schedule == "constant"
        else optim.schedule,
        bf16=recipe.model.dtype == "bfloat16",
        fp16=recipe.model.dtype == "float16",
        use_cpu=device == "cpu",
        ddp_backend="gloo" if device == "cpu" and many else None,
        ddp_find_unused_parameters=False,
        ddp_timeout=7200,  # others wait while the first writes or measures
        seed=run.seed,
        logging_steps=run.log_every,
        logging_first_step=True,
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=run.save_every,
        dataloader_num_workers=run.workers,
        dataloader_pin_memory=device == "cuda",
        remove_unused_columns=False,
        report_to=["tensorboard"] if tensorboard else [],
        disable_tqdm=True,
    )


def global_batch(args: TrainingArguments, recipe: "Recipe") -> None:
    """Set how many micro-batches make the recipe's batch on this many processes.

    Raises:
        UsageError: they do not divide it.
    """
    at_once = recipe.run.micro_batch * args.world_size
    if recipe.run.batch % at_once:
        raise UsageError(
            f"run.batch ({recipe.run.batch}) is no multiple of run.micro_batch "
            f"({recipe.run.micro_batch}) times {args.world_size} processes",
            hint=f"--set run.batch={-(-recipe.run.batch // at_once) * at_once}",
            code="bad_recipe",
        )
    args.gradient_accumulation_steps = recipe.run.batch // at_once
