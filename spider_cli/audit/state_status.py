"""What the state of audits holds, for ``spider audit --status``."""

import json
import sqlite3
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from spider_cli.audit.state_file import explained, open_file
from spider_cli.outputs.messages import printable

__all__ = ["Kept", "Status", "status_of"]

_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Kept:
    """What one model in one revision has judged, with one set of settings."""

    model: str
    revision: str
    settings: dict[str, Any]
    """As `state.settings_of` gives them, the model apart."""
    records: int
    first: float
    """When the oldest of the records was made, in seconds since 1970."""
    last: float


@dataclass(frozen=True, slots=True)
class Status:
    """What a state file holds."""

    file: str
    size: int
    """Bytes on the disk, with SQLite's log beside the file."""
    photos: int
    """Shots of which there is a record, whoever judged them."""
    previews: int
    """Shots whose pictures are kept."""
    kept: tuple[Kept, ...]
    """The latest first."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> list[str]:
        """The same for people."""
        lines = [f"{printable(self.file)}: {_bytes(self.size)}"]
        if not self.photos:
            return [*lines, "nothing is kept yet"]
        lines.append(f"{_count(self.photos, 'photo')}, {self.previews} with pictures for reports")
        for one in self.kept:
            settings = ", ".join(f"{name} {value}" for name, value in one.settings.items())
            lines.append(
                f"  {printable(one.model)}, revision {printable(one.revision)}: "
                f"{_count(one.records, 'record')}, {_day(one.first)} to {_day(one.last)}"
                + (f" ({printable(settings)})" if settings else "")
            )
        return lines


def status_of(file: Path) -> Status:
    """What a state file holds; nothing is written, and one that is not there holds nothing.

    Raises:
        UsageError: it cannot be read.
    """
    database = open_file(file, patience=_PATIENCE, read_only=True)
    try:
        with explained(file):
            photos, previews = database.execute(
                "SELECT (SELECT count(DISTINCT content) FROM judgements), "
                "(SELECT count(*) FROM previews)"
            ).fetchone()
            return Status(str(file), _on_disk(file), photos, previews, _kept(database))
    finally:
        database.close()


def _kept(database: sqlite3.Connection) -> tuple[Kept, ...]:
    rows = database.execute(
        "SELECT revision, settings, count(*), min(kept), max(kept) "
        "FROM judgements JOIN judges ON judges.id = judge GROUP BY judge ORDER BY max(kept) DESC"
    )
    found = []
    for revision, text, records, first, last in rows:
        settings = _object(text)
        model = str(settings.pop("model", "?"))
        found.append(Kept(model, revision, settings, records, first, last))
    return tuple(found)


def _object(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError:
        return {"settings": text}
    if not isinstance(said, dict):
        return {"settings": text}
    return {name: value for name, value in said.items() if value is not None and value is not False}


def _on_disk(file: Path) -> int:
    parts = [file, file.with_name(f"{file.name}-wal")]
    return sum(part.stat().st_size for part in parts if part.exists())


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _bytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size < 1e9 else f"{size / 1e9:.2f} GB"


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")
