"""The errors spider tells people about: what happened, to which file, and what to do next."""

from collections.abc import Iterable
from enum import IntEnum

__all__ = ["ExitCode", "PhotoError", "SpiderError", "UsageError", "did_you_mean", "nearest"]


class ExitCode(IntEnum):
    """What the process returns; documented in docs/commands.md."""

    OK = 0
    GATE_FAILED = 1
    USAGE = 2
    SOME_PHOTOS_FAILED = 3
    INTERRUPTED = 130


class SpiderError(Exception):
    """An error with a stable code, one sentence for people, and the next step.

    Args:
        message: what happened, naming the file or the value at fault.
        hint: what to do next; empty when there is nothing to add.
        code: a stable snake_case word for programs.
    """

    def __init__(self, message: str, *, hint: str = "", code: str = "error") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code


class UsageError(SpiderError):
    """The command cannot start: a bad flag or word, no photo at all, no model. Exit code 2."""

    def __init__(self, message: str, *, hint: str = "", code: str = "usage") -> None:
        super().__init__(message, hint=hint, code=code)


class PhotoError(SpiderError):
    """One photo cannot be judged; the others go on. Becomes the record's ``error``."""


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.5) -> str | None:
    """Of the known words the one most like `word`; None where none is.

    Args:
        cutoff: likeness, 0-1, that is needed.
    """
    import difflib  # only when something is wrong

    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)), None)


def did_you_mean(word: str, known: Iterable[str], *, cutoff: float = 0.5) -> str:
    """A hint's start, "did you mean 'x'? ", where a known word is like `word`; else ""."""
    close = nearest(word, known, cutoff=cutoff)
    return f"did you mean {close!r}? " if close else ""
