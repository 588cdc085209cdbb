"""What is in a shot's files: told by their dates where that is safe, else by reading them."""

import hashlib
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from spider_cli.extras import RAW
from spider_cli.shots import Shot

__all__ = ["DIGEST_BYTES", "Dates", "Seen", "SeenShot", "absolute", "dates_of", "see", "see_shot"]

DIGEST_BYTES = 32
"""Length of a content's digest."""
_UNSURE = 2_000_000_000
"""Nanoseconds. A file that changed so shortly before or after it was read may have changed unseen:
dates have ticks of up to two seconds (FAT)."""


@dataclass(frozen=True, slots=True)
class Dates:
    """What changes when somebody writes to a file, as far as that can be told without reading."""

    size: int
    """Bytes."""
    modified: int
    """Nanoseconds since 1970; programs can set it back."""
    changed: int
    """Nanoseconds since 1970 of the last change to content or attributes; on Windows of the file's
    making."""

    def unsure_at(self, moment: int) -> bool:
        """Whether a file with these dates may change after `moment` and have the same."""
        return any(abs(moment - date) < _UNSURE for date in (self.modified, self.changed))


@dataclass(frozen=True, slots=True)
class Seen:
    """One file, and what was in it."""

    path: bytes
    """Absolute, links as they are; the bytes the system uses."""
    dates: Dates
    checked: int
    """When it was read, in nanoseconds since 1970."""
    digest: bytes

    def still(self) -> bool:
        """Whether the file holds now what it held; it is read again where dates cannot tell."""
        path = Path(os.fsdecode(self.path))
        try:
            if dates_of(path) != self.dates:
                return False
            if not self.dates.unsure_at(self.checked):
                return True
            return _read(path)[1] == self.digest
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class SeenShot:
    """A shot's files, and what was in them."""

    photo: Seen
    raw: Seen | None
    content: bytes
    """A digest of all that a judgement of the shot is made of."""

    @property
    def files(self) -> tuple[Seen, ...]:
        return (self.photo,) if self.raw is None else (self.photo, self.raw)


def absolute(path: Path) -> bytes:
    """A file's name in the state: absolute, links as they are; undecodable bytes as they are."""
    return os.fsencode(path.absolute())


def dates_of(path: Path) -> Dates:
    """The dates of a file.

    Raises:
        OSError: there is none, or it is no regular file.
    """
    return _dates(path.stat())


def _dates(status: os.stat_result) -> Dates:
    if not stat.S_ISREG(status.st_mode):  # a pipe would never end
        raise OSError("not a regular file")
    return Dates(status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def see(path: Path, before: Callable[[bytes], Seen | None]) -> Seen | None:
    """What is in a file.

    Args:
        before: absolute path -> what was there at an earlier time, if that is known.

    Returns:
        What `before` gave, where dates prove that it stands; else what was read. None where the
        file cannot be read, or is written to meanwhile.
    """
    name = absolute(path)
    try:
        dates = dates_of(path)
        earlier = before(name)
        known = earlier is not None and earlier.dates == dates
        if earlier is not None and known and not dates.unsure_at(earlier.checked):
            return earlier
        now = time.time_ns()
        read, digest = _read(path)
    except (OSError, ValueError):
        return None
    return Seen(name, dates, now, digest) if read == dates else None


def see_shot(shot: Shot, before: Callable[[bytes], Seen | None]) -> SeenShot | None:
    """What is in a shot's files; None where one of them cannot be read (see `see`)."""
    photo = see(shot.photo.path, before)
    if photo is None:
        return None
    raw = None
    if shot.raw is not None and (raw := see(shot.raw.path, before)) is None:
        return None
    # A name decides one thing about pixels: whether LibRaw is asked, too (photos.open_photo).
    by_libraw = shot.photo.path.suffix.lower() in RAW.suffixes
    parts = (bytes([by_libraw]), photo.digest, b"" if raw is None else raw.digest)
    content = hashlib.blake2b(b"".join(parts), digest_size=DIGEST_BYTES).digest()
    return SeenShot(photo, raw, content)


def _read(path: Path) -> tuple[Dates, bytes]:
    """The dates of a file after it was read, and a digest of what is in it."""
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    with open(os.open(path, flags), "rb") as file:  # noqa: PTH123 - never waits for a pipe's writer
        _dates(os.fstat(file.fileno()))
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=DIGEST_BYTES))
        # By name again: what was opened may have been replaced by another file.
        return dates_of(path), digest.digest()
