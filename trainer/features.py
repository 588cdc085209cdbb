"""Composed photos through the frozen encoder: readings and packed questions, ready for stage 1.

The encoder is taught already (`pretrain`); what the language model learns from is computed once per
composed photo and read many times.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from spider_cli.nano.modeling import NanoForConditionalGeneration, Readings
from spider_cli.nano.processing import NanoProcessor
from trainer.annotate import compose
from trainer.answers import questions_and_answers
from trainer.opencv import read_labels, resized
from trainer.packing import Row, pack_qa, pack_score
from trainer.pretrain import finish
from trainer.regions import blob_regions, label_map_regions, superpixel_regions
from trainer.scores import expected_opinion
from trainer.sources import LabelledPhoto, Opinion, load_pixels
from trainer.truth import Sample

__all__ = [
    "Lesson",
    "compose_large",
    "compose_photo",
    "lessons",
    "load_lessons",
    "opinion_lessons",
    "readings_of",
    "save_lessons",
]

Pixels = npt.NDArray[np.uint8]

_SCALE_FREE = (
    "noise",
    "blur",
    "compression",
    "brighten",
    "darken",
    "contrast weaken",
    "saturate weaken",
    "saturate strengthen",
    "contrast strengthen",
)


@dataclass(frozen=True, slots=True)
class Lesson:
    """A photo's readings, and rows each with the readings of its boxes."""

    photo: tuple[Readings, ...]
    rows: tuple[tuple[Row, tuple[tuple[Readings, ...], ...]], ...]


def compose_photo(photo: LabelledPhoto, rng: np.random.Generator) -> Sample:
    """A photo at a random size with zero to three distorted regions, or distorted as a whole."""
    pixels = load_pixels(photo.path)
    labels = None
    if photo.labels is not None:
        labels = read_labels(photo.labels)
    height, width = pixels.shape[:2]
    factor = min(1.0, float(rng.uniform(400, 780)) / max(height, width))
    size = (round(width * factor), round(height * factor))
    pixels = resized(pixels, size, cv2.INTER_AREA)
    if rng.random() < 0.5:
        pixels = np.ascontiguousarray(pixels[:, ::-1])
        labels = None if labels is None else np.ascontiguousarray(labels[:, ::-1])
    count = int(rng.choice([1, 2, 3], p=[0.25, 0.45, 0.3]))
    draw = rng.random()
    if labels is not None and draw < 0.7:
        labels = resized(labels, size, cv2.INTER_NEAREST)
        masks = label_map_regions(labels, rng, count)
    elif draw < 0.5:
        masks = superpixel_regions(pixels, rng, count)
    else:
        masks = blob_regions(pixels.shape[:2], rng, count)
    return compose(pixels, masks, rng)


def compose_large(photo: LabelledPhoto, rng: np.random.Generator) -> Sample:
    """A frame much larger than the overview, soft at 100% as a camera's is, with faults (or none)
    at their full-size strength: a thumbnail shows little of them."""
    pixels = load_pixels(photo.path)
    height, width = pixels.shape[:2]
    factor = float(rng.uniform(1500, 2400)) / max(height, width)
    size = (round(width * factor), round(height * factor))
    frame = cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC)
    # Resampling already softened it; a trace of sensor noise and a good JPEG are part of any frame.
    grain = rng.normal(0, float(rng.uniform(0.5, 3)), frame.shape[:2]).astype(np.float32)
    frame = np.clip(frame + grain[..., None] + 0.5, 0, 255).astype(np.uint8)
    masks = blob_regions(frame.shape[:2], rng, int(rng.integers(1, 3)))
    sample = compose(frame, masks, rng, families=_SCALE_FREE, whole_share=0.55, clean_share=0.3)
    return sample


def readings_of(
    model: NanoForConditionalGeneration, processor: NanoProcessor, pixels: Pixels, rows: list[Row]
) -> Lesson:
    """Look at a photo, read it and every box of the rows."""
    glimpses = model.look(processor.views(pixels))
    photo = tuple(_half(model.read_view(glimpse)) for glimpse in glimpses)
    told = []
    for row in rows:
        boxes = []
        for box in row.boxes:
            readings = [_half(model.read_box(glimpses[0], box))]
            close = processor.region_view(pixels, box)
            if close is not None:
                readings.append(_half(model.read_view(model.look([close])[0])))
            boxes.append(tuple(readings))
        told.append((row, tuple(boxes)))
    return Lesson(photo, tuple(told))


