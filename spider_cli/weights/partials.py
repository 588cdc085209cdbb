"""What a download that was ended in mid-file left behind: gone on with, then swept away.

The hub's client goes on in mid-file as long as its process lives. A file that another process
began it begins again, gigabytes or not; so such files are completed here first, by the client's
own ranged GET. Whether that gave the right file, its SHA-256 says.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from spider_cli.weights.records import FileFacts, Record, in_hub_cache

__all__ = ["complete_partials", "partial_bytes", "sweep_partials"]

_LEAST = 1 << 20
"""Bytes below which beginning again is as good."""
_TAIL = 1 << 12


@dataclass(frozen=True, slots=True)
class _Places:
    """Where the hub's client keeps a file while it comes, and afterwards."""

    partials: Path
    """Folder of unfinished files; their names hold the checksum."""
    target: Path
    lock: Path


def complete_partials(record: Record) -> None:
    """Go on with the large files that an ended process began.

    Raises:
        Exception: whatever the hub's client raises; what has come by then stays.
    """
    for name, facts in record.files.items():
        if facts.sha256 is None:
            continue
        places = _places(record, name, facts.sha256)
        if not places.target.exists() and any(_unfinished(places, facts.sha256)):
            _complete(record, name, facts, places)


def sweep_partials(record: Record) -> None:
    """Remove what is left of the files of a download that is done; another process's are left."""
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

    for name, facts in record.files.items():
        etag = facts.sha256 or facts.git or ""
        places = _places(record, name, etag)
        if etag and any(_unfinished(places, etag)):
            with contextlib.suppress(OSError), WeakFileLock(places.lock, timeout=0.1):
                for partial in _unfinished(places, etag):
                    partial.unlink(missing_ok=True)


def partial_bytes(record: Record, name: str) -> int:
    """Bytes of a file that are here, unfinished or done."""
    facts = record.files[name]
    etag = facts.sha256 or facts.git or ""
    places = _places(record, name, etag)
    sizes = [0]
    with contextlib.suppress(OSError):
        if places.target.exists():
            return facts.size
        sizes += [partial.stat().st_size for partial in _unfinished(places, etag)]
    return min(facts.size, max(sizes))


def _places(record: Record, name: str, etag: str) -> _Places:
    folder = record.folder
    if in_hub_cache(folder):
        storage = folder.parent.parent
        blobs = storage / "blobs"
        lock = storage.parent / ".locks" / storage.name / f"{etag}.lock"
        return _Places(blobs, blobs / etag, lock)
    kept = folder / ".cache" / "huggingface" / "download"
    path = kept / f"{name}.metadata"
    return _Places(path.parent, folder / name, path.with_suffix(".lock"))


def _unfinished(places: _Places, etag: str) -> Iterator[Path]:
    """Files of a download with this checksum, of any process."""
    if places.partials.is_dir():
        yield from places.partials.glob(f"*{etag}.*incomplete")


def _complete(record: Record, name: str, facts: FileFacts, places: _Places) -> None:
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import WeakFileLock, build_hf_headers  # type: ignore[attr-defined]

    etag = str(facts.sha256)
    places.lock.parent.mkdir(parents=True, exist_ok=True)
    # Whoever writes such a file holds its lock: with it in hand, they are all left behind.
    with WeakFileLock(places.lock):
        if places.target.exists():
            return
        partials = sorted(_unfinished(places, etag), key=lambda file: file.stat().st_size)
        for partial in partials[:-1]:
            partial.unlink(missing_ok=True)
        if not partials or not _may_go_on(partials[-1], facts.size):
            return
        partial = partials[-1]
        begun = partial.stat().st_size
        with partial.open("r+b") as stream:
            stream.seek(begun)
            http_get(
                hf_hub_url(record.repository, name, revision=record.commit),
                stream,
                resume_size=begun,
                headers=build_hf_headers(),
                expected_size=facts.size,
            )
        if _sha256(partial) == etag:
            places.target.parent.mkdir(parents=True, exist_ok=True)
            partial.replace(places.target)
        else:
            partial.unlink(missing_ok=True)


def _may_go_on(partial: Path, whole: int) -> bool:
    """Is this likely the beginning of the file? One written in pieces, as hf_xet may, has holes."""
    size = partial.stat().st_size
    if not _LEAST <= size <= whole:
        return False
    with partial.open("rb") as stream:
        if hasattr(os, "SEEK_HOLE"):
            with contextlib.suppress(OSError):
                if os.lseek(stream.fileno(), 0, os.SEEK_HOLE) < size:
                    return False
        stream.seek(size - _TAIL)
        return any(stream.read(_TAIL))


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
