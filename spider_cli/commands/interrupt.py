"""Ctrl-C: unwind at once, leave soon whatever threads or imports are doing, say one line.

The signal raises KeyboardInterrupt, so that files and the progress line are tidied where they
are used. But libraries swallow exceptions, threads are joined at exit, and a long call into C
does not stop: so a guard leaves by itself when unwinding has not ended after GRACE seconds.
"""

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any, NoReturn

__all__ = ["GRACE", "install", "leave", "received"]

GRACE = 1.0
"""Seconds between the signal and the guard's exit."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_signal: int | None = None
_leaving = threading.Lock()


def install() -> None:
    """Take over SIGINT and SIGTERM, unless the parent process had them ignored."""
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _handle)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_give_up)


def _give_up() -> None:
    """A forked worker ends as its library expects, without a word from us."""
    for number in _SIGNALS:
        if signal.getsignal(number) is _handle:
            default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, default)


def received() -> bool:
    """Has such a signal come?"""
    return _signal is not None


def leave() -> NoReturn:
    """End the process now with 128 + the signal's number (130 after Ctrl-C).

    Neither threads nor other libraries' exit handlers are waited for; begun files are removed.
    """
    from spider_cli.outputs.files import discard_all
    from spider_cli.outputs.messages import plain

    _leaving.acquire()  # the guard and the main thread may both get here; one is enough
    discard_all()
    plain("interrupted" if _signal == signal.SIGINT else "terminated")
    os._exit(128 + (_signal or signal.SIGINT))


def _handle(number: int, _: FrameType | None) -> None:
    global _signal
    if _signal is not None:  # pressed again: no patience left
        leave()
    _signal = number
    sys.unraisablehook = _lost
    guard = threading.Timer(GRACE, leave)
    guard.daemon = True
    guard.start()
    raise KeyboardInterrupt


def _lost(_: Any) -> None:
    """The interrupt hit code that cannot raise (a finaliser, an import lock's callback)."""
    leave()
