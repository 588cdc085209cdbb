"""Photos as they arrive, by a clock that the tests turn."""

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from spider_cli.audit import watch as watching
from spider_cli.audit.watch import ending, watch
from spider_cli.errors import UsageError
from spider_cli.extras import Extra, Waiting

Step = Callable[[], object]


class Stage:
    """A folder, and a clock that only goes on between two rounds, by one second."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.now = 0.0
        self.listed: list[float] = []
        self.cost = 0.0
        begun = time.time() + 3600  # what is there already is old
        fake = SimpleNamespace(
            monotonic=lambda: self.now,
            thread_time=lambda: len(self.listed) * self.cost,
            time=lambda: begun + self.now,
        )
        monkeypatch.setattr(watching, "time", fake)
        find = watching.find_photos

        def listing(*args: Any, **named: Any) -> Any:
            self.listed.append(self.now)
            return find(*args, **named)

        monkeypatch.setattr(watching, "find_photos", listing)
        self._patch = monkeypatch

    def put(self, name: str, data: bytes = b"x", more: bool = False) -> Step:
        def write() -> None:
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            with path.open("ab" if more else "wb") as stream:
                stream.write(data)

        return write

    def play(
        self,
        steps: Mapping[int, Step],
        until: int = 20,
        *paths: str,
        waiting: Waiting | None = None,
    ) -> list[tuple[float, str, str | None]]:
        """When which photo was given, with which RAW; steps happen between rounds."""
        stop = threading.Event()

        def sleep(_: threading.Event, seconds: float) -> None:
            assert seconds == 1.0
            time.sleep(0.01)  # the disk's clock goes on: names that come are seen to come
            self.now += seconds
            steps.get(int(self.now), lambda: None)()
            if self.now > until:
                stop.set()

        self._patch.setattr(watching, "_sleep", sleep)
        return [
            (self.now, shot.photo.name.split("/", 1)[1], shot.raw and Path(shot.raw.name).name)
            for shot in watch(paths or ["shoot"], stop=stop, waiting=waiting)
        ]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    folder = tmp_path / "shoot"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    return Stage(folder, monkeypatch)


def test_what_is_there_comes_at_once(stage: Stage) -> None:
    for name in ("2.jpg", "10.jpg", "in/1.jpg", ".hidden.jpg", "a.txt", "b.jpg.part", "c.tmp"):
        stage.put(name)()
    assert stage.play({}, 60) == [(0, "2.jpg", None), (0, "10.jpg", None), (0, "in/1.jpg", None)]


def test_a_file_that_grows_is_waited_for(stage: Stage) -> None:
    grow = stage.put("a.jpg", b"more", more=True)
    assert stage.play({1: grow, 2: grow, 4: grow, 5: grow}) == [(7, "a.jpg", None)]


def test_a_file_that_is_new_when_it_begins(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.put("a.jpg")()
    monkeypatch.setattr(watching.time, "time", time.time)
    assert stage.play({1: stage.put("a.jpg", b"more")}) == [(3, "a.jpg", None)]


def test_an_empty_file_is_waited_for_longer(stage: Stage) -> None:
    steps = {1: stage.put("a.jpg", b""), 2: stage.put("b.jpg", b""), 9: stage.put("b.jpg")}
    assert stage.play(steps, 50) == [(11, "b.jpg", None), (31, "a.jpg", None)]


@pytest.mark.parametrize("name", [".a.jpg.Xy12Zw", "a.jpg.part", "a.tmp", "a.jpg.crdownload"])
def test_writers_that_rename(stage: Stage, name: str) -> None:
    """rsync, browsers and Lightroom write under another name; the date may be an old one."""

    def rename() -> None:
        os.utime(stage.folder / name, (1_700_000_000, 1_700_000_000))
        (stage.folder / name).rename(stage.folder / "a.jpg")

    steps = {1: stage.put(name), 2: stage.put(name, b"more", more=True), 4: rename}
    assert stage.play(steps) == [(6, "a.jpg", None)]


def test_a_name_for_a_moment(stage: Stage) -> None:
    """A temporary file that looks like a photo."""

    def rename() -> None:
        (stage.folder / "tmp123.jpg").rename(stage.folder / "a.jpg")

    assert stage.play({1: stage.put("tmp123.jpg"), 2: rename}) == [(4, "a.jpg", None)]


def test_a_photo_that_changes_comes_again(stage: Stage) -> None:
    stage.put("a.jpg")()
    steps = {3: stage.put("a.jpg", b"other"), 4: lambda: Path("shoot/a.jpg").chmod(0o600)}
    given = stage.play(steps)
    assert [name for _, name, _ in given] == ["a.jpg", "a.jpg"]
    assert given[1][0] <= 3 + 5 + 2  # seen when all files are listed


def test_pairs_come_together(stage: Stage) -> None:
    stage.put("1.jpg")()
    stage.put("1.dng")()
    more = stage.put("2.dng", b"more", more=True)
    steps = {1: stage.put("2.jpg"), 2: more, 3: more, 4: more}
    assert stage.play(steps) == [(0, "1.jpg", "1.dng"), (6, "2.jpg", "2.dng")]


def test_pairs_that_come_apart(stage: Stage) -> None:
    steps = {
        1: stage.put("1.jpg"), 8: stage.put("1.dng"),  # nothing says yet that there are pairs
        12: stage.put("2.dng"), 16: stage.put("2.jpg"),
        20: stage.put("3.jpg"), 20 + 9: stage.put("3.dng"),
    }  # fmt: skip
    assert stage.play(steps, 40) == [
        (3, "1.jpg", None),
        (10, "1.jpg", "1.dng"),
        (18, "2.jpg", "2.dng"),
        (26, "3.jpg", None),
        (31, "3.jpg", "3.dng"),
    ]


def test_photos_that_wait_for_an_extra(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are noted once; a RAW file beside its JPEG is known without what decodes it."""
    monkeypatch.setattr(Extra, "installed", property(lambda extra: False))
    for name in ("1.jpg", "1.dng", "2.dng", "3.heic"):
        stage.put(name)()
    waiting = Waiting()
    given = stage.play({5: stage.put("4.nef"), 12: stage.put("4.jpg")}, 60, waiting=waiting)
    assert given == [(0, "1.jpg", "1.dng"), (14, "4.jpg", "4.nef")]
    assert [photo.path.name for photo in waiting.photos] == ["2.dng", "3.heic", "4.nef"]


