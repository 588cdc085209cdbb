"""Settings in TOML, read into dataclasses: every key known, every value of its field's type."""

import tomllib
import types
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from spider_cli.errors import UsageError, nearest

__all__ = ["build", "override", "suggestion"]

T = TypeVar("T")


def build(kind: type[T], table: Mapping[str, Any], *, file: str, where: str = "") -> T:
    """A dataclass from a table.

    Args:
        kind: the dataclass; its fields are plain values, tuples, other dataclasses, or ``| None``.
        table: what TOML gave.
        file: named in errors.
        where: the table's own name, "" for the whole file.

    Raises:
        UsageError: an unknown or missing key, a value of another type, or one that the dataclass
            itself refuses; says the file, the key and the table.
    """
    hints = get_type_hints(kind)
    known = {one.name: one for one in fields(kind)}  # type: ignore[arg-type]  # of T
    for key in table:
        if key not in known:
            raise _error(
                f"{file}: unknown key {key!r} {_at(where)}",
                f"{suggestion(key, known)}{_at(where)} it knows: {', '.join(known)}",
            )
    values = {}
    for name, one in known.items():
        path = f"{where}.{name}" if where else name
        if name in table:
            values[name] = _value(hints[name], table[name], file=file, path=path)
        elif is_dataclass(hints[name]):  # a table left out has its defaults, or lacks its keys
            values[name] = build(hints[name], {}, file=file, where=path)
        elif one.default is MISSING and one.default_factory is MISSING:
            what = "the table" if _is_tables(hints[name]) else "the key"
            raise _error(
                f"{file}: {what} {name!r} is missing {_at(where)}",
                f"it is {_described(hints[name])}",
            )
    try:
        return kind(**values)
    except UsageError as error:
        raise UsageError(
            f"{file}: {error.message} {_at(where)}".rstrip(), hint=error.hint, code="bad_recipe"
        ) from error


def override(kind: type[Any], table: dict[str, Any], assignment: str) -> tuple[str, ...]:
    """Put one ``key=value`` of a command line into a table.

    Keys are dotted ("optim.lr_lora"); an item of a list has its number ("data.0.path"), and the
    number after the last adds one. Values are TOML; text needs no quotes; "none" empties an
    optional key.

    Returns:
        The key's parts.

    Raises:
        UsageError: there is no such key, or no ``=``.
    """
    key, equals, text = assignment.partition("=")
    parts = tuple(key.strip().replace("[", ".").replace("]", "").split("."))
    if not equals or not all(parts):
        raise _error(
            f"--set takes KEY=VALUE, not {assignment!r}", "such as --set optim.lr_lora=1e-4"
        )
    here: Any = table
    expected: Any = kind
    for depth, part in enumerate(parts):
        last = depth == len(parts) - 1
        if isinstance(here, list):
            if not (part.isdigit() and int(part) <= len(here)):
                raise _error(
                    f"--set {key}: {part!r} is no number from 0 to {len(here)}",
                    f"{'.'.join(parts[:depth])} has {len(here)} so far, counted from 0",
                )
            expected = get_args(expected)[0]
            step: Any = int(part)
            if step == len(here):
                here.append({})
        else:
            names = [one.name for one in fields(expected)] if is_dataclass(expected) else []
            if part not in names:
                everything = list(_keys(kind))
                raise _error(
                    f"--set {key}: there is no {part!r} {_at('.'.join(parts[:depth]))}",
                    f"{suggestion(part, everything, tails=True)}{_at('.'.join(parts[:depth]))} "
                    f"it knows: {', '.join(names)}",
                )
            expected = get_type_hints(expected)[part]
            step = part
            if not last and not isinstance(here.get(part), dict | list):
                here[part] = [] if _is_tables(expected) else {}
        if last:
            here[step] = _parsed(expected, text.strip())
            if here[step] is None:
                del here[step]
        else:
            here = here[step]
    return parts


def suggestion(word: str, known: Iterable[str], *, tails: bool = False) -> str:
    """ "did you mean 'x'? " where something known is alike, else "".

    Args:
        tails: compare with what follows the last dot of each known key.
    """
    options = {(one.rpartition(".")[2] if tails else one): one for one in known}
    close = nearest(word, options, cutoff=0.6)
    return f"did you mean {options[close]!r}? " if close else ""


