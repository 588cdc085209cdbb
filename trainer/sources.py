"""Photos to train on: listed, grouped by likeness, split so that no photo stands on two sides."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

__all__ = [
    "LabelledPhoto",
    "load_pixels",
    "near_duplicates",
    "read_collection",
]

_PHOTOS = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True, slots=True)
class LabelledPhoto:
    """A photo, the source it came from, and its map of human regions where there is one."""

    path: Path
    source: str
    labels: Path | None = None


def read_collection(folders: Iterable[Path]) -> list[LabelledPhoto]:
    """Photos below `folders`; the source is the name of the folder that holds the file.

    ``NAME.labels.png`` beside ``NAME.jpg`` is its region map, not a photo.
    """
    found: list[LabelledPhoto] = []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() not in _PHOTOS or path.name.endswith(".labels.png"):
                continue
            labels = path.with_name(path.stem + ".labels.png")
            found.append(
                LabelledPhoto(path, path.parent.name, labels if labels.is_file() else None)
            )
    return found


def load_pixels(path: Path) -> npt.NDArray[np.uint8]:
    """(height, width, 3) uint8 RGB, upright."""
    with Image.open(path) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def near_duplicates(
    photos: Sequence[Path], held_out: Sequence[Path], *, distance: int = 6
) -> set[Path]:
    """Photos that look like a held-out one: perceptual hashes within `distance` bits."""
    hashes = np.array([_hash(path) for path in held_out])
    if not len(hashes):
        return set()
    return {
        path for path in photos if int((hashes != _hash(path)[None]).sum(axis=1).min()) <= distance
    }


def _hash(path: Path) -> npt.NDArray[np.bool_]:
    with Image.open(path) as image:
        image.draft("RGB", (128, 128))
        return np.asarray(imagehash.phash(image).hash).ravel()
