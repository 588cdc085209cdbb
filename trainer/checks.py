"""Checks of what outside records say: paths that stay in a folder, boxes that fit their mask."""

import math
import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Literal

from spider_cli.errors import UsageError
from spider_cli.results import Box

__all__ = ["Convention", "box_convention", "safe_relative"]

Convention = Literal["xywh", "xyxy"]
"""A box as x, y, width, height or as x1, y1, x2, y2."""

_WORDS: dict[Convention, str] = {"xywh": "x, y, width, height", "xyxy": "x1, y1, x2, y2"}
_SLACK = 2.0
"""Pixels by which an edge may miss the mask's: some count the last pixel, some do not."""
_SHARE = 0.02
"""The same as a share of the mask's longer side: outlines are often simplified."""
_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def safe_relative(text: str, *, where: str) -> PurePosixPath:
    r"""A path from a record that stays inside the folder it is relative to.

    Both ``/`` and ``\`` separate, so that the answer is the same on every system.

    Args:
        text: the path as it stands in the record.
        where: file, row and field, for the message.

    Raises:
        UsageError: ``unsafe_path``: empty, absolute, with a drive, an address, with a control
            character, or with a ``..`` anywhere.
    """
    plain = text.replace("\\", "/")
    parts = [part for part in plain.split("/") if part not in ("", ".")]
    problem = ""
    if _CONTROL.search(plain):
        problem = "holds a control character"
    elif not parts:
        problem = "names no file"
    elif "://" in plain:
        problem = "is an address, not a path"
    elif plain.startswith("/"):
        problem = "is an absolute path"
    elif _DRIVE.match(plain):
        problem = "names a drive"
    elif ".." in parts:
        problem = "climbs out of its folder with '..'"
    if problem:
        shown = repr(text) if len(text) <= 80 else f"{text[:77]!r}..."
        raise UsageError(
            f"{where}: {shown} {problem}",
            hint="write paths relative to the folder of the photos, such as cats/1.jpg",
            code="unsafe_path",
        )
    return PurePosixPath(*parts)


def box_convention(
    values: Sequence[float], mask_box: Box, *, where: str, expected: Convention | None = None
) -> Box:
    """Read a box whose mask is known; the mask tells which convention the box follows.

    Args:
        values: the record's four numbers, in pixels.
        mask_box: the mask's own box, x1, y1, x2, y2, end-exclusive.
        where: file, row and field, for the message.
        expected: what the format says a box is; None where it has both.

    Returns:
        The box as x1, y1, x2, y2, end-exclusive, rounded to pixels.

    Raises:
        UsageError: ``box_mismatch``: the box fits the mask in neither way, or only in the one that
            the format does not have. Edges fit within 2 pixels and 2% of the mask's longer side.
    """
    if len(values) != 4 or not all(map(math.isfinite, values)):
        raise UsageError(
            f"{where}: {_listed(values)} is no box of four numbers",
            hint=f"write the box as {_WORDS[expected or 'xyxy']}, in pixels",
            code="box_mismatch",
        )
    x, y, third, fourth = (float(value) for value in values)
    read: dict[Convention, tuple[float, ...]] = {
        "xywh": (x, y, x + third, y + fourth),
        "xyxy": (x, y, third, fourth),
    }
    slack = _SLACK + _SHARE * max(mask_box[2] - mask_box[0], mask_box[3] - mask_box[1])
    misses = {
        name: max(abs(one - true) for one, true in zip(box, mask_box, strict=True))
        for name, box in read.items()
    }
    fits = [name for name, miss in misses.items() if miss <= slack]
    if fits and (expected is None or expected in fits):
        best = [expected] if expected is not None else sorted(fits, key=misses.__getitem__)
        x1, y1, x2, y2 = (round(value) for value in read[best[0]])
        return x1, y1, x2, y2
    listed = _listed(values)
    own = f"x1, y1, x2, y2 = {list(mask_box)}"
    if fits:
        assert expected is not None
        raise UsageError(
            f"{where}: {listed} is {_WORDS[fits[0]]} by its mask (which lies at {own}), where "
            f"{_WORDS[expected]} is due",
            hint=f"write the box as {_WORDS[expected]}",
            code="box_mismatch",
        )
    raise UsageError(
        f"{where}: {listed} contradicts the mask, read as {_WORDS['xywh']} or as "
        f"{_WORDS['xyxy']}: the mask lies at {own}",
        hint="the box or the mask is another object's, or made for another size of the photo",
        code="box_mismatch",
    )


def _listed(values: Sequence[float]) -> str:
    return f"[{', '.join(f'{value:g}' for value in values)}]"
