"""One row of a shard: a photo with its truth and its questions, checked from top to bottom."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trainer.datasets.schema import SCENES
from trainer.splits import perceptual_hash
from trainer.truth import Applied, Pixels, Region
from trainer.verify.faults import read_distortions
from trainer.verify.findings import Finding, Record, Reporter, shown
from trainer.verify.paths import unsafe
from trainer.verify.pictures import digest_of, read_photo
from trainer.verify.pixels import EXACT, check_pixels
from trainer.verify.regions import read_regions
from trainer.verify.rows import check_rows
from trainer.verify.subject import Photo
from trainer.verify.suspects import Tolerance

__all__ = ["Facts", "Rules", "check_photo", "check_reference"]

_ANY_SIZE = 1 << 30
_DOUBTFUL = re.compile(r"regions\[(\d+)\]\.(?:mask|point|distortions)|whole|regions$")


@dataclass(frozen=True, slots=True)
class Facts:
    """What other photos are held against."""

    file: str
    id: str
    source: str
    group: str
    reference: str
    scene: str
    digest: str
    """Of the pixels; "" where there are none."""
    rows: tuple[str, ...]
    """Ids of the questions."""
    alike: int = -1
    """Perceptual hash, of references alone."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What to expect of the data set."""

    references: bool
    """It has untouched photos, so that those made by us can be made again."""
    tolerance: Tolerance = EXACT


def check_photo(
    row: object,
    report: Reporter,
    number: int,
    rules: Rules,
    find: Callable[[str], tuple[str, Pixels | None] | None],
    *,
    searching: Callable[[], bool] = lambda: True,
) -> Facts:
    """Check one photo; nothing that the row may hold raises.

    Args:
        row: as it was read.
        report: about the shard.
        number: of the photo in its shard, from 1; names a photo without an id.
        find: id of a reference -> its source and pixels; None where there is none.
        searching: asked before the slow search for what else may have been done.
    """
    record = Record(row, report)
    name = record.value.get("id")
    known = isinstance(name, str) and name != ""
    record.report = report = report.at(photo=name if known else f"number {number}")
    if record.text("id") == "":
        report.say("id", "no_id", "is empty, expected a name that is unique in the set")
    source, group = record.text("source"), record.text("group")
    if source is not None and (why := unsafe(source)):
        report.say("source", "unsafe_path", f"is {shown(source)}, {why}")
    scene = record.text("scene")
    if scene is not None and scene not in SCENES:
        report.say("scene", "bad_scene", f"is {shown(scene)}, expected one of {', '.join(SCENES)}")
    reference, seed = record.text("reference"), record.integer("seed")
    made = bool(reference)
    if rules.references and reference == "" and scene in ("clean", "whole", "regions"):
        report.say(
            "reference",
            "no_reference",
            f"is empty, expected the untouched photo that a photo of scene {scene} is made from",
        )
    before = len(report.found)
    pixels = _read_image(record)
    shape = None if pixels is None else (pixels.shape[0], pixels.shape[1])
    regions, whole = _truth(record, shape, scene or "", made=made)
    sound = regions is not None and whole is not None
    if sound and scene is not None:
        _check_scene(record, scene)
    if reference:
        _check_made(record, pixels, regions, whole, seed, source, find(reference), rules, searching)
    mos = _read_score(record)
    rows = record.records("rows")
    if rows is not None:
        inside = [Record(one.value, _row_report(one, report)) if one.whole else one for one in rows]
        said = record.value.get("height"), record.value.get("width")
        # Boxes of a photo that was cut are not wrong, too.
        height, width = shape if shape == said else (_ANY_SIZE, _ANY_SIZE)
        check_rows(
            inside,
            Photo(
                name if isinstance(name, str) else "",
                width,
                height,
                scene or "",
                tuple(regions or ()),
                whole or (),
                sound and shape == said,
                _doubted(report.found[before:], len(regions or ())),
                mos,
            ),
        )
    return Facts(
        report.file,
        name if isinstance(name, str) else "",
        source or "",
        group or "",
        reference or "",
        scene or "",
        "" if pixels is None else digest_of(pixels),
        _row_ids(record),
    )


def check_reference(row: object, report: Reporter, number: int) -> Facts:
    """Check one untouched photo."""
    record = Record(row, report)
    name = record.value.get("id")
    known = isinstance(name, str) and name != ""
    record.report = report = report.at(photo=name if known else f"number {number}")
    if record.text("id") == "":
        report.say("id", "no_id", "is empty, expected a name that is unique in the set")
    source = record.text("source")
    if source is not None and (why := unsafe(source)):
        report.say("source", "unsafe_path", f"is {shown(source)}, {why}")
    data = record.data("image")
    pixels = None if data is None else read_photo(data, report)
    return Facts(
        report.file,
        name if isinstance(name, str) else "",
        source or "",
        "",
        "",
        "",
        "" if pixels is None else digest_of(pixels),
        (),
        -1 if pixels is None else perceptual_hash(pixels),
    )


