"""The folder of a run: which recipe it was begun with, and whether another run may go on there."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spider_cli.errors import UsageError
from trainer.datasets.store import CHECKSUMS, sha256_of
from trainer.tuning.card import recipe_json
from trainer.tuning.checkpoints import checkpoints_of, forget_unfinished
from trainer.tuning.files import disk_explained, read_json, write_json
from trainer.tuning.recipe import Recipe
from trainer.tuning.tables import build

if TYPE_CHECKING:
    from trainer.tuning.base import Base

__all__ = ["BASE", "RECIPE", "begin", "data_digests", "look"]

RECIPE = "recipe.json"
BASE = "base"
"""Where a run that starts from nothing keeps what it started from."""
_FREE = {
    "name",
    "run.save_every",
    "run.keep",
    "run.eval_every",
    "run.eval_data",
    "run.eval_limit",
    "run.best_by",
    "run.log_every",
    "run.workers",
    "run.micro_batch",
    "run.checkpointing",
}
"""Keys that may change when a run goes on: they leave the steps as they were."""
_PAIRED = {"run.micro_batch"}
"""With losses.fidelity it decides which photos are compared, and so the order of all rows."""
_BEST = {"run.eval_data", "run.eval_limit", "run.best_by"}
"""Once something was measured: the best of it cannot be compared with that of something else."""


def look(out: Path, recipe: Recipe, base: "Base", *, resume: bool) -> Path | None:
    """Check the run's folder.

    Returns:
        The checkpoint to go on from.

    Raises:
        UsageError: the folder holds another run, or one that --resume was not given for.
    """
    path = out / RECIPE
    if not path.exists():
        if out.exists() and (not out.is_dir() or any(one.name != BASE for one in out.iterdir())):
            raise UsageError(
                f"{out} holds other things", hint="name a new folder with --out", code="exists"
            )
        return None
    if not resume:
        raise UsageError(
            f"{out} holds a run already",
            hint="--resume goes on with it; --out names a new folder",
            code="exists",
        )
    found = checkpoints_of(out)
    if not found:  # it ended before anything was saved: nothing binds the recipe
        return None
    before = read_json(path)
    free = _FREE - (_PAIRED if recipe.losses.fidelity else set())
    free -= _BEST if before["recipe"]["run"]["eval_every"] else set()
    then = _as_of_today(before["recipe"], path)
    changed = sorted(set(_differences(then, recipe_json(recipe))) - free)
    if before["revision"] != base.revision:
        changed.append("the base model's revision")
    elif "model.base" in changed:
        changed.remove("model.base")  # moved, but the same
    if before.get("data", data_digests(recipe)) != data_digests(recipe):
        changed.append("what is in the data sets")
    if changed:
        raise UsageError(
            f"{out} was begun with another recipe: {', '.join(changed)} changed",
            hint=f"its own is in {path}; or begin anew with another --out",
            code="other_run",
        )
    return found[-1]


def begin(out: Path, recipe: Recipe, base: "Base") -> None:
    """Write the recipe into the run's folder, and clear away what a kill left there.

    Raises:
        UsageError: it cannot be written.
    """
    told = {
        "recipe": recipe_json(recipe),
        "base": base.name,
        "revision": base.revision,
        "data": data_digests(recipe),
    }
    with disk_explained(out):
        out.mkdir(parents=True, exist_ok=True)
        forget_unfinished(out)
        if not checkpoints_of(out):
            write_json(out / RECIPE, told)


def data_digests(recipe: Recipe) -> list[str]:
    """Of each data set what its checksums come to; of outside data the file's own, or of a folder
    what names and sizes its files have; "" where there is nothing."""
    found = []
    for part in recipe.data:
        path = Path(part.path).expanduser()
        file = path / CHECKSUMS if part.format is None else path
        if file.is_file():
            found.append(sha256_of(file))
        elif part.format is not None and path.is_dir():
            files = sorted(one for one in path.rglob("*") if one.is_file())
            listed = [f"{one.relative_to(path).as_posix()} {one.stat().st_size}" for one in files]
            found.append(hashlib.sha256("\n".join(listed).encode()).hexdigest())
        else:
            found.append("")
    return found


def _as_of_today(told: dict[str, Any], path: Path) -> dict[str, Any]:
    """A run's recipe with the settings that an earlier release did not have, at what they are when
    nothing is said: that leaves the steps as they were."""
    return recipe_json(build(Recipe, _said(told), file=str(path)))


def _said(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _said(one) for key, one in value.items() if one is not None}
    return [_said(one) for one in value] if isinstance(value, list) else value


def _differences(one: Any, two: Any, where: str = "") -> Iterator[str]:
    if isinstance(one, dict) and isinstance(two, dict):
        for key in sorted({*one, *two}):
            inner = f"{where}.{key}" if where else key
            yield from _differences(one.get(key), two.get(key), inner)
    elif one != two:
        yield where
