"""ReasonSeg (LISA): one JSON file a photo of the same name, with polygons to find or to ignore.

`shapes` labelled "target" are one region together; what "ignore" covers is left out of it; shapes
labelled "flag" count for nothing, as in LISA. Where a smaller polygon lies on a larger one, the
smaller one counts. The instructions in `text` have no answer in words; where they are phrases, not
sentences, the first one becomes the region's label. Files may be in Windows' encoding.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from spider_cli.errors import UsageError
from trainer.datasets.entries import Entry, Marked, Polygon, Where
from trainer.datasets.fields import Fields, shown
from trainer.datasets.reader import Options, Reader, Sniff, parsed
from trainer.datasets.records import json_values

__all__ = ["REASONSEG", "photo_beside", "windows_value"]

_LABELS = ("target", "ignore", "flag")
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


def _looks(sniff: Sniff) -> bool:
    return sniff.has("shapes", "is_sentence")


def _read(file: Path, options: Options) -> Iterator[Entry]:
    def parse(fields: Fields) -> Iterable[Entry]:
        texts = (
            (fields.text("text"),) if isinstance(fields.get("text"), str) else fields.texts("text")
        )
        sentence = fields.flag("is_sentence", default=True)
        inside: list[Polygon] = []
        ignored: list[Polygon] = []
        for shape in fields.objects("shapes"):
            label = shape.text("label").strip().lower()
            if label not in _LABELS:
                shape.fail("label", f"is {shown(label)}", hint=f"one of {', '.join(_LABELS)}")
            if label != "flag":
                (inside if label == "target" else ignored).append(shape.points("points"))
        if not inside:
            fields.fail("shapes", "hold no target", code="empty_mask")
        label = "" if sentence or not texts else texts[0].strip()
        region = Marked("shapes", label, polygons=tuple(inside), ignored=tuple(ignored))
        photo = photo_beside(file, file.stem, options)
        notes = ("instructions without an answer in words",) if texts else ()
        yield Entry(photo, (photo,), fields.where, regions=(region,), notes=notes)

    yield from parsed(_values(file), parse, options)


def _values(file: Path) -> Iterator[tuple[Where, object]]:
    try:
        yield from json_values(file)
    except UsageError as error:
        if error.code != "bad_encoding":
            raise
        yield Where(file, 1), windows_value(file, error)


def windows_value(file: Path, error: UsageError) -> object:
    """The JSON value of a file in Windows' encoding; `error` again where it is none."""
    try:
        return json.loads(file.read_bytes().decode("cp1252"))
    except (ValueError, RecursionError):
        raise error from None


def photo_beside(file: Path, stem: str, options: Options) -> str:
    """The photo called `stem`, below the photos' folder or beside `file`; ``STEM.jpg`` if none."""
    for folder in filter(None, (options.images, file.parent, file.parent / "images")):
        for suffix in _SUFFIXES:
            for name in (stem + suffix, stem + suffix.upper()):
                if (folder / name).is_file():
                    return name
    return f"{stem}.jpg"


REASONSEG = Reader("reasonseg", "ReasonSeg: polygons to find", _looks, _read, (".json",))