def test_a_folder_goes_and_comes_back(stage: Stage) -> None:
    stage.put("a.jpg")()
    away = stage.folder.with_name("away")

    def back() -> None:
        away.rename(stage.folder)
        stage.put("b.jpg")()

    steps = {2: lambda: stage.folder.rename(away), 40: back}
    assert stage.play(steps, 50) == [(0, "a.jpg", None), (42, "b.jpg", None)]


def test_new_folders_are_watched_too(stage: Stage) -> None:
    given = stage.play({1: stage.put("new/a.jpg"), 4: stage.put("new/b.jpg")})
    assert given == [(3, "new/a.jpg", None), (6, "new/b.jpg", None)]


def test_what_was_taken_away_is_forgotten_in_time(stage: Stage) -> None:
    stage.put("a.jpg")()

    def later() -> None:
        stage.now += 4000

    steps = {2: lambda: Path("shoot/a.jpg").rename("kept"), 9: later,
             4015: lambda: Path("kept").rename("shoot/a.jpg")}  # fmt: skip
    assert [name for _, name, _ in stage.play(steps, 4030)] == ["a.jpg", "a.jpg"]


def test_a_folder_that_cannot_be_read_is_told_of_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.put("in/a.jpg")()
    scan = os.scandir

    def refuses(path: Any) -> Any:
        if str(path).endswith("in"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuses)
    assert stage.play({}) == [(0, "in", None)]


def test_a_photo_named_beside_the_folder(stage: Stage) -> None:
    (stage.folder.parent / "other").mkdir()
    (stage.folder.parent / "other" / "one").write_bytes(b"x")
    given = stage.play({2: stage.put("a.jpg")}, 20, "shoot", "other/one", "other/absent")
    assert given == [(0, "one", None), (4, "a.jpg", None)]


def test_while_nothing_happens_little_is_asked(stage: Stage) -> None:
    stage.put("a.jpg")()
    stage.play({}, 60)
    assert len(stage.listed) <= 1 + 60 // 5


def test_large_folders_are_listed_less_often(stage: Stage) -> None:
    stage.put("a.jpg")()
    stage.cost = 1.0  # a second of work for each list
    given = stage.play({3: stage.put("b.jpg")}, 150)
    assert given == [(0, "a.jpg", None), (12, "b.jpg", None)]  # ten times the cost later, and two
    assert len(stage.listed) <= 2 + 150 // 100


def test_there_must_be_something_to_watch(tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"x")
    for paths in ([], [str(photo)], [str(tmp_path / "absent")], [str(tmp_path), "-"]):
        with pytest.raises(UsageError) as caught:
            next(watch(paths))
        assert caught.value.code == "nothing_to_watch"


def test_it_stops_soon(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    stop = threading.Event()
    timer = threading.Timer(0.05, stop.set)
    timer.start()
    begun = time.monotonic()
    assert list(watch([str(stage.folder)], stop=stop, every=30.0)) == []
    assert time.monotonic() - begun < 10
    timer.join()


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_ends_it_and_the_second_is_as_before(number: signal.Signals) -> None:
    got: list[int] = []
    before = signal.signal(number, lambda *_: got.append(1))
    try:
        stop = threading.Event()
        with ending(stop):
            os.kill(os.getpid(), number)
            assert stop.wait(5)
            assert got == []
            os.kill(os.getpid(), number)
            time.sleep(0.01)
            assert got == [1]
        with ending(threading.Event()):
            pass
        os.kill(os.getpid(), number)
        time.sleep(0.01)
        assert got == [1, 1]
    finally:
        signal.signal(number, before)
