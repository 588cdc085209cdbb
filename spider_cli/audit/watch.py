"""Photos as they arrive in folders: each as soon as nobody writes to it any more.

Folders are asked again and again, which works on every disk, card and network share alike, and
needs no package: an arrival is known within a second or two of its last byte, and most rounds ask
for no more than the dates of the folders and of the files that still grow. A round that lists all
files comes as often as one percent of a core allows.
"""

import signal
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, TypeAlias

from spider_cli.audit.content import dates_of
from spider_cli.errors import UsageError
from spider_cli.extras import Waiting, extra_of
from spider_cli.shots import Shot, can_pair, shots
from spider_cli.sources import Source, find_photos, shown

__all__ = ["ending", "watch"]

_ROUND = 1.0
"""Seconds between two looks."""
_SETTLED = 2.0
"""Seconds without a change after which a file counts as whole."""
_EMPTY = 30.0
"""The same for an empty file: something is still to come, mostly."""
_PARTNER = 4.0
"""Seconds that a file waits for its RAW or JPEG, where the folder has such pairs."""
_LISTED, _SHARE = 5.0, 0.01
"""Where nothing seems to happen, all files are listed at most so often, in seconds, and for at most
this share of a core's time."""
_MOST = 10
"""Listing is followed by at least so many times the time it took."""
_FORGOTTEN = 3600.0
"""Seconds after which a file that is gone is new again, should it come back."""

_Stamp: TypeAlias = tuple[int, int]
"""A file's size in bytes and when it was modified, in nanoseconds. Not when its attributes changed:
indexers and links do that to photos that stay as they are."""


def watch(
    paths: Sequence[str],
    *,
    recursive: bool = True,
    waiting: Waiting | None = None,
    stop: threading.Event | None = None,
    settled: float = _SETTLED,
    every: float = _ROUND,
) -> Iterator[Shot]:
    """The shots that are in `paths`, then those that come, until `stop` is set.

    - As `find_photos` finds them: hidden files and other extensions, which is what rsync, Lightroom
      and browsers call files that are not whole yet, are not photos.
    - A shot is given when its files were the same for `settled` seconds; at once if they are that
      old. It is given again whenever one of its files changed and settled again.
    - RAW and JPEG of one shot are given together when both are there. Where one is late, the other
      may have been given alone before: then the pair is given too, and stands for both.
    - A folder that goes away, with its card or its network, is waited for. Files that are the same
      when it is back are not given again.

    Args:
        paths: folders, and photos or patterns beside them; as on the command line.
        recursive: look into the folders inside folders, new ones too.
        waiting: takes note, once, of files that would be photos with an extra installed; not of RAW
            files whose JPEG is there.
        stop: ends the iteration, within a tenth of a second, when it is set by another thread or a
            signal (`ending`).
        settled: seconds.
        every: seconds between two looks.

    Raises:
        UsageError: at the first ``next``, where there is no folder to watch.
    """
    folders = [path for path in paths if Path(path).is_dir()]
    if not folders:
        named = ", ".join(shown(path) for path in paths[:3]) or "nothing"
        raise UsageError(
            f"--watch needs a folder that is there, not {named}",
            hint="name the folder that photos arrive in",
            code="nothing_to_watch",
        )
    if "-" in paths:
        raise UsageError(
            "--watch reads no list of paths", hint="name folders", code="nothing_to_watch"
        )
    watched = _Watched(list(paths), recursive, waiting, settled)
    stop = threading.Event() if stop is None else stop
    while not stop.is_set():
        for shot in watched.ready():
            yield shot
            if stop.is_set():
                return
        _sleep(stop, every)


@contextmanager
def ending(stop: threading.Event) -> Iterator[None]:
    """Let the first Ctrl-C, or SIGTERM, set `stop` and nothing else; later ones do what they did.

    So what is in hand is finished, and reports are written. For the main thread only.
    """
    before: dict[int, Any] = {}

    def handle(number: int, frame: FrameType | None) -> None:
        stop.set()
        restore()

    def restore() -> None:
        while before:
            number, handler = before.popitem()
            signal.signal(number, handler)

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, handle) or signal.SIG_DFL
    try:
        yield
    finally:
        restore()


def _sleep(stop: threading.Event, seconds: float) -> None:
    """Until `stop`, or so long."""
    # A wait without end of a lock would hold back signals on some systems.
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not stop.wait(min(left, 0.1)):
        pass


@dataclass(slots=True)
class _File:
    """A photo that was seen."""

    source: Source
    now: _Stamp
    since: float
    """When it was first seen so, in monotonic seconds."""
    given: _Stamp | None = None
    """How it was when it was given last."""
    gone: float | None = None
    """When it was missed first."""


