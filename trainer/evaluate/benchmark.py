"""What is measured on: a data set of ours, or a list in an outside format, as cases and photos."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from spider_cli.errors import PhotoError, UsageError
from trainer.datasets.convert import item_of
from trainer.datasets.entries import Entry, Scale
from trainer.datasets.gather import gather
from trainer.datasets.looks import PhotoFolder
from trainer.datasets.reader import Options
from trainer.datasets.readers import read
from trainer.datasets.schema import Item
from trainer.datasets.store import CHECKSUMS, open_data
from trainer.evaluate.cases import Case, cases_of
from trainer.truth import Sample

__all__ = ["Benchmark", "Opened", "of_data_set", "of_list", "of_lists"]


@dataclass(frozen=True, slots=True)
class Opened:
    """One photo of a benchmark with its cases."""

    cases: tuple[Case, ...]
    item: Item | None
    """None where the photo cannot be opened."""
    reason: str = ""
    """Why not."""


@dataclass(frozen=True)
class Benchmark:
    """Cases that are known beforehand, and their photos one after the other."""

    name: str
    split: str
    digest: str
    """SHA-256 that tells whether two results are of the same data."""
    cases: list[Case]
    photos: Callable[[Collection[str]], Iterator[Opened]] = field(repr=False)
    """Ids of photos -> those photos, in order."""
    notes: tuple[str, ...] = ()
    """What was left out, for people."""


def of_data_set(folder: Path, split: str | None = None) -> Benchmark:
    """A data set of ours.

    Args:
        split: "test", or the only one there is, when None.

    Raises:
        UsageError: no such data set or split.
    """
    data = open_data(folder)
    chosen = _split(str(folder), split, data.splits)

    def photos(wanted: Collection[str]) -> Iterator[Opened]:
        for item in data.items(chosen, wanted):
            yield Opened(tuple(cases_of(item)), item)

    cases: list[Case] = []
    free = 0
    for item in data.items(chosen):
        cases += cases_of(item)
        free += sum(row.task == "chat" for row in item.rows)
    digest = hashlib.sha256((folder / CHECKSUMS).read_bytes()).hexdigest()
    notes = (f"{free} rows of free conversation have no measure",) if free else ()
    return Benchmark(folder.absolute().name, chosen, digest, cases, photos, notes)


def of_list(
    path: Path,
    *,
    images: Path | None = None,
    split: str | None = None,
    scale: Scale | None = None,
    seed: int = 0,
) -> Benchmark:
    """A file or folder in an outside format: opinion scores, multiple choice, marked regions.

    Photos are named by their path in the records. Where distortions are known, the questions are
    ours, worded by `seed`.

    Args:
        images: the folder that the records' paths start from; None: one around `path`.
        scale: of opinion scores; None: the collection's.

    Raises:
        UsageError: no known format, a record that is wrong, nothing that can be measured.
    """
    gathered = gather(read(path, options=Options(images, scale, seed)))
    splits = tuple(dict.fromkeys(entry.split for entry in gathered.photos if entry.split))
    chosen = _split(str(path), split, splits) if splits or split else ""
    entries = [entry for entry in gathered.photos if entry.split == chosen]
    folder = PhotoFolder(path, images, entries)
    names = _names(entries)

    def made(number: int) -> Opened:
        entry, name = entries[number], names[number]
        rng = np.random.default_rng([seed, 2, number])
        try:
            item = item_of(entry, folder.pixels(entry.photo), folder, rng)
        except PhotoError as error:
            return Opened(tuple(cases_of(_unseen(entry, name))), None, error.message)
        item = replace(item, id=name, group=entry.group or entry.photo)
        return Opened(tuple(cases_of(item)), item)

    def photos(wanted: Collection[str]) -> Iterator[Opened]:
        for number, name in enumerate(names):
            if name in wanted:
                yield made(number)

    cases: list[Case] = []
    for number, entry in enumerate(entries):
        # A score or a choice is the same whatever the photo's size: it need not be opened yet.
        simple = not (entry.regions or entry.whole or entry.clean)
        found = cases_of(_unseen(entry, names[number])) if simple else made(number).cases
        cases += found
    notes = [f"{count} entries: {what}" for what, count in gathered.left_out.items()]
    if not cases:
        said = f" ({'; '.join(notes)})" if notes else ""
        raise UsageError(
            f"{path} has nothing that can be measured{said}",
            hint="opinion scores, multiple choice with answers, or marked distortions are needed",
            code="no_records",
        )
    return Benchmark(path.name, chosen, _digest(path), cases, photos, tuple(notes))


def of_lists(name: str, parts: Sequence[Benchmark]) -> Benchmark:
    """Several lists as one; ids get the list's number in front where there are several."""
    if len(parts) == 1:
        return replace(parts[0], name=name)

    def renamed(case: Case, number: int) -> Case:
        lead = f"{number + 1}:"
        return replace(case, id=lead + case.id, photo=lead + case.photo,
                       cluster=lead + case.cluster)  # fmt: skip

    def photos(wanted: Collection[str]) -> Iterator[Opened]:
        for number, part in enumerate(parts):
            lead = f"{number + 1}:"
            own = {one.removeprefix(lead) for one in wanted if one.startswith(lead)}
            for opened in part.photos(own):
                yield replace(opened, cases=tuple(renamed(one, number) for one in opened.cases))

    return Benchmark(
        name,
        parts[0].split,
        hashlib.sha256("".join(part.digest for part in parts).encode()).hexdigest(),
        [renamed(case, number) for number, part in enumerate(parts) for case in part.cases],
        photos,
        tuple(note for part in parts for note in part.notes),
    )


def _split(where: str, wanted: str | None, splits: Sequence[str]) -> str:
    if wanted is None:
        if len(splits) == 1 or "test" in splits:
            return "test" if "test" in splits else splits[0]
        raise UsageError(
            f"{where} has no split 'test'", hint=f"name one with --split: {', '.join(splits)}"
        )
    if wanted not in splits:
        told = f"it has {', '.join(splits)}" if splits else "it has no splits; leave --split out"
        raise UsageError(f"{where} has no split {wanted!r}", hint=told)
    return wanted


def _unseen(entry: Entry, name: str) -> Item:
    """An entry's own questions and score, without its photo."""
    return Item(
        id=name,
        source=entry.photo,
        group=entry.group or entry.photo,
        scene="unknown",
        sample=Sample(np.zeros((0, 0, 3), np.uint8)),
        rows=tuple(row for row in entry.rows if row.task in ("choice", "score", "chat")),
        mos=entry.mos,
    )


def _names(entries: Sequence[Entry]) -> list[str]:
    """Ids: the photos' paths; those of a photo that comes again get "#2"."""
    times: dict[str, int] = {}
    names = []
    for entry in entries:
        times[entry.photo] = times.get(entry.photo, 0) + 1
        count = times[entry.photo]
        names.append(entry.photo if count == 1 else f"{entry.photo}#{count}")
    return names


def _digest(path: Path) -> str:
    files = [path] if path.is_file() else sorted(one for one in path.iterdir() if one.is_file())
    sums = [hashlib.sha256(one.read_bytes()).hexdigest() for one in files]
    return hashlib.sha256("".join(sums).encode()).hexdigest()
