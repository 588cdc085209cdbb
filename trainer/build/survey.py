"""The photos given: found, opened once, hashed; those that cannot serve are left out, and why."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import cv2

from spider_cli.errors import PhotoError, UsageError
from spider_cli.photos import find_photos, named_source, open_photo
from trainer.opencv import resized
from trainer.regions import RegionFinder
from trainer.sources import LabelledPhoto
from trainer.splits import perceptual_hash
from trainer.truth import Pixels

__all__ = ["MIN_SIDE", "Given", "find_given", "load_reference", "survey_photo"]

MIN_SIDE = 64
"""Photos with a shorter side than this, in pixels, are left out."""


@dataclass(frozen=True, slots=True)
class Given:
    """A photo given."""

    path: Path
    name: str
    """Relative to the folder given (which comes first where there are several), '/'-joined."""
    size: int
    """Bytes."""
    beside: tuple[int, ...] = ()
    """Bytes of the files that may hold its masks: NAME.labels.png, NAME.json; -1 where missing."""

    @property
    def source(self) -> str:
        """The folder it lies in, below the one given."""
        parent = PurePosixPath(self.name).parent.as_posix()
        return "" if parent == "." else parent

    def opened(self) -> Pixels:
        """Its pixels, upright; PhotoError, which names it as `name` does, where it has none."""
        # Not by its full path: what is written about it must not depend on where it lies.
        return open_photo(replace(named_source(str(self.path)), name=self.name)).pixels

    def labelled(self) -> LabelledPhoto:
        """With its map of regions, where one lies beside it."""
        labels = self.path.with_name(f"{self.path.stem}.labels.png")
        return LabelledPhoto(self.path, self.source, labels if labels.is_file() else None)


def find_given(folders: Iterable[Path]) -> list[Given]:
    """Photos in folders, sorted by name. ``NAME.labels.png`` is a map of NAME's regions, no photo.

    Raises:
        UsageError: no photo, or two of one name.
    """
    places = list(folders)
    found: dict[str, Given] = {}
    for folder in places:
        if not folder.exists():
            raise UsageError(f"{folder} does not exist", code="no_photos")
        for one in find_photos([str(folder)]):
            name = PurePosixPath(*one.relative.parts)
            if name.name.endswith(".labels.png"):
                continue
            if len(places) > 1:
                name = folder.name / name
            text = name.as_posix()
            if text in found:
                raise UsageError(
                    f"two photos would both be {text}: {found[text].path} and {one.path}",
                    hint="folders given together need different names",
                )
            stem = one.path.stem
            beside = [one.path.with_name(stem + end) for end in (".labels.png", ".json")]
            found[text] = Given(one.path, text, _size(one.path), tuple(map(_size, beside)))
    if not found:
        raise UsageError(f"no photos in {', '.join(map(str, places))}", code="no_photos")
    return [found[name] for name in sorted(found)]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def survey_photo(given: Given, finder: RegionFinder) -> dict[str, Any]:
    """Look at one photo: its size and perceptual hash, or why it cannot serve ("reason").

    Raises:
        UsageError: masks given for it are wrong.
    """
    try:
        pixels = given.opened()
    except PhotoError as error:
        return {"reason": error.message, "code": error.code}
    height, width = pixels.shape[:2]
    if min(height, width) < MIN_SIDE:
        return {
            "reason": f"{given.name}: {width}x{height} pixels are too few: "
            f"photos need at least {MIN_SIDE} a side",
            "code": "too_small",
        }
    finder.check(given.labelled())
    return {"width": width, "height": height, "hash": f"{perceptual_hash(pixels):016x}"}


def load_reference(given: Given, side: int) -> Pixels:
    """The photo upright, shrunk so that its long side is at most `side` pixels.

    Of very long ones the short side keeps MIN_SIDE.

    Raises:
        PhotoError: it cannot be opened any more.
    """
    pixels = given.opened()
    height, width = pixels.shape[:2]
    factor = max(side / max(height, width), MIN_SIDE / min(height, width))
    if factor >= 1:
        return pixels
    return resized(pixels, (round(width * factor), round(height * factor)), cv2.INTER_AREA)
