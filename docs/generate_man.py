"""Write docs/man/*.1 from the command line itself: `python docs/generate_man.py`.

One page for spider, one for each command; a group's commands share a page. The wheel puts them into
share/man/man1 of where it is installed, and man looks there when its bin is on the path.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from generate_commands import EXIT_CODES, value_of
from typer.main import get_command

from spider_cli import __version__
from spider_cli.app import COMMANDS, app, load

TARGET = Path(__file__).parent / "man"

ENVIRONMENT = {
    "SPIDER_CACHE": "The folder of spider's own state; by default spider in the platform's cache "
    "folder.",
    "SPIDER_CONFIG": "Your own file of settings, instead of the one that `spider config path` "
    "prints.",
    "SPIDER_API_KEY, OPENAI_API_KEY": "The key of a server that --model names.",
    "HF_HOME, HF_HUB_CACHE, HF_ENDPOINT": "Of the hub's client: where downloaded models lie, and "
    "where they come from.",
}

FILES = {
    "./spider.toml": "Settings of the project: of the working folder or the nearest above it. What "
    "could send, write or remove something is not taken from it.",
    "~/.config/spider/spider.toml": "Your own settings, on Linux; `spider config path` says where "
    "elsewhere, `spider config init` writes an example.",
}

PATHS = """\
Paths are files, folders (searched with their folders, unless --no-recursive), patterns such as \
'shoot/**/*.jpg', or - for a list of paths on stdin, one a line or, with -0, separated by NUL."""

SETTINGS = """\
Flags beat SPIDER_* variables, those beat the project's spider.toml, that beats your own file, and \
that beats the defaults. `spider config show` says where each value comes from."""

TABLES = """\
An option is set in a file by its long name: in the table of the command, or, for all commands \
that have it, before the first table or in [all]."""


def main() -> None:
    """Write the pages; with --check fail if they are not as they would be written."""
    pages = render()
    there = {file.name: file.read_text(encoding="utf-8") for file in TARGET.glob("*")}
    if "--check" in sys.argv[1:]:
        if there != pages:
            names = [name for name in {*there, *pages} if there.get(name) != pages.get(name)]
            said = "docs/man is out of date: run python docs/generate_man.py"
            sys.exit(f"{said} ({', '.join(sorted(names))})")
        return
    TARGET.mkdir(exist_ok=True)
    for name in there.keys() - pages.keys():
        (TARGET / name).unlink()
    for name, page in pages.items():
        (TARGET / name).write_text(page, encoding="utf-8")


def render() -> dict[str, str]:
    """File name -> page."""
    pages = {"spider.1": _lines(_overview())}
    return pages | {f"spider-{name}.1": _lines(_command(name)) for name in COMMANDS}


def _lines(parts: Iterable[str]) -> str:
    return "\n".join([*parts, ""])


def _head(name: str, summary: str) -> Iterator[str]:
    yield '.\\" Made by docs/generate_man.py from the command line itself; a test keeps it so.'
    yield f'.TH {escaped(name.upper())} 1 "" "spider {escaped(__version__)}" "spider"'
    # Options and variables are not to be broken, nor lines filled with spaces.
    yield from (".nh", ".ad l")
    yield ".SH NAME"
    yield f"{escaped(name)} \\- {escaped(summary[0].lower() + summary[1:].rstrip('.'))}"


def _overview() -> Iterator[str]:
    root = get_command(app)
    yield from _head("spider", str(root.help))
    yield from (".SH SYNOPSIS", f"{bold('spider')} {italic('COMMAND')} [{italic('OPTIONS')}]")
    yield ".SH DESCRIPTION"
    yield from _text(
        "spider looks at photos and says what is wrong with them, in words, with a score from 0 to "
        "100, and with a mask of the region at fault. Nothing leaves the machine unless you name a "
        "server, a cluster or an address to send it to, and photos are never changed."
    )
    yield from (".PP", *_text(PATHS))
    yield ".SH COMMANDS"
    for name, (_, summary) in COMMANDS.items():
        yield from (".TP", f"{bold('spider ' + name)}, see {reference(name)}", *_text(summary))
    yield ".SH OPTIONS"
    yield from _options(root)
    yield from _ending([])


