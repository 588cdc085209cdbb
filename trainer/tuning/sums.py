"""Are the data sets of a run byte for byte what was written? Asked before the first step, since a
damaged photo would end the run when its turn comes."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from spider_cli.errors import UsageError
from trainer.datasets.store import CHECKSUMS, open_data, sha256_of
from trainer.tuning.measured import eval_split

if TYPE_CHECKING:
    from trainer.tuning.recipe import Recipe

__all__ = ["check_sums"]


def check_sums(recipe: "Recipe") -> None:
    """Read every file of the recipe's own splits once, and that of its evaluation.

    Raises:
        UsageError: a file is not what it was when the data set was written.
    """
    parts = [(Path(part.path).expanduser(), part.split) for part in recipe.data if not part.format]
    if recipe.run.eval_every and recipe.run.eval_data:
        found = eval_split(recipe.run.eval_data)
        parts += [(Path(found[0]).expanduser(), found[1])] if found else []
    for folder, split in dict.fromkeys(parts):
        _check(folder, open_data(folder).shards(split))


def _check(folder: Path, files: Iterable[Path]) -> None:
    told = json.loads((folder / CHECKSUMS).read_text(encoding="utf-8"))["files"]
    for file in files:
        name = file.relative_to(folder).as_posix()
        try:
            same = sha256_of(file) == told[name]["sha256"]
        except (OSError, KeyError, TypeError) as error:
            raise UsageError(
                f"{file} cannot be checked: {error}",
                hint=f"spider data verify {folder} says what is wrong",
                code="bad_data",
            ) from error
        if not same:
            raise UsageError(
                f"{file} is damaged: it is not what {CHECKSUMS} says",
                hint=f"spider data verify {folder} says what is wrong; build or copy it again",
                code="bad_data",
            )