class _Watched:
    """What is known of the files in some places; one round after another."""

    def __init__(
        self, paths: list[str], recursive: bool, waiting: Waiting | None, settled: float
    ) -> None:
        self._paths = paths
        self._recursive = recursive
        self._waiting = Waiting() if waiting is None else waiting
        self._settled = settled
        self._files: dict[Path, _File] = {}
        self._alike: dict[tuple[Path, str], set[Path]] = defaultdict(set)
        self._pending: dict[Path, None] = {}
        """Files that are to be given; a set in order."""
        self._paired: set[Path] = set()
        """Folders with RAW and JPEG of one shot."""
        self._refused: set[Path] = set()
        self._undecoded: set[Path] = set()
        """Photos that wait for an extra; of a pair such a RAW file is known all the same."""
        self._folders: dict[Path, int | None] = {}
        self._listed: float | None = None
        self._soonest = self._latest = 0.0

    def ready(self) -> Iterator[Shot]:
        """One round: the shots that are to be given now."""
        if self._to_be_listed():
            yield from self._list()
        else:
            for path in list(self._pending):
                self._look(self._files[path].source)
        for path in list(self._pending):
            if path in self._pending:  # a pair is given by its first file
                yield from self._whole(path)

    def _to_be_listed(self) -> bool:
        if self._listed is None:
            return True
        age = time.monotonic() - self._listed
        if age < self._soonest:
            return False
        return age >= self._latest or any(
            _changed(folder) != before for folder, before in self._folders.items()
        )

    def _list(self) -> Iterator[Shot]:
        """Look at all files; gives folders that cannot be read, once, to be seen to fail."""
        wall, used = time.monotonic(), time.thread_time()
        roots = {Path(path) for path in self._paths}
        known = roots | {path.parent for path in self._files}
        self._folders = {folder: _changed(folder) for folder in known}
        there, waiting = set(), Waiting()
        for source in self._found(waiting):
            there.add(source.path)
            if not self._look(source) and source.path not in self._refused and _refuses(source):
                self._refused.add(source.path)
                yield Shot(source)
        for source in waiting.photos:
            there.add(source.path)
            self._undecoded.add(source.path)
            self._look(source)
        for path in [path for path in self._files if path not in there]:
            self._miss(path)
        for folder in {path.parent for path in there} - known:
            self._folders[folder] = None  # new: once more, with its date from before
        now = time.monotonic()
        wall, used = now - wall, time.thread_time() - used
        self._listed, self._soonest = now, _MOST * max(used, wall)
        self._latest = max(_LISTED, self._soonest, used / _SHARE)

    def _found(self, waiting: Waiting) -> Iterator[Source]:
        try:
            yield from find_photos(self._paths, recursive=self._recursive, waiting=waiting)
        except UsageError as error:
            if error.code != "no_photos":
                raise

    def _look(self, source: Source) -> bool:
        """Note how a file is; False where it is none."""
        path = source.path
        try:
            dates = dates_of(path)
        except (OSError, ValueError):
            self._miss(path)
            return False
        stamp, now = (dates.size, dates.modified), time.monotonic()
        file = self._files.get(path)
        if file is None:
            age = 0.0
            if self._listed is None:  # what was there before: by the clock that stamps files
                age = max(0.0, time.time() - max(dates.modified, dates.changed) / 1e9)
            file = self._files[path] = _File(source, stamp, now - age)
            self._alike[path.parent, path.stem].add(path)
        elif file.now != stamp:
            file.now, file.since = stamp, now
        file.gone = None
        if file.given != stamp:
            self._pending[path] = None
        else:
            self._pending.pop(path, None)
        return True

    def _miss(self, path: Path) -> None:
        file = self._files.get(path)
        if file is None:
            return
        now = time.monotonic()
        self._pending.pop(path, None)
        file.gone = now if file.gone is None else file.gone
        if now - file.gone > _FORGOTTEN and path.parent.is_dir():
            del self._files[path]
            group = self._alike[path.parent, path.stem]
            group.discard(path)
            if not group:
                del self._alike[path.parent, path.stem]

    def _whole(self, path: Path) -> Iterator[Shot]:
        """The shot of a file, if it can be given."""
        now = time.monotonic()
        group = [self._files[other] for other in sorted(self._alike[path.parent, path.stem])]
        for shot in shots(file.source for file in group if file.gone is None):
            members = [self._files[one.path] for one in (shot.photo, shot.raw) if one is not None]
            if path not in {file.source.path for file in members}:
                continue
            if shot.raw is not None:
                self._paired.add(path.parent)
            if not all(self._is_settled(file, now, alone=shot.raw is None) for file in members):
                continue
            first = all(file.given is None for file in members)
            for file in members:
                file.given = file.now
                self._pending.pop(file.source.path, None)
            yield from self._decodable(shot, first)

    def _decodable(self, shot: Shot, first: bool) -> Iterator[Shot]:
        """What of a shot can be looked at; what cannot is noted, the first time."""
        if shot.photo.path not in self._undecoded:
            yield shot
        elif shot.raw is not None and shot.raw.path not in self._undecoded:
            yield Shot(shot.raw)
        elif first and (extra := extra_of(suffix := shot.photo.path.suffix.lower())) is not None:
            self._waiting.add(extra, suffix, shot.photo)

    def _is_settled(self, file: _File, now: float, *, alone: bool) -> bool:
        quiet = now - file.since
        path = file.source.path
        if alone and file.given is None and path.parent in self._paired and can_pair(path):
            quiet -= _PARTNER
        return quiet >= (self._settled if file.now[0] else max(_EMPTY, self._settled))


def _changed(folder: Path) -> int | None:
    """When a folder's list of names changed; None where it is away."""
    try:
        return folder.stat().st_mtime_ns
    except (OSError, ValueError):
        return None


def _refuses(source: Source) -> bool:
    """Whether this is a folder that is there and cannot be read."""
    try:
        return source.path.is_dir()
    except OSError:
        return True
