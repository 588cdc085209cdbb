"""A download as people see it: the question before it, and how far it is."""

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from spider_cli.outputs import messages

if TYPE_CHECKING:
    from spider_cli.weights.hub import DownloadPlan

__all__ = ["confirmed", "download", "or_download", "size_text"]

Found = TypeVar("Found")

_BAR = 24
_ERASE = "\r\x1b[K"
_EVERY = 0.3
"""Seconds between two looks at what has come."""


def size_text(size: int) -> str:
    """ "17.5 GB", "13.4 MB" or "2 kB"."""
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size / 1e3:.0f} kB" if size >= 1e3 else f"{size} bytes"


def download(plan: "DownloadPlan", *, quiet: bool = False) -> Path:
    """Fetch what was looked up, and say on stderr how that goes.

    Raises:
        UsageError: it cannot be had.
    """
    from spider_cli.weights.download import fetch
    from spider_cli.weights.hub import Report

    with _Watch(plan, shown=not quiet) as watch:
        return fetch(plan, report=Report(told=watch.told, checked=watch.checked))


def or_download(find: Callable[[], Found], *, quiet: bool = False) -> Found:
    """What `find` finds. A model that is not on this machine is offered for download where a
    person sits at a terminal; in a pipe the error says the command.

    Raises:
        UsageError: there is no such model, or it is not wanted, or cannot be had.
    """
    from spider_cli.weights import NotDownloadedError

    fetched: set[str] = set()
    while True:
        try:
            return find()
        except NotDownloadedError as missing:
            from spider_cli.weights.failures import is_offline
            from spider_cli.weights.hub import look_up

            if missing.wanted.repository in fetched or not _someone_there() or is_offline():
                raise
            plan = look_up(missing.wanted, folder=missing.folder)
            messages.plain(f"{missing.message}.")
            if not confirmed(f"Download it: {_told(plan)}?"):
                raise
            fetched.add(missing.wanted.repository)
            download(plan, quiet=quiet)


def confirmed(question: str) -> bool:
    """Ask on stderr; anything but yes is no. (typer's own question leaves a blank on stdout.)"""
    if sys.stdin is None or sys.stderr is None:
        return False
    print(f"{messages.printable(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):  # the end of the input
        print(file=sys.stderr)
    return answer.strip().lower() in ("y", "yes")


def _someone_there() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def _told(plan: "DownloadPlan") -> str:
    from spider_cli.weights.status import status_on_hub

    record = plan.record
    facts = [record.repository, size_text(plan.missing), f"licence {record.licence or 'not named'}"]
    known = status_on_hub(plan.wanted).as_of(plan)
    if not known.tuned:
        facts.append("a base model, not tuned for spider")
    if not known.machine_fit.fits:
        facts.append(f"too large for this machine ({known.machine_fit.why})")
    return ", ".join(facts)


class _Watch:
    """Says how much has come: on a terminal in one line, elsewhere at every tenth of it."""

    def __init__(self, plan: "DownloadPlan", *, shown: bool) -> None:
        self._record = plan.record
        self._total = max(1, plan.record.size)
        self._here = self._before = self._total - plan.missing
        self._checked = 0
        self._terminal = shown and sys.stderr is not None and sys.stderr.isatty()
        self._shown = shown
        self._tenth = 10 * self._here // self._total
        self._started = time.monotonic()
        self._over = threading.Event()
        self._writing = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "_Watch":
        if self._shown and self._here < self._total:
            rest = f", {size_text(self._here)} of it here" if self._before else ""
            what = f"{self._record.repository} at {self._record.commit[:12]}"
            self.told(f"downloading {what}: {size_text(self._total)}{rest}")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        with self._writing:
            self._draw("")

    def told(self, line: str) -> None:
        """A line of its own."""
        if self._shown:
            with self._writing:
                self._draw("")
                messages.plain(line)

    def checked(self, size: int) -> None:
        """So many bytes more are compared with the hub's checksums."""
        self._checked += size

    def _run(self) -> None:
        from spider_cli.weights.hub import bytes_here

        while not self._over.wait(_EVERY):
            if not self._checked:
                self._here = bytes_here(self._record)
            with self._writing:
                if not self._over.is_set():
                    self._show()

    def _show(self) -> None:
        share = min(1.0, self._here / self._total)
        if not self._terminal:
            if self._shown and int(10 * share) > self._tenth:
                self._tenth = int(10 * share)
                messages.plain(f"{10 * self._tenth}% of {size_text(self._total)}")
            return
        if self._checked:
            share = min(1.0, self._checked / self._total)
            told = f"comparing checksums, {100 * share:.0f}%"
        else:
            pace = (self._here - self._before) / max(time.monotonic() - self._started, 1e-6)
            told = f"{size_text(self._here)} of {size_text(self._total)}"
            if pace > 0:
                left = (self._total - self._here) / pace
                told += f", {size_text(int(pace))}/s, {_duration(left)} left"
        self._draw(f"[{'=' * int(_BAR * share):<{_BAR}}] {told}")

    def _draw(self, text: str) -> None:
        if self._terminal:
            try:
                sys.stderr.write(f"{_ERASE}{text}")
                sys.stderr.flush()
            except (OSError, ValueError):
                self._terminal = False


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
