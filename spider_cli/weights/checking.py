"""Are files what they should be, to the byte?"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from spider_cli.weights.headers import read_header
from spider_cli.weights.records import FileFacts

__all__ = ["MANIFEST", "amiss", "broken_safetensors", "manifest_of", "with_digest"]

MANIFEST = "MANIFEST.json"
"""Of a packaged model: {"files": {NAME: {"size", "sha256"}}}."""
_CHUNK = 1 << 22


def amiss(
    folder: Path, files: Mapping[str, FileFacts], seen: Callable[[int], None] = lambda _: None
) -> dict[str, str]:
    """Files that are missing or not as they should be, with what is wrong.

    Args:
        seen: is given the number of bytes read, again and again.
    """
    found = {name: _fault(folder / name, facts, seen) for name, facts in files.items()}
    return {name: fault for name, fault in found.items() if fault}


def _fault(path: Path, facts: FileFacts, seen: Callable[[int], None]) -> str:
    try:
        size = path.stat().st_size
        if size != facts.size:
            return f"has {size:,} bytes instead of {facts.size:,}"
        if facts.sha256 is not None:
            same = _digest(path, "sha256", b"", seen) == facts.sha256
        elif facts.git is not None:
            same = _digest(path, "sha1", b"blob %d\0" % size, seen) == facts.git
        else:
            return ""
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return "" if same else "has other bytes than it should (its checksum differs)"


def with_digest(folder: Path, files: Mapping[str, FileFacts]) -> dict[str, FileFacts]:
    """The files with SHA-256 of those that the hub knows by another."""
    return {
        name: facts
        if facts.sha256
        else FileFacts(facts.size, _digest(folder / name, "sha256", b"", lambda _: None), facts.git)
        for name, facts in files.items()
    }


def manifest_of(folder: Path) -> dict[str, FileFacts] | None:
    """What a packaged model says of its own files; None where it says nothing.

    Raises:
        ValueError: its manifest is damaged.
    """
    try:
        text = (folder / MANIFEST).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        files = json.loads(text)["files"]
        return {
            str(name): FileFacts(int(facts["size"]), str(facts["sha256"]))
            for name, facts in files.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{MANIFEST} cannot be read: {error}") from error


def broken_safetensors(folder: Path) -> dict[str, str]:
    """Weight files whose length is not what their own header says: all that can be told of a
    folder without a manifest."""
    return {
        file.relative_to(folder).as_posix(): fault
        for file in sorted(folder.rglob("*.safetensors"))
        for fault in _header_fault(file)
    }


def _header_fault(file: Path) -> Iterator[str]:
    try:
        read_header(file)
    except OSError as error:
        yield f"cannot be read: {error.strerror or error}"
    except ValueError as fault:
        yield str(fault)


def _digest(path: Path, kind: str, start: bytes, seen: Callable[[int], None]) -> str:
    digest = hashlib.new(kind, start, usedforsecurity=False)
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            seen(len(chunk))
    return digest.hexdigest()
