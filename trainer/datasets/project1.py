"""Helen1p/project1: ``STEM_info.json`` with the regions of one photo; what models said beside it.

`bbox` is x,y,w,h in files of its segmenter and x1,y1,x2,y2, its last pixel counted, in files made
of people's labels: which one is told by the mask, and a box that fits the mask in neither way is
refused. `distortion_level` is 1-5, in the order applied; `order_flag` says that the order can be
seen. Folders `caption1`, `caption2`, `referring` and `spatial`, inside or beside the file's folder,
hold descriptions of the photo of the same stem.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from spider_cli.questions import describe_question, describe_region_question
from trainer.datasets.conversation import chat, without_tokens
from trainer.datasets.entries import Entry, Marked, Rle
from trainer.datasets.fields import Fields, shown
from trainer.datasets.names import distortion_lists
from trainer.datasets.reader import Options, Reader, Sniff, parsed
from trainer.datasets.reasonseg import photo_beside
from trainer.datasets.records import json_values
from trainer.rows import QA

__all__ = ["PROJECT1", "read_rle"]

_ELEMENT = re.compile(r"element (\d+)")
_KINDS = {"all", "single", "order"}


def _looks(sniff: Sniff) -> bool:
    return (sniff.has("annotations") and not sniff.has("images")) or _is_grounding(sniff.first)


def _is_grounding(value: object) -> bool:
    """{photo: {"all": [q, a, ...], "single": [...], "order": [...]}}"""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    inner = next(iter(value.values()))
    return isinstance(inner, dict) and bool(inner) and set(inner) <= _KINDS


def _read(file: Path, options: Options) -> Iterator[Entry]:
    def parse(fields: Fields) -> Iterable[Entry]:
        if _is_grounding(fields.value):
            yield _grounding(fields)
            return
        stem = file.stem.removesuffix("_info")
        photo = photo_beside(file, stem, options)
        regions: list[Marked] = []
        rows: list[QA] = []
        for index, one in enumerate(fields.objects("annotations")):
            regions.append(_region(one))
            said = one.texts("brief_description") if one.has("brief_description") else ()
            noun = regions[-1].label
            rows += [
                chat(describe_region_question(noun), text.strip(), index)
                for text in said
                if text.strip() and noun
            ]
        found, notes = _captions(file, stem, len(regions))
        yield Entry(
            photo,
            (photo,),
            fields.where,
            regions=tuple(regions),
            rows=(*rows, *found),
            notes=notes,
        )

    yield from parsed(json_values(file), parse, options)


def _region(one: Fields) -> Marked:
    if one.has("class_proposals") and not isinstance(one.get("class_proposals"), str):
        one.texts("class_proposals")
    if one.has("area"):
        one.number("area")
    return Marked(
        one.path,
        one.text("class_name").strip(),
        distortion_lists(one, "distortion_type", "distortion_name", "distortion_level"),
        ordered=one.flag("order_flag", default=False),
        rle=read_rle(one, "segmentation"),
        box=one.box("bbox"),
        box_field=one.name("bbox"),
    )


def read_rle(fields: Fields, name: str) -> Rle:
    """``{"size": [height, width], "counts": ...}``"""
    rle = fields.inside(name)
    size = rle.numbers("size")
    if len(size) != 2 or not all(side >= 1 and side.is_integer() for side in size):
        rle.fail("size", f"is {shown(rle.get('size'))}, not [height, width]")
    height, width = int(size[0]), int(size[1])
    if isinstance(rle.get("counts"), list):
        counts = rle.numbers("counts")
        if not all(run.is_integer() for run in counts):
            rle.fail("counts", "are not whole numbers")
        return Rle(tuple(int(run) for run in counts), (height, width))
    return Rle(rle.text("counts"), (height, width))


def _grounding(fields: Fields) -> Entry:
    """Questions answered by the number of a region, which no photo shows: checked, and left out."""
    photo = fields.relative(next(iter(fields.value)), "the photo's name")
    inner = fields.inside(next(iter(fields.value)))
    for kind in inner.value:
        said = inner.texts(kind)
        if len(said) % 2:
            inner.fail(kind, f"has {len(said)} items; questions and answers must take turns")
    return Entry(
        photo, (photo,), fields.where, notes=("grounding answers that number the regions",)
    )


def _captions(file: Path, stem: str, regions: int) -> tuple[tuple[QA, ...], tuple[str, ...]]:
    """What models said of the photo, from the folders that hold it."""
    rows: list[QA] = []
    notes: list[str] = []
    for folder in ("caption1", "caption2", "referring", "spatial"):
        for base in (file.parent, file.parent.parent):
            path = base / folder / f"{stem}.json"
            if not path.is_file():
                continue
            for where, value in json_values(path):
                fields = Fields(value, where)
                if folder == "caption2":
                    rows.append(chat(describe_question(), fields.text("global description")))
                elif folder == "spatial":
                    fields.inside("spatial relations of all elements")
                    notes.append("spatial relations of regions")
                else:
                    rows += _elements(fields, folder, regions)
            break
    return tuple(rows), tuple(notes)


def _elements(fields: Fields, folder: str, regions: int) -> Iterator[QA]:
    inner = fields.inside("element description" if folder == "caption1" else "referring")
    for name in inner.value:
        match = _ELEMENT.fullmatch(name)
        if match is None or not 1 <= int(match[1]) <= regions:
            inner.fail(name, f"is none of the {regions} regions", hint='"element 1" is the first')
        element, index = inner.inside(name), int(match[1]) - 1
        if folder == "caption1":
            question = describe_region_question(element.text("semantic label"))
            yield chat(question, element.text("mixed description"), index)
        else:
            question, _ = without_tokens(element.text("question"))
            yield chat(question, element.text("answer"), index)


PROJECT1 = Reader(
    "project1",
    "project1's STEM_info.json: regions as run lengths",
    _looks,
    _read,
    (".json",),
)
