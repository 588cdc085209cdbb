"""What ends a run early, in one clear line."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from spider_cli.errors import SpiderError, UsageError

if TYPE_CHECKING:
    from trainer.tuning.recipe import Recipe

__all__ = ["memory_explained", "said_once"]

_PATIENCE = 5.0
"""Seconds."""


@contextmanager
def said_once(first: bool, *codes: str) -> Iterator[None]:
    """Errors that all processes run into are said by the first alone.

    The others wait a little: whoever launched them ends them once the first has ended. Where the
    first fares better, they do say theirs.

    Args:
        first: this is that one.
        codes: of such errors; all when none is given.
    """
    try:
        yield
    except SpiderError as error:
        if not first and (not codes or error.code in codes):
            time.sleep(_PATIENCE)
        raise


@contextmanager
def memory_explained(recipe: "Recipe") -> Iterator[None]:
    """Say which setting to lower when memory is short, in this process or in one that reads rows
    for it.

    Raises:
        UsageError: for what torch raises then.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        short = isinstance(error, torch.OutOfMemoryError | MemoryError)
        said = str(error)
        if said.startswith("DataLoader worker"):  # neither its photos nor its code: they raise
            raise UsageError(
                f"a process that reads rows has ended: {said.splitlines()[0]}",
                hint="if the system had no memory left, lower run.workers "
                f"(now {recipe.run.workers}); go on with --resume",
                code="reader_ended",
            ) from error
        if not (short or "out of memory" in said or "can't allocate memory" in said):
            raise
        run = recipe.run
        same, other = [], []
        if run.micro_batch > 1:
            same.append(f"lower run.micro_batch (now {run.micro_batch}; run.batch stays)")
        if not run.checkpointing:
            same.append("set run.checkpointing=true")
        other.append(f"run.max_length (now {run.max_length})")
        other.append(f"augment.sizes (now {list(recipe.augment.sizes) or 'as the photos are'})")
        if recipe.parts.vision == "full":
            other.append('parts.vision to "lora" or "frozen"')
        same_run = f"{' or '.join(same)}, and go on with --resume; else " if same else ""
        hint = f"{same_run}in a new run lower {', '.join(other)}"
        first_line = said.strip().splitlines()[0] if said.strip() else "no memory left"
        raise UsageError(
            f"out of memory: {first_line}",
            hint=hint,
            code="out_of_memory",
        ) from error
