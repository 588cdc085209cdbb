"""The man pages: up to date, without a complaint from groff and man, and whole."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spider_cli.app import COMMANDS, load

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "man"
PAGES = sorted(FOLDER.glob("*.1"))

TRICKY = "\\fB .PP 'quoted' \"double\" `tick` ~/x^2 --flag a-b \\ \t é 日 .\n'.\n\\"


def shown(page: Path, tool: Callable[[str], str], *more: str) -> str:
    """A page as plain text, unbroken; complaints fail the test."""
    command = [tool("groff"), "-man", "-ww", "-Tutf8", "-P-c", "-P-b", "-P-u", "-rLL=1000n", *more]
    done = subprocess.run(
        [*command, str(page)], capture_output=True, encoding="utf-8", timeout=60, check=True
    )
    assert done.stderr == ""
    return done.stdout


def test_the_pages_are_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "docs" / "generate_man.py"), "--check"]
    done = subprocess.run(
        command, capture_output=True, env={"PYTHONPATH": str(ROOT)}, timeout=120, text=True
    )
    assert done.returncode == 0, done.stderr


def test_there_is_a_page_for_each_command() -> None:
    names = {"spider.1", *(f"spider-{name}.1" for name in COMMANDS)}
    assert {page.name for page in FOLDER.iterdir()} == names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_nothing_is_wrong_with_a_page(page: Path, tool: Callable[[str], str]) -> None:
    text = shown(page, tool, "-rCHECKSTYLE=10")
    assert all(ord(c) < 128 for c in page.read_text(encoding="utf-8"))
    for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "FILES", "SEE ALSO"):
        assert re.search(rf"^{section}$", text, re.MULTILINE)


def test_man_shows_the_pages(tool: Callable[[str], str]) -> None:
    done = subprocess.run(
        [tool("man"), "--warnings", "-E", "UTF-8", "-l", *map(str, PAGES)],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "whole shoots" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_told_as_it_is_typed(name: str, tool: Callable[[str], str]) -> None:
    """Flags, variables and help come out as they went in: what is copied from the page works."""
    words = " ".join(shown(FOLDER / f"spider-{name}.1", tool).split())
    command = load(name)
    for one in getattr(command, "commands", {name: command}).values():
        for option in one.params:
            if option.param_type_name == "option":
                for flag in (*option.opts, *option.secondary_opts):
                    assert f" {flag} " in f"{words} ".replace(",", " ")
                said = " ".join((option.help or "").replace("`", "").split())
                assert said in words
                assert not option.envvar or f"Variable: {option.envvar}." in words


def test_any_text_comes_out_as_it_went_in(
    tmp_path: Path, tool: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs")
    import generate_man

    pages = [".TH X 1", ".SH NAME", *generate_man._text(f"x {TRICKY}")]
    pages += [
        ".TP",
        generate_man.bold(TRICKY.split("\n")[0]),
        *generate_man._text("'.' \\. starts"),
    ]
    page = tmp_path / "x.1"
    page.write_text("\n".join([*pages, ""]), encoding="utf-8")
    words = " ".join(shown(page, tool, "-k").split())
    tricky: Any = " ".join(TRICKY.replace("`tick`", "tick").split())
    assert tricky in words
    assert "'.' \\. starts" in words
