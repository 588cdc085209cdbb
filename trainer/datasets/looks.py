"""The photos that outside records name: found, opened, looked at; some a little ahead."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

from spider_cli.errors import PhotoError, UsageError
from spider_cli.photos import named_source, open_photo
from trainer.datasets.entries import Entry
from trainer.splits import perceptual_hash
from trainer.truth import Pixels

__all__ = ["MIN_SIDE", "Look", "PhotoFolder", "ahead", "look"]

MIN_SIDE = 64
"""Photos with a shorter side than this, in pixels, are left out."""
_LOOKED_AT = 50
"""Entries whose photos are looked for, when nothing says where photos are."""
_THREADS = 2

T = TypeVar("T")
R = TypeVar("R")


class PhotoFolder:
    """Where the records' paths start.

    Args:
        source: the file or folder of records.
        images: the folder, where the user names it; else the first of the folders around `source`
            in which a photo is found.

    Raises:
        UsageError: no folder has any of the photos.
    """

    def __init__(self, source: Path, images: Path | None, entries: Sequence[Entry]) -> None:
        if images is not None and not images.is_dir():
            raise UsageError(f"--images {images} is not a folder", code="not_found")
        self.root = images or self._found(source, entries)

    def find(self, photo: str) -> Path | None:
        """The file of a path in a record; None where there is none."""
        path = self.root / photo
        return path if path.is_file() else None

    def find_mask(self, picture: str) -> Path | None:
        """The same for a mask picture, which may lie in a folder `masks`."""
        return self.find(picture) or self.find(f"masks/{picture}")

    @staticmethod
    def _found(source: Path, entries: Sequence[Entry]) -> Path:
        base = source.absolute() if source.is_dir() else source.absolute().parent
        folders = [base, base / "images", base.parent, base.parent / "images", base.parent.parent]
        for folder in folders:
            if any((folder / entry.photo).is_file() for entry in entries[:_LOOKED_AT]):
                return folder
        looked = ", ".join(str(folder) for folder in folders)
        photo = entries[0].photo if entries else ""
        where = f"{entries[0].where}: " if entries else ""
        raise UsageError(
            f"{where}there is no photo {photo} in {looked}",
            hint="say with --images which folder the records' paths start from",
            code="no_photos",
        )

    def pixels(self, photo: str) -> Pixels:
        """The photo, upright, in sRGB.

        Raises:
            PhotoError: it cannot be opened.
        """
        try:
            return open_photo(replace(named_source(self.root / photo), name=photo)).pixels
        except OSError as error:  # gone or changed while it was read
            raise PhotoError(f"{photo} cannot be read: {error}", code="unreadable") from error


@dataclass(frozen=True, slots=True)
class Look:
    """What is known of a photo that was opened once."""

    height: int
    width: int
    hash: int


def look(folder: PhotoFolder, photo: str) -> Look | PhotoError:
    """Open a photo once: what is to be known of it, or why it cannot be used."""
    try:
        pixels = folder.pixels(photo)
    except PhotoError as error:
        return error
    height, width = pixels.shape[:2]
    if min(height, width) < MIN_SIDE:
        return PhotoError(
            f"{photo} is too small: {width} x {height} pixels; {MIN_SIDE} a side are needed",
            code="too_small",
        )
    return Look(height, width, perceptual_hash(pixels))


def ahead(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """function(item) in order, a few items ahead on threads."""
    stream = iter(items)
    with ThreadPoolExecutor(_THREADS) as pool:
        waiting: list[Future[R]] = [
            pool.submit(function, one) for one in islice(stream, 2 * _THREADS)
        ]
        while waiting:
            result = waiting.pop(0).result()
            waiting += [pool.submit(function, one) for one in islice(stream, 1)]
            yield result
