"""Weights from a folder, whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spider_cli.errors import UsageError
from spider_cli.weights.checking import broken_safetensors

__all__ = ["damaged", "explained", "in_memory", "load_whole", "memory_short"]

_NO_MEMORY = ("OutOfMemoryError", "MemoryError")
"""Errors of torch and of Python, by name: this file does without torch."""


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
        if _is_memory(error):
            told = f"the memory does not suffice for the model in {folder}: {lines[0]}"
            raise memory_short(told, "see spider models list for one that fits") from error
        for file, fault in broken_safetensors(folder).items():
            raise damaged(folder, file, fault) from error
        raise UsageError(
            f"cannot load the model in {folder}: {lines[0]}",
            hint=hint or f"it must be {what} of transformers, in safetensors",
            code="model_unloadable",
        ) from error


@contextmanager
def in_memory(name: str) -> Iterator[None]:
    """Say what to lower where a loaded model finds too little memory for its photos.

    Raises:
        UsageError: ``memory_short``.
    """
    try:
        yield
    except Exception as error:
        if not _is_memory(error):
            raise
        [line, *_] = str(error).strip().splitlines() or ["out of memory"]
        raise memory_short(
            f"the memory does not suffice for {name} and its photos: {line}",
            "lower --batch-size or --max-pixels, or see spider models list for a smaller model",
        ) from error


def _is_memory(error: Exception) -> bool:
    return type(error).__name__ in _NO_MEMORY or "can't allocate memory" in str(error)


def memory_short(message: str, hint: str) -> UsageError:
    """The error of a model that is too large for where it should run."""
    return UsageError(message, hint=hint, code="memory_short")


def damaged(folder: Path, file: str, fault: str) -> UsageError:
    """The error of a file of weights that is not whole.

    Args:
        fault: goes on after the file's name: "is truncated: ...".
    """
    return UsageError(
        f"cannot load the model in {folder}: {file} {fault}",
        hint=f"get it again from where it came; spider models verify {folder} looks at all files",
        code="model_unloadable",
    )
