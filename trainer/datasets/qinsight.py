"""Q-Insight's comparisons: `ImageA`, `ImageB`, `result` ("Image A"), and often `ref_image`."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from trainer.datasets.entries import Entry
from trainer.datasets.fields import Fields, shown
from trainer.datasets.llava import record_id
from trainer.datasets.reader import Options, Reader, Sniff, file_split, parsed
from trainer.datasets.records import json_values

__all__ = ["QINSIGHT"]

_RESULTS = ("Image A", "Image B")


def _looks(sniff: Sniff) -> bool:
    return sniff.has("ImageA", "ImageB")


def _read(file: Path, options: Options) -> Iterator[Entry]:
    split = file_split(file)

    def parse(fields: Fields) -> Iterable[Entry]:
        photos = (fields.photo("ImageA"), fields.photo("ImageB"))
        reference = fields.photo("ref_image") if fields.has("ref_image") else ""
        result = fields.text("result")
        if result not in _RESULTS:
            fields.fail("result", f"is {shown(result)}, neither 'Image A' nor 'Image B'")
        name = record_id(fields, f"{photos[0]} {photos[1]}")
        yield Entry(name, photos, fields.where, split=split, group=reference)

    yield from parsed(json_values(file), parse, options)


QINSIGHT = Reader("qinsight", "Q-Insight comparisons", _looks, _read)
