"""What the files say, checked: every key a known one, every value of its option's kind."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from spider_cli.config.files import File, Keys, Layer
from spider_cli.config.known import Command, leaves, names, value_for
from spider_cli.config.trust import refusal
from spider_cli.errors import UsageError, did_you_mean

__all__ = ["ALL", "RATINGS", "Ignored", "Setting", "check", "ignored", "settings"]

ALL = "all"
"""The table for every command that has the option, as keys before the first table are."""
RATINGS = "ratings"
"""The table of thresholds and labels."""


@dataclass(frozen=True, slots=True)
class Setting:
    """An option's value from a file."""

    key: str
    name: str
    """The parameter's, in Python."""
    value: Any
    layer: Layer
    place: str
    """``FILE:LINE``."""
    table: str
    """Where in the file: ``score.fail-under``."""

    @property
    def flag(self) -> str:
        return f"--{self.key}"


@dataclass(frozen=True, slots=True)
class Ignored:
    """What a project's file says and may not."""

    key: str
    place: str
    table: str
    why: str
    variable: str | None

    def __str__(self) -> str:
        variable = f", {self.variable}" if self.variable else ""
        return (
            f"{self.place}: {self.key} is ignored in a project's file: {self.why}. Only you can "
            f"set it: --{self.key}{variable}, or your own file (spider config path)"
        )


def settings(found: Sequence[File], command: Command) -> dict[str, Setting]:
    """What the files say for one command: parameter -> setting, of the strongest file.

    Args:
        found: checked files, the strongest first.
    """
    options = leaves(command[0])[command]
    settled: dict[str, Setting] = {}
    for file in reversed(found):
        for key, value, keys in _said(file, command):
            if key in options and (file.layer == "user" or refusal(key, value) is None):
                option = options[key]
                settled[option.name] = Setting(
                    key=key,
                    name=option.name,
                    value=_fitting(file, keys, option, value),
                    layer=file.layer,
                    place=file.place(keys),
                    table=".".join(keys),
                )
    return settled


def ignored(found: Sequence[File], command: Command) -> list[Ignored]:
    """What a project's file says for one command and may not."""
    options = leaves(command[0])[command]
    return [
        Ignored(key, file.place(keys), ".".join(keys), why, options[key].envvar)
        for file in found
        if file.layer == "project"
        for key, value, keys in _said(file, command)
        if key in options and (why := refusal(key, value)) is not None
    ]


def _said(file: File, command: Command) -> Iterator[tuple[str, Any, Keys]]:
    """Keys that reach a command, the weakest table first; some are options of other commands."""
    inside: Mapping[str, Any] = file.values
    tables: list[tuple[Keys, Any]] = [((), inside), ((ALL,), inside.get(ALL))]
    for depth, name in enumerate(command, 1):
        inside = inside.get(name, {}) if isinstance(inside, Mapping) else {}
        tables.append((command[:depth], inside))
    for above, table in tables:
        if isinstance(table, Mapping):
            for key, value in table.items():
                if not isinstance(value, dict):
                    yield key, value, (*above, key)


def check(file: File, first: str | None = None) -> None:
    """Is every key known, and every value of the right kind?

    Args:
        first: the command that runs. Keys for all commands are then looked for there, and
            elsewhere only where it has none of that name.

    Raises:
        UsageError: no; with the file, the line and what was meant.
    """
    for key, value in file.values.items():
        if key == RATINGS:
            from spider_cli.config.rating_table import check_ratings

            check_ratings(file)
        elif isinstance(value, dict):
            if key == ALL:
                for inner, one in value.items():
                    _check_everywhere(file, (ALL, inner), one, first)
            elif key in names():
                _check_table(file, key, value)
            else:
                known = [*names(), ALL, RATINGS]
                _refuse(file, (key,), f"there is no command {key}", did_you_mean(key, known))
        else:
            _check_everywhere(file, (key,), value, first)


def _check_everywhere(file: File, keys: Keys, value: Any, first: str | None) -> None:
    key, known, everything = keys[-1], False, set[str]()
    if isinstance(value, dict):
        _refuse(file, keys, f"{'.'.join(keys)} is a table, and no option")
    for name in names() if first is None else (first, *names()):
        for options in leaves(name).values():
            everything |= set(options)
            if key in options:
                _fitting(file, keys, options[key], value)
                known = True
        if known and first is not None:
            return
    if not known:
        hint = did_you_mean(key, everything) + "spider COMMAND --help lists the options"
        _refuse(file, keys, f"no command has an option {key!r}", hint)


def _check_table(file: File, name: str, table: Mapping[str, Any]) -> None:
    if not leaves(name):
        return
    inner = {path[1]: options for path, options in leaves(name).items() if len(path) > 1}
    for key, value in table.items():
        if key in inner and isinstance(value, dict):
            for deeper, one in value.items():
                _check_option(file, (name, key, deeper), one, [inner[key]])
        else:
            _check_option(file, (name, key), value, list(leaves(name).values()), [*inner])


def _check_option(
    file: File,
    keys: Keys,
    value: Any,
    where: Sequence[Mapping[str, Any]],
    tables: Sequence[str] = (),
) -> None:
    having = [options[keys[-1]] for options in where if keys[-1] in options]
    if not having:
        known = {key for options in where for key in options}
        command = " ".join(keys[:-1])
        hint = did_you_mean(keys[-1], {*known, *tables})
        hint += f"spider {command} --help lists its options"
        _refuse(file, keys, f"spider {command} has no option {keys[-1]!r}", hint)
    for option in having:
        _fitting(file, keys, option, value)


def _fitting(file: File, keys: Keys, option: Any, value: Any) -> Any:
    try:
        return value_for(option, value)
    except ValueError as error:
        meant = ""
        if option.type_descriptor.choices:
            meant = did_you_mean(str(value), map(str, option.type_descriptor.choices)).strip()
        _refuse(file, keys, f"{'.'.join(keys)} {error}", meant)


def _refuse(file: File, keys: Keys, what: str, hint: str = "") -> NoReturn:
    raise UsageError(f"{file.place(keys)}: {what}", hint=hint.strip(), code="bad_config")
