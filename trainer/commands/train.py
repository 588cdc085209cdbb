"""`spider train`: make weights."""

import os
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from spider_cli.commands.options import Debug, MaxPixels, Offline

app = typer.Typer(no_args_is_help=True, help="Train models.")


@app.callback()
def main() -> None:
    """Train models."""


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
    offline: Offline = False,
    debug: Debug = False,
) -> None:
    """Teach a model to describe, refer and ground: the first stage, for models of any size.

    Several GPUs: accelerate launch --num_processes 8 -m spider_cli train stage1 RECIPE --out RUN.
    """
    _calm()
    from spider_cli.errors import UsageError
    from trainer.tuning.recipe import phases_of

    phases = phases_of(recipe, tuple(settings or ()))
    if dry_run:
        from trainer.tuning.dry_run import dry_run as rehearse

        print(rehearse(phases[0][1]))
        later = ", ".join(name for name, _ in phases[1:])
        if later:
            print(f"\nthis is the first phase; then, from its model: {later}")
        return
    if out is None:
        raise UsageError("stage1 needs --out RUN", hint="or --dry-run, to see what it would do")
    from trainer.tuning.phases import tune_phases
    from trainer.tuning.train import Stopped, tune

    run = partial(tune, phases[0][1]) if len(phases) == 1 else partial(tune_phases, phases)
    try:
        model = run(out, resume=resume, merge=merge, tensorboard=tensorboard, quiet=quiet)
    except Stopped as stopped:
        raise typer.Exit(128 + stopped.signal) from None
    if model is not None:
        print(model)


@app.command(no_args_is_help=True)
def segmenter(
    photos: Annotated[
        Path, typer.Option(help="Folder that holds the recipe's photo collections.", exists=True)
    ],
    encoder: Annotated[
        Path, typer.Option(help="A model of `spider train stage1 nano` to start from.", exists=True)
    ],
    out: Annotated[Path, typer.Option(help="Where weights and log go.")],
    recipe: Annotated[
        Path | None, typer.Option(help="A recipe in TOML; the shipped one when not given.")
    ] = None,
    threads: Annotated[int, typer.Option(help="Torch threads.", min=1)] = 2,
    debug: Debug = False,
) -> None:
    """Teach nano's segmenter: a point inside a region gives that region. Prints its folder."""
    _calm()
    import torch

    from trainer.segmenter_recipe import load_recipe, train_segmenter

    torch.set_num_threads(threads)
    print(train_segmenter(photos, encoder, out, load_recipe(recipe)))


@app.command(no_args_is_help=True)
def package(
    model: Annotated[Path, typer.Argument(help="A nano of stages 1 and 2.", exists=True)],
    segmenter: Annotated[
        Path, typer.Option(help="A segmenter of `spider train segmenter`.", exists=True)
    ],
    out: Annotated[Path, typer.Option(help="The new folder.")],
    card: Annotated[Path, typer.Option(help="The model's card, README.md.", exists=True)],
    debug: Debug = False,
) -> None:
    """Put nano's halves together as the folder that ships: half precision, with a manifest."""
    _calm()
    from trainer.package import package_nano

    package_nano(model, segmenter, out, card.read_text(encoding="utf-8"))
    print(out)


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


@app.command(no_args_is_help=True)
def stage2(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A model folder, merged or an adapter; nano with --out.",
            show_default=False,
        ),
    ],
    data: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="A data set of `spider data build`, with grounding questions.",
            show_default=False,
        ),
    ],
    segmenter: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|DIR",
            help="nano, or a folder of a SAM-family model; the model's own, else nano's, when not "
            "given.",
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="Of the data.")] = "validation",
    limit: Annotated[
        int | None, typer.Option(help="Only so many photos.", min=1, show_default=False)
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Measure every alternative to the paper's rule.")
    ] = False,
    words: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Measure closed sets with more words (repeatable): thirds, centre or center.",
        ),
    ] = None,
    points: Annotated[
        list[int] | None,
        typer.Option(
            help="Measure so many points drawn from the words' joint distribution (repeatable).",
            min=2,
            max=16,
        ),
    ] = None,
    negative: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND",
            help="Measure a negative point beside (repeatable): mirrored, or least, in the least "
            "likely part of the photo.",
        ),
    ] = None,
    mask_choice: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND",
            help="Measure another choice among the segmenter's masks (repeatable): agreement with "
            "the answer's words; first; or asked, the region that shows what the answer said.",
        ),
    ] = None,
    choose: Annotated[
        str,
        typer.Option(
            metavar="RULE",
            help="The rule that is written: paper; another, measured if no flag names it, such as "
            "thirds or several joined by + (negative-least+mask-agreement); or best, by mIoU.",
        ),
    ] = "paper",
    scores: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="Data with opinion scores, for the score's temperature; those in --data when not "
            "given.",
        ),
    ] = None,
    recall: Annotated[
        float | None,
        typer.Option(
            help="Share of photos with moderate or severe faults that descriptions must not call "
            "clean: they say so as readily as that allows, by a bias in generation_config.json.",
            min=0,
            max=1,
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Leave MODEL as it is: DIR becomes a copy of it with the new settings.",
        ),
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda", "mps"],
        typer.Option(envvar="SPIDER_DEVICE", help="Where the models run."),
    ] = "auto",
    batch_size: Annotated[
        int, typer.Option(envvar="SPIDER_BATCH_SIZE", help="Questions answered together.", min=1)
    ] = 8,
    max_pixels: MaxPixels = None,
    seed: Annotated[int, typer.Option(help="Of the intervals.", min=0)] = 0,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Check words, data and segmenter; say what would be done; write nothing.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
    debug: Debug = False,
) -> None:
    """Choose how a model's positional words become masks, without training: the second stage.

    Verifies the tokenizer's positional words, measures how well their probabilities are
    calibrated, picks the temperature by mIoU, and writes grounding.json into MODEL, which
    `spider ground` obeys. The paper's rule is always measured.
    """
    _calm()
    from trainer.commands.stage2 import run_stage2
    from trainer.stage2 import ALTERNATIVES, Settings

    rules = [*(ALTERNATIVES if every else ()), *(words or ())]
    rules += [f"points-{one}" for one in points or ()]
    rules += [f"negative-{one}" for one in negative or ()]
    rules += [f"mask-{one}" for one in mask_choice or ()]
    settings = Settings(
        model=model,
        data=data,
        split=split,
        limit=limit,
        segmenter=segmenter,
        rules=tuple(rules),
        choose=choose,
        scores=scores,
        recall=recall,
        out=out,
        device=device,
        batch_size=batch_size,
        max_pixels=max_pixels,
        seed=seed,
    )
    run_stage2(settings, dry_run=dry_run, as_json=as_json, quiet=quiet)


def _calm() -> None:
    """Before transformers is imported: stderr is for spider's own lines."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # photos are read by forked workers
