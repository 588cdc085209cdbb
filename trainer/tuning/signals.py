"""SIGTERM and Ctrl-C while training: remembered, so that the run saves at the end of its step."""

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

__all__ = ["Deaf", "Signals"]

_HEARD = (signal.SIGINT, signal.SIGTERM)


class Deaf:
    """What a process that reads rows does at its start: it leaves signals to the one that trains,
    which needs its rows to the end of the step. Terminals and schedulers send them to all.

    Args:
        before: what was to be done at its start anyhow.
    """

    def __init__(self, before: Callable[[int], Any] | None) -> None:
        self.before = before

    def __call__(self, worker: int) -> None:
        for number in _HEARD:
            signal.signal(number, signal.SIG_IGN)
        if self.before is not None:
            self.before(worker)


class Signals:
    """A context in which the first signal is noted and the second ends the process as before.

    `spider_cli.commands.interrupt` handles signals outside of it.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        """The signal's number."""
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Signals":
        for number in _HEARD:
            before = signal.getsignal(number)
            if before is not signal.SIG_IGN:
                self._before[number] = before
                signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()

    def _restore(self) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        self._before = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.received is None:
            self.received = number
            return
        before = self._before.get(number)
        self._restore()  # asked again: no patience left for saving
        if callable(before):
            before(number, frame)
        else:
            signal.raise_signal(signal.Signals(number))
