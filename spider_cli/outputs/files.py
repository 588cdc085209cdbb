"""Files that appear whole or not at all: written under a passing name, then moved into place."""

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

__all__ = [
    "discard_all",
    "publish",
    "temporary",
    "temporary_folder",
    "writable",
    "write_together",
]

_pending: set[Path] = set()
"""Passing files and folders of this process that are not in place yet."""


@contextlib.contextmanager
def temporary(folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A new file in `folder`, open for bytes; gone at the end unless `publish` moved it.

    It lies in the target's own folder, so that moving it is one step for the file system.

    Raises:
        OSError: the folder does not take files.
    """
    path = folder / f".spider-{secrets.token_hex(8)}.tmp"
    _pending.add(path)
    try:
        # "x" and not tempfile: the file gets the permissions the user's umask says.
        with path.open("xb") as stream:
            yield path, stream
    finally:
        path.unlink(missing_ok=True)
        _pending.discard(path)


@contextlib.contextmanager
def temporary_folder(folder: Path) -> Iterator[Path]:
    """A new folder in `folder`; gone at the end, with all that is still in it.

    Raises:
        OSError: the folder does not take any.
    """
    path = folder / f".spider-{secrets.token_hex(8)}.tmp"
    _pending.add(path)
    try:
        path.mkdir()
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        _pending.discard(path)


def publish(path: Path, target: Path, *, overwrite: bool) -> None:
    """Move a passing file to `target`.

    Raises:
        FileExistsError: the target exists and `overwrite` is false, however late it appeared.
        OSError: it cannot be moved.
    """
    if overwrite:
        path.replace(target)
        return
    try:
        target.hardlink_to(path)  # unlike a rename, a link never replaces what is there
    except FileExistsError:
        raise
    except OSError:  # no hard links on this file system
        if os.path.lexists(target):
            raise FileExistsError(
                errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(target)
            ) from None
        path.rename(target)


def write_together(contents: Mapping[Path, Callable[[BinaryIO], None]], *, overwrite: bool) -> None:
    """Write several files of one folder: all of them, or none.

    Raises:
        FileExistsError: one exists and `overwrite` is false.
        OSError: one cannot be written.
    """
    with contextlib.ExitStack() as stack:
        passing: list[tuple[Path, Path]] = []
        for target, fill in contents.items():
            path, stream = stack.enter_context(temporary(target.parent))
            fill(stream)
            stream.close()  # an open file cannot be moved everywhere
            passing.append((path, target))
        done: list[Path] = []
        try:
            for path, target in passing:
                publish(path, target, overwrite=overwrite)
                done.append(target)
        except BaseException:  # an interrupt, too
            if not overwrite:  # with overwrite what stood there before is gone either way
                for target in done:
                    target.unlink(missing_ok=True)
            raise


def writable(folder: Path) -> None:
    """Check that files can be made in `folder`, or in the nearest parent that exists.

    Nothing is left behind, and the folder is not made.

    Raises:
        OSError: they cannot.
    """
    nearest = folder.absolute()
    while not os.path.lexists(nearest):
        nearest = nearest.parent
    with temporary(nearest):
        pass


def discard_all() -> None:
    """Remove what this process has begun and not finished; for leaving at once."""
    for path in tuple(_pending):
        with contextlib.suppress(OSError):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
