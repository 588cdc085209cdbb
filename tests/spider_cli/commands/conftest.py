"""The real program as a process, and photos for it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.program import PATIENCE, SPIDER, Run, Spider, environment, run_here, run_spider

# Runs spider with a hook that notes every file opened and every socket made, one JSON line each.
AUDITED = """
import json, os, sys
log = open(os.environ["AUDIT_LOG"], "w", buffering=1)
def note(event, args):
    if event == "open" or event.startswith("socket."):
        log.write(json.dumps([event, repr(args[0])]) + "\\n")
sys.addaudithook(note)
from spider_cli.__main__ import main
main()
"""


@pytest.fixture(scope="session")
def spider() -> Spider:
    """Run spider to its end as a process, stdin empty."""
    return run_spider


@pytest.fixture(scope="session")
def inside() -> Spider:
    """The same in this process: what it says, writes and ends with."""
    return run_here


@dataclass(frozen=True)
class Audit:
    """What a run opened."""

    run: Run
    opened: tuple[str, ...]
    sockets: tuple[str, ...]


@pytest.fixture
def audited(tmp_path: Path) -> Any:
    """Run spider and note what it opens."""

    def run(*args: str | Path, env: Mapping[str, str] = {}) -> Audit:
        log = tmp_path / "audit.log"
        done = subprocess.run(
            [sys.executable, "-c", AUDITED, *map(os.fspath, args)],
            env=environment(env) | {"AUDIT_LOG": str(log)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
        )
        events = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        return Audit(
            Run(done.returncode, done.stdout.decode(), done.stderr.decode()),
            tuple(what for event, what in events if event == "open"),
            tuple(f"{event} {what}" for event, what in events if event != "open"),
        )

    return run


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Start spider and leave it running; ended at the test's end."""
    # A parent that ignores SIGINT (a job in the background) would have its children ignore it too.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    running: list[subprocess.Popen[bytes]] = []

    def begin(*args: str | Path, env: Mapping[str, str] = {}, **more: Any) -> Any:
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(
            [*SPIDER, *map(os.fspath, args)], env=environment(env), **pipes | more
        )
        running.append(process)
        return process

    yield begin
    signal.signal(signal.SIGINT, before)
    for process in running:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    """Smooth colours with some texture on the right."""
    y, x = np.mgrid[0:height, 0:width]
    base = np.stack([x * 255 / width, y * 255 / height, (x + y) % 256], axis=2)
    noise = (
        np.random.default_rng(seed).normal(0, 40, (height, width, 3)) * (x > width / 2)[..., None]
    )
    return Image.fromarray((base + noise).clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One small good photo, 160 x 120."""
    path = tmp_path_factory.mktemp("photo") / "a.jpg"
    picture(160, 120).save(path, quality=90)
    return path


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A folder: two good photos, one in a folder of its own, and a corrupt one between them."""
    folder = tmp_path / "album"
    (folder / "sub").mkdir(parents=True)
    picture(160, 120).save(folder / "a.jpg", quality=90)
    (folder / "broken.jpg").write_bytes((folder / "a.jpg").read_bytes()[:600])
    picture(90, 140, seed=1).save(folder / "sub" / "b.png")
    return folder