def _doubted(found: Sequence[Finding], count: int) -> frozenset[int]:
    """Regions whose pixels or distortions are in doubt: rows are not held against them.

    One wrong mask is one finding, not one for every question about it.
    """
    out: set[int] = set()
    for one in found:
        match = _DOUBTFUL.match(one.field)
        if match:
            out |= {int(match[1])} if match[1] else set(range(-1, count))
    return frozenset(out)


def _row_report(row: Record, report: Reporter) -> Reporter:
    """Questions are named by their ids, and by their place where they have none."""
    name = row.value.get("id")
    if isinstance(name, str) and name:
        return report.at(row=name)
    return row.report


def _row_ids(record: Record) -> tuple[str, ...]:
    rows = record.value.get("rows")
    if not isinstance(rows, list | tuple):
        return ()
    names = [row.get("id") for row in rows if isinstance(row, dict)]
    return tuple(name for name in names if isinstance(name, str))


def _read_image(record: Record) -> Pixels | None:
    width, height = record.integer("width"), record.integer("height")
    data = record.data("image")
    pixels = None if data is None else read_photo(data, record.report)
    if pixels is not None:
        for field, said, true in (
            ("width", width, pixels.shape[1]),
            ("height", height, pixels.shape[0]),
        ):
            if said is not None and said != true:
                record.report.say(field, "wrong_size", f"is {said}, the image has {true}")
    return pixels


def _truth(
    record: Record, shape: tuple[int, int] | None, scene: str, *, made: bool
) -> tuple[tuple[Region, ...] | None, tuple[Applied, ...] | None]:
    """Regions and distortions of the whole; None for what cannot be understood."""
    listed, all_over = record.records("regions"), record.records("whole")
    regions: tuple[Region, ...] | None = None
    if listed is not None:
        read = read_regions(listed, shape, scene=scene, made=made)
        sound = tuple(region for region in read if region is not None)
        regions = sound if len(sound) == len(read) else None
    whole = None
    if all_over is not None:
        whole = read_distortions(all_over, record, "whole", made=made, ordered=made)
    return regions, whole


def _check_scene(record: Record, scene: str) -> None:
    has_regions, has_whole = bool(record.value["regions"]), bool(record.value["whole"])
    found = [
        name
        for name, there in (("regions", has_regions), ("distortions of the whole", has_whole))
        if there
    ]
    said = " and ".join(found) or "neither regions nor distortions of the whole"
    expected = {
        "clean": (not has_regions and not has_whole, "neither"),
        "whole": (has_whole and not has_regions, "distortions of the whole alone"),
        "regions": (has_regions and not has_whole, "regions alone"),
    }.get(scene)
    if expected is not None and not expected[0]:
        record.report.say(
            "scene", "wrong_scene", f"is {scene}, but there are {said}; expected {expected[1]}"
        )
    elif has_regions and has_whole:
        record.report.say("whole", "wrong_scene", f"there are {said}; expected one of the two")


def _check_made(
    record: Record,
    pixels: Pixels | None,
    regions: tuple[Region, ...] | None,
    whole: tuple[Applied, ...] | None,
    seed: int | None,
    source: str | None,
    found: tuple[str, Pixels | None] | None,
    rules: Rules,
    searching: Callable[[], bool],
) -> None:
    """Hold the photo against the untouched one."""
    report = record.report
    if found is None:
        name = shown(record.value["reference"])
        report.say("reference", "no_reference", f"is {name}, which the references do not have")
        return
    of, untouched = found
    if source is not None and source != of and not unsafe(source):
        report.say("source", "wrong_source", f"is {shown(source)}, but its reference is of "
                   f"{shown(of)}")  # fmt: skip
        return
    if untouched is None or pixels is None:
        return
    if untouched.shape != pixels.shape:
        report.say(
            "image",
            "wrong_size",
            f"is {pixels.shape[1]} x {pixels.shape[0]}, its reference "
            f"{untouched.shape[1]} x {untouched.shape[0]}",
        )
        return
    if regions is None or whole is None or seed is None:
        return
    check_pixels(
        pixels,
        untouched,
        regions,
        whole,
        seed,
        report,
        tolerance=rules.tolerance,
        searching=searching,
    )


def _read_score(record: Record) -> float | None:
    """The opinion score, where there is a sound one."""
    out: float | None = None
    for field in ("mos", "mos_std"):
        if record.value.get(field, 0) is None:
            continue
        value = record.number(field)
        if value is None:
            continue
        if not 0 <= value <= 1:
            record.report.say(field, "bad_score", f"is {value:g}, expected 0 to 1")
        elif field == "mos":
            out = value
    return out
