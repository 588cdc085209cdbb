"""Lists of opinion scores: tables, JSON lists, JSON lines, objects in a row, "score name" lines.

Understood by their columns: KADID-10k's dmos.csv, both of KonIQ-10k's, CSIQ's table and its list,
LIVE, TID2013's mos_with_names.txt (with mos_std.txt beside it), SPAQ's table saved as CSV, BIQ2021,
pyiqa's meta tables with or without references, and the JSON lists of Q-Align, Q-Bench and project1.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from spider_cli.errors import UsageError
from trainer.datasets.entries import Entry, Scale, Where
from trainer.datasets.fields import Fields, Seen, shown
from trainer.datasets.reader import Highest, Options, Reader, Sniff, file_split, parsed, split_named
from trainer.datasets.records import csv_rows, json_values, text_lines
from trainer.datasets.scales import COLLECTIONS, on_scale, score_row, std_on_scale

__all__ = ["MOS"]

_PHOTO = (
    "img_path",
    "image",
    "image_path",
    "dist_name",
    "dist_img",
    "name",
    "img_name",
    "image_name",
    "file",
    "filename",
    "file_name",
    "img",
)
_SCORE = ("mos", "gt_score", "dmos", "score", "mos_zscore")
_STD = ("std", "sd", "mos_std", "dmos_std", "stddev")
_REFERENCE = ("ref_name", "ref_img", "reference")
_SPLIT = ("split", "official_split", "set")
_RATIO = re.compile(r"ratio\d+_seed\d+_split_\d+")
_VOTES = {"c1", "c2", "c3", "c4", "c5"}
_CSIQ = {"image", "dst_type", "dst_lev", "dmos"}
_CSIQ_NAMES = {
    "noise": ("awgn", "AWGN"),
    "jpeg": ("jpeg", "JPEG"),
    "jpeg 2000": ("jpeg2000", "jpeg2000"),
    "fnoise": ("fnoise", "fnoise"),
    "blur": ("blur", "BLUR"),
    "contrast": ("contrast", "contrast"),
}
"""What CSIQ's table calls a distortion -> its folder, and the word in its files' names."""
_OTHERS = ("conversations", "gt_score_norm", "level_probs", "question", "ann_list")


def _looks(sniff: Sniff) -> bool:
    if sniff.header:
        return _is_table(sniff.header)
    if sniff.line:
        return _split_line(sniff.line) is not None
    columns = tuple(sniff.first) if isinstance(sniff.first, dict) else ()
    return _is_table(columns) and not any(name in columns for name in _OTHERS)


def _is_table(columns: tuple[str, ...]) -> bool:
    named = any(name in columns for name in _PHOTO)
    return named and any(name in columns for name in _SCORE)


def _split_line(line: str) -> tuple[str, str] | None:
    """("name", "score") of a line that has both, either way round."""
    parts = line.split()
    numeric = [_is_number(part) for part in parts]
    if len(parts) != 2 or sum(numeric) != 1:
        return None
    return (parts[1], parts[0]) if numeric[0] else (parts[0], parts[1])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Table:
    """Where a table's values stand."""

    records: Callable[[], Iterable[tuple[Where, object]]]
    scale: Scale | None = None
    """The scale that the columns' names give away."""
    std_scale: Scale | None = None
    """The scale of the standard deviation, where it is another one."""
    csiq: bool = False


def _read(file: Path, options: Options) -> Iterator[Entry]:
    table = _table(file)
    seen = Seen("photo")
    file_named = file_split(file)
    highest = Highest(lambda: _scores(table))

    def parse(fields: Fields) -> Iterable[Entry]:
        photo = _csiq_photo(fields) if table.csiq else fields.photo(fields.first(*_PHOTO))
        field = fields.first(*_SCORE)
        scale = options.scale or table.scale or options.scale_of(photo, file, highest)
        mos = on_scale(fields, field, fields.number(field, text=True), scale)
        std = _std(fields, table.std_scale or scale)
        split = _split(fields) or file_named
        seen.add(fields, photo, (photo,))
        yield Entry(
            photo,
            (photo,),
            fields.where,
            rows=(score_row(mos),),
            mos=mos,
            mos_std=std,
            scale=scale,
            split=split,
            group=_group(fields, photo),
        )

    yield from parsed(table.records(), parse, options)


