"""Which weights exactly: a short name that changes when any of a model's files does."""

import hashlib
from pathlib import Path

from spider_cli.weights.adapter import adapter_in

__all__ = ["revision_of"]

_SAMPLE = 1 << 20
_SETTINGS = (".json", ".jinja", ".model", ".txt")
"""What else decides an answer: configurations, tokenizer, chat template, spider's settings."""


def revision_of(folder: Path) -> str:
    """The hub's commit where the folder is a hub snapshot; else the first 12 hex digits of a
    SHA-256 over the settings and over each weight file's size, first and last megabyte. An
    adapter's is made of its own and its base's.

    Raises:
        UsageError: it is an adapter whose base is not here.
    """
    adapter = adapter_in(folder)
    if adapter is None:
        return _own(folder)
    both = f"{_own(folder)}:{revision_of(adapter.base)}"
    return hashlib.sha256(both.encode()).hexdigest()[:12]


def _own(folder: Path) -> str:
    if folder.parent.name == "snapshots":
        return folder.name
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*.safetensors")):
        size = file.stat().st_size
        digest.update(f"{file.relative_to(folder).as_posix()}:{size}:".encode())
        with file.open("rb") as stream:
            digest.update(stream.read(_SAMPLE))
            stream.seek(max(0, size - _SAMPLE))
            digest.update(stream.read(_SAMPLE))
    for file in sorted(folder.rglob("*")):
        if file.suffix in _SETTINGS and file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
