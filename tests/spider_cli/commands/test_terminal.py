"""On a terminal: the readable form, colours unless NO_COLOR, a line of progress."""

import importlib.util
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from tests.openai_server import OpenAIServer
from tests.terminal import on_terminal


@pytest.fixture(autouse=True)
def pseudo_terminal(lack: Callable[[str, str], NoReturn]) -> None:
    """What these tests run on."""
    if importlib.util.find_spec("pty") is None:
        lack("a pseudo-terminal", "use Linux or macOS")


def shown_by(*args: str | Path, env: dict[str, str], stdout: bool = True) -> tuple[int, str]:
    """Run spider with stderr, and maybe stdout, on a terminal; the exit code and what it showed."""
    own = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    own |= {"TERM": "xterm-256color", "COLUMNS": "100"} | env
    code, _, shown = on_terminal(*args, env=own, stdout=stdout)
    return code, shown


@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}])
def test_readable_form(photo: Path, env: dict[str, str]) -> None:
    code, shown = shown_by("score", photo, "missing.jpg", env=env)
    assert code == 3
    assert re.search(r"\d+\.\d.{0,8}/100", shown)
    assert photo.name in shown
    assert '"score"' not in shown
    coloured = re.search(r"\x1b\[[0-9;]*3[0-9]", shown) is not None
    assert coloured == ("NO_COLOR" not in env)
    # The failure is said once: stdout and stderr are the same terminal.
    assert shown.count("missing.jpg") == 1
    assert "loading the model" in shown
    assert re.search(r"\[=+\] 2/2", shown)


def test_json_when_asked_and_no_progress_when_quiet(photo: Path) -> None:
    with OpenAIServer(lambda request: "is fair.", models=["m"]) as server:
        model = f"openai:{server.url}"
        code, shown = shown_by("score", photo, "--json", "--quiet", "--model", model, env={})
    assert code == 0
    assert shown.startswith('{"schema": "spider/1"')
    assert "\x1b" not in shown


def test_help_is_plain_with_no_color() -> None:
    _, shown = shown_by("--help", env={"NO_COLOR": "1"})
    assert "describe" in shown
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", shown)
