"""What is wrong, and where; and records of unknown content, read field by field."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["Finding", "Record", "Reporter", "shown"]

_LONG = 160


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    file: str
    """Relative to the data set's folder."""
    photo: str
    """Id of the photo (or of the reference); "" for the file as a whole."""
    row: str
    """Id of the question; "" for the photo as a whole."""
    field: str
    """Such as "regions[0].box"; "" for all of it."""
    code: str
    """A stable snake_case word for programs."""
    message: str
    """What was found, and what was expected."""

    def __str__(self) -> str:
        where = [self.file]
        where += [f"photo {self.photo}"] if self.photo else []
        where += [f"row {self.row}"] if self.row else []
        where += [self.field] if self.field else []
        return f"{', '.join(where)}: {self.message}"

    def to_json(self) -> dict[str, str]:
        return {
            "file": self.file,
            "photo": self.photo,
            "row": self.row,
            "field": self.field,
            "code": self.code,
            "message": self.message,
        }


@dataclass(frozen=True, slots=True)
class Reporter:
    """Collects findings about one place.

    Args:
        found: where they go.
        file, photo, row: the place.
        path: in front of the fields' names, such as "regions[0].".
    """

    found: list[Finding]
    file: str
    photo: str = ""
    row: str = ""
    path: str = ""

    def say(self, field: str, code: str, message: str) -> None:
        """Note one finding."""
        name = f"{self.path}{field}".rstrip(".")
        self.found.append(Finding(self.file, self.photo, self.row, name, code, message))

    def at(self, *, photo: str | None = None, row: str | None = None, path: str = "") -> "Reporter":
        """The same for a place inside this one."""
        return replace(
            self,
            photo=self.photo if photo is None else photo,
            row=self.row if row is None else row,
            path=f"{self.path}{path}",
        )


def shown(value: object) -> str:
    """A value as messages quote it: on one line, not too long."""
    try:
        text = repr(value)
    except Exception:  # of a type we know nothing about
        text = f"a {type(value).__name__}"
    return text if len(text) <= _LONG else f"{text[: _LONG - 3]}..."


class Record:
    """A dict of unknown content. What a getter cannot give it reports, and returns None.

    Args:
        value: anything at all.
        report: about this record.
    """

    def __init__(self, value: object, report: Reporter) -> None:
        self.report = report
        self.value: dict[Any, Any] = value if isinstance(value, dict) else {}
        if not isinstance(value, dict):
            report.say("", "bad_type", f"is {shown(value)}, expected a record")
        self.whole = isinstance(value, dict)

    def _get(self, name: str, kinds: tuple[type, ...], expected: str) -> Any:
        """The value, if it is of one of the kinds."""
        if not self.whole:
            return None
        if name not in self.value:
            self.report.say(name, "missing", f"is missing, expected {expected}")
            return None
        value = self.value[name]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            self.report.say(name, "bad_type", f"is {shown(value)}, expected {expected}")
            return None
        return value

    def text(self, name: str) -> str | None:
        value: str | None = self._get(name, (str,), "text")
        return value

    def integer(self, name: str) -> int | None:
        value: int | None = self._get(name, (int,), "a whole number")
        return value

    def flag(self, name: str) -> bool | None:
        value: bool | None = self._get(name, (bool,), "true or false")
        return value

    def number(self, name: str) -> float | None:
        """A finite number."""
        value = self._get(name, (int, float), "a number")
        if value is None:
            return None
        if not _finite(value):
            self.report.say(name, "not_finite", f"is {value}, expected a finite number")
            return None
        return float(value)

    def numbers(self, name: str, count: int) -> tuple[float, ...] | None:
        """A list of so many finite numbers."""
        value = self._get(name, (list, tuple), f"a list of {count} numbers")
        if value is None:
            return None
        fine = all(isinstance(v, int | float) and not isinstance(v, bool) for v in value)
        if not fine or len(value) != count or not all(map(_finite, value)):
            self.report.say(name, "bad_type", f"is {shown(value)}, expected {count} numbers")
            return None
        return tuple(float(v) for v in value)

    def texts(self, name: str) -> tuple[str, ...] | None:
        value = self._get(name, (list, tuple), "a list of texts")
        if value is None:
            return None
        if not all(isinstance(v, str) for v in value):
            self.report.say(name, "bad_type", f"is {shown(value)}, expected a list of texts")
            return None
        return tuple(value)

    def empty(self, name: str) -> bool:
        """It is there, and empty or null."""
        value = self.value.get(name, 0)
        return value is None or (isinstance(value, list | tuple | str | dict) and not value)

    def records(self, name: str) -> "list[Record] | None":
        """A list of records."""
        value = self._get(name, (list, tuple), "a list of records")
        return None if value is None else list(self._inside(name, value))

    def _inside(self, name: str, values: Any) -> "Iterator[Record]":
        for index, value in enumerate(values):
            yield Record(value, self.report.at(path=f"{name}[{index}]."))

    def data(self, name: str) -> bytes | None:
        """The bytes of a picture, as `datasets` stores one."""
        cell = self._get(name, (dict,), "a picture")
        if cell is None:
            return None
        data = cell.get("bytes")
        if not isinstance(data, bytes) or not data:
            self.report.say(name, "no_picture", "holds no bytes, expected a PNG")
            return None
        return data


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an int too large for a float
        return False
