"""Records as CSV: one flat row each, the same columns whatever the photos hold."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, TextIO

from spider_cli.results import Command, Record
from spider_cli.shot_facts import Facts
from spider_cli.vocabulary import LEVELS

__all__ = ["COLUMNS", "Csv", "columns_of", "neutral"]

_COMMON = (
    *("schema", "command", "photo", "photo_b64", "read_as", "model", "revision"),
    *("untuned", "quantize", "seconds", "max_pixels", "looked_at"),
)
_BOX = ("box_x1", "box_y1", "box_x2", "box_y2")
_ERROR = ("error_code", "error_message", "error_hint")

COLUMNS: Mapping[Command, tuple[str, ...]] = {
    "describe": ("question", "answer", "distortions", "other", *_BOX),
    "score": (
        *("score", "level", *LEVELS, "scale_min", "scale_max", "higher_is_better"),
        *("answer", "worded"),
    ),
    "refer": ("question", *_BOX, "answer", "distortions", "other"),
    "ground": (
        *("question", "answer", "point_x", "point_y", "probed", *_BOX, "area", "whole"),
        *("mask_height", "mask_width", "mask_counts", "overlay_file", "heatmap_file", "mask_file"),
        "worded",
    ),
    "audit": (
        *("raw", "raw_b64", "score", "level", *LEVELS, "scale_min", "scale_max"),
        *("higher_is_better", "score_answer", "worded", "question", "answer", "distortions"),
        *("other", "why", "flagged", "burst", "pick", "region_question", "region_answer"),
        *("region_point_x", "region_point_y", "region_probed", *(f"region_{one}" for one in _BOX)),
        *("region_area", "region_whole", "region_overlay_file", "region_heatmap_file"),
        *("region_mask_file", "region_worded"),
        *(one.name for one in fields(Facts)),
    ),
}
"""Command -> its own columns, between those that all commands share."""

_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "'", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""First characters that make a spreadsheet run a cell as a formula, and the mark against it."""


def columns_of(command: Command) -> tuple[str, ...]:
    """The header of a command's CSV."""
    return (*_COMMON, *COLUMNS[command], *_ERROR)


def neutral(text: str) -> str:
    """`text` that no spreadsheet runs: a leading ``'`` where it could.

    Text that starts with ``'`` gets one too, so dropping one leading ``'`` always undoes this.
    """
    return f"'{text}" if text.startswith(_RISKY) else text


class Csv:
    """A header, then one row a record, flushed after each."""

    def __init__(self, stream: TextIO, command: Command) -> None:
        self.stream = stream
        self._columns = columns_of(command)
        self._headed = False

    def write(self, record: Record) -> None:
        self._head()
        flat = _flat(record.to_json())
        self._row([_cell(flat.get(name)) for name in self._columns])

    def close(self) -> None:
        """Without records there is still a header."""
        self._head()

    def _head(self) -> None:
        if not self._headed:
            self._headed = True
            self._row(self._columns)

    def _row(self, cells: Sequence[Any]) -> None:
        # Made with CRLF, so that the writer quotes cells which hold either; sent with LF alone.
        line = io.StringIO(newline="")
        csv.writer(line, lineterminator="\r\n").writerow(cells)
        self.stream.write(line.getvalue().removesuffix("\r\n") + "\n")
        self.stream.flush()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return neutral(value) if isinstance(value, str) else value


def _flat(said: Mapping[str, Any]) -> dict[str, Any]:
    """A record's JSON form with every nested value under a column of its own."""
    flat: dict[str, Any] = {}
    for name, value in said.items():
        match name, value:
            case _, None:
                pass
            case "looked_at", views:
                flat[name] = "; ".join(_view(view) for view in views)
            case "distortions", found:
                flat[name] = "; ".join(f"{one['severity']} {one['family']}" for one in found)
            case "other" | "flagged", found:
                flat[name] = "; ".join(found)
            case "region", region:
                flat |= {f"region_{key}": inner for key, inner in _flat(region).items()}
            case "facts", facts:
                flat |= facts
            case "box", box:
                flat |= dict(zip(_BOX, box, strict=True))
            case "point", point:
                flat |= dict(zip(("point_x", "point_y"), point, strict=True))
            case "scale", scale:
                flat |= dict(zip(("scale_min", "scale_max"), scale, strict=True))
            case "levels", levels:
                flat |= levels
            case "mask", mask:
                flat |= dict(zip(("mask_height", "mask_width"), mask["size"], strict=True))
                flat["mask_counts"] = mask["counts"]
            case "files", files:
                flat |= {f"{kind}_file": path for kind, path in files.items()}
            case "error", error:
                flat |= {f"error_{key}": text for key, text in error.items()}
            case _:
                flat[name] = value
    return flat


def _view(view: Mapping[str, Sequence[int]]) -> str:
    width, height = view["size"]
    return f"{','.join(map(str, view['box']))} at {width}x{height}"
