"""Write docs/commands.md from the command line itself: `python docs/generate_commands.py`."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from spider_cli.app import COMMANDS, load

TARGET = Path(__file__).parent / "commands.md"

INTRO = """\
# Commands

<!-- Made by docs/generate_commands.py from the command line itself; a test keeps it so. -->

`spider COMMAND --help` says the same, and so do the man pages (`man spider`). An option can also be
given as the environment variable named beside it, or in a file: a flag beats its variable, and that
beats the files ([configuration.md](configuration.md)). `spider --install-completion` sets up
completion for bash, zsh, fish and PowerShell.

Paths are files, folders (searched with their folders, unless `--no-recursive`), patterns such as
`'shoot/**/*.jpg'`, or `-` for a list of paths on stdin, one a line or, with `-0`, separated by NUL:

    find photos -name '*.jpg' | spider score - --json | jq .score
    find photos -name '*.jpg' -print0 | spider score - -0 --csv

What the commands write is described in [json.md](json.md).
"""

EXIT_CODES = {
    0: "All fine. Also when whoever read stdout has had enough (`spider score DIR | head -1`).",
    1: "A gate failed: a photo scored below `--fail-under`; `spider doctor` found a problem; "
    "`spider data verify` found something wrong.",
    2: "Said before any photo is opened: a bad flag or word, a wrong key or value in a "
    "spider.toml, a malformed or inverted box, no photo at all, an `--out` or `--output` that "
    "cannot be written, an existing `--output` without `--force`, a missing model.",
    3: "Some photo failed: it is not there or no photo, the box is wholly outside, its pictures "
    "exist and `--force` was not given. The others were done. 3 wins over 1. `spider data build` "
    "and `convert`: photos that could not be used were left out. `spider eval`: cases of photos "
    "that failed count as wrong.",
    70: "spider itself failed, or the output could not be written. `--debug` shows where.",
    130: "Ctrl-C. Nothing half-written stays. (143: terminated.)",
}

ERRORS = """\
Errors are one line on stderr, `spider: error: ...`, and where it helps a line `hint: ...`; with
`--debug` the traceback comes before them. A failed photo has its line on stderr and its record on
stdout. A box partly outside the photo is clipped, and said on stderr.
"""


def main() -> None:
    """Write the page; with --check fail if it is not as it would be written."""
    page = render()
    if "--check" in sys.argv[1:]:
        if TARGET.read_text(encoding="utf-8") != page:
            sys.exit("docs/commands.md is out of date: run python docs/generate_commands.py")
        return
    TARGET.write_text(page, encoding="utf-8")


def render() -> str:
    """The whole page."""
    return "\n".join([INTRO, *(_command(name) for name in COMMANDS), _exit_codes(), ERRORS])


def _exit_codes() -> str:
    rows = [f"| {code} | {_cell(meaning)} |" for code, meaning in EXIT_CODES.items()]
    head = ["## Exit codes", "", "| code | meaning |", "| --- | --- |"]
    return "\n".join([*head, *rows, ""])


def _command(name: str) -> str:
    command = load(name)
    if hasattr(command, "commands"):  # a group: its own commands, one after the other
        parts = [_section(f"{name} {inner}", one) for inner, one in command.commands.items()]
        return "\n".join(parts)
    return _section(name, command)


def _section(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    words = " ".join(str(p.metavar or p.name.upper()) for p in arguments)
    usage = f"spider {name} {words} [OPTIONS]".replace("  ", " ")
    return "\n".join(
        [
            f"## spider {name}",
            "",
            *(line.strip() for line in (command.help or "").strip().splitlines()),
            "",
            f"    {usage}",
            "",
            "| option | default | variable | what it does |",
            "| --- | --- | --- | --- |",
            *_rows(command),
            "",
        ]
    )


def _rows(command: Any) -> Iterator[str]:
    for option in command.params:
        if option.param_type_name == "option" and not getattr(option, "hidden", False):
            cells = [_flags(option), _default(option), _variable(option), option.help or ""]
            yield f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _flags(option: Any) -> str:
    # Long first, however the command spelled them.
    flags = sorted(
        [*option.opts, *option.secondary_opts], key=lambda flag: not flag.startswith("--")
    )
    value = "" if option.is_flag else f" {value_of(option)}"
    return ", ".join(f"`{flag}{value}`" for flag in flags)


def value_of(option: Any) -> str:
    """What stands for an option's value: its metavar, its choices or its kind."""
    choices = option.type_descriptor.choices
    if choices:
        return "|".join(map(str, choices))
    annotation = option.type_descriptor.annotation
    [kind] = get_args(annotation) or [annotation]  # of a list, what it holds
    return str(option.metavar or getattr(kind, "__name__", "VALUE").upper())


def _default(option: Any) -> str:
    if option.is_flag:
        return "" if not option.default else f"`{option.opts[0]}`"
    return "" if option.default is None else f"`{option.default}`"


def _variable(option: Any) -> str:
    return f"`{option.envvar}`" if option.envvar else ""


if __name__ == "__main__":
    main()
