"""`spider data convert`: outside data into ours. Read, put together, look at, split, write."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spider_cli.errors import PhotoError, UsageError
from trainer.answers import questions_and_answers
from trainer.datasets.conversion import Converted, card_of, check_out, config_of, nothing
from trainer.datasets.entries import Entry, Scale
from trainer.datasets.gather import gather
from trainer.datasets.looks import MIN_SIDE, Look, PhotoFolder, ahead, look
from trainer.datasets.marks import regions_of
from trainer.datasets.reader import Options
from trainer.datasets.readers import detect, read, reader_named
from trainer.datasets.schema import Item, Scene, encode_png, to_row
from trainer.datasets.store import write_data
from trainer.rows import QA
from trainer.splits import assign_splits, groups_of, look_alikes
from trainer.truth import Pixels, Region, Sample

__all__ = ["MIN_SIDE", "Converted", "convert"]

SHARES = {"train": 0.85, "validation": 0.05, "test": 0.1}
"""Of the photos, where the file has no splits of its own."""
Progress = Callable[[str, int, int], None]
"""Told of every finished photo: stage, done, total."""


def convert(
    source: Path,
    out: Path,
    *,
    format: str | None = None,
    images: Path | None = None,
    scale: Scale | None = None,
    seed: int = 0,
    force: bool = False,
    skip_bad: bool = False,
    progress: Progress | None = None,
) -> Converted:
    """Turn an outside data set into one of ours.

    Photos that cannot be opened, or have a side below MIN_SIDE, are left out with a line in the
    reject file. The same files and settings give the same bytes.

    Args:
        source: a file, or a folder of them.
        out: the new data set's folder.
        format: a name of `readers.READERS`; None: found out by its content.
        images: the folder that the records' paths start from; None: one around `source`.
        scale: of opinion scores; None: the collection's.
        seed: of splits and questions.
        force: replace a finished data set in `out`.
        skip_bad: leave records that are wrong out, too, instead of ending at the first.

    Raises:
        UsageError: a record is wrong (file, row, field); no photo could be used; `out` is taken.
    """
    if not source.exists():
        raise UsageError(f"{source} does not exist", code="not_found")
    check_out(out, force=force)
    name = reader_named(format).name if format else detect(source)
    done = Converted(out, name)

    def bad(error: UsageError) -> None:
        done.rejects.append({"code": error.code, "reason": error.message})

    options = Options(images, scale, seed, bad if skip_bad else None)
    gathered = gather(read(source, format=name, options=options), options.bad)
    done.entries = gathered.entries
    done.left_out, done.notes = gathered.left_out, gathered.notes
    if not gathered.photos:
        raise UsageError(nothing(source, gathered, done), code="no_records")
    folder = PhotoFolder(source, images, gathered.photos)
    tell = progress or (lambda stage, count, total: None)
    looks = _look_at(gathered.photos, folder, done, tell)
    entries = _usable(gathered.photos, looks, folder, done, options.bad)
    if not entries:
        raise UsageError(
            f"none of the {len(gathered.photos)} photos of {source} can be used; the first: "
            f"{done.rejects[0]['reason']}",
            code="no_photos",
        )
    splits, groups = _split(entries, looks, seed, done)
    _write(entries, splits, groups, folder, source, seed, scale, done, tell)
    return done


def _look_at(
    entries: list[Entry], folder: PhotoFolder, done: Converted, tell: Progress
) -> dict[str, Look]:
    """Open every photo once; those that cannot be used go to the rejects."""
    firsts = {entry.photo: entry for entry in reversed(entries)}
    photos = list(dict.fromkeys(entry.photo for entry in entries))
    looks: dict[str, Look] = {}
    results = ahead(lambda photo: look(folder, photo), photos)
    for number, (photo, found) in enumerate(zip(photos, results, strict=True), 1):
        if isinstance(found, Look):
            looks[photo] = found
        else:
            where = firsts[photo].where
            done.rejects.append(
                {
                    "photo": photo,
                    "file": where.file.name,
                    "row": where.row,
                    "field": "photo",
                    "code": found.code,
                    "reason": f"{where}, photo: {found.message}",
                }
            )
        tell("photos", number, len(photos))
    return looks


def _usable(
    entries: list[Entry],
    looks: dict[str, Look],
    folder: PhotoFolder,
    done: Converted,
    bad: Callable[[UsageError], None] | None,
) -> list[Entry]:
    """The entries whose photo can be used, their masks checked against it."""
    kept: list[Entry] = []
    for entry in entries:
        look = looks.get(entry.photo)
        if look is None:
            continue
        try:
            regions, notes = regions_of(entry, look.height, look.width, folder.find_mask)
        except UsageError as error:
            if bad is None:
                raise
            bad(error)
            continue
        done.notes.update(notes)
        lacking = sum(not region.distortions for region in regions)
        if lacking and lacking < len(regions):
            done.notes["regions without distortions, beside others with"] += 1
        kept.append(entry)
    return kept


def _split(
    entries: list[Entry], looks: dict[str, Look], seed: int, done: Converted
) -> tuple[list[str], list[str]]:
    """Each entry's split and group. The file's own splits are kept as they are."""
    photos = list(dict.fromkeys(entry.photo for entry in entries))
    origin = {entry.photo: entry.group or entry.photo for entry in reversed(entries)}
    alike = look_alikes([looks[photo].hash for photo in photos])
    sources = [origin[photo] for photo in photos]
    together = groups_of(alike, sources)
    given = {entry.photo: entry.split for entry in entries}
    if any(given.values()):
        splits = [given[photo] or "train" for photo in photos]
    else:
        splits, whole = assign_splits(alike, sources, SHARES, np.random.default_rng([seed, 1]))
        if not whole:
            together = alike
    first: dict[int, str] = {}
    members: dict[int, set[str]] = {}
    for photo, group, split in zip(photos, together.tolist(), splits, strict=True):
        first.setdefault(group, photo)
        members.setdefault(group, set()).add(split)
    groups: list[str] = []
    for group, split in zip(together.tolist(), splits, strict=True):
        apart = len(members[group]) > 1
        groups.append(f"{first[group]} ({split})" if apart else first[group])
    straddling = sum(len(found) > 1 for found in members.values())
    if straddling:
        done.notes["groups of look-alikes in two of the file's own splits"] = straddling
    split_of = dict(zip(photos, splits, strict=True))
    group_of = dict(zip(photos, groups, strict=True))
    return [split_of[e.photo] for e in entries], [group_of[e.photo] for e in entries]


def _write(
    entries: list[Entry],
    splits: list[str],
    groups: list[str],
    folder: PhotoFolder,
    source: Path,
    seed: int,
    scale: Scale | None,
    done: Converted,
    tell: Progress,
) -> None:
    order = [name for name in SHARES if name in splits]
    written = 0

    def rows(split: str) -> Iterator[dict[str, Any]]:
        nonlocal written
        numbers = [number for number, name in enumerate(splits) if name == split]
        opened = ahead(lambda number: _opened(folder, entries[number]), numbers)
        for number, (pixels, png) in zip(numbers, opened, strict=True):
            rng = np.random.default_rng([seed, 2, number])
            entry = entries[number]
            item = replace(
                item_of(entry, pixels, folder, rng), id=f"{number:06d}", group=groups[number]
            )
            done.photos[split] = done.photos.get(split, 0) + 1
            done.questions += len(item.rows)
            written += 1
            yield to_row(item, image=png)
            tell("writing", written, len(entries))

    def finish() -> tuple[dict[str, Any], str]:
        return config_of(source, seed, scale, done), card_of(source, done)

    write_data(
        done.folder, {name: rows(name) for name in order}, rejects=done.rejects, finish=finish
    )


def _opened(folder: PhotoFolder, entry: Entry) -> tuple[Pixels, bytes]:
    try:
        pixels = folder.pixels(entry.photo)
    except PhotoError as error:
        raise UsageError(
            f"{entry.photo} changed while it was converted: {error.message}",
            hint="run the command again",
            code="changed",
        ) from error
    return pixels, encode_png(pixels)


def item_of(entry: Entry, pixels: Pixels, folder: PhotoFolder, rng: np.random.Generator) -> Item:
    """One photo of ours, without id and group.

    Where its distortions are known it gets the four tasks' questions; its own come after them.
    """
    height, width = pixels.shape[:2]
    regions, _ = regions_of(entry, height, width, folder.find_mask)
    known = [number for number, region in enumerate(regions) if region.distortions]
    kept: tuple[Region, ...] = tuple(regions[number] for number in known) or regions
    told = () if kept else entry.whole
    sample = Sample(pixels, kept, told, complete=not kept and bool(told or entry.clean))
    asked: list[QA] = []
    if known or entry.whole or entry.clean:
        asked = questions_and_answers(sample, rng)
    place = {number: new for new, number in enumerate(known or range(len(regions)))}
    own = [
        replace(row, region=place.get(row.region)) if row.region is not None else row
        for row in entry.rows
    ]
    scene: Scene = "unknown"
    if known:
        scene = "authentic"
    elif entry.whole:
        scene = "whole"
    elif entry.clean:
        scene = "clean"
    return Item(
        id="",
        source=entry.photo,
        group="",
        scene=scene,
        sample=sample,
        rows=tuple(dict.fromkeys([*asked, *own])),
        mos=entry.mos,
        mos_std=entry.mos_std,
    )
