"""spider as a process of its own, without waiting for torch and transformers each time.

A command that judges photos spends most of its time importing them. So a process stands by that
has (`tests.warm_server`), and forks: what it forks runs `python -m spider_cli` from spider's own
first line, with arguments, variables, folder, streams, signals and exit code of its own.

Only with WARM_STARTS=1. A new Python is started all the same where only that can show what happens:
for commands that leave the libraries' chatter on, with a variable of its own that packages or
Python read at the start, where threads are up before the fork (so run tests with OMP_NUM_THREADS=1,
as `make test` does), off Linux, and where a test asks for it with ``cold=True``.
"""

import atexit
import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from tests.warm_server import ENDED

__all__ = ["Warm", "finished", "started", "starter_for"]

ROOT = Path(__file__).parents[1]
LATE = re.compile(
    r"_?SPIDER_.*|COLUMNS|LINES|TERM|NO_COLOR|COMP_.*|_TYPER_COMPLETE.*|PYTEST_CURRENT_TEST"
    r"|LD_LIBRARY_PATH|TORCHINDUCTOR_CACHE_DIR"  # set by cv2 and torch in the tests' own process
)
"""Variables that are read when they are needed, or of no account. All others must be those of the
waiting process."""
WANTED = os.environ.get("WARM_STARTS") == "1"
"""Else every start is a new Python."""
HUSH = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "TRANSFORMERS_VERBOSITY": "error"}
"""Variables that the commands of `HUSHED` set before they import a library."""
HUSHED = ("describe", "score", "refer", "ground", "audit", "train", "eval")
SHOWN = ("--debug", "--quantize")
"""Options with which libraries are imported in another way; variables can say them, too."""
READY = 900
"""Seconds for it to get there; the machine may be busy."""


class Starter:
    """The waiting process."""

    def __init__(self) -> None:
        self.variables = BASE
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "tests.warm_server", str(theirs.fileno())]
        with theirs, tempfile.TemporaryFile() as said:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.variables | HUSH,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
            theirs.close()
            ours.settimeout(READY)
            threads = ours.recv(1)
            said.seek(0)
            if threads != b"\x01" or said.read():
                # Threads do not survive a fork, and what imports say would not be said again.
                self.process.kill()
                self.process.wait()
                ours.close()
                raise OSError("spider cannot be started warm here")
        self.control = ours

    def close(self) -> None:
        self.control.close()
        self.process.wait()


class Warm:
    """What `subprocess.Popen` is to a process, for one that was forked elsewhere."""

    def __init__(
        self,
        starter: Starter,
        arguments: Sequence[str],
        env: Mapping[str, str],
        *,
        stdin: Any,
        stdout: Any,
        stderr: Any,
        cwd: str | Path | None = None,
        module: str = "spider_cli",
    ) -> None:
        self.args = [sys.executable, "-m", module, *arguments]
        self.returncode: int | None = None
        ignored = [
            int(number)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
            if signal.getsignal(number) is signal.SIG_IGN
        ]
        told = {
            "module": module,
            "arguments": list(arguments),
            "variables": dict(env),
            "folder": os.fspath(cwd or Path.cwd()),
            "umask": umask(),
            "ignored": ignored,
        }
        body = json.dumps(told).encode()
        with contextlib.ExitStack() as ends:
            self.stdin, one = _ends(stdin, "rb", ends)
            self.stdout, two = _ends(stdout, "wb", ends)
            self.stderr, three = _ends(stderr, "wb", ends)
            self._report, report = os.pipe()
            ends.callback(os.close, report)
            head = len(body).to_bytes(8, "little")
            socket.send_fds(starter.control, [head], [one, two, three, report])
            starter.control.sendall(body)
        self.pid = int.from_bytes(os.read(self._report, 8), "little")
        if not self.pid or self.pid & ENDED:
            for pipe in (self.stdin, self.stdout, self.stderr):
                if pipe is not None:
                    pipe.close()
            os.close(self._report)
            raise OSError("spider's warm start failed")

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._report], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            told = os.read(self._report, 8)
            os.close(self._report)
            if not told:
                raise OSError("the process that starts spider warm is gone")
            self.returncode = os.waitstatus_to_exitcode(int.from_bytes(told, "little") ^ ENDED)
        return self.returncode

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(
        self, input: bytes | None = None, timeout: float | None = None
    ) -> tuple[bytes | None, bytes | None]:
        """As `subprocess.Popen.communicate`."""
        end = None if timeout is None else time.monotonic() + timeout
        read: dict[Any, bytes] = {}

        def drain(pipe: IO[bytes]) -> None:
            read[pipe] = pipe.read()

        pipes = [pipe for pipe in (self.stdout, self.stderr) if pipe is not None]
        readers = [threading.Thread(target=drain, args=(pipe,), daemon=True) for pipe in pipes]
        for reader in readers:
            reader.start()
        if self.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.stdin.write(input or b"")
            with contextlib.suppress(BrokenPipeError):
                self.stdin.close()
        for reader in readers:
            reader.join(None if end is None else max(end - time.monotonic(), 0))
            if reader.is_alive():
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
        self.wait(None if end is None else max(end - time.monotonic(), 0))
        for pipe in pipes:
            pipe.close()
        return read.get(self.stdout), read.get(self.stderr)


