"""The other side of `tests.warm`: imports other people's packages once, then forks for every start.

Nothing of spider's own is imported before the fork: a child runs all of it from the beginning.
"""

import contextlib
import gc
import importlib
import io
import json
import os
import runpy
import select
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACKAGES = (
    "typer.main",
    "typer.rich_utils",
    "rich.console",
    "numpy",
    "psutil",
    "PIL.Image",
    "PIL.ImageCms",
    "PIL.ImageOps",
    "huggingface_hub",
    "safetensors.torch",
    "tokenizers",
    "pycocotools.mask",
    "torch",
    "transformers",
)
"""What nearly every command imports, and what takes the time."""


ENDED = 1 << 63
"""Marks a process's end, where its id was before."""


@dataclass(frozen=True)
class Request:
    """A process that is to be."""

    module: str
    arguments: list[str]
    variables: dict[str, str]
    folder: str
    umask: int
    ignored: list[int]
    """Signals that it ignores."""
    streams: list[int]
    """stdin, stdout and stderr."""
    report: int
    """A pipe that is told its id by the process itself, and how it ended by its parent."""


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    # Ctrl-C is for the tests, which close the socket in the end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Python may have set it itself at its start, which a child does not see.
    locale = {name: value for name, value in os.environ.items() if name == "LC_CTYPE"}
    # As spider hides it before anything imports transformers.
    sys.modules["torchao"] = None  # type: ignore[assignment]
    for name in PACKAGES:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what all children share stays shared
    threads = list(Path("/proc/self/task").iterdir())
    control.sendall(bytes([min(len(threads), 255)]))
    request = serve(control)
    if request is None:
        return
    become(request, locale)
    runpy.run_module(request.module, run_name="__main__", alter_sys=True)


def serve(control: socket.socket) -> Request | None:
    """In a child: what it is to become. In the parent, when nobody asks any more: None."""
    awake, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    children: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([control, awake], [], [])
        if awake in ready:
            os.read(awake, 4096)
            bury(children)
        if control not in ready:
            continue
        request = receive(control)
        if request is None:
            return None
        child = os.fork()
        if not child:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.close()
            for number in (awake, wake, *children.values()):
                os.close(number)
            return request
        children[child] = request.report
        for number in request.streams:
            os.close(number)


def bury(children: dict[int, int]) -> None:
    """Report those that have ended."""
    while children:
        child, status = os.waitpid(-1, os.WNOHANG)
        if not child:
            return
        report = children.pop(child)
        with contextlib.suppress(BrokenPipeError):  # nobody wants to know
            os.write(report, (status | ENDED).to_bytes(8, "little"))
        os.close(report)


def receive(control: socket.socket) -> Request | None:
    head, numbers, _, _ = socket.recv_fds(control, 8, 4)
    if not head:
        return None
    left = int.from_bytes(head, "little")
    told = b""
    while len(told) < left:
        told += control.recv(left - len(told))
    *streams, report = numbers
    return Request(**json.loads(told), streams=streams, report=report)


def become(request: Request, locale: dict[str, str]) -> None:
    """Be as a new Python is that was started so."""
    for number, stream in enumerate(request.streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request.folder)
    os.umask(request.umask)
    os.environ.clear()
    os.environ.update(locale | request.variables)
    for number in {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT}:
        usual: Any = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, signal.SIG_IGN if number in request.ignored else usual)
    sys.argv = ["-m", *request.arguments]
    sys.orig_argv = [sys.executable, "-m", request.module, *request.arguments]
    sys.path[0] = str(Path.cwd())
    sys.modules.pop("tests", None)
    # stderr is written line by line wherever it goes; libraries' handlers hold on to this one.
    sys.stdin = sys.__stdin__ = opened(0, "r", sys.stdin)
    sys.stdout = sys.__stdout__ = opened(1, "w", sys.stdout)
    sys.modules["numpy"].random.seed()  # Python's own generator sees to itself
    os.write(request.report, os.getpid().to_bytes(8, "little"))
    os.close(request.report)


def opened(number: int, mode: str, like: Any) -> Any:
    """As Python opens its own at the start."""
    buffer: Any = open(number, mode + "b", closefd=False)  # noqa: SIM115
    buffer.raw.name = like.name
    made: Any = io.TextIOWrapper(
        buffer,
        encoding=like.encoding,
        errors=like.errors,
        newline="\n",
        line_buffering=buffer.isatty(),
        write_through=like.write_through,
    )
    made.mode = mode
    return made


if __name__ == "__main__":
    main()
