"""The photos given: found, opened once, hashed; those that cannot serve are left out, and why."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import cv2

from spider_cli.errors import PhotoError, UsageError
from spider_cli.photos import find_photos, named_source, open_photo
from trainer.opencv import resized
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

    @property
    def source(self) -> str:
        """The folder it lies in, below the one given."""
        parent = PurePosixPath(self.name).parent.as_posix()
        return "" if parent == "." else parent


def find_given(folders: Iterable[Path]) -> list[Given]:
    """Photos in folders, sorted by name. ``NAME.labels.png`` is a map of NAME's regions, no photo.

    Raises:
        UsageError: no photo, or two of one name.
    """
    places = list(folders)
    found: dict[str, Given] = {}
    for folder in places:
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
            try:
                size = one.path.stat().st_size
            except OSError:
                size = -1
            found[text] = Given(one.path, text, size)
    if not found:
        raise UsageError(f"no photos in {', '.join(map(str, places))}", code="no_photos")
    return [found[name] for name in sorted(found)]


def survey_photo(given: Given) -> dict[str, Any]:
    """Look at one photo: its size and perceptual hash, or why it cannot serve ("reason")."""
    try:
        pixels = open_photo(named_source(str(given.path))).pixels
    except PhotoError as error:
        return {"reason": error.message, "code": error.code}
    height, width = pixels.shape[:2]
    if min(height, width) < MIN_SIDE:
        return {
            "reason": f"{given.name}: {width}x{height} pixels are too few: "
            f"photos need at least {MIN_SIDE} a side",
            "code": "too_small",
        }
    return {"width": width, "height": height, "hash": f"{perceptual_hash(pixels):016x}"}


def load_reference(given: Given, side: int) -> Pixels:
    """The photo upright, shrunk so that its long side is at most `side` pixels.

    Of very long ones the short side keeps MIN_SIDE.

    Raises:
        PhotoError: it cannot be opened any more.
    """
    pixels = open_photo(named_source(str(given.path))).pixels
    height, width = pixels.shape[:2]
    factor = max(side / max(height, width), MIN_SIDE / min(height, width))
    if factor >= 1:
        return pixels
    return resized(pixels, (round(width * factor), round(height * factor)), cv2.INTER_AREA)
