"""What `spider audit` prints on stdout: records, paths, or lines of the user's own form."""

import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from spider_cli.outputs import messages

if TYPE_CHECKING:
    from spider_cli.audit.choosing import Choice, Summary
    from spider_cli.audit.entries import Entries
    from spider_cli.audit.templates_of_lines import Template
    from spider_cli.commands.audit_plan import Listed
    from spider_cli.outputs.writers import Writer
    from spider_cli.results import Record

__all__ = ["Lines", "Paths", "Printer", "Records", "print_all"]


class Printer(Protocol):
    """Prints shots one by one; each is out when `show` returns."""

    def chosen(self, shots: "Sequence[Summary]") -> "list[Summary]":
        """Of all shots those to be shown, in order."""

    def streams(self, shot: "Summary") -> bool:
        """Is a shot to be shown, when nothing is known of the others?"""

    def show(self, shot: "Summary", record: "Record") -> None:
        """Print one."""


class Records:
    """Records, in whichever forms and places the options ask for."""

    def __init__(self, writers: "Sequence[Writer]", choice: "Choice") -> None:
        self._writers = writers
        self._choice = choice

    def chosen(self, shots: "Sequence[Summary]") -> "list[Summary]":
        return self._choice.shown(shots)

    def streams(self, shot: "Summary") -> bool:
        return self._choice.shows(shot)

    def show(self, shot: "Summary", record: "Record") -> None:
        for writer in self._writers:
            writer.write(record)


class Paths:
    """Plain paths, byte for byte: of a pair its RAW file too.

    Args:
        listed: whose.
        null: each ends with NUL, and not with a line break.
    """

    def __init__(self, listed: "Listed", choice: "Choice", *, null: bool) -> None:
        self._listed = listed
        self._choice = choice
        self._out = _Out(null=null)

    def chosen(self, shots: "Sequence[Summary]") -> "list[Summary]":
        if self._listed == "keepers":
            return self._choice.keepers(shots)
        return [one for one in self._choice.shown(shots) if one.flagged]

    def streams(self, shot: "Summary") -> bool:
        if self._listed == "keepers":
            return shot.keeps(self._choice.fail_under, picks=False)
        return bool(shot.flagged)

    def show(self, shot: "Summary", record: "Record") -> None:
        for source in (shot.shot.photo, shot.shot.raw):
            if source is not None:
                path = os.fspath(source.path)
                # A program that is given it must not take it for an option.
                self._out.line(f".{os.sep}{path}" if path.startswith("-") else path)


class Lines:
    """Lines of the user's own form; failures only where it has a place for what went wrong."""

    def __init__(self, template: "Template", choice: "Choice", *, null: bool) -> None:
        self._template = template
        self._choice = choice
        self._out = _Out(null=null)

    def chosen(self, shots: "Sequence[Summary]") -> "list[Summary]":
        return [one for one in self._choice.shown(shots) if self._has_place(one)]

    def streams(self, shot: "Summary") -> bool:
        return self._choice.shows(shot) and self._has_place(shot)

    def show(self, shot: "Summary", record: "Record") -> None:
        self._out.line(self._template.line(shot.shot, record))

    def _has_place(self, shot: "Summary") -> bool:
        return not shot.failed or self._template.shows_errors


class _Out:
    """Lines on stdout, as bytes."""

    def __init__(self, *, null: bool) -> None:
        self._end = "\0" if null else "\n"
        self._null = null
        self._warned = False
        self._stdout = sys.stdout if sys.stdout is not None else io.StringIO()

    def line(self, text: str) -> None:
        if self._stdout.isatty():
            text = "\t".join(map(messages.printable, text.split("\t")))
        elif not self._null and not self._warned and "\n" in text:
            self._warned = True
            messages.warning("a name has a line break: --print0 tells where each ends")
        if not isinstance(self._stdout, io.TextIOWrapper):
            self._stdout.write(text + self._end)
            return
        self._stdout.flush()
        self._stdout.buffer.write((text + self._end).encode("utf-8", "surrogateescape"))
        self._stdout.buffer.flush()


def print_all(printer: Printer, entries: "Entries") -> None:
    """Print what there is to show, when all is known.

    Args:
        entries: of what `printer` has chosen.
    """
    for one, record in zip(entries.shown, entries.records(), strict=True):
        printer.show(one, record)