def _half(readings: Readings) -> Readings:
    return Readings(
        cells=readings.cells.half(),
        statistics=readings.statistics.half(),
        places=readings.places,
        kind=readings.kind,
    )


def lessons(
    model: NanoForConditionalGeneration,
    processor: NanoProcessor,
    photos: list[LabelledPhoto],
    *,
    count: int,
    seed: int,
    large_share: float = 0.15,
) -> Iterator[Lesson]:
    """`count` composed photos as lessons; the same for the same seed."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng([seed, 1])
    config = model.config
    near = config.region_grid**2 + config.statistics
    close = config.tile_grid**2 + config.statistics
    with torch.inference_mode():
        for _ in range(count):
            photo = photos[int(rng.integers(len(photos)))]
            large = rng.random() < large_share
            sample = (compose_large if large else compose_photo)(photo, rng)
            longest = max(sample.pixels.shape[:2])
            each = near + (close if longest / config.overview >= 1.25 else 0)
            asked = questions_and_answers(sample, rng) + questions_and_answers(sample, rng)
            rows = [pack_qa(processor, qa, each) for qa in asked]
            opinion = expected_opinion(sample)
            rows += [pack_score(processor, opinion, int(rng.integers(8)) // 2) for _ in range(2)]
            yield readings_of(model, processor, finish(sample.pixels, rng), rows)


def opinion_lessons(
    model: NanoForConditionalGeneration, processor: NanoProcessor, opinions: list[Opinion]
) -> Iterator[Lesson]:
    """Photos people scored, each also mirrored; nothing but the score is asked of them."""
    with torch.inference_mode():
        for index, opinion in enumerate(opinions):
            pixels = load_pixels(opinion.path)
            rows = [pack_score(processor, opinion.mos, wording) for wording in (0, 0, index)]
            yield readings_of(model, processor, pixels, rows)
            yield readings_of(model, processor, np.ascontiguousarray(pixels[:, ::-1]), rows)


def save_lessons(path: Path, items: list[Lesson]) -> None:
    """Write lessons as one safetensors file: tensors by number, rows as JSON in its metadata."""
    tensors: dict[str, torch.Tensor] = {}
    table: list[dict[str, Any]] = []

    def put(readings: tuple[Readings, ...]) -> list[list[int]]:
        numbers = []
        for one in readings:
            number = len(tensors) // 3
            tensors[f"{number}.cells"] = one.cells.contiguous()
            tensors[f"{number}.statistics"] = one.statistics.contiguous()
            tensors[f"{number}.places"] = one.places.contiguous()
            numbers.append([number, one.kind])
        return numbers

    for item in items:
        rows = []
        for row, boxes in item.rows:
            soft = {str(k): {str(t): p for t, p in v.items()} for k, v in row.soft.items()}
            rows.append([row.task, row.ids, row.answer, soft, row.boxes, [put(b) for b in boxes]])
        table.append({"photo": put(item.photo), "rows": rows})
    temporary = path.with_name(f".{path.name}.tmp")
    save_file(tensors, temporary, metadata={"lessons": json.dumps(table)})
    temporary.replace(path)


def load_lessons(path: Path) -> list[Lesson]:
    """The inverse of `save_lessons`."""
    with safe_open(path, framework="pt") as file:
        table = json.loads(file.metadata()["lessons"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118

    def get(numbers: list[list[int]]) -> tuple[Readings, ...]:
        return tuple(
            Readings(
                cells=tensors[f"{n}.cells"],
                statistics=tensors[f"{n}.statistics"],
                places=tensors[f"{n}.places"],
                kind=kind,
            )
            for n, kind in numbers
        )

    out = []
    for item in table:
        rows = []
        for task, ids, answer, soft, boxes, numbers in item["rows"]:
            targets = {int(k): {int(t): p for t, p in v.items()} for k, v in soft.items()}
            row = Row(task, tuple(ids), answer, targets, tuple(tuple(b) for b in boxes))
            rows.append((row, tuple(get(n) for n in numbers)))
        out.append(Lesson(get(item["photo"]), tuple(rows)))
    return out
