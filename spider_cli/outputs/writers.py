"""Which form the records take, and where they go."""

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, Protocol, TextIO, TypeAlias

from spider_cli.errors import SpiderError, UsageError
from spider_cli.outputs.csv import Csv
from spider_cli.outputs.files import publish, temporary
from spider_cli.outputs.jsonl import JsonArray, JsonLines
from spider_cli.outputs.text import Text
from spider_cli.results import Command, Record

__all__ = ["EXTENSIONS", "Form", "Writer", "to_file", "to_stdout"]

Form: TypeAlias = Literal["json", "csv"]


class Writer(Protocol):
    """Takes records one by one; each is out when `write` returns."""

    def write(self, record: Record) -> None: ...

    def close(self) -> None: ...


EXTENSIONS: dict[str, Callable[[TextIO, Command], Writer]] = {
    ".jsonl": lambda stream, _: JsonLines(stream),
    ".json": lambda stream, _: JsonArray(stream),
    ".csv": Csv,
    ".txt": lambda stream, _: Text(stream),
}
"""What the extension of ``--output`` stands for."""


@contextlib.contextmanager
def to_stdout(command: Command, form: Form | None) -> Iterator[Writer]:
    """Records on stdout: text on a terminal, JSON lines elsewhere, unless a form is asked for."""
    stdout = sys.stdout if sys.stdout is not None else io.StringIO()
    writer: Writer
    if form is None and stdout.isatty():
        # Failures have their line on stderr; on one terminal that is enough.
        writer = Text(stdout, failures=sys.stderr is None or not sys.stderr.isatty())
    else:
        if isinstance(stdout, io.TextIOWrapper):
            stdout.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")
        writer = Csv(stdout, command) if form == "csv" else JsonLines(stdout)
    yield writer
    writer.close()


@contextlib.contextmanager
def to_file(
    command: Command, output: str, *, overwrite: bool, flag: str = "--output"
) -> Iterator[Writer]:
    """Records in a file that is in place when the block has ended well, and else never was.

    Args:
        flag: what asked for it, for messages.

    Raises:
        UsageError: it cannot be written there, or exists and `overwrite` is false.
    """
    target = Path(output)
    make = EXTENSIONS.get(target.suffix.lower())
    if make is None:
        raise UsageError(
            f"{flag} {output}: the extension says the format, and this one says none",
            hint=f"use one of {', '.join(EXTENSIONS)}",
            code="unknown_format",
        )
    if target.is_dir():
        raise UsageError(f"{flag} {output} is a folder", code="unwritable")
    if os.path.lexists(target) and not overwrite:
        raise _exists(flag, output)
    with contextlib.ExitStack() as stack:
        try:
            passing, stream = stack.enter_context(temporary(target.parent))
        except OSError as error:
            raise UsageError(
                f"cannot write {flag} {output}: {error.strerror or error}", code="unwritable"
            ) from error
        text = io.TextIOWrapper(stream, encoding="utf-8", errors="backslashreplace", newline="\n")
        writer = make(text, command)
        yield writer
        writer.close()
        text.close()
        try:
            publish(passing, target, overwrite=overwrite)
        except FileExistsError as error:  # it appeared during the run
            raise _exists(flag, output) from error


def _exists(flag: str, output: str) -> SpiderError:
    return UsageError(f"{flag} {output} exists", hint="--force writes over it", code="exists")
