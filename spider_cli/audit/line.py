"""Shots in their order: those that are known already between those that must be judged."""

import queue
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from spider_cli.audit.judging import Judge, Judged
from spider_cli.results import Record
from spider_cli.shots import Shot

if TYPE_CHECKING:
    from spider_cli.audit.entry import Preview

__all__ = ["Line"]

_LONGEST = 256
"""Shots that may wait in line: records of known ones are held meanwhile."""


class Line:
    """Judges what is not known, and keeps the order of the shots.

    Everything but decoding runs on the caller's thread. A bounded number of shots is under way, so
    that memory does not grow with them, and the decoding threads do not run dry.

    Args:
        judge: looks at what is not known.
        keep: is given each shot that was judged, before anybody else.
    """

    def __init__(
        self, judge: Judge, keep: "Callable[[Shot, Record, Preview | None], object]"
    ) -> None:
        self._judge = judge
        self._keep = keep
        self._todo: queue.SimpleQueue[Shot | None] = queue.SimpleQueue()
        self._results = judge.judged(iter(self._todo.get, None))
        self._line: deque[Shot | Judged] = deque()
        self._waiting = 0
        self._ahead = 3 * judge.auditor.batch_size + 2 * judge.auditor.jobs

    def judged(self, shots: Iterable[tuple[Shot, Record | None] | None]) -> Iterator[Judged]:
        """Each shot judged, by this run or an earlier one.

        Args:
            shots: each with what an earlier run found, or None. None in place of a shot says that
                there is nothing new yet: what is in hand is done first.
        """
        try:
            for item in shots:
                if item is not None:
                    self._join(*item)
                yield from self._due()
                while self._waiting and (item is None or self._full):
                    self._line.popleft()
                    yield self._next()
                    yield from self._due()
            while self._waiting:
                self._line.popleft()
                yield self._next()
                yield from self._due()
        finally:
            self._todo.put(None)
            self._results.close()

    @property
    def _full(self) -> bool:
        return self._waiting >= self._ahead or len(self._line) >= _LONGEST

    def _join(self, shot: Shot, record: Record | None) -> None:
        ready = self._judge.refused(shot)
        if ready is None and record is not None:
            ready = self._judge.again(shot, record)
        if ready is None:
            self._todo.put(shot)
            self._waiting += 1
        self._line.append(shot if ready is None else ready)

    def _due(self) -> Iterator[Judged]:
        while self._line and isinstance(self._line[0], Judged):
            first = self._line.popleft()
            assert isinstance(first, Judged)
            yield first

    def _next(self) -> Judged:
        judged = next(self._results)
        self._waiting -= 1
        self._keep(judged.shot, judged.record, judged.preview)
        return replace(judged, preview=None)
