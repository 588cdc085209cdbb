"""One line on stderr that says how far the run is; only for people, never in a log."""

import sys
import time
from types import TracebackType

__all__ = ["Progress"]

_BAR = 24
_ERASE = "\r\x1b[K"


class Progress:
    """A context that keeps its line below whatever else is printed.

    `clear` before printing anything else, `step` after each record. Drawn without threads and
    without hiding the cursor, so an interrupt leaves nothing to repair.

    Args:
        total: records to come, if known; without it there is a count and no bar.
        shown: False draws nothing; nor does a stderr that is no terminal.
        label: what is counted, before the bar.
        done: records that were there before; they say nothing about the pace.
    """

    def __init__(self, total: int | None, *, shown: bool, label: str = "", done: int = 0) -> None:
        self.total = total
        self.done = self._before = done
        self._label = f"{label} " if label else ""
        self._shown = shown and sys.stderr is not None and sys.stderr.isatty()
        self._started = time.monotonic()

    def __enter__(self) -> "Progress":
        self._draw("loading the model ...")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.clear()

    def clear(self) -> None:
        """Take the line away, for something else to be printed."""
        self._write(_ERASE)

    def step(self, *, known: bool = False) -> None:
        """One record more.

        Args:
            known: it was there before, and says nothing about the pace.
        """
        self.done += 1
        self._before += known
        pace = (self.done - self._before) / max(time.monotonic() - self._started, 1e-6)
        if self.total is None:
            self._draw(", ".join(filter(None, (f"{self.done} done", _pace(pace)))))
            return
        share = min(1.0, self.done / max(self.total, 1))
        bar = "=" * int(_BAR * share)
        told = f"{self.done}/{self.total}"
        if pace:
            told += f", {_pace(pace)}, {_time(max(0, self.total - self.done) / pace)} left"
        self._draw(f"{self._label}[{bar:<{_BAR}}] {told}")

    def _draw(self, text: str) -> None:
        self._write(f"{_ERASE}{text}")

    def _write(self, text: str) -> None:
        if self._shown:
            try:
                sys.stderr.write(text)
                sys.stderr.flush()
            except (OSError, ValueError):
                self._shown = False


def _pace(pace: float) -> str:
    """``2.4/s``; of what takes long ``38 s each``; "" where nothing is known."""
    if pace >= 0.1:
        return f"{pace:.1f}/s"
    return f"{_time(1 / pace)} each" if pace > 0 else ""


def _time(seconds: float) -> str:
    """``40 s``, ``12 min``, ``3 h 5 min``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
