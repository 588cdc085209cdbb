"""A photo of the data set with its truth and its questions; its form as one Parquet row.

docs/dataset.md says what every column means.
"""

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import cv2
import numpy as np
from PIL import Image

from spider_cli.results import Box, Distortion
from trainer.regions import position_words
from trainer.rows import QA, Span
from trainer.truth import Applied, BoolMask, Pixels, Region, Sample

if TYPE_CHECKING:
    import datasets

__all__ = [
    "SCENES",
    "SCHEMA",
    "Item",
    "Scene",
    "decode_mask_png",
    "decode_png",
    "encode_mask_png",
    "encode_png",
    "features",
    "from_row",
    "reference_features",
    "row_id",
    "to_row",
]

SCHEMA = "spider-data/1"
"""Version of the form. The number grows when a column changes meaning or goes away."""

Scene: TypeAlias = Literal["clean", "whole", "regions", "authentic", "unknown"]
SCENES: tuple[Scene, ...] = ("clean", "whole", "regions", "authentic", "unknown")
"""clean: nothing done; whole: distorted all over; regions: in parts; authentic: faults as taken,
marked by people; unknown: nobody said where, or whether, it suffers."""

MAX_PIXELS = 200_000_000


@dataclass(frozen=True, slots=True)
class Item:
    """One photo of a data set, with its truth and its rows."""

    id: str
    """Unique in the set: "000123"."""
    source: str
    """The photo it was made from, relative to the folder that was given, '/'-joined."""
    group: str
    """Name of the group of look-alikes its source is in; groups never straddle splits."""
    scene: Scene
    sample: Sample
    rows: tuple[QA, ...] = ()
    reference: str = ""
    """Id of the untouched photo in the set's references; "" where there is none."""
    seed: int = 0
    """With the reference and the regions it redoes the pixels (`annotate.render`)."""
    mos: float | None = None
    """Mean opinion score, 0-1, higher is better."""
    mos_std: float | None = None

    def with_rows(self, rows: tuple[QA, ...]) -> "Item":
        """The same photo with other questions."""
        return replace(self, rows=rows)


def row_id(item_id: str, index: int) -> str:
    """Id of an item's question: "000123-04"."""
    return f"{item_id}-{index:02d}"


def features() -> "datasets.Features":
    """Columns of the photos, as `datasets` knows them."""
    import datasets

    def text() -> Any:
        return datasets.Value("string")

    def number() -> Any:
        return datasets.Value("float64")

    def whole() -> Any:
        return datasets.Value("int32")

    distortion = {
        "family": text(),
        "type": text(),
        "level": number(),
        "severity": text(),
        "other": text(),
    }
    region = {
        "mask": datasets.Image(),
        "box": [whole()],
        "point": [number()],
        "place": [text()],
        "label": text(),
        "ordered": datasets.Value("bool"),
        "feather": number(),
        "distortions": [distortion],
    }
    row = {
        "id": text(),
        "task": text(),
        "subtask": text(),
        "question": text(),
        "answer": text(),
        "region": whole(),
        "box": [whole()],
        "point": [number()],
        "truth": [{"family": text(), "severity": text()}],
        "other": [text()],
        "spans": [{"start": whole(), "end": whole(), "axis": text(), "value": number()}],
        "options": [text()],
        "correct": whole(),
    }
    return datasets.Features(
        {
            "id": text(),
            "image": datasets.Image(),
            "width": whole(),
            "height": whole(),
            "source": text(),
            "group": text(),
            "scene": text(),
            "reference": text(),
            "seed": datasets.Value("int64"),
            "regions": [region],
            "whole": [distortion],
            "rows": [row],
            "mos": number(),
            "mos_std": number(),
        }
    )


def reference_features() -> "datasets.Features":
    """Columns of the untouched photos."""
    import datasets

    text = datasets.Value("string")
    return datasets.Features({"id": text, "image": datasets.Image(), "source": text})


def to_row(item: Item, *, image: bytes | None = None) -> dict[str, Any]:
    """The item as one Parquet row.

    Args:
        image: the photo's PNG, where it is encoded already.
    """
    height, width = item.sample.pixels.shape[:2]
    return {
        "id": item.id,
        "image": _cell(encode_png(item.sample.pixels) if image is None else image),
        "width": width,
        "height": height,
        "source": item.source,
        "group": item.group,
        "scene": item.scene,
        "reference": item.reference,
        "seed": item.seed,
        "regions": [_region_row(region, width, height) for region in item.sample.regions],
        "whole": [_distortion_row(applied) for applied in item.sample.whole],
        "rows": [_qa_row(qa, row_id(item.id, i)) for i, qa in enumerate(item.rows)],
        "mos": item.mos,
        "mos_std": item.mos_std,
    }


