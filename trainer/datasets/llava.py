"""LLaVA-style lists: Q-Align, Q-Instruct, MIPI's combined.json, VisualQuality-R1.

Each record has `image` (a path, or a list of them) and `conversations`. `gt_score` may be there, as
a number or as text; without it, an id such as "I01_01_01.png->4.57" ends in the score, and an
answer may be a bare number. Other columns (`qtype`, `type`, ...) are passed over.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from spider_cli.errors import UsageError
from trainer.datasets.conversation import Talk, read_conversations
from trainer.datasets.entries import Entry, Scale
from trainer.datasets.fields import Fields, Seen
from trainer.datasets.reader import Highest, Options, Reader, Sniff, file_split, parsed
from trainer.datasets.records import json_values
from trainer.datasets.scales import on_scale, score_row
from trainer.rows import QA

__all__ = ["LLAVA"]

_ID_SCORE = re.compile(r"->\s*(-?\d+(?:\.\d+)?)$")
_BOXES = re.compile(r"\[\s*\d{1,4}\s*,\s*\d{1,4}\s*,\s*\d{1,4}\s*,\s*\d{1,4}\s*\]")


def _looks(sniff: Sniff) -> bool:
    return (
        sniff.has("image", "conversations")
        and not sniff.has("level_probs")
        and not sniff.has("gt_score_norm")
    )


def _read(file: Path, options: Options) -> Iterator[Entry]:
    seen = Seen()
    split = file_split(file)
    highest = Highest(lambda: _scores(file))

    def parse(fields: Fields) -> Iterable[Entry]:
        photos = photos_of(fields)
        name = record_id(fields, photos[0])
        talk = read_conversations(fields)
        asked = "\n".join([talk.rating, *(f"{row.question}\n{row.answer}" for row in talk.rows)])
        mos, scale = _mos(fields, talk, photos[0], options, highest)
        notes = list(talk.notes)
        if any(_BOXES.search(row.answer) for row in talk.rows):
            notes.append("boxes in answers, kept as text")
        seen.add(fields, name, photos, asked)
        yield Entry(
            name,
            photos,
            fields.where,
            rows=talk_rows(talk, mos),
            mos=mos,
            scale=scale if mos is not None else None,
            split=split,
            notes=tuple(notes),
        )

    yield from parsed(json_values(file), parse, options)


def photos_of(fields: Fields, name: str = "image") -> tuple[str, ...]:
    """One path, or a list of them."""
    if isinstance(fields.get(name), list):
        texts = fields.texts(name)
        if not texts:
            fields.fail(name, "is an empty list")
        return tuple(fields.relative(text, f"{name}[{i}]") for i, text in enumerate(texts))
    return (fields.photo(name),)


def record_id(fields: Fields, otherwise: str) -> str:
    """The record's `id`, text or a whole number; where it has none, `otherwise`."""
    if not fields.has("id"):
        return otherwise
    if isinstance(fields.get("id"), int):
        return str(fields.whole("id"))
    return fields.text("id")


def talk_rows(talk: Talk, mos: float | None) -> tuple[QA, ...]:
    """A conversation's rows; a turn that only rates the photo becomes a row of the score's own."""
    rows = talk.rows
    if mos is not None:
        return (score_row(mos, talk.rating) if talk.rating else score_row(mos), *rows)
    return (talk.rated, *rows) if talk.rated is not None else rows


def _mos(
    fields: Fields, talk: Talk, photo: str, options: Options, highest: Highest
) -> tuple[float | None, Scale | None]:
    if talk.score is not None:
        scale = options.scale or talk.scale or options.scale_of(photo, fields.where.file, highest)
        return on_scale(fields, "conversations", talk.score, scale), scale
    if fields.has("gt_score"):
        scale = options.scale_of(photo, fields.where.file, highest)
        return on_scale(fields, "gt_score", fields.number("gt_score", text=True), scale), scale
    match = _ID_SCORE.search(record_id(fields, ""))
    scale = options.scale_of(photo, fields.where.file, highest) if match else None
    if match is None or scale is None:
        return None, None
    return on_scale(fields, "id", float(match[1]), scale), scale


def _scores(file: Path) -> Iterator[float]:
    """All scores of a file; those that cannot be read are for others to complain of."""
    for where, value in json_values(file):
        try:
            fields = Fields(value, where)
            match = _ID_SCORE.search(record_id(fields, ""))
            if fields.has("gt_score"):
                yield fields.number("gt_score", text=True)
            elif match:
                yield float(match[1])
        except UsageError:
            continue


LLAVA = Reader(
    "llava",
    "LLaVA-style lists: Q-Align, Q-Instruct, MIPI, VisualQuality-R1",
    _looks,
    _read,
)
