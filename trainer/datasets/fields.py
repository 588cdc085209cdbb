"""A record read field by field: whatever is wrong with it is said with file, row and field."""

import math
from collections.abc import Iterator
from typing import NoReturn

from trainer.checks import safe_relative
from trainer.datasets.entries import Where

__all__ = ["Fields", "Seen", "shown"]

_NAMES = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}


class Fields:
    """One JSON object or CSV line.

    Args:
        value: what stands there; anything but an object is an error.
        where: the record's place.
        path: the object's own name inside the record ("conversations[1]"), "" for the record.
    """

    def __init__(self, value: object, where: Where, path: str = "") -> None:
        self.where = where
        self.path = path
        if not isinstance(value, dict):
            self.fail("", f"is {kind_of(value)}, not an object")
        self.value: dict[str, object] = value

    def name(self, name: str) -> str:
        """A field's full name: "conversations[1].value"."""
        return f"{self.path}.{name}" if self.path and name else self.path or name

    def fail(self, name: str, what: str, *, hint: str = "", code: str = "bad_field") -> NoReturn:
        """Raise the error about a field."""
        raise self.where.error(self.name(name), what, hint=hint, code=code)

    def has(self, *names: str) -> bool:
        """All these fields are there and not null."""
        return all(self.value.get(name) is not None for name in names)

    def first(self, *names: str) -> str:
        """The first of these fields that is there and not null; an error where none is."""
        for name in names:
            if self.has(name):
                return name
        self.fail(names[0], "is missing", hint="" if len(names) == 1 else _either(names))

    def get(self, name: str) -> object:
        """A field's value; an error where it is missing or null."""
        if not self.has(name):
            self.fail(name, "is null" if name in self.value else "is missing")
        return self.value[name]

    def text(self, name: str, default: str | None = None) -> str:
        """Text; `default` where the field is missing or null."""
        if default is not None and not self.has(name):
            return default
        return self._text(self.get(name), name)

    def number(self, name: str, *, text: bool = False) -> float:
        """A finite number. `text`: the same as text ("68.73") will do."""
        return self._number(self.get(name), name, text=text)

    def whole(self, name: str) -> int:
        """A whole number."""
        value = self.number(name)
        if not value.is_integer():
            self.fail(name, f"is {value:g}, not a whole number")
        return int(value)

    def flag(self, name: str, default: bool) -> bool:
        """true or false; `default` where the field is missing or null."""
        if not self.has(name):
            return default
        value = self.value[name]
        if not isinstance(value, bool):
            self.fail(name, f"is {shown(value)}, not true or false")
        return value

    def inside(self, name: str) -> "Fields":
        """An object inside this one."""
        return Fields(self.get(name), self.where, self.name(name))

    def list(self, name: str) -> list[object]:
        """A list of anything."""
        value = self.get(name)
        if not isinstance(value, list):
            self.fail(name, f"is {kind_of(value)}, not a list")
        return value

    def objects(self, name: str) -> Iterator["Fields"]:
        """A list of objects."""
        for index, item in enumerate(self.list(name)):
            yield Fields(item, self.where, f"{self.name(name)}[{index}]")

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        items = enumerate(self.list(name))
        return tuple(self._text(item, f"{name}[{index}]") for index, item in items)

    def numbers(self, name: str) -> tuple[float, ...]:
        """A list of finite numbers."""
        items = enumerate(self.list(name))
        return tuple(self._number(item, f"{name}[{index}]") for index, item in items)

    def box(self, name: str) -> tuple[float, float, float, float]:
        """A list of four numbers."""
        values = self.numbers(name)
        if len(values) != 4:
            self.fail(name, f"has {len(values)} numbers, not 4", code="bad_box")
        return values[0], values[1], values[2], values[3]

    def points(self, name: str, *, least: int = 3) -> tuple[tuple[float, float], ...]:
        """A list of `[x, y]`, at least `least` of them."""
        found: list[tuple[float, float]] = []
        for index, item in enumerate(self.list(name)):
            here = f"{name}[{index}]"
            if not isinstance(item, list) or len(item) != 2:
                self.fail(here, f"is {shown(item)}, not [x, y]")
            found.append((self._number(item[0], f"{here}[0]"), self._number(item[1], f"{here}[1]")))
        if len(found) < least:
            self.fail(name, f"has {len(found)} points; at least {least} are needed")
        return tuple(found)

    def photo(self, name: str) -> str:
        """A path below the photos' folder, '/'-joined: never absolute, never with ".."."""
        return self.relative(self.text(name), name)

    def relative(self, text: str, name: str) -> str:
        r"""`text`, found in the field `name`, as such a path; ``\`` separates like ``/``."""
        return safe_relative(text, where=f"{self.where}, {self.name(name)}").as_posix()

    def _text(self, value: object, name: str) -> str:
        if not isinstance(value, str):
            self.fail(name, f"is {kind_of(value)}, not text")
        try:
            value.encode()
        except UnicodeEncodeError:
            self.fail(name, "holds half of a character (a lone surrogate)")
        return value

    def _number(self, value: object, name: str, *, text: bool = False) -> float:
        number: float | None = None
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                number = float(value)
            except OverflowError:
                self.fail(name, "is too large a number")
        elif text and isinstance(value, str):
            try:
                number = float(value.strip())
            except ValueError:
                self.fail(name, f"is {shown(value)}, not a number")
        if number is None:
            self.fail(name, f"is {kind_of(value)}, not a number")
        if not math.isfinite(number):
            self.fail(name, f"is {number}, not a finite number")
        return number


class Seen:
    """What was met so far: an id may come again with its own photo and another question, no more.

    Args:
        field: the name of the id's field, for messages.
    """

    def __init__(self, field: str = "id") -> None:
        self.field = field
        self._photos: dict[str, tuple[tuple[str, ...], int]] = {}
        self._rows: dict[int, int] = {}

    def add(self, fields: Fields, name: str, photos: tuple[str, ...], asked: str = "") -> None:
        """Note a record; raise for an id of another photo, or for the same record again."""
        first, row = self._photos.setdefault(name, (photos, fields.where.row))
        if first != photos:
            fields.fail(
                self.field,
                f"{shown(name)} was used in row {row}, for {first[0]}",
                hint="every photo needs an id of its own",
                code="duplicate_id",
            )
        # Hashes, not the texts: a list may ask some 200,000 long questions.
        row = self._rows.setdefault(hash((asked, name, photos)), fields.where.row)
        if row != fields.where.row:
            fields.fail(self.field, f"{shown(name)} repeats row {row}", code="duplicate_id")


def shown(value: object, longest: int = 60) -> str:
    """A value for a message: short, on one line."""
    text = repr(value)
    return text if len(text) <= longest else text[: longest - 3] + "..."


def kind_of(value: object) -> str:
    """What a JSON value is, in words."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"the number {value:g}" if abs(value) < 1e300 else "a number"
    return _NAMES.get(type(value), type(value).__name__)


def _either(names: tuple[str, ...]) -> str:
    return f"one of {', '.join(names)} must be there"
