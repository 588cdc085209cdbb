"""A program of ours on a pseudo-terminal, as a person has it before them."""

import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

__all__ = ["ROOT", "on_terminal"]

ROOT = Path(__file__).parents[1]
PATIENCE = 900
"""Seconds; the machine may be busy."""


def on_terminal(
    *args: str | Path,
    env: Mapping[str, str],
    stdout: bool = True,
    answer: str | None = None,
) -> tuple[int, str, str]:
    """Run spider with stderr on a terminal.

    Args:
        env: the whole environment, but for where spider lies.
        stdout: is on the terminal too; else it is kept apart.
        answer: typed on the terminal when it shows "[y/N]"; without one nobody types.

    Returns:
        The exit code, what stdout had where it was kept apart, and what the terminal showed.
    """
    import pty  # not on Windows

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "spider_cli", *map(os.fspath, args)],
        stdin=subprocess.DEVNULL if answer is None else theirs,
        stdout=theirs if stdout else subprocess.PIPE,
        stderr=theirs,
        env={"PYTHONPATH": str(ROOT)} | dict(env),
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
        if answer is not None and b"[y/N]" in shown:
            os.write(ours, answer.encode())
            answer = None
    os.close(ours)
    out = b""
    if process.stdout is not None:
        with process.stdout:
            out = process.stdout.read()
    return process.wait(timeout=PATIENCE), out.decode(), shown.decode()
