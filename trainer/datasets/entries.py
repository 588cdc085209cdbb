"""What every reader of an outside format hands on: one entry a photo (or a pair of them)."""

from dataclasses import dataclass, field
from pathlib import Path

from spider_cli.errors import UsageError
from trainer.checks import Convention
from trainer.rows import QA
from trainer.truth import Applied

__all__ = ["Entry", "Marked", "Polygon", "Rle", "Scale", "Where"]

Polygon = tuple[tuple[float, float], ...]
"""Corners `(x, y)` in pixels."""


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a file: for error messages, and for the reject file."""

    file: Path
    row: int = 0
    """Number of the record, from 1; 0 is the file itself."""

    def __str__(self) -> str:
        return f"{self.file}, row {self.row}" if self.row else str(self.file)

    def error(
        self, field: str, what: str, *, hint: str = "", code: str = "bad_record"
    ) -> UsageError:
        """The error that names this place: "FILE, row 3, severity: is 7, not within 1-5"."""
        return UsageError(f"{self}, {field}: {what}" if field else f"{self}: {what}", hint=hint,
                          code=code)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scale:
    """A scale of opinion scores. `worst` may be the larger number: a DMOS counts damage."""

    worst: float
    best: float
    why: str = ""
    """What says so: a collection's name, a column, the user."""
    slack: float = 0.0
    """How far beyond either end scores are known to reach, as a share of the scale."""

    def __str__(self) -> str:
        return f"{self.worst:g}:{self.best:g}"


@dataclass(frozen=True, slots=True)
class Rle:
    """A mask as COCO run lengths, not decoded yet."""

    counts: str | tuple[int, ...]
    """Compressed, or plain run lengths."""
    size: tuple[int, int] | None = None
    """Height and width as the record has them; None: those of the photo."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A region as a record marks it. It becomes a mask once the photo's size is known."""

    field: str
    """Where in the record: "annotations[0]"."""
    label: str = ""
    """What the region shows."""
    distortions: tuple[Applied, ...] = ()
    ordered: bool = False
    """The order of the distortions is known and visible."""
    polygons: tuple[Polygon, ...] = ()
    """What is inside, together."""
    ignored: tuple[Polygon, ...] = ()
    """What is to be left out, where it is not covered by a smaller polygon of `polygons`."""
    rle: Rle | None = None
    picture: str = ""
    """Path of a mask picture: what is not black is inside."""
    box: tuple[float, float, float, float] | None = None
    """The box beside the mask, as the record has it."""
    box_field: str = ""
    convention: Convention | None = None
    """What the box must be; None where the format has both."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of an outside data set, checked field by field."""

    id: str
    photos: tuple[str, ...]
    """Paths relative to the photos' folder, '/'-joined, never absolute, never with "..". Two where
    the record compares photos."""
    where: Where
    size: tuple[int, int] | None = None
    """Height and width of the photo, where the record says."""
    rows: tuple[QA, ...] = ()
    regions: tuple[Marked, ...] = ()
    whole: tuple[Applied, ...] = ()
    """Distortions of the whole photo, in the order applied."""
    clean: bool = False
    """The record says that nothing was done to the photo."""
    mos: float | None = None
    """Mean opinion score, 0-1, higher is better."""
    mos_std: float | None = None
    """Its standard deviation on the same 0-1 scale."""
    scale: Scale | None = None
    """The scale the score came from."""
    level_probs: tuple[float, ...] = ()
    """Probabilities of the five quality levels, excellent first."""
    split: str = ""
    """train, validation or test, where the file says so."""
    group: str = ""
    """Name of the untouched photo that several were made from, where the file names it."""
    repeat: int = 1
    """How often a mixing list asks for the record."""
    notes: tuple[str, ...] = field(default=())
    """What of the record is not kept, in words that are counted over the whole file."""

    @property
    def photo(self) -> str:
        """The photo; of a comparison, the first."""
        return self.photos[0]

    @property
    def pair(self) -> bool:
        """The record compares photos."""
        return len(self.photos) > 1
