"""SEAGULL: a photo, a region as compressed COCO run lengths, and its box x,y,w,h.

`rle` has no size of its own: it is that of the photo. Nothing is said of distortions, so a record
gives a mask without truth.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from trainer.datasets.entries import Entry, Marked, Rle
from trainer.datasets.fields import Fields
from trainer.datasets.reader import Options, Reader, Sniff, file_split, parsed
from trainer.datasets.records import json_values

__all__ = ["SEAGULL"]


def _looks(sniff: Sniff) -> bool:
    return sniff.has("img", "rle")


def _read(file: Path, options: Options) -> Iterator[Entry]:
    split = file_split(file)

    def parse(fields: Fields) -> Iterable[Entry]:
        photo = fields.photo("img")
        region = Marked(
            "rle",
            rle=Rle(fields.text("rle")),
            box=fields.box("points"),
            box_field="points",
            convention="xywh",
        )
        yield Entry(photo, (photo,), fields.where, regions=(region,), split=split)

    yield from parsed(json_values(file), parse, options)


SEAGULL = Reader("seagull", "SEAGULL: regions as run lengths", _looks, _read)
