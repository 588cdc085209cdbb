"""A recipe in phases: each goes on from the model of the one before, in a folder of its own."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from spider_cli.errors import UsageError
from trainer.tuning.files import disk_explained
from trainer.tuning.recipe import Recipe
from trainer.tuning.run_folder import BASE, RECIPE, look
from trainer.tuning.train import MODEL, base_of, tune

__all__ = ["tune_phases"]


def tune_phases(
    phases: Sequence[tuple[str, Recipe]],
    out: Path,
    *,
    resume: bool = False,
    merge: bool = False,
    tensorboard: bool = False,
    quiet: bool = False,
) -> Path | None:
    """Tune a model phase by phase, as `train.tune` each; those that are done are not done again.

    All phases but the last write whole models. The last one's is copied to ``out/model``. With
    `resume` a last phase that is done writes its model again, as `train.tune` does.

    Args:
        phases: of `recipe.phases_of`.
        out: the run's folder; ``out/NAME`` is a phase's.
        resume: go on where a run stopped; without it there must be none.
        merge, tensorboard, quiet: as for `train.tune`; `merge` of the last phase.

    Returns:
        The last model's folder; None in processes that do not write it.

    Raises:
        Stopped, UsageError: as `train.tune`.
    """
    if (out / RECIPE).exists():
        raise UsageError(
            f"{out} holds a run without phases", hint="name a new folder with --out", code="exists"
        )
    if any(_begun(out / name) for name, _ in phases) and not resume:
        raise UsageError(
            f"{out} holds a run already",
            hint="--resume goes on with it; --out names a new folder",
            code="exists",
        )
    model: Path | None = None
    for number, (name, recipe) in enumerate(phases, start=1):
        own = recipe
        if number > 1:
            before = out / phases[number - 2][0] / MODEL
            own = replace(recipe, model=replace(recipe.model, base=str(before)))
        if number < len(phases) and (out / name / MODEL).exists():
            look(out / name, own, base_of(own, out / name), resume=True)
            continue
        model = tune(
            own,
            out / name,
            resume=resume,
            merge=merge or number < len(phases),
            tensorboard=tensorboard,
            quiet=quiet,
            earlier=[one for _, one in phases[: number - 1]],
            later=[one for _, one in phases[number:]],
        )
    if model is None:  # another process writes
        return None
    target, written = out / MODEL, out / f".{MODEL}.tmp"
    with disk_explained(target):
        shutil.rmtree(written, ignore_errors=True)
        shutil.copytree(model, written)
        shutil.rmtree(target, ignore_errors=True)
        written.replace(target)
    return target


def _begun(folder: Path) -> bool:
    """Does it hold more than what a phase from nothing starts from?"""
    return folder.exists() and any(
        one.name != BASE and not one.name.startswith(".") for one in folder.iterdir()
    )
