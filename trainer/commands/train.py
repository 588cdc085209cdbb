"""`spider train`: make weights."""

import logging
import os
from pathlib import Path
from typing import Annotated

import typer

from spider_cli.commands.options import Debug

app = typer.Typer(no_args_is_help=True, help="Train models.")

_STAGES = ("dense", "lessons", "stage1", "segment", "package")


@app.callback()
def main() -> None:
    """Train models."""


@app.command()
def nano(
    photos: Annotated[
        Path, typer.Option(help="Folder that holds the recipe's photo collections.", exists=True)
    ],
    out: Annotated[Path, typer.Option(help="Where weights and logs go; a run goes on there.")],
    recipe: Annotated[
        Path | None, typer.Option(help="A recipe in TOML; the shipped one when not given.")
    ] = None,
    stage: Annotated[
        list[str] | None,
        typer.Option(help=f"Only this stage (repeatable): {', '.join(_STAGES)}."),
    ] = None,
    threads: Annotated[int, typer.Option(help="Torch threads.", min=1)] = 2,
) -> None:
    """Train nano from its recipe: dense stage, lessons, stage 1, segmenter, package."""
    from spider_cli.errors import UsageError

    unknown = [name for name in stage or () if name not in _STAGES]
    if unknown:
        raise UsageError(f"unknown stage {unknown[0]!r}", hint=f"one of {', '.join(_STAGES)}")
    import torch

    from trainer.nano import load_recipe, train_nano

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(threads)
    train_nano(photos, out, load_recipe(recipe), tuple(stage or _STAGES))


@app.command(no_args_is_help=True)
def stage1(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE", help="A shipped recipe's name, or a TOML file.", show_default=False
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Folder of the run: log, checkpoints, and in the end the model. Needed but for "
            "--dry-run.",
            show_default=False,
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a key of the recipe (repeatable): optim.lr_lora=2e-4, data.0.path=DIR.",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on from the newest checkpoint of RUN, if there is one."),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Print parameters per part, memory and steps, and load one batch; train nothing.",
        ),
    ] = False,
    merge: Annotated[
        bool,
        typer.Option(
            "--merge", help="Write one whole model in the end, not an adapter beside its base."
        ),
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Log for TensorBoard as well, under RUN/runs.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Nothing but errors.")] = False,
    debug: Debug = False,
) -> None:
    """Teach a model to describe, refer and ground: the first stage, for models of any size.

    Several GPUs: accelerate launch --num_processes 8 -m spider_cli train stage1 RECIPE --out RUN.
    """
    _calm()
    from spider_cli.errors import UsageError
    from trainer.tuning.recipe import load_recipe

    chosen = load_recipe(recipe, tuple(settings or ()))
    if dry_run:
        from trainer.tuning.dry_run import dry_run as rehearse

        print(rehearse(chosen))
        return
    if out is None:
        raise UsageError("stage1 needs --out RUN", hint="or --dry-run, to see what it would do")
    from trainer.tuning.train import Stopped, tune

    try:
        model = tune(chosen, out, resume=resume, merge=merge, tensorboard=tensorboard, quiet=quiet)
    except Stopped as stopped:
        raise typer.Exit(128 + stopped.signal) from None
    if model is not None:
        print(model)


@app.command(no_args_is_help=True)
def plot(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run of `spider train stage1`.", exists=True)
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The picture; RUN/curves.png when not given."),
    ] = None,
) -> None:
    """Draw a run's loss, learning rates and figures as a PNG; prints where it is."""
    from trainer.tuning.plot import plot_run

    print(plot_run(run, out))


@app.command()
def stage2(
    run: Annotated[Path, typer.Argument(help="A run of `spider train nano`.", exists=True)],
    photos: Annotated[
        Path, typer.Option(help="Folder that holds the recipe's photo collections.", exists=True)
    ],
    recipe: Annotated[Path | None, typer.Option(help="The run's recipe in TOML.")] = None,
) -> None:
    """Choose the temperatures of text-to-point and of the score on validation photos."""
    from trainer.nano import load_recipe
    from trainer.stage2 import choose_temperatures

    choose_temperatures(run, photos, load_recipe(recipe))


def _calm() -> None:
    """Before transformers is imported: stderr is for spider's own lines."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # photos are read by forked workers
