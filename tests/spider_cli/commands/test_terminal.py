"""On a terminal: the readable form, colours unless NO_COLOR, a line of progress."""

import importlib.util
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

PATIENCE = 900
"""Seconds; the machine may be busy."""
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def pseudo_terminal(lack: Callable[[str, str], NoReturn]) -> None:
    """What these tests run on."""
    if importlib.util.find_spec("pty") is None:
        lack("a pseudo-terminal", "use Linux or macOS")


def on_terminal(*args: str | Path, env: dict[str, str], stdout: bool = True) -> tuple[int, str]:
    """Run spider with stderr, and maybe stdout, on a terminal; the exit code and what it showed."""
    import pty  # not on Windows

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "spider_cli", *map(os.fspath, args)],
        stdin=subprocess.DEVNULL,
        stdout=theirs if stdout else subprocess.DEVNULL,
        stderr=theirs,
        env={k: v for k, v in os.environ.items() if k != "NO_COLOR"}
        | {"TERM": "xterm-256color", "COLUMNS": "100", "PYTHONPATH": str(ROOT)}
        | env,
    )
    os.close(theirs)
    shown = b""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        ready, _, _ = select.select([ours], [], [], 0.2)
        try:
            chunk = os.read(ours, 65536) if ready else None
        except OSError:  # the other side is closed
            break
        if chunk == b"":
            break
        shown += chunk or b""
    os.close(ours)
    return process.wait(timeout=PATIENCE), shown.decode()


@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}])
def test_readable_form(photo: Path, env: dict[str, str]) -> None:
    code, shown = on_terminal("score", photo, "missing.jpg", env=env)
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
    code, shown = on_terminal("score", photo, "--json", "--quiet", env={})
    assert code == 0
    assert shown.startswith('{"schema": "spider/1"')
    assert "\x1b" not in shown


def test_help_is_plain_with_no_color() -> None:
    _, shown = on_terminal("--help", env={"NO_COLOR": "1"})
    assert "describe" in shown
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", shown)
