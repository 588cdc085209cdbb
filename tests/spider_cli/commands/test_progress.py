"""The line that says how far a run is: the pace is this run's, and the time left is readable."""

import io

import pytest

from spider_cli.commands.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    @property
    def line(self) -> str:
        return self.getvalue().rpartition("\x1b[K")[2]


def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """To be called in the test itself: pytest sets stderr anew between fixtures and tests."""
    made = Terminal()
    monkeypatch.setattr("sys.stderr", made)
    return made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("spider_cli.commands.progress.time.monotonic", lambda: now[0])
    return now


def test_what_was_known_says_nothing_about_the_pace(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = terminal(monkeypatch)
    with Progress(300, shown=True) as progress:
        for _ in range(100):
            progress.step(known=True)
        assert screen.line.endswith("] 100/300")
        clock[0] += 10
        for _ in range(20):
            progress.step()
        assert screen.line.endswith("] 120/300, 2.0/s, 90 s left")


@pytest.mark.parametrize(
    ("total", "left"),
    [(100, "99 s left"), (601, "10 min left"), (5941, "99 min left"), (11_101, "3 h 5 min left")],
)
def test_the_time_that_is_left(
    clock: list[float], monkeypatch: pytest.MonkeyPatch, total: int, left: str
) -> None:
    screen = terminal(monkeypatch)
    with Progress(total, shown=True) as progress:
        clock[0] += 1
        progress.step()
        assert screen.line.endswith(f", {left}")


def test_without_a_total_there_is_a_count(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = terminal(monkeypatch)
    with Progress(None, shown=True) as progress:
        clock[0] += 2
        progress.step()
        assert screen.line == "1 done, 0.5/s"
    assert screen.line == ""


def test_the_pace_of_what_takes_long(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    with Progress(3, shown=True) as progress:
        clock[0] += 38
        progress.step()
        assert screen.line.endswith("] 1/3, 38 s each, 76 s left")
