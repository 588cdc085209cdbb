"""Ways to spoil a row of the data set, and the lines that verify said of it."""

import copy
import re
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from trainer.datasets.schema import decode_mask_png, decode_png, encode_mask_png, encode_png
from trainer.regions import box_of, interior_point

Check = Callable[..., tuple[int, list[str]]]
Rows = list[dict[str, Any]]
TRAIN, TEST = "data/train-00000.parquet", "data/test-00000.parquet"


def photo(number: int, **values: Any) -> Callable[[Rows], None]:
    return lambda rows: rows[number].update(values)


def region(number: int, index: int, **values: Any) -> Callable[[Rows], None]:
    return lambda rows: rows[number]["regions"][index].update(values)


def fault(number: int, index: int, place: int, **values: Any) -> Callable[[Rows], None]:
    return lambda rows: rows[number]["regions"][index]["distortions"][place].update(values)


def question(number: int, index: int, **values: Any) -> Callable[[Rows], None]:
    return lambda rows: rows[number]["rows"][index].update(values)


def mask(number: int, index: int, change: Callable[[Any], Any]) -> Callable[[Rows], None]:
    """Another mask, with the box and point that belong to it."""

    def edit(rows: Rows) -> None:
        cell = rows[number]["regions"][index]
        changed = change(decode_mask_png(cell["mask"]["bytes"]).copy())
        cell["mask"]["bytes"] = encode_mask_png(changed)
        if changed.any() and changed.shape == (128, 160):
            cell["box"], cell["point"] = list(box_of(changed)), list(interior_point(changed))

    return edit


def painted(number: int, x: int, y: int) -> Callable[[Rows], None]:
    """A white square of 10 by 5 pixels."""

    def edit(rows: Rows) -> None:
        pixels = decode_png(rows[number]["image"]["bytes"]).copy()
        pixels[y : y + 5, x : x + 10] = 255
        rows[number]["image"]["bytes"] = encode_png(pixels)

    return edit


def cut(pixels: Any) -> Any:
    """The mask without its left side."""
    pixels[:, :20] = False
    return pixels


def grown(pixels: Any) -> Any:
    pixels[8:61, 8:73] = True
    return pixels


def over(pixels: Any) -> Any:
    pixels[40:, 60:] = True
    return pixels


def reverse(rows: Rows) -> None:
    rows[0]["regions"][0]["distortions"].reverse()


def reverse_whole(rows: Rows) -> None:
    rows[1]["whole"].reverse()


def twice(rows: Rows) -> None:
    rows.append(copy.deepcopy(rows[0]))


def shorten(rows: Rows) -> None:
    pixels = decode_png(rows[2]["image"]["bytes"])
    rows[2]["image"]["bytes"] = encode_png(np.ascontiguousarray(pixels[:100]))


def as_jpeg(rows: Rows) -> None:
    pixels = decode_png(rows[1]["image"]["bytes"])
    rows[1]["image"]["bytes"] = cv2.imencode(".jpg", pixels)[1].tobytes()


def tiny(rows: Rows) -> None:
    pixels = np.zeros((40, 160, 3), np.uint8)
    rows[2].update(image={"bytes": encode_png(pixels), "path": None}, height=40, reference="")
    rows[2].update(scene="unknown", rows=[])


def other_photo(rows: Rows) -> None:
    rows[1]["image"]["bytes"] = encode_png(np.full((128, 160, 3), 90, np.uint8))


def grey_mask(rows: Rows) -> None:

    cell = rows[3]["regions"][0]["mask"]
    values = np.where(decode_mask_png(cell["bytes"]), 200, 0).astype(np.uint8)
    cell["bytes"] = cv2.imencode(".png", values)[1].tobytes()


SETTLED = ("config.json",)
"""It says how many there were: counts that no longer fit are not what these tests are about."""


def as_pattern(text: str) -> str:
    """A # stands for a number that is the libraries' affair."""
    return re.escape(text).replace(r"\#", r"[\d,]+")


def findings(lines: list[str]) -> list[str]:
    """The findings about photos, without the two lines that count them."""
    return [line for line in lines[:-2] if not line.startswith(SETTLED)]