def _table(file: Path) -> _Table:
    """How to read a file, by its ending and its columns."""
    if file.suffix.lower() in (".json", ".jsonl"):
        return _Table(lambda: json_values(file))
    header, _ = csv_rows(file)
    if not _is_table(header):
        return _Table(lambda: _listed(file), COLLECTIONS["tid2013"] if _is_tid(file) else None)
    columns = set(header)
    votes = columns >= _VOTES
    scale = None
    if columns >= _CSIQ:
        scale = COLLECTIONS["csiq"]
    elif columns >= {"dist_img", "ref_img", "dmos"}:
        scale = COLLECTIONS["kadid"]
    elif votes and columns >= {"mos", "mos_zscore"}:
        scale = COLLECTIONS["koniq"]
    elif columns >= {"image_name", "mos", "brightness", "colorfulness"}:
        scale = COLLECTIONS["spaq"]
    elif file.name == "labels.csv" and columns >= {"file", "mos"}:
        scale = COLLECTIONS["biq2021"]
    # Beside counts of the votes 1 to 5 the spread is that of the votes, even where the score is
    # stretched to 100.
    std_scale = Scale(1, 5, "votes") if votes else None
    return _Table(lambda: csv_rows(file)[1], scale, std_scale, csiq=columns >= _CSIQ)


def _is_tid(file: Path) -> bool:
    return file.name.lower() == "mos_with_names.txt"


def _listed(file: Path) -> Iterator[tuple[Where, object]]:
    """Lines of a score and a name; TID2013 keeps the spreads in a file of their own."""
    spreads = file.with_name("mos_std.txt")
    stds = [line.strip() for _, line in text_lines(spreads)] if spreads.is_file() else []
    if not _is_tid(file):
        stds = []
    for where, line in text_lines(file):
        found = _split_line(line)
        if found is None:
            raise where.error("", f"{shown(line)} is no name with a score", code="bad_table")
        record: dict[str, object] = {"name": found[0], "mos": found[1]}
        if where.row <= len(stds):
            record["std"] = stds[where.row - 1]
        yield where, record


def _csiq_photo(fields: Fields) -> str:
    """CSIQ's table names a photo by its untouched one, the distortion and the level."""
    word = fields.text("dst_type").strip().lower()
    if word not in _CSIQ_NAMES:
        fields.fail("dst_type", f"is {shown(word)}", hint=f"one of {', '.join(_CSIQ_NAMES)}",
                    code="unknown_distortion")  # fmt: skip
    folder, name = _CSIQ_NAMES[word]
    level = fields.number("dst_lev", text=True)
    if level not in (1, 2, 3, 4, 5):
        fields.fail("dst_lev", f"is {level:g}, not a level of 1-5", code="bad_severity")
    untouched = fields.text("image").strip()
    return fields.relative(f"dst_imgs/{folder}/{untouched}.{name}.{level:g}.png", "image")


def _std(fields: Fields, scale: Scale | None) -> float | None:
    # KADID-10k calls it "var", and it is not: 0.496 beside 4.57 is the standard deviation of 17
    # fives and 13 fours.
    name = next((name for name in (*_STD, "var") if fields.has(name)), None)
    if name is None or scale is None:
        return None
    return std_on_scale(fields, name, fields.number(name, text=True), scale)


def _split(fields: Fields) -> str:
    names = [name for name in _SPLIT if fields.has(name)]
    names += [name for name in sorted(fields.value) if _RATIO.fullmatch(name) and fields.has(name)]
    if not names:
        return ""
    word = fields.text(names[0])
    return split_named(word) or fields.fail(
        names[0], f"is {shown(word)}, no split: train, validation or test"
    )


def _group(fields: Fields, photo: str) -> str:
    name = next((name for name in _REFERENCE if fields.has(name)), None)
    if name is not None:
        return fields.text(name)
    if fields.has("dst_type"):
        return fields.text("image")
    match = re.fullmatch(r"(?:.*/)?([iI]\d\d)_\d\d_\d\d?\.(?:bmp|png)", photo, re.IGNORECASE)
    return match[1].lower() if match else ""  # TID's and KADID's way of naming


def _scores(table: _Table) -> Iterator[float]:
    for where, value in table.records():
        try:
            fields = Fields(value, where)
            yield fields.number(fields.first(*_SCORE), text=True)
        except UsageError:
            continue


MOS = Reader(
    "mos",
    "opinion scores: CSV, JSON, JSON lines, text lists",
    _looks,
    _read,
    (".csv", ".tsv", ".json", ".jsonl", ".txt"),
)
