"""Where the pictures of each photo go, and the writing of them."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from spider_cli.errors import PhotoError
from spider_cli.outputs.files import write_together
from spider_cli.results import Files, Grounding

if TYPE_CHECKING:
    from spider_cli.photos import Source

__all__ = ["Pictures", "Plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """The three files of one photo."""

    photo: str
    """The photo's name, for messages."""
    overlay: Path
    heatmap: Path
    mask: Path

    def __iter__(self) -> Iterator[Path]:
        return iter((self.overlay, self.heatmap, self.mask))

    @property
    def files(self) -> Files:
        """Their paths, as records spell them."""
        return Files(*map(_shown, self))


class Pictures:
    """The folder of ``--out``: plans each photo's files, and writes them whole or not at all.

    Args:
        folder: made, with its parents, when the first picture is written.
        overwrite: replace files that an earlier run left.
    """

    def __init__(self, folder: Path, *, overwrite: bool) -> None:
        self.folder = folder
        self.overwrite = overwrite
        self._owners: dict[str, str] = {}

    def plan(self, source: "Source") -> Plan:
        """The files of `source`: its own path under the folder, extension kept, then the kind.

        Raises:
            PhotoError: one is there already ("exists"; never with `overwrite`), or another photo
                of this run has the same ("same_output").
        """
        base = os.fspath(self.folder / source.relative)
        key = os.path.normcase(base)
        owner = self._owners.get(key)
        if owner is not None:
            raise PhotoError(
                f"{source.name}: its pictures would have the names of those of {owner}",
                hint="name a folder that holds both, or ground them in two runs",
                code="same_output",
            )
        self._owners[key] = source.name
        plan = Plan(source.name, *(Path(f"{base}.{kind}.png") for kind in _KINDS))
        for path in () if self.overwrite else plan:
            if os.path.lexists(path):
                raise _exists(source.name, path)
        return plan

    def write(self, plan: Plan, grounding: Grounding) -> Grounding:
        """Write the three pictures; the grounding with their paths, and without its arrays.

        Raises:
            PhotoError: they cannot be written ("cannot_write"), or appeared meanwhile ("exists").
        """
        from spider_cli.outputs.heatmap import heatmap, mask_picture, overlay, write_png

        if grounding.pixels is None:
            raise ValueError("the overlay needs the photo's pixels: ground(..., with_pixels=True)")
        size = grounding.pixels.shape[:2]
        heat, mask = heatmap(grounding, size), mask_picture(grounding, size)
        over = overlay(grounding.pixels, heat, mask > 0, grounding.point)
        contents = {
            path: partial(write_png, picture)
            for path, picture in zip(plan, (over, heat, mask), strict=True)
        }
        try:
            plan.overlay.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _cannot_write(plan, error) from error
        try:
            write_together(contents, overwrite=self.overwrite)
        except FileExistsError as error:
            raise _exists(plan.photo, plan.overlay) from error
        except OSError as error:
            raise _cannot_write(plan, error) from error
        return replace(grounding, files=plan.files, pixels=None, probability=None)


_KINDS = ("overlay", "heatmap", "mask")


def _exists(photo: str, path: Path) -> PhotoError:
    return PhotoError(
        f"{photo}: {_shown(path)} exists", hint="--force writes over it", code="exists"
    )


def _cannot_write(plan: Plan, error: OSError) -> PhotoError:
    where, why = _shown(plan.overlay.parent), error.strerror or str(error)
    return PhotoError(f"{plan.photo}: cannot write into {where}: {why}", code="cannot_write")


def _shown(path: Path) -> str:
    """A path as records spell it: bytes that are no UTF-8 are escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
