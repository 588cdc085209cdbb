"""What a reader is, and what it is told."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from spider_cli.errors import UsageError
from trainer.datasets.entries import Entry, Scale, Where
from trainer.datasets.fields import Fields
from trainer.datasets.scales import collection_scale

__all__ = [
    "JSON_SUFFIXES",
    "Highest",
    "Options",
    "Reader",
    "Sniff",
    "file_split",
    "parsed",
    "split_named",
]

JSON_SUFFIXES = (".json", ".jsonl")

_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True, slots=True)
class Options:
    """What the user said beside the file."""

    images: Path | None = None
    """The folder that the records' paths start from."""
    scale: Scale | None = None
    """The scale of opinion scores; None: the collection's."""
    seed: int = 0
    """Of samples that a list asks for."""
    bad: Callable[[UsageError], None] | None = None
    """Told of a bad record, which is then left out; None: the first one ends the reading."""

    def scale_of(self, photo: str, file: Path, highest: Callable[[], float | None]) -> Scale | None:
        """The user's scale, else the collection's (`scales.collection_scale`)."""
        return self.scale or collection_scale(photo, file, highest)


@dataclass(frozen=True, slots=True)
class Sniff:
    """What can be told of a file at first sight."""

    file: Path
    first: object = None
    """The first JSON value: the first item where the file is a list."""
    header: tuple[str, ...] = ()
    """Column names of a table, lower case."""
    line: str = ""
    """The first line of a file that is no JSON."""

    def has(self, *names: str) -> bool:
        """The first value is an object with all these fields."""
        return isinstance(self.first, dict) and all(name in self.first for name in names)


@dataclass(frozen=True, slots=True)
class Reader:
    """One outside format."""

    name: str
    about: str
    looks: Callable[[Sniff], bool]
    """Might this be a file of the format?"""
    read: Callable[[Path, Options], Iterator[Entry]]
    suffixes: tuple[str, ...] = JSON_SUFFIXES
    """Of its files, in a folder."""


def parsed(
    records: Iterable[tuple[Where, object]],
    parse: Callable[[Fields], Iterable[Entry]],
    options: Options,
) -> Iterator[Entry]:
    """The entries of records; a bad one is told to `options.bad`, or ends it all."""
    for where, value in records:
        try:
            entries = list(parse(Fields(value, where)))
        except UsageError as error:
            if options.bad is None:
                raise
            options.bad(error)
            continue
        yield from entries


def split_named(word: str) -> str:
    """train, validation or test for any of their usual names; "" for another word."""
    return _SPLITS.get(word.strip().lower(), "")


def file_split(file: Path) -> str:
    """The split that a file's name speaks of: "test_A_md_brief.json"; "" where none, or two."""
    words = file.stem.replace("-", "_").replace(".", "_").split("_")
    found = {split_named(word) for word in words} - {""}
    return found.pop() if len(found) == 1 else ""


class Highest:
    """The largest of a file's scores, looked up once, when it is first needed.

    Args:
        scores: reads the file's scores from its start.
    """

    def __init__(self, scores: Callable[[], Iterable[float]]) -> None:
        self._scores = scores
        self._value: float | None = None
        self._done = False

    def __call__(self) -> float | None:
        if not self._done:
            self._value, self._done = max(self._scores(), default=None), True
        return self._value
