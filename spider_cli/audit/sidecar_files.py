"""Sidecars on disk: read within bounds, and replaced whole or not at all."""

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import NoReturn

from spider_cli.audit.xmp_document import LARGEST
from spider_cli.errors import PhotoError
from spider_cli.outputs.files import publish, temporary

__all__ = ["read_sidecar", "remove_sidecar", "write_sidecar"]


def read_sidecar(path: Path) -> bytes | None:
    """The bytes of a sidecar; None if there is none.

    Raises:
        PhotoError: it is too large, no plain file, or cannot be read.
    """
    try:
        if not os.path.lexists(path):
            return None
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would wait for ever
            raise PhotoError(
                f"the sidecar {path} is not a file",
                hint="move it away, then spider writes a new one",
                code="sidecar_unreadable",
            )
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise PhotoError(
            f"cannot read the sidecar {path}: {_reason(error)}", code="sidecar_unreadable"
        ) from error
    if len(data) > LARGEST:
        raise PhotoError(
            f"the sidecar {path} is larger than {LARGEST >> 20} MB",
            hint="it is left as it is",
            code="sidecar_too_large",
        )
    return data


def write_sidecar(path: Path, *, before: bytes | None, after: bytes) -> None:
    """Put `after` where `before` was, in one step, with the same mode and owner.

    Args:
        path: where the file itself lies, not a link to it.
        before: what must still be there; None for nothing at all.

    Raises:
        PhotoError: something else is there by now, the file is write-protected, its owner could not
            be kept, or the folder or the disk takes no more. The file is as it was.
    """
    try:
        with temporary(path.parent) as (passing, stream):
            stream.write(after)
            stream.flush()
            # Or a power cut soon after the move could leave an empty file in place of the old one.
            os.fsync(stream.fileno())
            if before is not None:
                _resemble(passing, path)
            stream.close()  # an open file cannot be moved everywhere
            if read_sidecar(path) != before:
                _changed(path)
            publish(passing, path, overwrite=before is not None)
    except FileExistsError:
        _changed(path)
    except OSError as error:
        _unwritable(path, error)


def remove_sidecar(path: Path, *, before: bytes) -> None:
    """Remove a sidecar that still holds `before`.

    Raises:
        PhotoError: it holds something else, or the folder does not let go of it.
    """
    if read_sidecar(path) != before:
        _changed(path)
    try:
        path.unlink()
    except OSError as error:
        _unwritable(path, error)


def _resemble(passing: Path, path: Path) -> None:
    """Give a new file the mode, the owner and the attributes of the one it replaces."""
    old, new = path.stat(), passing.stat()
    if not old.st_mode & 0o222 or not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "it is write-protected")
    if os.name != "nt" and (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        try:
            os.chown(passing, old.st_uid, old.st_gid)
        except PermissionError as error:
            raise PermissionError(error.errno, "it would change its owner") from error
    passing.chmod(stat.S_IMODE(old.st_mode))
    if hasattr(os, "listxattr"):
        with contextlib.suppress(OSError):  # not every file system has any
            for name in os.listxattr(path):
                with contextlib.suppress(OSError):  # some are the system's to set
                    os.setxattr(passing, name, os.getxattr(path, name))


def _changed(path: Path) -> NoReturn:
    raise PhotoError(
        f"the sidecar {path} was changed by another program just now",
        hint="it is left as it is; run again",
        code="sidecar_changed",
    )


def _unwritable(path: Path, error: OSError) -> NoReturn:
    raise PhotoError(
        f"cannot write the sidecar {path}: {_reason(error)}",
        hint="it is left as it was",
        code="sidecar_unwritable",
    ) from error


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
