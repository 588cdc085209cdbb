"""How a run ends early: Ctrl-C, a reader that has had enough, a full disk, a bug."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.openai_server import OpenAIServer

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX signals and pipes")

PATIENCE = 900
"""Seconds; the machine may be busy."""
STOP = "spider: interrupted\n"


def finish(process: Any, seconds: float = PATIENCE) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=seconds)
    return process.returncode, out.decode(), err.decode()


def has_loaded(process: Any, word: str) -> bool:
    """Does the process map a file whose path holds this word?"""
    try:
        maps = Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return word in maps


def wait_for(process: Any, word: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not has_loaded(process, word) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


needs_proc = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc")


@needs_proc
@pytest.mark.parametrize("word", ["multiarray", "libtorch_cpu", "libtorch_python"])
def test_interrupt_while_importing(start: Any, photo: Path, tmp_path: Path, word: str) -> None:
    """As soon as a library appears in the process; promptly, one line, no traceback."""
    target = tmp_path / "scores.jsonl"
    process = start("score", photo, "--output", target, "--quiet")
    wait_for(process, word)
    pressed = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert finish(process) == (130, "", STOP)
    assert time.monotonic() - pressed < 10
    assert list(tmp_path.iterdir()) == []


def test_interrupt_while_judging(start: Any, photo: Path, tmp_path: Path) -> None:
    """After some records; none is half written, and the file of --output is not there."""
    target = tmp_path / "out.jsonl"
    args = [photo] * 4000
    process = start("describe", *args, "--json", "--output", target, "--batch-size", "2")
    first = process.stdout.readline().decode()
    pressed = time.monotonic()
    process.send_signal(signal.SIGINT)
    code, out, err = finish(process)
    assert code == 130
    assert time.monotonic() - pressed < 10
    assert err.splitlines()[-1] == STOP.strip()
    assert "Traceback" not in err
    lines = (first + out).splitlines()
    assert all(line.startswith("{") and line.endswith("}") for line in lines)
    assert list(tmp_path.iterdir()) == []


def test_interrupt_while_waiting_for_the_list(start: Any) -> None:
    process = start("score", "-", stdin=subprocess.PIPE)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    assert finish(process) == (130, "", STOP)


def test_terminated(start: Any, photo: Path, tmp_path: Path) -> None:
    process = start("score", "-", "--output", tmp_path / "x.csv", stdin=subprocess.PIPE)
    time.sleep(1.0)
    process.send_signal(signal.SIGTERM)
    assert finish(process) == (143, "", "spider: terminated\n")
    assert list(tmp_path.iterdir()) == []


def test_guard_leaves_when_the_interrupt_is_swallowed(tmp_path: Path) -> None:
    """A library that catches everything and goes on: the guard ends the process all the same."""
    code = (
        "import time\n"
        "from spider_cli.commands import interrupt\n"
        "interrupt.install()\n"
        "while True:\n"
        "    try:\n"
        "        print('ready', flush=True)\n"
        "        time.sleep(60)\n"
        "    except BaseException:\n"
        "        pass\n"
    )
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )
    signal.signal(signal.SIGINT, before)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err.decode()) == (130, STOP)


ROOT = Path(__file__).parents[3]


def test_a_closed_stdout_ends_silently(start: Any, photo: Path) -> None:
    """`spider score ... | head -1`"""
    process = start("score", *[photo] * 400, "--quiet", "--batch-size", "1")
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=PATIENCE) == 0
    assert process.stderr.read() == b""


@pytest.mark.parametrize("args", [("--help",), ("--version",), ("score", "--help"), ("doctor",)])
def test_a_stdout_closed_from_the_start(start: Any, args: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = start(*args, stdout=writing)
    os.close(writing)
    assert process.wait(timeout=PATIENCE) == 0
    assert process.stderr.read() == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line(start: Any, photo: Path) -> None:
    with (
        OpenAIServer(lambda request: "is fair.", models=["m"]) as server,
        Path("/dev/full").open("wb") as full,
    ):
        args = ("score", photo, "--quiet", "--model", f"openai:{server.url}")
        process = start(*args, stdout=full)
        assert process.wait(timeout=PATIENCE) == 70
        assert server.requests
    err = process.stderr.read().decode()
    assert "No space left" in err
    assert "Traceback" not in err


def test_a_bug_is_one_line_and_a_way_to_see_more(spider: Any, photo: Path, tmp_path: Path) -> None:
    """A broken library stands in for a bug of ours."""
    (tmp_path / "numpy.py").write_text("raise RuntimeError('broken\\nhere')", encoding="utf-8")
    env = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    run = spider("score", photo, env=env)
    assert run.code == 70
    assert run.err == (
        "spider: error: unexpected RuntimeError: broken\\nhere\n"
        "  hint: run again with --debug to see where\n"
    )
    run = spider("score", photo, "--debug", env=env)
    assert run.code == 70
    assert re.search(r"Traceback.*RuntimeError: broken", run.err, re.DOTALL)
