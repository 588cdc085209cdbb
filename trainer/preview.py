"""A data set on one page: photos with their masks, questions and answers, as an HTML file.

The page needs nothing else, and its own rules (a content security policy) forbid it to load
anything or to run any script but its own. All text comes from strangers; it is escaped.
"""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from spider_cli.errors import UsageError
from spider_cli.results import Box
from trainer.datasets.schema import Item, from_row
from trainer.datasets.store import DataSet, open_data
from trainer.opencv import resized
from trainer.regions import position_words
from trainer.rows import QA, SUBTASKS
from trainer.truth import Applied, BoolMask, Pixels, Region

__all__ = ["Chosen", "choose_photos", "page", "preview_data"]

_SIDE = 512
"""Pixels: larger photos are shrunk to this long side."""
_QUALITY = 88
_LONGEST = 3000
"""Characters of a text that are shown."""
_FEWEST = 3
"""Photos that even a small split gets."""
TEMPLATE = "preview.html.j2"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Where a photo to show stands."""

    split: str
    path: Path
    group: int
    row: int
    """In its row group."""


def preview_data(
    folder: Path, *, split: str | None = None, count: int = 48, seed: int = 0
) -> tuple[str, int]:
    """The page, and how many photos are on it.

    Args:
        folder: the data set's.
        split: this split alone; all when None.
        count: photos to show, drawn by chance.
        seed: which ones.

    Raises:
        UsageError: no data set, no such split, nothing in it, or a row that is damaged.
    """
    data = open_data(folder)
    chosen = choose_photos(data, split, count, seed)
    photos = [_photo(item, one.split) for one, item in zip(chosen, _items(chosen), strict=True)]
    return page(folder.resolve().name, data, photos), len(photos)


def choose_photos(data: DataSet, split: str | None, count: int, seed: int) -> list[Chosen]:
    """Which photos to show: by chance, in order, and of every split some.

    Raises:
        UsageError: no such split, or no photo in it.
    """
    if split is not None and split not in data.splits:
        raise UsageError(
            f"{data.folder} has no split {split!r}", hint=f"it has {', '.join(data.splits)}"
        )
    places = {name: _places(data, name) for name in ([split] if split else data.splits)}
    total = sum(map(len, places.values()))
    if not total:
        raise UsageError(f"{data.folder} holds no photo", code="no_photos")
    rng = np.random.default_rng(seed)
    wanted = {
        name: min(len(found), max(round(count * len(found) / total), min(_FEWEST, count)))
        for name, found in places.items()
    }
    # What small splits get beyond their share comes off the largest, as far as it can.
    largest = max(wanted, key=lambda name: wanted[name])
    wanted[largest] = max(wanted[largest] - max(0, sum(wanted.values()) - count), 1)
    chosen: list[Chosen] = []
    for name, all_of_it in places.items():
        drawn = rng.choice(len(all_of_it), size=wanted[name], replace=False)
        chosen += [all_of_it[int(i)] for i in sorted(drawn)]
    return chosen


def _places(data: DataSet, split: str) -> list[Chosen]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    places = []
    for path in data.shards(split):
        try:
            facts = pq.read_metadata(path)
        except (pa.ArrowException, OSError) as error:
            raise _damaged(path, str(error), data.folder) from error
        for group in range(facts.num_row_groups):
            rows = facts.row_group(group).num_rows
            places += [Chosen(split, path, group, row) for row in range(rows)]
    return places


def _items(chosen: Sequence[Chosen]) -> Iterator[Item]:
    """The photos, decoded one at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    open_now: tuple[Path, int] | None = None
    table: Any = None
    for one in chosen:
        try:
            if open_now != (one.path, one.group):
                with pq.ParquetFile(one.path) as file:
                    table = file.read_row_group(one.group)
                open_now = one.path, one.group
            yield from_row(table.slice(one.row, 1).to_pylist()[0])
        except (pa.ArrowException, KeyError, TypeError, ValueError, OSError) as error:
            raise _damaged(one.path, str(error), one.path.parents[1]) from error


def _damaged(path: Path, why: str, folder: Path) -> UsageError:
    return UsageError(
        f"{path} is damaged: {why}",
        hint=f"spider data verify {folder} says what is wrong",
        code="bad_data",
    )


# --- the page -----------------------------------------------------------------------------------


