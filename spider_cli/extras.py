"""Packages that spider can do without, and the photos that wait for them."""

import importlib.util
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spider_cli.sources import Source

__all__ = ["EXTRAS", "HEIC", "JXL", "RAW", "Extra", "Waiting", "extra_of", "installing"]


@dataclass(frozen=True, slots=True)
class Extra:
    """An extra of the distribution, for one family of formats."""

    name: str
    """As in ``spider-iqa[name]``."""
    photos: str
    """The family, in front of "photo" or "file": "HEIC", "camera RAW"."""
    package: str
    """The distribution that decodes them."""
    module: str
    suffixes: frozenset[str]
    """Lower case, with the dot."""

    @property
    def installed(self) -> bool:
        """Nothing is imported to tell."""
        return importlib.util.find_spec(self.module) is not None


_RAW_SUFFIXES = (
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .gpr .iiq .kdc .mef .mos .mrw .nef .nrw .orf "
    ".pef .raf .raw .rw2 .rwl .sr2 .srf .srw .x3f"
)

HEIC = Extra("heic", "HEIC", "pillow-heif", "pillow_heif", frozenset((".heic", ".heif", ".hif")))
RAW = Extra(
    "raw",
    "camera RAW",
    "rawpy",
    "rawpy",
    frozenset(_RAW_SUFFIXES.split()),
)
JXL = Extra("jxl", "JPEG XL", "pillow-jxl-plugin", "pillow_jxl", frozenset((".jxl",)))

EXTRAS = (HEIC, RAW, JXL)

_OF_SUFFIX = {suffix: extra for extra in EXTRAS for suffix in extra.suffixes}


def extra_of(suffix: str) -> Extra | None:
    """The extra for files of this extension (lower case, with the dot)."""
    return _OF_SUFFIX.get(suffix)


def installing(extras: Iterable[Extra]) -> str:
    """The command that installs them."""
    return f"pip install 'spider-iqa[{','.join(extra.name for extra in extras)}]'"


class Waiting:
    """Photos that a search of folders passed over, because what decodes them is not installed."""

    def __init__(self) -> None:
        self._found: dict[Extra, Counter[str]] = {}
        self.photos: list[Source] = []
        """The photos themselves, where they were told."""

    def add(self, extra: Extra, suffix: str, photo: "Source | None" = None) -> None:
        """One more photo of this extension."""
        self._found.setdefault(extra, Counter())[suffix] += 1
        if photo is not None:
            self.photos.append(photo)

    def without(self, needless: "Iterable[Source]") -> "Waiting":
        """Those that wait, but for some."""
        left = Waiting()
        passed = {photo.path for photo in needless}
        for photo in self.photos:
            suffix = photo.path.suffix.lower()
            if suffix in _OF_SUFFIX and photo.path not in passed:
                left.add(_OF_SUFFIX[suffix], suffix, photo)
        return left

    def __bool__(self) -> bool:
        return bool(self._found)

    @property
    def command(self) -> str:
        """What installs all that is lacking."""
        return installing(extra for extra in EXTRAS if extra in self._found)

    def __str__(self) -> str:
        """One sentence about all of them: how many of which kind, and what to do."""
        kinds = []
        total = 0
        for extra in EXTRAS:
            if suffixes := self._found.get(extra):
                number = suffixes.total()
                total += number
                kinds.append(f"{number} {extra.photos} ({' '.join(sorted(suffixes))})")
        photos = "photo waits" if total == 1 else "photos wait"
        packages = "a package that is" if len(kinds) == 1 else "packages that are"
        listed = f"{', '.join(kinds[:-1])} and {kinds[-1]}" if kinds[1:] else "".join(kinds)
        return f"{listed} {photos} for {packages} not installed: {self.command}"
