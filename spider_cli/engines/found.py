"""A shot to judge, as it is found: which, and where its bytes are."""

import base64
import json
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from spider_cli.shots import Shot
from spider_cli.sources import Source

__all__ = ["Found", "remote_source"]


@dataclass(frozen=True, slots=True)
class Found:
    """One shot."""

    shot: Shot
    """Its photo's `path` is opened where there is neither `url` nor `data`; else it says only what
    the photo is called, its extension with it."""
    url: str | None = None
    """An object of a store."""
    data: bytes | None = None
    """The photo itself: it came inside another file."""
    problem: tuple[str, str] | None = None
    """A code and a message, where the list that names the photo is at fault."""

    def to_json(self) -> str:
        """All but the data, in ASCII: names that are no UTF-8 survive."""
        return json.dumps(
            [_said(self.shot.photo), _said(self.shot.raw), self.url, self.problem],
            ensure_ascii=True,
        )

    @classmethod
    def from_json(cls, text: str, data: bytes | None = None) -> "Found":
        """The inverse."""
        photo, raw, url, problem = json.loads(text)
        shot = Shot(_source(photo), None if raw is None else _source(raw))
        return cls(shot, url, data, None if problem is None else (problem[0], problem[1]))

    @property
    def called(self) -> bytes:
        """The true bytes of its name: what it is known by."""
        return name_bytes(self.shot.photo.name, self.shot.photo.name_b64)

    @property
    def place(self) -> bytes:
        """What two names of one photo have in common."""
        if self.url is not None:
            return self.url.encode("utf-8", "surrogateescape")
        if self.data is not None or self.problem is not None:
            return self.called
        return os.fsencode(os.path.abspath(self.shot.photo.path))  # noqa: PTH100 - links as they are


def name_bytes(name: str, name_b64: str | None) -> bytes:
    """A record's name as the bytes that it stands for."""
    if name_b64 is not None:
        return base64.b64decode(name_b64)
    return name.encode("utf-8", "surrogatepass")


def remote_source(name: str) -> Source:
    """The source of a photo that is no file of this machine.

    Args:
        name: the record's: an address, or what a manifest calls it.
    """
    tail = name.partition("://")[2] or name
    parts = [part for part in PurePosixPath(tail).parts if part not in ("/", "..", ".")]
    relative = PurePosixPath(*parts) if parts else PurePosixPath("photo")
    return Source(path=Path(relative), name=name, name_b64=None, relative=relative)


def _said(source: Source | None) -> list[str | None] | None:
    if source is None:
        return None
    return [str(source.path), source.name, source.name_b64, str(source.relative)]


def _source(said: list[str | None]) -> Source:
    path, name, name_b64, relative = said
    assert path is not None
    assert name is not None
    assert relative is not None
    return Source(Path(path), name, name_b64, PurePosixPath(relative))
