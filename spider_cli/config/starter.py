"""An example of a file of settings, all of it commented out, from the command line's own help."""

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from spider_cli.audit.stars import Labels, Thresholds
from spider_cli.audit.xmp_terms import Colour
from spider_cli.config.files import Layer
from spider_cli.config.known import Command, leaves, names
from spider_cli.config.rating_table import LABELS, THRESHOLDS
from spider_cli.config.shown import toml_value
from spider_cli.config.trust import ALLOWED

__all__ = ["example"]

_WIDTH = 98

_HEAD = {
    "user": """\
# Settings of spider, for every folder. A flag beats a SPIDER_* variable, that beats the project's
# spider.toml, and that beats this file. `spider config show` says where each value comes from.
""",
    "project": """\
# Settings of spider for this folder and those below. A flag beats a SPIDER_* variable, and that
# beats this file, which beats the user's own. `spider config show` says where each value comes
# from. What could send, write or remove something is not taken from a project's file.
""",
}
_MANY = 3
"""Commands that share an option, so that it is shown once, for all."""


def example(layer: Layer) -> str:
    """The text of a file: every option that may stand in it, with its help and its default."""
    commands = {
        path: _allowed(options, layer) for name in names() for path, options in leaves(name).items()
    }
    shared = _shared(commands)
    lines = [_HEAD[layer], "# For every command that has the option.", "[all]"]
    for key, option in shared.items():
        lines += _option(key, option)
    for path, options in commands.items():
        own = [key for key in options if not _same(options[key], shared.get(key))]
        if own:
            lines += ["", f"# spider {' '.join(path)}", f"[{'.'.join(path)}]"]
        for key in own:
            lines += _option(key, options[key])
    return "\n".join([*lines, *_ratings(), ""])


def _allowed(options: Mapping[str, Any], layer: Layer) -> dict[str, Any]:
    return {key: one for key, one in options.items() if layer == "user" or key in ALLOWED}


def _shared(commands: Mapping[Command, Mapping[str, Any]]) -> dict[str, Any]:
    """Options that are the same thing in many commands; one of each."""
    alike: dict[tuple[str, str], list[Any]] = {}
    for options in commands.values():
        for key, option in options.items():
            alike.setdefault((key, _help(option)), []).append(option)
    shared: dict[str, Any] = {}
    for (key, _), found in sorted(alike.items(), key=lambda one: len(one[1])):
        if len(found) >= _MANY:
            shared[key] = found[0]  # the most common comes last
    order = [key for options in commands.values() for key in options]
    return {key: shared[key] for key in dict.fromkeys(order) if key in shared}


def _same(one: Any, other: Any) -> bool:
    if other is None:
        return False
    return (_help(one), repr(one.default)) == (_help(other), repr(other.default))


def _help(option: Any) -> str:
    return " ".join((option.help or "").split())


def _option(key: str, option: Any) -> Iterator[str]:
    yield ""
    yield from textwrap.wrap(_help(option), _WIDTH, initial_indent="# ", subsequent_indent="# ")
    yield f"#{key} = {toml_value(_sample(option))}"


def _sample(option: Any) -> Any:
    """The default; where there is none, something of its kind."""
    if option.default is not None and not option.multiple:
        default = option.default
        return default if isinstance(default, bool | int | float) else str(default)
    if option.is_flag:
        return False
    described = option.type_descriptor
    if described.choices:
        return str(described.choices[0])
    kind = described.annotation
    if option.multiple:
        [kind] = get_args(kind)
        return [_least(option, kind)]
    return _least(option, kind)


def _least(option: Any, kind: Any) -> Any:
    if kind in (int, float) and option.type_descriptor.parameter_info.parser is None:
        return option.min if option.min is not None else 0
    return option.metavar or option.name.upper()


def _ratings() -> Iterator[str]:
    thresholds, labels = Thresholds(), Labels()
    yield ""
    yield "# The lowest score, 0-100, of each number of stars. Lower than unrated: rejected."
    yield "[ratings.thresholds]"
    for name in THRESHOLDS:
        yield f"#{name} = {getattr(thresholds, name):g}"
    yield ""
    yield f"# The colour of each number of stars: {', '.join(Colour)} or none."
    yield "[ratings.labels]"
    for name in LABELS:
        colour = getattr(labels, name)
        yield f"#{name} = {toml_value('none' if colour is None else str(colour))}"
