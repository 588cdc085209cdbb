"""Records out of a file, one at a time: JSON arrays, JSON lines, objects in a row, CSV, word lists.

A JSON array of any length is never held whole; an object that is the whole file is one record.
"""

import csv
import json
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import NoReturn, TextIO

from spider_cli.errors import UsageError
from trainer.datasets.entries import Where

__all__ = ["csv_rows", "json_values", "text_lines"]

_CHUNK = 1 << 18
_SPACE = " \t\r\n"
_NEAR_END = 64
"""An error this close to the end of what was read may be due to what was not."""


def json_values(file: Path) -> Iterator[tuple[Where, object]]:
    """The items of the array that the file holds, or the values that stand in it one by one.

    Values may be on lines of their own, or follow each other with nothing between (`}{`).

    Raises:
        UsageError: not JSON, with line and column; or not to be read.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            yield from _Reader(file, stream).values()
    except UnicodeDecodeError as error:
        raise _not_utf8(file, error) from error
    except OSError as error:
        raise _unreadable(file, error) from error


class _Reader:
    def __init__(self, file: Path, stream: TextIO) -> None:
        self.file = file
        self.stream = stream
        self.decoder = json.JSONDecoder()
        self.text = ""
        self.at = 0
        self.ended = False
        self.row = 0
        self.line, self.column = 1, 1  # of text[0]

    def values(self) -> Iterator[tuple[Where, object]]:
        if not self._next():
            raise UsageError(f"{self.file} is empty", code="bad_json")
        if self._next() != "[":
            while self._next():
                yield self._value()
            return
        self.at += 1
        if self._next() == "]":
            self.at += 1
        else:
            yield self._value()
            while self._next() == ",":
                self.at += 1
                self._next()
                yield self._value()
            if self._next() != "]":
                self._fail("a comma or ] was expected", self.at)
            self.at += 1
        if self._next():
            self._fail("nothing may follow the array", self.at)

    def _next(self) -> str:
        """The next character that is no space; "" at the end."""
        while True:
            while self.at < len(self.text) and self.text[self.at] in _SPACE:
                self.at += 1
            if self.at < len(self.text):
                return self.text[self.at]
            if not self._more():
                return ""

    def _value(self) -> tuple[Where, object]:
        self.row += 1
        while True:
            try:
                value, end = self.decoder.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                into = error.pos - self.at
                cut = error.msg.startswith("Unterminated string")
                if (cut or error.pos > len(self.text) - _NEAR_END) and self._more():
                    continue
                self._fail(error.msg, self.at + into)
            except (RecursionError, ValueError) as error:
                what = "nested too deeply" if isinstance(error, RecursionError) else str(error)
                self._fail(what, self.at)
            into = end - self.at
            if end >= len(self.text) - 1 and self._more():
                continue  # a number or word may go on
            self.at += into
            return Where(self.file, self.row), value

    def _more(self) -> bool:
        """Read on; what was used up is let go."""
        if self.ended:
            return False
        if self.at:
            used = self.text[: self.at]
            lines = used.count("\n")
            self.line += lines
            after = len(used) - 1 - used.rfind("\n") if lines else self.column - 1 + len(used)
            self.column = after + 1
            self.text, self.at = self.text[self.at :], 0
        # As much again as there is: a record of any length is scanned a few times only.
        chunk = self.stream.read(max(_CHUNK, len(self.text)))
        self.ended = not chunk
        self.text += chunk
        return bool(chunk)

    def _fail(self, what: str, position: int) -> NoReturn:
        before = self.text[:position]
        lines = before.count("\n")
        column = position - before.rfind("\n") if lines else self.column + position
        row = f", row {self.row}" if self.row else ""
        raise UsageError(
            f"{self.file}{row}: not JSON: {what} (line {self.line + lines}, column {column})",
            code="bad_json",
        )


def csv_rows(file: Path) -> tuple[tuple[str, ...], Iterator[tuple[Where, dict[str, object]]]]:
    """Column names and rows of a table with a header; comma, semicolon or tab between.

    Names are lower case with "_" for spaces. Rows are numbered from 1 below the header.

    Raises:
        UsageError: no table, or a row with more or fewer values than the header.
    """
    lines = text_lines(file)
    first = next(lines, None)
    lines.close()
    if first is None:
        raise UsageError(f"{file} is empty", code="bad_table")
    between = max(",;\t", key=first[1].count)
    header = tuple(
        "_".join(name.strip().lower().split())
        for name in next(iter(csv.reader([first[1]], delimiter=between)), [])
    )
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise UsageError(f"{file}: two columns are called {twice!r}", code="bad_table")
    return header, _csv_body(file, header, between)


def _csv_body(
    file: Path, header: tuple[str, ...], between: str
) -> Iterator[tuple[Where, dict[str, object]]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.reader(stream, delimiter=between)
            lines = (row for row in rows if any(value.strip() for value in row))
            next(lines, None)
            for number, row in enumerate(lines, 1):
                where = Where(file, number)
                if len(row) != len(header):
                    raise where.error(
                        "", f"has {len(row)} values where the header has {len(header)}",
                        code="bad_table",
                    )  # fmt: skip
                yield (
                    where,
                    {name: value.strip() or None for name, value in zip(header, row, strict=True)},
                )
    except UnicodeDecodeError as error:
        raise _not_utf8(file, error) from error
    except csv.Error as error:
        raise UsageError(f"{file}: not a table: {error}", code="bad_table") from error
    except OSError as error:
        raise _unreadable(file, error) from error


def text_lines(file: Path) -> Generator[tuple[Where, str], None, None]:
    """Lines that are not blank, without their ends; numbered from 1.

    Raises:
        UsageError: not text, or not to be read.
    """
    try:
        with file.open(encoding="utf-8-sig") as stream:
            number = 0
            for line in stream:
                if line.strip():
                    number += 1
                    yield Where(file, number), line.rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise _not_utf8(file, error) from error
    except OSError as error:
        raise _unreadable(file, error) from error


def _not_utf8(file: Path, error: UnicodeDecodeError) -> UsageError:
    return UsageError(
        f"{file}: not UTF-8 text: {error.reason} at byte {error.start} of what was read last",
        hint="save it as UTF-8",
        code="bad_encoding",
    )


def _unreadable(file: Path, error: OSError) -> UsageError:
    return UsageError(f"{file} cannot be read: {error.strerror or error}", code="unreadable")
