"""The keepers of a shoot in a folder of their own: copies, or links. Nothing is moved, deleted or
written over."""

import contextlib
import errno
import filecmp
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from spider_cli.audit.sidecar_names import Folders
from spider_cli.errors import PhotoError, UsageError
from spider_cli.outputs.files import publish, temporary
from spider_cli.shots import Shot

__all__ = ["Copier", "Copy", "here"]

_MOST_NAMES = 10_000
"""Names that are tried for a shot whose own is taken."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One file on its way."""

    file: Path
    target: Path
    there: bool
    """Something has that name already: the same, or a sidecar that was worked on since."""


@dataclass
class Copier:
    """Copies shots with all that belongs to them into one folder, in folders like their own.

    A RAW file goes with its JPEG, and the sidecars with both. Where another file has a name
    already, all files of the shot get a number: ``IMG_1-2.CR2``, ``IMG_1-2.JPG``, ``IMG_1-2.xmp``.

    Args:
        folder: where to; made when the first shot comes.
        link: make symbolic links to the files instead.
    """

    folder: Path
    link: bool = False
    files: int = 0
    """Files that were copied or linked by this run."""
    _folders: Folders = field(default_factory=Folders)
    _taken: set[str] = field(default_factory=set)

    def plan(self, shot: Shot) -> list[Copy]:
        """Where each file of a shot would go; nothing is written.

        Raises:
            PhotoError: its folder cannot be read, or no name is free.
        """
        photos = [one.path for one in (shot.photo, shot.raw) if one is not None]
        sidecars = self._folders.sidecars(photos)
        known = (*sidecars.targets, *sidecars.others)
        found = [path for path in known if os.path.isfile(path)]  # noqa: PTH113 - long names too
        inside = self.folder / shot.photo.relative.parent
        stem = shot.photo.path.stem
        for number in range(1, _MOST_NAMES):
            named = stem if number == 1 else f"{stem}-{number}"
            planned = [
                Copy(path, target, os.path.lexists(target))
                for path in dict.fromkeys([*photos, *found])
                for target in [inside / (named + path.name[len(stem) :])]
            ]
            # Beside a photo that was copied before, its sidecar may have been worked on since.
            pictures, others = planned[: len(photos)], planned[len(photos) :]
            settled = all(one.there and self._free(one) for one in pictures)
            if settled or all(map(self._free, (*pictures, *others))):
                self._taken |= {os.path.normcase(one.target) for one in planned}
                return planned
        raise PhotoError(
            f"{shot.photo.name}: no name is free for it in {self.folder}", code="cannot_copy"
        )

    def copy(self, planned: list[Copy], name: str) -> None:
        """Do what `plan` said.

        Args:
            name: of the photo, for messages.

        Raises:
            PhotoError: a file cannot be read or written.
            UsageError: the disk is full.
        """
        for one in planned:
            if one.there:
                continue
            try:
                one.target.parent.mkdir(parents=True, exist_ok=True)
                self._put(one)
            except OSError as error:
                why = error.strerror or str(error)
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise UsageError(
                        f"cannot write into {self.folder}: {why}",
                        hint="make room, and run the same again: it goes on where it stopped",
                        code="no_room",
                    ) from error
                raise PhotoError(
                    f"{name}: cannot put {one.file.name} into {one.target.parent}: {why}",
                    code="cannot_copy",
                ) from error
            self.files += 1

    def _free(self, one: Copy) -> bool:
        """May this file go there? Also if it is there already."""
        if os.path.normcase(one.target) in self._taken:
            return False
        return not one.there or here(one.file, one.target, link=self.link)

    def _put(self, one: Copy) -> None:
        if self.link:
            one.target.symlink_to(os.path.realpath(one.file))
            return
        with temporary(one.target.parent) as (passing, stream):
            with one.file.open("rb") as source:
                shutil.copyfileobj(source, stream, 1 << 20)
            stream.close()
            with contextlib.suppress(OSError):  # dates are a comfort, not the file
                shutil.copystat(one.file, passing)
            publish(passing, one.target, overwrite=False)


def here(file: Path, target: Path, *, link: bool) -> bool:
    """Is `target` what copying or linking `file` makes? Else it is somebody's own."""
    try:
        if link:
            return target.is_symlink() and file.samefile(target)
        if target.is_symlink() or not target.is_file():
            return False
        return file.samefile(target) or filecmp.cmp(file, target, shallow=False)
    except OSError:
        return False
