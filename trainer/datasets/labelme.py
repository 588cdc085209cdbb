"""labelme files of photos marked by people: polygons labelled ``a boy on the left;blur:1;noise:2``.

The label's first part says what the region shows; then come distortions with levels 1-5. Polygons
with the same label are one region. `image_text` may hold a line of description for each region, in
the order in which the labels first appear.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from spider_cli.questions import describe_region_question
from trainer.datasets.conversation import chat
from trainer.datasets.entries import Entry, Marked, Polygon
from trainer.datasets.fields import Fields, shown
from trainer.datasets.names import MOST, distorted, level_in
from trainer.datasets.reader import Options, Reader, Sniff, parsed
from trainer.datasets.records import json_values
from trainer.rows import QA
from trainer.truth import Applied

__all__ = ["LABELME"]


def _looks(sniff: Sniff) -> bool:
    return sniff.has("shapes", "imagePath") and not sniff.has("is_sentence")


def _read(file: Path, options: Options) -> Iterator[Entry]:
    def parse(fields: Fields) -> Iterable[Entry]:
        photo = fields.photo("imagePath")
        size = (_side(fields, "imageHeight"), _side(fields, "imageWidth"))
        shapes: dict[str, list[Polygon]] = {}
        first: dict[str, Fields] = {}
        for shape in fields.objects("shapes"):
            label = shape.text("label").strip()
            shapes.setdefault(label, []).append(_polygon(shape))
            first.setdefault(label, shape)
        lines = fields.text("image_text", "").splitlines()
        regions: list[Marked] = []
        rows: list[QA] = []
        for index, (label, polygons) in enumerate(shapes.items()):
            noun, distortions = _read_label(first[label], label)
            regions.append(Marked(first[label].path, noun, distortions, polygons=tuple(polygons)))
            said = lines[index].strip() if index < len(lines) else ""
            if said and noun:
                rows.append(chat(describe_region_question(noun), said, index))
        yield Entry(
            photo, (photo,), fields.where, size=size, regions=tuple(regions), rows=tuple(rows)
        )

    yield from parsed(json_values(file), parse, options)


def _side(fields: Fields, name: str) -> int:
    side = fields.whole(name)
    if not 1 <= side <= 1_000_000:
        fields.fail(name, f"is {side}, no size of a photo")
    return side


def _polygon(shape: Fields) -> Polygon:
    kind = shape.text("shape_type", "polygon")
    if kind == "rectangle":
        points = shape.points("points", least=2)
        if len(points) == 2:
            (x1, y1), (x2, y2) = points
            return (x1, y1), (x2, y1), (x2, y2), (x1, y2)
        return points
    if kind != "polygon":
        shape.fail("shape_type", f"is {shown(kind)}, neither polygon nor rectangle")
    return shape.points("points")


def _read_label(shape: Fields, label: str) -> tuple[str, tuple[Applied, ...]]:
    """``a boy on the left;blur:1;noise:2`` -> noun, distortions."""
    noun, *parts = (part.strip() for part in label.split(";"))
    found: list[Applied] = []
    for part in filter(None, parts):
        name, colon, level = part.rpartition(":")
        if not colon:
            shape.fail(
                "label",
                f"{shown(part)} has no level",
                hint="write labels as: what it shows;distortion:level;distortion:level",
            )
        number = Fields({"label": level.strip()}, shape.where, shape.path).number(
            "label", text=True
        )
        one = distorted(shape, "label", name.strip(), level_in(shape, "label", number))
        if any((one.family, one.other) == (o.family, o.other) for o in found):
            shape.fail("label", f"names {one.noun} twice", code="unknown_distortion")
        found.append(one)
    if len(found) > MOST:
        shape.fail("label", f"has {len(found)} distortions; one or two go together")
    return noun, tuple(found)


LABELME = Reader(
    "labelme",
    "labelme files with label;distortion:level",
    _looks,
    _read,
    (".json",),
)
