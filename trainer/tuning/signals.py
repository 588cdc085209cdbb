"""SIGTERM and Ctrl-C while training: remembered, so that the run saves at the end of its step."""

import signal
from types import FrameType, TracebackType
from typing import Any

__all__ = ["Signals"]


class Signals:
    """A context in which the first signal is noted and the second ends the process as before.

    `spider_cli.commands.interrupt` handles signals outside of it.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        """The signal's number."""
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Signals":
        for number in (signal.SIGINT, signal.SIGTERM):
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
