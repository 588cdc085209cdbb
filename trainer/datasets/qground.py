"""QGround-100K. UNVERIFIED: no stored copy shows the inner fields of `ann_list`.

Known: a list of records with `id` (the photo's stem and the annotator), `image` and `ann_list`,
beside folders `images` and `masks`. Inside `ann_list` this reader takes, by the fields' names,

- a text under a name that starts with "quality": a description of the photo,
- a mask under a name with "mask" or "seg" in it: the path of a mask picture (below the photos'
  folder or its `masks`), COCO run lengths, or polygons,
- a distortion under a name with "distortion", "label", "category" or "class" in it,
- its level under "severity" or "level", 1-5.

Where no level is given the distortion's name only labels the region: no level is made up. An
annotation of which nothing is understood is an error that names its fields.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from spider_cli.errors import UsageError
from spider_cli.questions import describe_question
from trainer.datasets.conversation import chat
from trainer.datasets.entries import Entry, Marked, Polygon
from trainer.datasets.fields import Fields, Seen
from trainer.datasets.llava import record_id
from trainer.datasets.names import distorted, level_in
from trainer.datasets.project1 import read_rle
from trainer.datasets.reader import Options, Reader, Sniff, file_split, parsed
from trainer.datasets.records import json_values
from trainer.rows import QA
from trainer.truth import Applied

__all__ = ["QGROUND"]

_NAMED = ("distortion", "label", "category", "class")
_LEVELS = ("severity", "level")


def _looks(sniff: Sniff) -> bool:
    return sniff.has("image", "ann_list")


def _read(file: Path, options: Options) -> Iterator[Entry]:
    seen = Seen()
    split = file_split(file)

    def parse(fields: Fields) -> Iterable[Entry]:
        photo = fields.photo("image")
        name = record_id(fields, photo)
        rows: list[QA] = []
        regions: list[Marked] = []
        for annotation in fields.objects("ann_list"):
            said = [
                chat(describe_question(), text.strip())
                for key in annotation.value
                if key.lower().startswith("quality")
                for text in _texts(annotation, key)
                if text.strip()
            ]
            region = _region(annotation)
            if not said and region is None:
                there = ", ".join(annotation.value) or "none"
                annotation.fail(
                    "",
                    f"nothing in it is understood; its fields: {there}",
                    hint="the format is unverified; docs/formats.md says what is looked for",
                )
            rows += said
            regions += [region] if region is not None else []
        seen.add(fields, name, (photo,))
        yield Entry(
            name,
            (photo,),
            fields.where,
            rows=tuple(dict.fromkeys(rows)),
            regions=tuple(regions),
            split=split,
        )

    yield from parsed(json_values(file), parse, options)


def _texts(fields: Fields, key: str) -> tuple[str, ...]:
    if not fields.has(key):
        return ()
    return fields.texts(key) if isinstance(fields.get(key), list) else (fields.text(key),)


def _region(fields: Fields) -> Marked | None:
    masked = [k for k in fields.value if ("mask" in k.lower() or "seg" in k.lower())]
    key = next((k for k in masked if fields.has(k)), None)
    if key is None:
        return None
    label, distortions = _distortion(fields)
    value = fields.get(key)
    here = fields.name(key)
    if isinstance(value, str):
        return Marked(here, label, distortions, picture=fields.photo(key))
    if isinstance(value, dict):
        return Marked(fields.path, label, distortions, rle=read_rle(fields, key))
    return Marked(here, label, distortions, polygons=tuple(_polygons(fields, key)))


def _polygons(fields: Fields, key: str) -> Iterator[Polygon]:
    """[[x, y, x, y, ...], ...], as COCO has them, or [[[x, y], ...], ...]."""
    items = fields.list(key)
    for index, item in enumerate(items):
        inner = Fields({key: item}, fields.where, fields.path)
        if isinstance(item, list) and item and isinstance(item[0], list):
            yield inner.points(key)
            continue
        numbers = inner.numbers(key)
        if len(numbers) < 6 or len(numbers) % 2:
            fields.fail(f"{key}[{index}]", f"has {len(numbers)} numbers, no polygon's")
        yield tuple(zip(numbers[::2], numbers[1::2], strict=True))
    if not items:
        fields.fail(key, "is empty", code="empty_mask")


def _distortion(fields: Fields) -> tuple[str, tuple[Applied, ...]]:
    """What a region is called, and its distortion where its level is known."""
    key = next(
        (k for word in _NAMED for k in fields.value if word in k.lower() and fields.has(k)), None
    )
    if key is None or not isinstance(fields.get(key), str):
        return "", ()
    name = fields.text(key).strip()
    level_key = next((k for k in _LEVELS if fields.has(k)), None)
    if level_key is None:
        return name, ()
    level = level_in(fields, level_key, fields.number(level_key, text=True))
    try:
        return "", (distorted(fields, key, name, level),)
    except UsageError:
        if "distortion" in key.lower():
            raise
        return name, ()


QGROUND = Reader("qground", "QGround-100K (unverified)", _looks, _read)
