"""The files' values as the command line's defaults, and whose they were when one is amiss."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from spider_cli.config.files import files
from spider_cli.config.known import NOT_CONFIGURED, Command, leaves
from spider_cli.config.settings import Setting, check, ignored, settings
from spider_cli.errors import UsageError
from spider_cli.outputs import messages

__all__ = ["apply", "blame", "strongest"]

_META = "spider_cli.config"
_TELLS = frozenset({"doctor"})
"""Commands that say what is amiss with the files, and so must work when something is."""


class _Defaults(dict[str, Any]):
    """Defaults of one command, which notes those that nothing stronger replaced."""

    def __init__(self, settled: dict[str, Setting]) -> None:
        super().__init__({name: setting.value for name, setting in settled.items()})
        self.settled = settled
        self.used: dict[str, Setting] = {}

    def get(self, key: str, default: Any = None) -> Any:  # what the command line asks with
        if key in self.settled:
            self.used[key] = self.settled[key]
        return super().get(key, default)


@dataclass
class _Applied:
    commands: dict[Command, _Defaults]


def apply(context: Any, name: str, arguments: Sequence[str]) -> None:
    """Let the files' values be the defaults of a command that is about to be parsed.

    Says on stderr what is ignored. Asked for help, the files are not looked at.

    Args:
        context: the command line's own, above the command's.
        arguments: those of the command.

    Raises:
        UsageError: a file cannot be read, or a key or value in it is wrong.
    """
    if name in NOT_CONFIGURED or _wants_help(arguments):
        return
    try:
        found = files()
        for file in found:
            check(file, name)
    except UsageError:
        if name in _TELLS:
            return
        raise
    if not found:
        return
    inner = arguments[0] if arguments else ""
    applied = _Applied({})
    for command in leaves(name):
        if len(command) == 1 or command[1] == inner:
            applied.commands[command] = _Defaults(settings(found, command))
            for one in ignored(found, command):
                messages.warning(str(one))
    defaults: dict[str, Any] = {}
    for command, values in applied.commands.items():
        if len(command) == 1:
            defaults[name] = values
        else:
            defaults.setdefault(name, {})[command[1]] = values
    context.default_map = defaults
    context.meta[_META] = applied


def strongest(context: Any, rivals: Collection[str]) -> set[str]:
    """Of parameters that got their values from files, those of the strongest file."""
    applied = context.meta.get(_META)
    if applied is None:
        return set()
    settled = applied.commands[_command_of(context)].settled
    layers = {name: settled[name].layer for name in rivals if name in settled}
    layer = "project" if "project" in layers.values() else "user"
    return {name for name, one in layers.items() if one == layer}


def blame(context: Any, said: str) -> str:
    """The place in a file of the value that a complaint is about: ``FILE:LINE``; else "".

    It is about the option that it names first, or else about a text that it quotes.
    """
    applied = context.meta.get(_META)
    used = list(_used(applied)) if applied is not None else []
    named = {
        found.start(): setting.place
        for setting in used
        if (found := re.search(rf"(?<![\w-]){re.escape(setting.flag)}(?![\w-])", said))
    }
    if named:
        return named[min(named)]
    for setting in used:
        values = setting.value if isinstance(setting.value, tuple) else (setting.value,)
        if any(isinstance(value, str) and repr(value) in said for value in values):
            return setting.place
    return ""


def _used(applied: _Applied) -> Iterator[Setting]:
    for defaults in applied.commands.values():
        yield from defaults.used.values()


def _command_of(context: Any) -> Command:
    names: list[str] = []
    while context.parent is not None:
        names.insert(0, context.info_name)
        context = context.parent
    return tuple(names)


def _wants_help(arguments: Sequence[str]) -> bool:
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--help" in options or "-h" in options
