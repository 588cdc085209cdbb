"""Weights from a folder, whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spider_cli.errors import UsageError

__all__ = ["explained", "load_whole"]


def load_whole(kind: Any, folder: Path, **options: Any) -> Any:
    """`kind.from_pretrained`: local files only, safetensors only.

    Args:
        kind: a transformers model class, or an ``AutoModelFor...``.
        options: handed on.

    Raises:
        ValueError: weights are missing, which transformers would replace by random ones.
    """
    model, found = kind.from_pretrained(
        str(folder),
        local_files_only=True,
        use_safetensors=True,
        output_loading_info=True,
        **options,
    )
    missing = sorted(found["missing_keys"])
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ValueError(f"the weights lack {missing[0]}{more}")
    return model


@contextmanager
def explained(folder: Path, what: str, hint: str = "") -> Iterator[None]:
    """Say which folder does not load, and why, in one line.

    Args:
        what: kind of model that it must be.
        hint: instead of one that says so.

    Raises:
        UsageError: for whatever the libraries raise over a folder.
    """
    try:
        yield
    except UsageError:
        raise
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise UsageError(
            f"cannot load the model in {folder}: {lines[0]}",
            hint=hint or f"it must be {what} of transformers, in safetensors",
            code="model_unloadable",
        ) from error
