"""Every value that a command would get, and where it comes from: flags aside, which come first."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal, TypeAlias

from spider_cli.config.files import File
from spider_cli.config.known import Command, leaves
from spider_cli.config.rating_table import LABELS, THRESHOLDS, origins, read_ratings
from spider_cli.config.settings import RATINGS, settings

__all__ = ["Row", "rating_rows", "rows", "toml_value"]

Source: TypeAlias = Literal["variable", "project", "user", "default"]

_TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})
_FALSE = frozenset({"0", "false", "f", "no", "n", "off"})


@dataclass(frozen=True, slots=True)
class Row:
    """One value."""

    keys: tuple[str, ...]
    """``("score", "fail-under")``."""
    value: Any
    """None where there is none."""
    source: Source
    place: str | None = None
    """The variable's name, or ``FILE:LINE``."""
    table: str | None = None
    """Where in the file."""

    @property
    def origin(self) -> str:
        """In words: ``variable SPIDER_DEVICE``, ``project FILE:3: all.device``, ``default``."""
        return " ".join(filter(None, (self.source, self.place))) + (
            f": {self.table}" if self.table else ""
        )

    def line(self) -> str:
        """``score.fail-under = 60  # default``, as TOML has it."""
        name = ".".join(self.keys)
        if self.value is None:
            return f"# {name} =  # {self.origin}"
        return f"{name} = {toml_value(self.value)}  # {self.origin}"

    def to_json(self) -> dict[str, Any]:
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        return {
            "name": ".".join(self.keys),
            "value": value,
            "source": self.source,
            "place": self.place,
            "table": self.table,
        }


def rows(found: Sequence[File], name: str) -> Iterator[Row]:
    """The options of a command, or of all commands of a group.

    Args:
        found: checked files, the strongest first.
    """
    for command, options in leaves(name).items():
        settled = settings(found, command)
        for key, option in options.items():
            yield _row((*command, key), option, settled.get(option.name))


def _row(keys: Command, option: Any, setting: Any) -> Row:
    variable = option.envvar
    told = os.environ.get(variable) if variable else None
    if told:
        return Row(keys, _as_told(option, told), "variable", variable)
    if setting is not None:
        return Row(keys, setting.value, setting.layer, setting.place, setting.table)
    return Row(keys, _plain(option.default), "default")


def _as_told(option: Any, told: str) -> Any:
    """A variable's text as the value it stands for, as far as that is plain to see."""
    if option.is_flag:
        word = told.strip().lower()
        return True if word in _TRUE else False if word in _FALSE else told
    if option.multiple:
        return tuple(told.split())
    kind = option.type_descriptor.annotation
    if kind in (int, float) and option.type_descriptor.parameter_info.parser is None:
        try:
            return kind(told)
        except ValueError:
            return told
    return told


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(map(_plain, value))
    return str(value) if isinstance(value, PurePath) else value


def rating_rows(found: Sequence[File]) -> Iterator[Row]:
    """Thresholds and labels of ratings, which have no flags and no variables."""
    read, sources = read_ratings(found), origins(found)
    for part, names, values in (
        ("thresholds", THRESHOLDS, read.thresholds),
        ("labels", LABELS, read.labels),
    ):
        for name in names:
            keys = (RATINGS, part, name)
            value = getattr(values, name)
            value = "none" if value is None else value if part == "thresholds" else str(value)
            file = sources.get(keys)
            if file is None:
                yield Row(keys, value, "default")
            else:
                yield Row(keys, value, file.layer, file.place(keys), ".".join(keys))


def toml_value(value: Any) -> str:
    """A value as TOML has it; text of the environment may hold anything."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, str):
        return f'"{"".join(map(_escaped, value))}"'
    return str(value)


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    # Bytes that are no text come as lone surrogates, which no escape of TOML may name.
    return "\\uFFFD" if 0xD800 <= code < 0xE000 else f"\\U{code:08X}"
