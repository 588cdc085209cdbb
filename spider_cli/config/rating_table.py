"""``[ratings]``: how a score becomes stars, and stars a colour."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NoReturn

from spider_cli.audit.stars import Labels, Thresholds
from spider_cli.audit.xmp_terms import Colour
from spider_cli.config.files import File, Keys, files
from spider_cli.errors import UsageError, did_you_mean

__all__ = ["LABELS", "THRESHOLDS", "Ratings", "check_ratings", "origins", "read_ratings"]

_TABLE = "ratings"
THRESHOLDS = tuple(field.name for field in fields(Thresholds))
LABELS = tuple(field.name for field in fields(Labels))
_NONE = "none"


@dataclass(frozen=True, slots=True)
class Ratings:
    """What the files say of ratings; the defaults where they say nothing."""

    thresholds: Thresholds = field(default_factory=Thresholds)
    labels: Labels = field(default_factory=Labels)


def read_ratings(found: Sequence[File] | None = None) -> Ratings:
    """The ratings of the working folder's files, key by key of the strongest.

    Args:
        found: the files, the strongest first; read anew where not given.

    Raises:
        UsageError: a file cannot be read, or a value in it cannot be.
    """
    found = files() if found is None else found
    thresholds: dict[str, float] = {}
    labels: dict[str, Colour | None] = {}
    for file in reversed(found):
        check_ratings(file)
        table = file.values.get(_TABLE, {})
        thresholds |= table.get("thresholds", {})
        labels |= {name: _colour(word) for name, word in table.get("labels", {}).items()}
    try:
        return Ratings(Thresholds(**thresholds), Labels(**labels))
    except UsageError as error:
        # Each may be right by itself: files, or a file and the defaults, may not go together.
        place = next(file.place((_TABLE, "thresholds")) for file in found if _TABLE in file.values)
        raise UsageError(f"{place}: {error.message}", hint=error.hint, code=error.code) from error


def origins(found: Sequence[File]) -> dict[Keys, File]:
    """Which file each key of the table comes from; keys that none names are not there."""
    return {
        (_TABLE, part, name): file
        for file in reversed(found)
        for part, known in (("thresholds", THRESHOLDS), ("labels", LABELS))
        for name in file.values.get(_TABLE, {}).get(part, {})
        if name in known
    }


def check_ratings(file: File) -> None:
    """Is every key of the table known, and every value of its kind?

    Raises:
        UsageError: no.
    """
    table = file.values.get(_TABLE, {})
    if not isinstance(table, Mapping):
        _refuse(
            file, (_TABLE,), f"{_TABLE} is a table: [{_TABLE}.thresholds] and [{_TABLE}.labels]"
        )
    for part, inner in table.items():
        known = {"thresholds": THRESHOLDS, "labels": LABELS}.get(part)
        keys = (_TABLE, part)
        if known is None or not isinstance(inner, Mapping):
            hint = did_you_mean(part, ("thresholds", "labels")) if known is None else ""
            _refuse(file, keys, f"[{_TABLE}] has two tables, thresholds and labels", hint)
        for name, value in inner.items():
            if name not in known:
                hint = did_you_mean(name, known) + f"known: {', '.join(known)}"
                _refuse(file, (*keys, name), f"[{_TABLE}.{part}] has no {name!r}", hint)
            _check_value(file, (*keys, name), value)


def _check_value(file: File, keys: Keys, value: Any) -> None:
    what = ".".join(keys)
    if keys[1] == "thresholds":
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or not 0 <= value <= 100:
            _refuse(file, keys, f"{what} takes a score from 0 to 100, not {value!r}")
        return
    colours = [*(str(colour) for colour in Colour), _NONE]
    if not isinstance(value, str) or value.lower() not in map(str.lower, colours):
        hint = did_you_mean(str(value), colours)
        _refuse(file, keys, f"{what} takes {', '.join(colours)}, not {value!r}", hint)


def _colour(word: str) -> Colour | None:
    return None if word.lower() == _NONE else Colour(word.capitalize())


def _refuse(file: File, keys: Keys, what: str, hint: str = "") -> NoReturn:
    raise UsageError(f"{file.place(keys)}: {what}", hint=hint.strip(), code="bad_config")
