"""What was downloaded, exactly: a record per snapshot, written before its first byte comes.

A record that does not say "whole" marks a download that has not ended, or whose files turned out
wrong: such a model is not there, whatever its folder looks like. `spider models verify` compares
files with the record when the hub cannot be asked.
"""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spider_cli.weights.places import cache_folder, write_text

__all__ = [
    "HIDDEN",
    "FileFacts",
    "Record",
    "forget",
    "in_hub_cache",
    "pin",
    "pinned",
    "read_record",
    "recorded",
    "write_record",
]

_SCHEMA = "spider-download/1"
HIDDEN = Path(".cache") / "spider" / "download.json"
"""Where the record of a download with `--dir` lies, in its folder."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """Of one file, what the hub says of it."""

    size: int
    sha256: str | None = None
    """Large files have it; of small ones it is known once they are here."""
    git: str | None = None
    """SHA-1 of the file as a git blob, the hub's own name for a small file."""


@dataclass(frozen=True, slots=True)
class Record:
    """One download."""

    repository: str
    revision: str
    """As it was asked for: a branch, a tag or a commit."""
    commit: str
    """What that was at the time."""
    folder: Path
    files: Mapping[str, FileFacts]
    whole: bool = False
    """Are all files here, and are they the hub's to the byte?"""
    licence: str = ""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(facts.size for facts in self.files.values())

    def absent(self) -> list[str]:
        """Files that are not here at their size."""
        return [name for name, facts in self.files.items() if not self._here(name, facts.size)]

    def _here(self, name: str, size: int) -> bool:
        try:
            return (self.folder / name).stat().st_size == size
        except OSError:
            return False


def read_record(folder: Path) -> Record | None:
    """The record of a snapshot in the hub's cache, or of a folder that was downloaded to; None
    where there is none, as of what other programs fetched."""
    for file in (_file_of(folder), folder / HIDDEN):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            value = json.loads(file.read_text(encoding="utf-8"))
            record = _record(value, folder)
            if value["schema"] == _SCHEMA and _same(Path(value["folder"]), folder, file):
                return record
    return None


def write_record(record: Record) -> None:
    """Write it, whole or not at all.

    Raises:
        UsageError: the folder takes no files.
    """
    value = {
        "schema": _SCHEMA,
        "repository": record.repository,
        "revision": record.revision,
        "commit": record.commit,
        "folder": str(record.folder),
        "whole": record.whole,
        "licence": record.licence,
        "files": {
            name: {"size": facts.size, "sha256": facts.sha256, "git": facts.git}
            for name, facts in sorted(record.files.items())
        },
    }
    text = json.dumps(value, indent=1) + "\n"
    if in_hub_cache(record.folder):
        write_text(_file_of(record.folder), text)
    else:
        write_text(record.folder / HIDDEN, text)


def pin(record: Record) -> None:
    """Let a repository's name, without a revision, mean this download from now on.

    Raises:
        UsageError: spider's cache takes no files.
    """
    write_text(_pin(record.repository), record.commit + "\n")


def pinned(repository: str) -> str | None:
    """The commit of a repository's last download that ended well."""
    try:
        return _pin(repository).read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def forget(repository: str) -> None:
    """Remove all that is noted of a repository."""
    folder = _pin(repository).parent
    with contextlib.suppress(OSError):
        for file in list(folder.iterdir()):
            file.unlink(missing_ok=True)
        folder.rmdir()


def recorded() -> list[str]:
    """Repositories of which something was downloaded."""
    with contextlib.suppress(OSError):
        return sorted(
            folder.name.replace("--", "/", 1)
            for folder in (cache_folder() / "models").iterdir()
            if folder.is_dir()
        )
    return []


def _record(value: dict[str, Any], folder: Path) -> Record:
    return Record(
        repository=str(value["repository"]),
        revision=str(value["revision"]),
        commit=str(value["commit"]),
        folder=folder,
        files={str(name): FileFacts(**facts) for name, facts in value["files"].items()},
        whole=value["whole"] is True,
        licence=str(value["licence"]),
    )


def _same(noted: Path, folder: Path, file: Path) -> bool:
    """Is the record about this folder? One beside the files moves with them."""
    return file == folder / HIDDEN or noted == folder


def in_hub_cache(folder: Path) -> bool:
    """Is this folder a snapshot in the cache of the hub's client, and not one of the user's own?"""
    return folder.parent.name == "snapshots" and folder.parent.parent.name.startswith("models--")


def _file_of(folder: Path) -> Path:
    repository = folder.parent.parent.name.removeprefix("models--")
    return cache_folder() / "models" / repository / f"{folder.name}.json"


def _pin(repository: str) -> Path:
    return cache_folder() / "models" / repository.replace("/", "--") / "pin"
