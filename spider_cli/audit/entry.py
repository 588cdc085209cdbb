"""One shot of a finished audit, as lists and reports see it."""

from collections.abc import Callable
from dataclasses import dataclass

from spider_cli.results import Record

__all__ = ["Entry", "Preview"]


@dataclass(frozen=True, slots=True)
class Preview:
    """Small pictures of a shot, for reports."""

    jpeg: bytes
    """The photo, upright and in sRGB, without metadata, its longest side at most 1024 pixels."""
    heat: bytes | None
    """PNG, 8-bit grey, of the same shape and at most 256 pixels: how likely each part belongs to
    the worst region. None: nothing is at fault, or nobody knows where."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A shot with its place among the others."""

    record: Record
    """Of the command ``audit``: its outcome is `Audited` or `Failure`."""
    flagged: tuple[str, ...]
    """Which of the conditions of ``--flag`` hold, as they were typed: ``blur:moderate``."""
    burst: int | None
    """The number of its burst, from 1; None: no other shot is like it."""
    pick: bool
    """The best of its burst; True of every shot that stands alone and was judged."""
    preview: Callable[[], Preview | None]
    """Loads its pictures, or makes them from the photo again; None where that cannot be."""
