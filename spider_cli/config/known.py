"""What can be set: the options of every command, from the command line itself."""

import functools
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeAlias, get_args

from spider_cli.errors import UsageError

__all__ = ["NOT_CONFIGURED", "Command", "key_of", "leaves", "names", "shown", "value_for"]

Command: TypeAlias = tuple[str, ...]
"""A command as it is typed: ``("score",)``, ``("models", "download")``."""

NOT_CONFIGURED = frozenset({"config"})
"""Commands that take nothing from the files: what looks after them must work when they do not."""


def names() -> list[str]:
    """The commands that a file may have a table for."""
    from spider_cli.app import COMMANDS

    return [name for name in COMMANDS if name not in NOT_CONFIGURED]


@functools.cache
def leaves(name: str) -> Mapping[Command, Mapping[str, Any]]:
    """The options of a command, or of each command of a group: key in a file -> typer's option.

    Of a command whose extra is not installed nothing is known.
    """
    from spider_cli.app import load

    try:
        loaded = load(name)
    except UsageError:
        return MappingProxyType({})
    inner = getattr(loaded, "commands", None)
    if inner is None:
        return MappingProxyType({(name,): _options(loaded)})
    return MappingProxyType({(name, inside): _options(one) for inside, one in inner.items()})


def _options(command: Any) -> Mapping[str, Any]:
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    return MappingProxyType({key_of(option): option for option in options})


def key_of(option: Any) -> str:
    """What a file calls an option: its long flag without the dashes."""
    long = [flag for flag in option.opts if flag.startswith("--")]
    return str((long or option.opts)[0]).lstrip("-")


def value_for(option: Any, value: Any) -> Any:
    """A value of a file as the option takes it.

    Raises:
        ValueError: it cannot be the option's; the message says what can: "takes true or false,
            not 'yes'".
    """
    if option.is_flag:
        if not isinstance(value, bool):
            raise ValueError(f"takes true or false, not {shown(value)}")
        return value
    if option.multiple:
        items = value if isinstance(value, list) else [value]
        return tuple(_single(option, item) for item in items)
    return _single(option, value)


def _single(option: Any, value: Any) -> Any:
    described = option.type_descriptor
    kind = described.annotation
    [kind] = get_args(kind) if option.multiple else [kind]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"takes {_kind(option, kind)}, not {shown(value)}")
    if described.parameter_info.parser is not None:
        return str(value)  # its own parser says what it is
    if described.choices:
        choices = [str(choice) for choice in described.choices]
        if value not in choices:
            raise ValueError(f"takes {_kind(option, kind)}, not {shown(value)}")
    elif kind in (int, float):
        whole = isinstance(value, int) or kind is float
        if isinstance(value, str) or not whole or not math.isfinite(value):
            raise ValueError(f"takes {_kind(option, kind)}, not {shown(value)}")
        least, most = option.min, option.max
        if (least is not None and value < least) or (most is not None and value > most):
            raise ValueError(f"takes {_kind(option, kind)}, not {value}")
    elif not isinstance(value, str):
        raise ValueError(f"takes a string, not {shown(value)}")
    return value


def _kind(option: Any, kind: Any) -> str:
    choices = option.type_descriptor.choices
    if choices:
        *first, last = map(str, choices)
        return f"{', '.join(first)} or {last}" if first else last
    if kind not in (int, float):
        return "a string"
    what = "a whole number" if kind is int else "a number"
    if option.min is not None and option.max is not None:
        return f"{what} from {option.min} to {option.max}"
    if option.min is not None:
        return f"{what} of at least {option.min}"
    return what


def shown(value: Any) -> str:
    """A value of a file in a message."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    return "a list" if isinstance(value, list) else repr(value)
