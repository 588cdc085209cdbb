"""A finished report moved to where it belongs: the page, and its pictures beside it."""

import errno
import os
import re
from pathlib import Path

from spider_cli.audit.report.thumbs import HEAT, LARGE, THUMB
from spider_cli.outputs.files import publish

__all__ = ["exists", "pictures_folder", "place"]

_OURS = re.compile(rf"\d{{5,}}-[0-9a-f]{{8}}(?:{'|'.join(map(re.escape, (THUMB, LARGE, HEAT)))})")
"""Names of pictures that reports write; nothing else in a report's folder is ever touched."""


def pictures_folder(target: Path) -> Path:
    """Where the pictures of a large report go: ``NAME-files`` beside ``NAME.html``."""
    return target.with_name(f"{target.stem}-files")


def place(page: Path, target: Path, made: Path, pictures: Path | None, *, overwrite: bool) -> None:
    """Move the pictures and then the page into place; what an older report left goes after that.

    So at every moment the page that is there finds its own pictures.

    Args:
        page: the new page, on the file system of `target`.
        made: the folder of its pictures.
        pictures: where they are to be; None: the page holds them.

    Raises:
        FileExistsError: something is there, and `overwrite` is false.
        OSError: a file cannot be moved.
    """
    known = {path.name for path in made.iterdir()} if pictures is not None else set()
    new = pictures is not None and not os.path.lexists(pictures)
    if pictures is not None and new:
        made.rename(pictures)
    elif pictures is not None:
        if not overwrite:
            raise exists(pictures)
        for name in known:
            (made / name).replace(pictures / name)
    try:
        publish(page, target, overwrite=overwrite)
    except BaseException:  # an interrupt, too
        if pictures is not None and new:
            pictures.rename(made)
        raise
    old = pictures_folder(target)
    if overwrite and old.is_dir():
        _forget(old, known)


def exists(path: Path) -> FileExistsError:
    """The error for a path that is not to be written over."""
    return FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(path))


def _forget(folder: Path, known: set[str]) -> None:
    for path in folder.iterdir():
        if _OURS.fullmatch(path.name) and path.name not in known:
            path.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()
