"""The errors spider tells people about: what happened, to which file, and what to do next."""

from enum import IntEnum

__all__ = ["ExitCode", "PhotoError", "SpiderError", "UsageError"]


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
