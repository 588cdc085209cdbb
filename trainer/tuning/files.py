"""Files of a checkpoint: tensors as safetensors, all else as JSON; errors name the file."""

import errno
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from spider_cli.errors import UsageError

__all__ = ["disk_explained", "read_json", "read_tensors", "write_json", "write_tensors"]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def disk_explained(folder: Path) -> Iterator[None]:
    """Name the file when the disk is full or refuses to be written.

    Raises:
        UsageError: for OSErrors, and for safetensors' form of them.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        number = getattr(error, "errno", None)
        said = str(error)
        full = number in _FULL or any(f"os error {one})" in said for one in _FULL)
        named = getattr(error, "filename", None) or getattr(error, "spider_file", None) or folder
        what = "no room left on the disk" if full else f"cannot write: {said}"
        raise UsageError(
            f"{named}: {what}",
            hint="the last whole checkpoint is untouched: make room, or lower run.keep, and go on "
            "with --resume",
            code="full_disk" if full else "cannot_write",
        ) from error


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors, from whatever device; shared memory is written once per name."""
    plain = {
        name: tensor.detach().to("cpu").clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    with _naming(path):
        save_file(plain, path, metadata={"format": "pt"})


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a file, on the CPU.

    Raises:
        UsageError: it is not there or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise _damaged(path, error) from error


def write_json(path: Path, value: Any) -> None:
    """Write JSON."""
    with _naming(path):
        path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises:
        UsageError: it is not there or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Put the file's name on errors that lack it."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        error.spider_file = path  # type: ignore[union-attr]
        raise


def _damaged(path: Path, error: Exception) -> UsageError:
    return UsageError(
        f"{path} cannot be read: {error}",
        hint="remove that checkpoint's folder; --resume goes on from the one before it",
        code="bad_checkpoint",
    )
