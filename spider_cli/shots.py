"""Which files are one shot: a camera that writes RAW and JPEG writes two files of one moment."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from spider_cli.extras import HEIC, RAW
from spider_cli.sources import Source

__all__ = ["Shot", "can_pair", "shots"]

_RENDERED = frozenset((".jpg", ".jpeg", ".jpe", ".jfif")) | HEIC.suffixes


@dataclass(frozen=True, slots=True)
class Shot:
    """One press of the shutter."""

    photo: Source
    """What to look at; of a pair the camera's JPEG or HEIC."""
    raw: Source | None = None
    """The RAW file of a pair, else None."""


def shots(sources: Iterable[Source]) -> list[Shot]:
    """Pair the RAW and JPEG (or HEIC) files of one folder that share their name before the dot.

    Only where there is one of each: a second RAW or JPEG of that name leaves all of them single.
    Files are told by their extensions; nothing is opened. A file named twice counts once.

    Returns:
        The shots, in the order of the first file of each.
    """
    files: dict[Path, Source] = {}
    alike: dict[tuple[Path, str], list[Source]] = defaultdict(list)
    for source in sources:
        if source.path not in files:
            files[source.path] = source
            alike[source.path.parent, source.path.stem].append(source)
    pairs: dict[Path, Shot] = {}
    for group in alike.values():
        raws = [one for one in group if one.path.suffix.lower() in RAW.suffixes]
        rendered = [one for one in group if one.path.suffix.lower() in _RENDERED]
        if len(raws) == len(rendered) == 1:
            pairs[raws[0].path] = pairs[rendered[0].path] = Shot(rendered[0], raws[0])
    return list(dict.fromkeys(pairs.get(path, Shot(one)) for path, one in files.items()))


def can_pair(path: Path) -> bool:
    """Whether a file of this extension may be half of a shot."""
    return path.suffix.lower() in RAW.suffixes | _RENDERED
