"""Photos that end the process that looks at them: found out, and then left alone.

An engine starts such a process again, and gives it the same photos again, for ever. So whoever is
about to touch a photo leaves a mark on this machine's disk, and takes it away when all went well. A
mark that is there already tells of a death: the photo is tried alone then, twice. If that ends the
process, too, it was the photo.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from spider_cli.engines.dealing import digest

__all__ = ["Trials"]

_TOGETHER, _ALONE, _ALONE_AGAIN = b"1", b"2", b"3"
_NEXT = {b"": _TOGETHER, _TOGETHER: _ALONE, _ALONE: _ALONE_AGAIN}


class Trials:
    """The marks of one step of one run, on one machine.

    Args:
        run: what tells this run from others.
        step: "decode" or "judge".
    """

    def __init__(self, run: str, step: str) -> None:
        who = os.getuid() if hasattr(os, "getuid") else 0
        self.folder = Path(tempfile.gettempdir()) / f"spider-trials-{who}" / run / step
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def sorted(self, names: Sequence[bytes]) -> tuple[list[int], list[int], list[int]]:
        """Places of the photos that may be tried together, alone, and never again."""
        together: list[int] = []
        alone: list[int] = []
        never: list[int] = []
        for place, name in enumerate(names):
            mark = self._mark(name)
            if mark == _ALONE_AGAIN:
                never.append(place)
            else:
                (alone if mark else together).append(place)
        return together, alone, never

    @contextlib.contextmanager
    def under_way(self, names: Sequence[bytes]) -> Iterator[None]:
        """Marks while photos are touched. An exception is no death: it takes them away, too."""
        for name in names:
            self._write(name, _NEXT.get(self._mark(name), _ALONE_AGAIN))
        try:
            yield
        finally:
            for name in names:
                self._file(name).unlink(missing_ok=True)

    def end(self) -> None:
        """Take the folder away, if there is nothing in it."""
        for folder in (self.folder, self.folder.parent, self.folder.parent.parent):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _mark(self, name: bytes) -> bytes:
        try:
            return self._file(name).read_bytes()
        except FileNotFoundError:
            return b""

    def _write(self, name: bytes, mark: bytes) -> None:
        while True:
            try:
                self._file(name).write_bytes(mark)
                return
            except FileNotFoundError:  # another process of this step found the folder empty
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _file(self, name: bytes) -> Path:
        return self.folder / digest(name).hex()
