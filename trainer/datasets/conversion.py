"""What came of a conversion, as the data set's config and card tell it."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spider_cli import __version__
from spider_cli.errors import UsageError
from trainer.datasets.card import data_card
from trainer.datasets.entries import Scale
from trainer.datasets.gather import Gathered
from trainer.datasets.store import CHECKSUMS, CONFIG, REJECTS

__all__ = ["Converted", "card_of", "check_out", "config_of", "nothing"]

_OURS = {CONFIG, CHECKSUMS, REJECTS, "README.md", "data", "references"}


@dataclass(slots=True)
class Converted:
    """What came of it."""

    folder: Path
    format: str
    entries: int = 0
    photos: dict[str, int] = field(default_factory=dict)
    """Split -> photos written."""
    questions: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """Reason -> entries that have no place in our data set."""
    notes: Counter[str] = field(default_factory=Counter)
    """What of kept entries is not kept, or how they were understood -> how many entries."""
    rejects: list[dict[str, Any]] = field(default_factory=list)
    """Photos that could not be used, and records that were wrong; also in rejects.jsonl."""


def config_of(source: Path, seed: int, scale: Scale | None, done: Converted) -> dict[str, Any]:
    """config.json: what was asked for, and what came of it."""
    return {
        "made_by": "spider data convert",
        "spider": __version__,
        "source": source.absolute().name,
        "format": done.format,
        "seed": seed,
        "scale": None if scale is None else str(scale),
        "entries": done.entries,
        "photos": done.photos,
        "questions": done.questions,
        "left_out": dict(done.left_out),
        "notes": dict(done.notes),
        "rejects": len(done.rejects),
    }


def card_of(source: Path, done: Converted) -> str:
    """README.md."""
    name = source.absolute().name
    notes = [f"Not kept: {what} ({count:,})." for what, count in sorted(done.left_out.items())]
    notes += [f"Of kept records: {what} ({count:,})." for what, count in sorted(done.notes.items())]
    return data_card(
        title=f"{name}, converted",
        splits=done.photos,
        references=False,
        made_by=f"spider data convert {name} --format {done.format} --out DIR",
        origin=(
            f"Converted by spider from `{name}` (format {done.format}). Photos, scores and marks "
            "are those of the original data set; its licence applies. Where distortions are known, "
            "the four tasks' questions and answers are spider's own."
        ),
        notes=notes,
    )


def check_out(out: Path, *, force: bool) -> None:
    """Raise where `out` may not be written to.

    Raises:
        UsageError: it holds other files, or a finished data set and no `force`.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise UsageError(f"{out} is not a folder", code="exists")
    others = [p.name for p in out.iterdir() if p.name not in _OURS and not _temporary(p.name)]
    if others:
        raise UsageError(
            f"{out} holds other files, such as {sorted(others)[0]}",
            hint="name a new or empty folder with --out",
            code="exists",
        )
    if (out / CHECKSUMS).exists() and not force:
        raise UsageError(
            f"{out} holds a finished data set", hint="give --force to replace it", code="exists"
        )


def _temporary(name: str) -> bool:
    return name.startswith(".") and name.endswith(".tmp")


def nothing(source: Path, gathered: Gathered, done: Converted) -> str:
    """Why nothing is left to convert, in a sentence."""
    said = [f"{count} entries: {what}" for what, count in gathered.left_out.items()]
    if done.rejects:
        said.append(f"{len(done.rejects)} were wrong, the first: {done.rejects[0]['reason']}")
    return f"{source} has nothing to convert" + (f" ({'; '.join(said)})" if said else "")