def from_row(row: dict[str, Any]) -> Item:
    """The inverse of `to_row`.

    Raises:
        KeyError, TypeError, ValueError, OSError: not such a row. `spider data verify` says what is
            wrong with it, and where.
    """
    pixels = decode_png(row["image"]["bytes"])
    return Item(
        id=row["id"],
        source=row["source"],
        group=row["group"],
        scene=cast(Scene, row["scene"]),
        sample=Sample(
            pixels=pixels,
            regions=tuple(_region(one) for one in row["regions"]),
            whole=tuple(_applied(one) for one in row["whole"]),
            complete=row["scene"] in ("clean", "whole", "regions"),
        ),
        rows=tuple(_qa(one) for one in row["rows"]),
        reference=row["reference"],
        seed=row["seed"],
        mos=row["mos"],
        mos_std=row["mos_std"],
    )


def encode_png(pixels: Pixels) -> bytes:
    """(height, width, 3) uint8 RGB as PNG: the same bytes for the same pixels."""
    # Light compression: a photo gains little from more, and this is on every photo's way.
    options = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    done, data = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise RuntimeError(f"OpenCV could not encode a {pixels.shape} photo as PNG")
    return data.tobytes()


def encode_mask_png(mask: BoolMask) -> bytes:
    """(height, width) bool as an 8-bit PNG of 0 and 255."""
    options = [cv2.IMWRITE_PNG_COMPRESSION, 6]
    done, data = cv2.imencode(".png", mask.astype(np.uint8) * 255, options)
    if not done:
        raise RuntimeError(f"OpenCV could not encode a {mask.shape} mask as PNG")
    return data.tobytes()


def decode_png(data: bytes) -> Pixels:
    """A PNG's pixels, (height, width, 3) uint8 RGB.

    Raises:
        ValueError: too many pixels.
        OSError: not an image.
    """
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        _check_size(image.size)
        return np.asarray(image.convert("RGB"))


def decode_mask_png(data: bytes) -> BoolMask:
    """A mask's PNG as (height, width) bool; ValueError and OSError as `decode_png`."""
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        _check_size(image.size)
        return np.asarray(image.convert("L")) > 127


def _check_size(size: tuple[int, int]) -> None:
    if size[0] * size[1] > MAX_PIXELS:
        raise ValueError(f"{size[0]}x{size[1]} pixels are more than {MAX_PIXELS:,}")


def _cell(data: bytes) -> dict[str, Any]:
    """An image as `datasets` stores it."""
    return {"bytes": data, "path": None}


def _distortion_row(applied: Applied) -> dict[str, Any]:
    return {
        "family": applied.family,
        "type": applied.kind,
        "level": applied.level,
        "severity": applied.severity,
        "other": applied.other,
    }


def _region_row(region: Region, width: int, height: int) -> dict[str, Any]:
    return {
        "mask": _cell(encode_mask_png(region.mask)),
        "box": list(region.box),
        "point": list(region.point),
        "place": list(position_words(region.box, width, height)),
        "label": region.label,
        "ordered": region.ordered,
        "feather": region.feather,
        "distortions": [_distortion_row(applied) for applied in region.distortions],
    }


def _qa_row(qa: QA, name: str) -> dict[str, Any]:
    return {
        "id": name,
        "task": qa.task,
        "subtask": qa.subtask,
        "question": qa.question,
        "answer": qa.answer,
        "region": -1 if qa.region is None else qa.region,
        "box": [] if qa.box is None else list(qa.box),
        "point": [] if qa.point is None else list(qa.point),
        "truth": [item.to_json() for item in qa.truth],
        "other": list(qa.other),
        "spans": [
            {"start": span.start, "end": span.end, "axis": span.axis, "value": span.value}
            for span in qa.spans
        ],
        "options": list(qa.options),
        "correct": -1 if qa.correct is None else qa.correct,
    }


def _applied(row: dict[str, Any]) -> Applied:
    return Applied(row["family"], row["type"], row["level"], row["severity"], row["other"])


def _box(values: list[int]) -> Box:
    x1, y1, x2, y2 = values
    return x1, y1, x2, y2


def _region(row: dict[str, Any]) -> Region:
    x, y = row["point"]
    return Region(
        mask=decode_mask_png(row["mask"]["bytes"]),
        box=_box(row["box"]),
        point=(x, y),
        distortions=tuple(_applied(one) for one in row["distortions"]),
        label=row["label"],
        ordered=row["ordered"],
        feather=row["feather"],
    )


def _qa(row: dict[str, Any]) -> QA:
    point = row["point"]
    return QA(
        task=row["task"],
        subtask=row["subtask"],
        question=row["question"],
        answer=row["answer"],
        region=None if row["region"] < 0 else row["region"],
        box=_box(row["box"]) if row["box"] else None,
        point=(point[0], point[1]) if point else None,
        truth=tuple(Distortion(one["family"], one["severity"]) for one in row["truth"]),
        other=tuple(row["other"]),
        spans=tuple(Span(s["start"], s["end"], s["axis"], s["value"]) for s in row["spans"]),
        options=tuple(row["options"]),
        correct=None if row["correct"] < 0 else row["correct"],
    )