def page(name: str, data: DataSet, photos: Sequence[dict[str, Any]]) -> str:
    """The HTML of photos as `_photo` describes them.

    Raises:
        UsageError: Jinja2 is not installed.
    """
    try:
        import jinja2
        from markupsafe import Markup
    except ModuleNotFoundError as error:
        raise UsageError(
            "spider data preview needs Jinja2",
            hint="pip install 'spider-iqa[train]'",
            code="missing_extra",
        ) from error
    folder = files("trainer") / "pages"
    texts = {part: (folder / part).read_text("utf-8") for part in ("preview.css", "preview.js")}
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda part: (folder / part).read_text("utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    order: dict[str, int] = {task: number for number, task in enumerate(SUBTASKS)}
    tasks: dict[str, int] = {}
    for photo in photos:
        for row in photo["rows"]:
            tasks[row["task"]] = tasks.get(row["task"], 0) + 1
    return environment.get_template(TEMPLATE).render(
        name=_text(name),
        splits={split: data.count(split) for split in data.splits},
        shown={s: sum(photo["split"] == s for photo in photos) for s in data.splits},
        tasks=dict(sorted(tasks.items(), key=lambda item: order.get(item[0], len(order)))),
        photos=photos,
        # Our own files: the only text that is not escaped.
        style=Markup(texts["preview.css"]),
        script=Markup(texts["preview.js"]),
        script_hash=_hash(texts["preview.js"]),
        style_hash=_hash(texts["preview.css"]),
    )


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _photo(item: Item, split: str) -> dict[str, Any]:
    """All that the page says of one photo."""
    height, width = item.sample.pixels.shape[:2]
    return {
        "id": _text(item.id),
        "split": split,
        "scene": _text(item.scene),
        "source": _text(item.source),
        "width": width,
        "height": height,
        "mos": item.mos,
        "picture": _picture(item.sample.pixels),
        # In units of the photo's pixels, whatever size it is shown at.
        "line": max(width, height) / 320,
        "regions": [
            _region(region, number, width, height)
            for number, region in enumerate(item.sample.regions)
        ],
        "whole": [_fault(one) for one in item.sample.whole],
        "rows": [_row(qa) for qa in item.rows],
    }


def _region(region: Region, number: int, width: int, height: int) -> dict[str, Any]:
    return {
        "number": number,
        "place": " ".join(position_words(region.box, width, height)),
        "label": _text(region.label),
        "ordered": region.ordered,
        "path": _outline(region.mask),
        "x": region.point[0],
        "y": region.point[1],
        "share": float(region.mask.mean()),
        "faults": [_fault(one) for one in region.distortions],
    }


def _fault(applied: Applied) -> dict[str, str]:
    return {
        "words": _text(f"{applied.severity} {applied.other or applied.family}"),
        "type": _text(applied.kind),
        "level": f"{applied.level:.3g}",
        "severity": _text(applied.severity),
    }


def _row(qa: QA) -> dict[str, Any]:
    box: Box | None = qa.box if qa.region is None or not qa.task.startswith("ground_") else None
    return {
        "task": _text(qa.task),
        "subtask": _text(qa.subtask),
        "question": _text(qa.question),
        "answer": _pieces(qa),
        "region": -1 if qa.region is None else qa.region,
        "box": "" if box is None else " ".join(map(str, box)),
        "options": [_text(option) for option in qa.options],
        "correct": -1 if qa.correct is None else qa.correct,
    }


def _pieces(qa: QA) -> list[tuple[str, bool]]:
    """The answer in pieces, and whether each is a positional word with a span."""
    answer = qa.answer[:_LONGEST]
    spans = sorted((s.start, s.end) for s in qa.spans if 0 <= s.start < s.end <= len(answer))
    pieces: list[tuple[str, bool]] = []
    at = 0
    for start, end in spans:
        if start < at:
            continue
        pieces += [(_text(answer[at:start]), False), (_text(answer[start:end]), True)]
        at = end
    rest = answer[at:] + ("..." if len(qa.answer) > _LONGEST else "")
    return [piece for piece in [*pieces, (_text(rest), False)] if piece[0]]


def _text(text: str) -> str:
    """A stranger's text, shortened and without controls, which HTML has no place for."""
    cut = text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in cut)


def _picture(pixels: Pixels) -> str:
    """The photo as a data URI, shrunk."""
    height, width = pixels.shape[:2]
    factor = min(1.0, _SIDE / max(height, width))
    if factor < 1:
        size = max(1, round(width * factor)), max(1, round(height * factor))
        pixels = resized(pixels, size, cv2.INTER_AREA)
    options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    done, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise RuntimeError(f"OpenCV could not encode a {pixels.shape} photo as JPEG")
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"


def _outline(mask: BoolMask) -> str:
    """The mask's outlines as an SVG path in pixels; what is inside follows the even-odd rule."""
    # A rim of one pixel, so that a mask at the photo's edge is closed along it.
    padded = np.pad(mask.astype(np.uint8), 1)
    # Twice as large: contours run through the middle of pixels, and ours should run along them.
    large = cv2.resize(padded, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(large, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    parts = []
    for contour in contours:
        corners = cv2.approxPolyDP(contour, 1.6, True).reshape(-1, 2)
        if len(corners) > 2:
            points = " ".join(f"{(x - 1.5) / 2:.4g},{(y - 1.5) / 2:.4g}" for x, y in corners)
            parts.append(f"M{points}Z")
    return "".join(parts)