def _keys(kind: Any, before: str = "") -> Iterable[str]:
    for name, hint in get_type_hints(kind).items():
        inner = get_args(hint)[0] if _is_tables(hint) else hint
        number = ".0" if _is_tables(hint) else ""
        if is_dataclass(inner):
            yield from _keys(inner, f"{before}{name}{number}.")
        else:
            yield before + name


def _value(hint: Any, value: Any, *, file: str, path: str) -> Any:
    if is_dataclass(hint) and isinstance(value, Mapping):
        return build(hint, value, file=file, where=path)  # type: ignore[arg-type]  # a class
    tables = isinstance(value, list) and all(isinstance(one, Mapping) for one in value)
    if _is_tables(hint) and tables:
        inner = get_args(hint)[0]
        return tuple(
            build(inner, one, file=file, where=f"{path}.{index}") for index, one in enumerate(value)
        )
    for option in _options(hint):
        fits, found = _fitting(option, value)
        if fits:
            return found
    where, _, key = path.rpartition(".")
    choices = [str(one) for option in _options(hint) for one in _choices(option)]
    close = suggestion(value, choices) if isinstance(value, str) else ""
    raise _error(
        f"{file}: {key} must be {_described(hint)}, not {value!r} {_at(where)}",
        close.strip(),
    )


def _fitting(hint: Any, value: Any) -> tuple[bool, Any]:
    """Whether a value is of a plain type, and the value as that type."""
    if get_origin(hint) is Literal:
        return value in get_args(hint) and isinstance(value, str), value
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            return False, None
        members = [_fitting(get_args(hint)[0], one) for one in value]
        if get_args(hint)[-1] is not Ellipsis and len(value) != len(get_args(hint)):
            return False, None
        return all(fits for fits, _ in members), tuple(one for _, one in members)
    if hint is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number, float(value) if number else None
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool), value
    return isinstance(hint, type) and isinstance(value, hint), value


def _parsed(hint: Any, text: str) -> Any:
    if type(None) in _options(hint) and text.lower() == "none":
        return None
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    plain = [one for one in _options(hint) if one is not type(None)]
    if plain == [str] and not isinstance(value, str):
        return text  # a revision of digits stays text
    if not any(get_origin(one) is tuple for one in plain) or isinstance(value, list):
        return value
    if any(value in _choices(one) for one in plain) or any(_is_tables(one) for one in plain):
        return value
    words = text.strip("\"'").split(",")  # a list without its brackets
    return [_parsed(get_args(one)[0], word.strip()) for one in plain[:1] for word in words]


def _options(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _choices(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) is Literal else ()


def _is_tables(hint: Any) -> bool:
    """A tuple of dataclasses: ``[[name]]`` in TOML."""
    return get_origin(hint) is tuple and is_dataclass(get_args(hint)[0])


def _described(hint: Any) -> str:
    """A type in words of TOML."""
    words = []
    for one in _options(hint):
        if _is_tables(one):
            words.append("a list of tables")
        elif is_dataclass(one):
            words.append("a table")
        elif get_origin(one) is Literal:
            words += [repr(choice) for choice in get_args(one)]
        elif get_origin(one) is tuple:
            many = get_args(one)[-1] is Ellipsis
            count = "a list of" if many else f"a list of {len(get_args(one))}"
            words.append(f"{count} {_PLURALS[get_args(one)[0]]}")
        elif one is not type(None):
            words.append(_SINGULARS[one])
    return " or ".join(words)


_SINGULARS: dict[Any, str] = {
    str: "text",
    float: "a number",
    int: "a whole number",
    bool: "true or false",
}
_PLURALS: dict[Any, str] = {str: "texts", float: "numbers", int: "whole numbers"}


def _at(where: str) -> str:
    return f"at [{where}]" if where else "at the top level"


def _error(message: str, hint: str) -> UsageError:
    return UsageError(message, hint=hint, code="bad_recipe")
