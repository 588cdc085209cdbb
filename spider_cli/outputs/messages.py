"""What spider says on stderr: one line each, never a traceback unless asked."""

import contextlib
import sys
import traceback

__all__ = ["error", "plain", "printable", "show_tracebacks", "trace", "warning"]

_debugging = False


def show_tracebacks(on: bool) -> None:
    """Let `trace` print (the ``--debug`` switch)."""
    global _debugging
    _debugging = _debugging or on


def printable(text: str) -> str:
    r"""`text` on one line and harmless to a terminal: controls and stray bytes become ``\x1b``."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def error(message: str, hint: str = "") -> None:
    """``spider: error: message``, and the next step on a line of its own."""
    _say(f"spider: error: {printable(message)}")
    if hint:
        _say(f"  hint: {printable(hint)}")


def warning(message: str) -> None:
    """``spider: warning: message``."""
    _say(f"spider: warning: {printable(message)}")


def plain(message: str) -> None:
    """``spider: message``."""
    _say(f"spider: {printable(message)}")


def trace() -> bool:
    """Under ``--debug``, print the traceback of the exception being handled; was it printed?"""
    if _debugging:
        _say(traceback.format_exc().rstrip())
    return _debugging


def _say(line: str) -> None:
    # A closed or full stderr is no reason to stop judging photos.
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            print(line, file=sys.stderr, flush=True)
