"""Where spider keeps what it knows: the cache folder, the default's name. Weights lie in the
hub's own cache, which other programs share."""

import os
from pathlib import Path
from typing import BinaryIO

from spider_cli.errors import UsageError
from spider_cli.outputs.files import write_together
from spider_cli.weights.catalogue import BUNDLED

__all__ = ["DEFAULT", "cache_folder", "default_name", "set_default", "write_text"]

DEFAULT = "default"
"""The name that stands for whatever `spider models default` named last."""
_FILE = "default-model"


def cache_folder() -> Path:
    """Where spider's own state lives: ``SPIDER_CACHE``, else the platform's cache folder."""
    import platformdirs

    named = os.environ.get("SPIDER_CACHE")
    return Path(named) if named else Path(platformdirs.user_cache_dir("spider", appauthor=False))


def default_name() -> str:
    """The model that is used where none is named; nano unless the user chose another."""
    try:
        return (cache_folder() / _FILE).read_text(encoding="utf-8").strip() or BUNDLED
    except (OSError, UnicodeDecodeError):
        return BUNDLED


def set_default(name: str) -> None:
    """Make `name` the default.

    Raises:
        UsageError: the cache folder takes no files.
    """
    write_text(cache_folder() / _FILE, f"{name}\n")


def write_text(file: Path, text: str) -> None:
    """Write a file of spider's own cache, whole or not at all.

    Raises:
        UsageError: the folder takes no files.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_together({file: lambda stream: _fill(stream, text)}, overwrite=True)
    except OSError as error:
        raise UsageError(
            f"cannot write {file}: {error.strerror or error}",
            hint="set SPIDER_CACHE to a folder of yours",
            code="cache_unwritable",
        ) from error


def _fill(stream: BinaryIO, text: str) -> None:
    stream.write(text.encode("utf-8"))
