"""Work spread over processes: all results, no order promised, no orphans."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trainer.build.pool import spread

PROGRAM = """
import sys, time
sys.path.insert(0, {root!r})
from tests_pool_work import slow
from trainer.build.pool import spread
if __name__ == "__main__":
    for task, result in spread(slow, None, range(1000), workers=2):
        print(result, flush=True)
"""
WORK = """
import os, time
def slow(shared, task):
    time.sleep(0.05)
    return os.getpid()
"""


def plus(shared: int, task: int) -> int:
    return shared + task


def fails(shared: int, task: int) -> int:
    raise ValueError(f"task {task}")


@pytest.mark.parametrize("workers", [1, 2])
def test_all_results_come(workers: int) -> None:
    assert dict(spread(plus, 10, range(7), workers=workers)) == {i: 10 + i for i in range(7)}
    assert dict(spread(plus, 10, [], workers=workers)) == {}


@pytest.mark.parametrize("workers", [1, 2])
def test_errors_come_through(workers: int) -> None:
    with pytest.raises(ValueError, match="task 0"):
        list(spread(fails, 10, [0], workers=workers))


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process by signal")
def test_workers_end_when_their_parent_is_killed(tmp_path: Path, root: Path) -> None:
    (tmp_path / "tests_pool_work.py").write_text(WORK, encoding="utf-8")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(root=str(root)), encoding="utf-8")
    process = subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    worker = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 10
    while _alive(worker):
        assert time.monotonic() < deadline, "a worker outlives its parent"
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie that nobody has waited for yet counts as gone.
    stat = Path(f"/proc/{pid}/stat")
    return not stat.is_file() or stat.read_text(encoding="utf-8").split(") ")[1][0] != "Z"
