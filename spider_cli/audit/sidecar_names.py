"""Which sidecar belongs to a shot: ``name.xmp`` or ``name.ext.xmp``, and what is there already."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePath

from spider_cli.errors import PhotoError
from spider_cli.extras import RAW

__all__ = ["Folders", "Naming", "Sidecars"]

_OTHERS = (
    ".avif .bmp .gif .heic .heif .hif .jfif .jp2 .jpe .jpeg .jpg .jxl .png .psd .tif .tiff .webp"
)
_PHOTO_SUFFIXES = RAW.suffixes | frozenset(_OTHERS.split())
"""What a ``name.xmp`` may belong to, whether spider can open it or not."""
_XMP = ".xmp"


class Naming(StrEnum):
    """How sidecars are called."""

    FOLLOW = "follow"
    """As those that are there."""
    STEM = "name.xmp"
    """Lightroom, Bridge, Capture One; darktable only reads these, once."""
    FULL = "name.ext.xmp"
    """darktable, digiKam."""


@dataclass(frozen=True, slots=True)
class Sidecars:
    """The sidecars of one shot."""

    targets: tuple[Path, ...]
    """Where a rating goes: one, or two where both forms are there."""
    others: tuple[Path, ...]
    """There too, and only read: what a person rated in them stands."""


class _Names:
    """The names in one folder, found by what they share; kept up to date name by name."""

    def __init__(self) -> None:
        self.stamp: tuple[int, ...] = ()
        self.all: set[str] = set()
        self.photos: dict[str, set[str]] = {}
        """Photos, by their name without its extension."""
        self.sidecars: dict[str, set[str]] = {}
        """Sidecars, by the case-folded name without .xmp."""

    def update(self, names: set[str], stamp: tuple[int, ...]) -> None:
        for name in names ^ self.all:
            stem, suffix = _split(name)
            for index, key, belongs in (
                (self.photos, stem, suffix in _PHOTO_SUFFIXES),
                (self.sidecars, stem.casefold(), suffix == _XMP),
            ):
                if belongs and name in names:
                    index.setdefault(key, set()).add(name)
                elif belongs:
                    index[key].discard(name)
        self.all, self.stamp = names, stamp

    def spelled(self, photo: str) -> list[str]:
        """The sidecars called `photo` and .xmp, extensions in any case; the usual one first.

        A name that belongs to another file, which differs in case, is not among them.
        """
        stem, suffix = _split(photo)
        found = []
        for name in self.sidecars.get(photo.casefold(), ()):
            base = name[: -len(_XMP)]
            alike = suffix in _PHOTO_SUFFIXES and _split(base) == (stem, suffix)
            if base == photo or (alike and base not in self.all):
                found.append(name)
        return sorted(
            found, key=lambda name: (not name.startswith(photo), name != photo + _XMP, name)
        )


class Folders:
    """What lies in the folders of a run; each is listed again only when it changed."""

    def __init__(self) -> None:
        self._names: dict[Path, _Names] = {}
        self._habits: dict[Path, Naming] = {}

    def sidecars(self, photos: Sequence[Path], naming: Naming = Naming.FOLLOW) -> Sidecars:
        """The sidecars of a shot, there or not.

        A pair of RAW and JPEG has one, the RAW file's. Following what is there:

        - both forms: both are targets, because no program reads the other's;
        - one form: that one;
        - neither: the form of the folder's other sidecars as the run found them, if they agree,
          else ``name.xmp``.

        ``name.xmp`` is never used where it could be another photo's: beside ``IMG.CR2`` it is the
        RAW file's, and of ``IMG.jpg`` and ``IMG.png``, neither's. Then it is ``name.ext.xmp``.

        Args:
            photos: the files of one shot, all in one folder.

        Raises:
            PhotoError: the folder cannot be listed.
        """
        first = next((photo for photo in photos if is_raw(photo)), photos[0])
        folder, names = first.parent, self._listed(first.parent)
        habit = self._habit(folder, names)
        ours = {photo.name for photo in photos}
        rivals = [name for name in names.photos.get(first.stem, ()) if name not in ours]
        if is_raw(first):
            rivals = [name for name in rivals if is_raw(PurePath(name))]
        stem = names.spelled(first.stem) if not rivals else []
        full = names.spelled(first.name)
        more = [name for photo in photos if photo != first for name in names.spelled(photo.name)]
        if naming is Naming.FOLLOW:
            forms = [form for form, there in ((Naming.STEM, stem), (Naming.FULL, full)) if there]
            if not forms:
                forms = [Naming.FULL if more else habit]
        else:
            forms = [naming]
        if rivals:
            forms = [Naming.FULL]
        targets = []
        for form in forms:
            there, new = (stem, first.stem) if form is Naming.STEM else (full, first.name)
            targets.append(there[0] if there else new + _XMP)
        others = [name for name in dict.fromkeys([*stem, *full, *more]) if name not in targets]
        return Sidecars(
            tuple(folder / name for name in dict.fromkeys(targets)),
            tuple(folder / name for name in others),
        )

    def _listed(self, folder: Path) -> _Names:
        known = self._names.setdefault(folder, _Names())
        try:
            status = folder.stat()
            stamp = (status.st_dev, status.st_ino, status.st_mtime_ns)
            if known.stamp != stamp:
                with os.scandir(folder) as entries:
                    known.update({entry.name for entry in entries}, stamp)
        except OSError as error:
            raise PhotoError(
                f"cannot look for sidecars in {folder}: {error.strerror or error}",
                code="folder_unreadable",
            ) from error
        return known

    def _habit(self, folder: Path, names: _Names) -> Naming:
        """The form that all sidecars had when the run first came here; ours must not sway it."""
        if folder not in self._habits:
            bases = [name[: -len(_XMP)] for alike in names.sidecars.values() for name in alike]
            full = any(base in names.all and _split(base)[1] in _PHOTO_SUFFIXES for base in bases)
            short = any(names.photos.get(base) for base in bases)
            self._habits[folder] = Naming.FULL if full and not short else Naming.STEM
        return self._habits[folder]


def is_raw(photo: PurePath) -> bool:
    """Whether a file is camera RAW by its name."""
    return photo.suffix.lower() in RAW.suffixes


def _split(name: str) -> tuple[str, str]:
    """A name without its extension, and the extension in lower case; as PurePath, but fast."""
    stem, dot, suffix = name.rpartition(".")
    return (stem, dot + suffix.lower()) if stem else (name, "")
