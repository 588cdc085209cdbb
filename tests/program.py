"""spider as a process of its own; and the same program in this process, which has its libraries
loaded, for tests that look at what it says and writes."""

import contextlib
import gc
import io
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol
from unittest import mock

__all__ = ["PATIENCE", "ROOT", "SPIDER", "Run", "Spider", "environment", "run_here", "run_spider"]

ROOT = Path(__file__).parents[1]
PATIENCE = 900
"""Seconds; the machine may be busy."""
SPIDER = (sys.executable, "-m", "spider_cli")


@dataclass(frozen=True)
class Run:
    """What a run left."""

    code: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def errors(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith("spider: error: ")]


class Spider(Protocol):
    def __call__(
        self, *args: str | Path, env: Mapping[str, str] = {}, **more: Any
    ) -> Run: ...  # pragma: no cover


def environment(extra: Mapping[str, str] = {}) -> dict[str, str]:
    """This process's variables without any of spider's own, and no files of settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SPIDER_", "_SPIDER"))}
    ours = {"COLUMNS": "100", "PYTHONPATH": str(ROOT), "SPIDER_NO_CONFIG": "1"}
    return kept | ours | dict(extra)


def run_spider(*args: str | Path, env: Mapping[str, str] = {}, **more: Any) -> Run:
    """Run spider to its end as a process; stdin is empty unless there is `input`."""
    more = {"timeout": PATIENCE, "stdin": subprocess.DEVNULL} | more
    if "input" in more:
        del more["stdin"]
    done = subprocess.run(
        [*SPIDER, *map(os.fspath, args)], env=environment(env), capture_output=True, **more
    )
    return Run(done.returncode, done.stdout.decode(), done.stderr.decode())


def run_here(
    *args: str | Path,
    env: Mapping[str, str] = {},
    cwd: Path | None = None,
    input: bytes = b"",
) -> Run:
    """The same from the same `main`, without the start of a process.

    What a test of this cannot see: imports, signals, what libraries say.
    """
    from transformers.utils import logging

    from spider_cli import __main__ as program
    from spider_cli.commands import startup

    argv = ["spider", *map(os.fspath, args)]
    stdin = io.TextIOWrapper(io.BytesIO(input), encoding="utf-8")
    with contextlib.ExitStack() as stack:
        out, err = (stack.enter_context(_file()) for _ in range(2))
        for where, name, value in (
            (sys, "argv", argv),
            (sys, "stdin", stdin),
            (sys, "stdout", out),
            (sys, "stderr", err),
            (program.interrupt, "install", lambda: None),  # signals stay pytest's
            (program.messages, "_debugging", False),
            # Libraries may be imported for all tests that come: nothing is hidden from them.
            (program, "hide_torchao", lambda: None),
            (startup, "_out_of_sight", contextlib.nullcontext),
            # As the variables have it that the program sets before it imports them.
            (logging, "_tqdm_active", False),
        ):
            stack.enter_context(mock.patch.object(where, name, value))
        stack.enter_context(mock.patch.dict(os.environ, environment(env), clear=True))
        stack.enter_context(contextlib.chdir(cwd or Path.cwd()))
        stack.enter_context(warnings.catch_warnings())
        stack.callback(logging.set_verbosity, logging.get_verbosity())
        stack.callback(gc.unfreeze)
        logging.set_verbosity_error()
        try:
            program.main()
        except SystemExit as left:
            code = left.code
        out.flush()
        err.flush()
        said = [Path(file.name).read_bytes().decode() for file in (out, err)]
    assert isinstance(code, int)
    return Run(code, *said)


@contextlib.contextmanager
def _file() -> Iterator[IO[str]]:
    """A file for a stream: unlike memory, it has a number, as a pipe has."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="") as file:
        yield file