def _ends(wanted: Any, mode: str, ends: contextlib.ExitStack) -> tuple[IO[bytes] | None, int]:
    """Our end of a stream if it is a pipe, and the process's, which `ends` closes here."""
    if wanted == subprocess.PIPE:
        reading, writing = os.pipe()
        own, theirs = (writing, reading) if mode == "rb" else (reading, writing)
        ends.callback(os.close, theirs)
        return os.fdopen(own, "wb" if mode == "rb" else "rb"), theirs
    if wanted == subprocess.DEVNULL:
        theirs = os.open(os.devnull, os.O_RDWR)
        ends.callback(os.close, theirs)
        return None, theirs
    return None, wanted if isinstance(wanted, int) else wanted.fileno()


def early(env: Mapping[str, str]) -> dict[str, str]:
    """The variables that may be read when something is imported."""
    return {
        name: value
        for name, value in env.items()
        if not LATE.fullmatch(name) and HUSH.get(name) != value
    }


BASE = early(os.environ) | {"PYTHONPATH": str(ROOT)}
"""Those of the tests, before any test or library has changed one."""


def umask() -> int:
    told = re.search(r"^Umask:\s*([0-7]+)$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert told is not None
    return int(told[1], 8)


_starters: list[Starter | None] = []
"""The one of this process, when it has been asked for; None where there can be none."""


def starter_for(
    arguments: Sequence[str], env: Mapping[str, str], module: str = "spider_cli"
) -> Starter | None:
    """The waiting process, if what it forks is as a new Python would be."""
    if not WANTED:
        return None
    if module == "spider_cli":
        if not arguments or arguments[0] not in HUSHED:
            return None
        words = {word.partition("=")[0] for word in arguments}
        if not words.isdisjoint(SHOWN) or any(variable(one) in env for one in SHOWN):
            return None
    if early(env) != BASE:
        return None
    if not _starters:
        try:
            _starters.append(Starter() if sys.platform == "linux" else None)
        except OSError:
            _starters.append(None)
    [starter] = _starters
    return starter if starter is not None and starter.process.poll() is None else None


def variable(option: str) -> str:
    return "SPIDER_" + option[2:].upper().replace("-", "_")


@atexit.register
def end() -> None:
    """Let the waiting process go."""
    for starter in _starters:
        if starter is not None:
            starter.close()
    _starters.clear()


def started(
    *args: str | os.PathLike[str],
    env: Mapping[str, str],
    stdin: Any = subprocess.DEVNULL,
    stdout: Any = subprocess.PIPE,
    stderr: Any = subprocess.PIPE,
    cwd: str | Path | None = None,
    cold: bool = False,
    module: str = "spider_cli",
    **more: Any,
) -> "subprocess.Popen[bytes] | Warm":
    """Start spider.

    Args:
        args: after the program's name.
        env: all its variables.
        stdin: and the others: as `subprocess.Popen` takes them.
        cold: in a new Python, come what may.
        module: what runs instead of spider.
        more: whatever else `subprocess.Popen` takes; a new Python, then.
    """
    arguments = [os.fspath(one) for one in args]
    given = {"env": env, "stdin": stdin, "stdout": stdout, "stderr": stderr, "cwd": cwd}
    starter = None if cold or more else starter_for(arguments, env, module)
    if starter is None:
        return subprocess.Popen([sys.executable, "-m", module, *arguments], **given, **more)
    return Warm(starter, arguments, module=module, **given)


def finished(
    *args: str | os.PathLike[str], env: Mapping[str, str], timeout: float, **more: Any
) -> "subprocess.CompletedProcess[bytes]":
    """Start spider and wait for its end, which comes with what it wrote.

    Args:
        timeout: seconds; `subprocess.TimeoutExpired` after them, and it is no more.
        more: as `started` takes them; and `input`, bytes for stdin.
    """
    given = more.pop("input", None)
    if given is not None:
        more["stdin"] = subprocess.PIPE
    process = started(*args, env=env, **more)
    try:
        out, err = process.communicate(given, timeout)
    except BaseException:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
