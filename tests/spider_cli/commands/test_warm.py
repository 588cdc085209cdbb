"""A warm start is a start: the same bytes, codes and surroundings as in a new Python."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.warm import BASE, ROOT, Warm, early, finished, started, starter_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="warm starts are Linux's")

OWN = "tests.warm_state"
ENV = BASE | {"COLUMNS": "100", "SPIDER_NO_CONFIG": "1", "NO_COLOR": "1"}


@pytest.fixture(autouse=True)
def warm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where tests run with more threads, every start is a new Python."""
    monkeypatch.setattr("tests.warm.WANTED", True)
    if os.environ.get("OMP_NUM_THREADS") == "1":
        assert starter_for(["score"], ENV) is not None
    elif starter_for(["score"], ENV) is None:
        pytest.skip("threads are up before the fork: OMP_NUM_THREADS=1")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C is not ignored, as it is in jobs in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def both(*args: Any, **more: Any) -> list[tuple[int, bytes, bytes]]:
    """Exit code, stdout and stderr of a warm start and of a cold one."""
    runs = [finished(*args, env=ENV, timeout=900, cold=cold, **more) for cold in (False, True)]
    return [(run.returncode, run.stdout, run.stderr) for run in runs]


@pytest.mark.parametrize(
    "ignored", [(), (signal.SIGINT, signal.SIGTERM)], ids=["usual", "in the background"]
)
@pytest.mark.parametrize("to", ["pipe", "file"])
def test_surroundings(to: str, ignored: tuple[int, ...], tmp_path: Path) -> None:
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    for one in before:
        usual = signal.default_int_handler if one == signal.SIGINT else signal.SIG_DFL
        signal.signal(one, signal.SIG_IGN if one in ignored else usual)
    mask = os.umask(0o027)
    try:
        args = ("tele\udcffgram", "--two")
        more: dict[str, Any] = {"cwd": tmp_path, "input": "é\n".encode(), "module": OWN}
        with (tmp_path / "out").open("wb") as file:
            if to == "file":
                more["stdout"] = file
            warm, cold = both(*args, **more)
    finally:
        os.umask(mask)
        for one, handler in before.items():
            signal.signal(one, handler)
    assert warm == cold
    assert warm[0] == 7
    assert warm[2] == "é\\udcff".encode()
    if to == "file":
        one, two = (tmp_path / "out").read_text(encoding="utf-8").splitlines()
        assert one == two


def test_it_is_warm() -> None:
    process = started("score", "-", env=ENV, stdin=subprocess.PIPE)
    assert isinstance(process, Warm)
    maps = Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8")
    assert "libtorch_cpu" in maps  # from its first moment
    process.communicate(b"", timeout=900)
    assert process.poll() == 2  # no photo is named


def test_photos_judged_and_missed(photo: Path, tmp_path: Path) -> None:
    """From a list on stdin, with pictures in a folder that is named from the working folder."""
    told = os.fsencode(photo) + b"\ngone.jpg\n"
    args = ("ground", "-", "--most", "--json", "--out", "heat", "--force")
    warm, cold = (
        (code, re.sub(rb'"seconds": [0-9.e-]+', b"", out), err)
        for code, out, err in both(*args, cwd=tmp_path, input=told)
    )
    assert warm == cold
    assert warm[0] == 3
    assert warm[1].count(b"\n") == 2
    assert len(list((tmp_path / "heat").rglob("*.png"))) == 3


def test_bad_usage(photo: Path) -> None:
    warm, cold = both("score", photo, "--device", "abacus")
    assert warm == cold
    assert warm[0] == 2


def handles(process: int, number: int) -> bool:
    """Has it taken over a signal that nobody handles for it?"""
    told = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    caught = int(told.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (number - 1) & 1)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_signals(sent: signal.Signals, interruptible: None) -> None:
    ends = []
    for cold in (False, True):
        process = started("score", "-", env=ENV, stdin=subprocess.PIPE, cold=cold)
        while not handles(process.pid, signal.SIGTERM):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(sent)
        out, err = process.communicate(timeout=900)
        ends.append((process.returncode, out, err))
    assert ends[0] == ends[1]


def test_several_at_once_and_whatever_the_order() -> None:
    waiting = started("score", "-", env=ENV, stdin=subprocess.PIPE)
    quick = [finished("score", "gone.jpg", env=ENV, timeout=900) for _ in range(2)]
    assert [run.returncode for run in quick] == [3, 3]
    out, _ = waiting.communicate(b"other.jpg\n", timeout=900)
    assert waiting.returncode == 3
    assert out is not None and out.count(b"\n") == 1


def test_patience_ends() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        finished("score", "-", env=ENV, timeout=0.5, stdin=_open_pipe())


def _open_pipe() -> int:
    """The reading end of a pipe that nobody writes to, and nobody closes before the tests end."""
    reading, _ = os.pipe()
    return reading


def test_a_pipe_is_closed_with_its_process() -> None:
    """No other process forked meanwhile keeps it open."""
    other = started("score", "-", env=ENV, stdin=subprocess.PIPE)
    process = started("score", "gone.jpg", env=ENV)
    later = started("score", "-", env=ENV, stdin=subprocess.PIPE)
    assert process.wait(900) == 3
    assert process.stdout is not None
    number = process.stdout.fileno()
    assert os.read(number, 1 << 20).count(b"\n") == 1
    assert select.select([number], [], [], 5)[0]
    assert os.read(number, 1) == b""
    for one in (other, later, process):
        one.communicate(timeout=900)


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        (["doctor"], {}),
        (["--help"], {}),
        ([], {}),
        (["score", "a.jpg", "--debug"], {}),
        (["score", "a.jpg", "--quantize=int8"], {}),
        (["score", "a.jpg"], {"SPIDER_QUANTIZE": "int8"}),
        (["score", "a.jpg"], {"SPIDER_DEBUG": "1"}),
        (["score", "a.jpg"], {"HF_ENDPOINT": "http://127.0.0.1:9"}),
        (["score", "a.jpg"], {"HF_HUB_OFFLINE": "0"}),
        (["score", "a.jpg"], {"PYTHONPATH": f"/elsewhere:{ROOT}"}),
        (["score", "a.jpg"], {"PYTHONWARNINGS": "error"}),
        (["score", "a.jpg"], {"TRANSFORMERS_VERBOSITY": "info"}),
        (["score", "a.jpg"], {"OMP_NUM_THREADS": "2"}),
    ],
)
def test_where_only_a_new_python_will_do(arguments: list[str], more: dict[str, str]) -> None:
    assert starter_for(arguments, ENV | more) is None
    without = {name: value for name, value in ENV.items() if name != "HOME"}
    assert starter_for(["score", "a.jpg"], without) is None


def test_variables_read_late_do_not_matter() -> None:
    late = {"SPIDER_MODEL": "x", "_SPIDER_COMPLETE": "y", "TERM": "xterm", "COLUMNS": "9"}
    assert early(ENV | late) == BASE
    assert starter_for(["score", "a.jpg"], ENV | late) is not None