def _command(name: str) -> Iterator[str]:
    command = load(name)
    yield from _head(f"spider-{name}", COMMANDS[name][1])
    inner = getattr(command, "commands", None)
    yield ".SH SYNOPSIS"
    if inner is None:
        yield _usage(name, command)
        yield ".SH DESCRIPTION"
        yield from _help(command)
        yield ".SH OPTIONS"
        yield from _options(command)
    else:
        for key, one in inner.items():
            yield from (_usage(f"{name} {key}", one), ".br")
        yield ".SH DESCRIPTION"
        yield from _text(str(command.help or COMMANDS[name][1]))
        for key, one in inner.items():
            yield f".SH {escaped(f'spider {name} {key}'.upper())}"
            yield from (*_help(one), *_options(one))
    others = [one for one in COMMANDS if one != name]
    yield from _ending(others)


def _usage(name: str, command: Any) -> str:
    words = [
        str(p.metavar or p.name.upper()) for p in command.params if p.param_type_name == "argument"
    ]
    return " ".join([bold(f"spider {name}"), *map(italic, words), f"[{italic('OPTIONS')}]"])


def _help(command: Any) -> Iterator[str]:
    paragraphs = re.split(r"\n\s*\n", (command.help or "").strip())
    for number, paragraph in enumerate(paragraphs):
        if number:
            yield ".PP"
        yield from _text(paragraph)


def _options(command: Any) -> Iterator[str]:
    panels: dict[str, list[Any]] = {"": []}  # those without a panel come first
    for option in command.params:
        if option.param_type_name == "option" and not option.hidden:
            panels.setdefault(option.rich_help_panel or "", []).append(option)
    for panel, options in panels.items():
        if panel:
            yield f".SS {escaped(panel)}"
        for option in options:
            yield from (".TP", ", ".join(_flags(option)), *_text(_meaning(option)))


def _flags(option: Any) -> Iterator[str]:
    flags = [*option.opts, *option.secondary_opts]
    for flag in sorted(flags, key=lambda flag: not flag.startswith("--")):
        yield bold(flag) if option.is_flag else f"{bold(flag)} {italic(value_of(option))}"


def _meaning(option: Any) -> str:
    said = [option.help or ""]
    if option.is_flag:
        if option.default:
            said.append(f"The default is {option.opts[0]}.")
    elif option.default is not None:
        said.append(f"The default is {option.default}.")
    if option.envvar:
        said.append(f"Variable: {option.envvar}.")
    return " ".join(said)


def _ending(others: list[str]) -> Iterator[str]:
    yield ".SH EXIT STATUS"
    for code, meaning in EXIT_CODES.items():
        yield from (".TP", bold(str(code)), *_text(meaning))
    yield from (".SH ENVIRONMENT", *_text(SETTINGS))
    for name, meaning in ENVIRONMENT.items():
        yield from (".TP", bold(name), *_text(meaning))
    yield ".SH FILES"
    for name, meaning in FILES.items():
        yield from (".TP", italic(name), *_text(meaning))
    yield from (".PP", *_text(TABLES))
    yield ".SH SEE ALSO"
    names = [reference(), *map(reference, others)] if others else [*map(reference, COMMANDS)]
    yield from (f"{name}," for name in names[:-1])
    yield names[-1]


def reference(name: str = "") -> str:
    """``spider-score(1)``, in bold as the custom is."""
    return f"{bold(f'spider-{name}' if name else 'spider')}(1)"


def bold(text: str) -> str:
    """In bold, what is typed as it stands."""
    return f"\\fB{escaped(text)}\\fR"


def italic(text: str) -> str:
    """In italics, what stands for something else."""
    return f"\\fI{escaped(text)}\\fR"


def _text(text: str) -> Iterator[str]:
    """Filled text, a sentence a line; words in backquotes in bold."""
    words = " ".join(text.split())
    for sentence in re.split(r"(?<=[.?])\s+(?=[A-Z`])", words):
        parts = re.split(r"`([^`]+)`", sentence)
        line = "".join(bold(p) if odd % 2 else escaped(p) for odd, p in enumerate(parts))
        # A line that begins with one of these would be taken for a request.
        yield f"\\&{line}" if line.startswith((".", "'")) else line


_ESCAPES = {
    "\\": "\\e",
    "-": "\\-",
    "'": "\\(aq",
    "`": "\\(ga",
    "^": "\\(ha",
    "~": "\\(ti",
    '"': "\\(dq",
}


def escaped(text: str) -> str:
    """Text as roff has it: what programs take literally stays so when it is copied."""
    return "".join(_ESCAPES.get(c, c if c.isascii() else f"\\[u{ord(c):04X}]") for c in text)


if __name__ == "__main__":
    main()
