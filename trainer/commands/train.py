"""`spider train`: make weights."""

import logging
from pathlib import Path
from typing import Annotated

import typer

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
