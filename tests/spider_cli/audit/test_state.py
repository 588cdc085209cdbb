"""What was judged is known again, and nothing else is."""

import os
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spider_cli.audit import content
from spider_cli.audit.content import SeenShot
from spider_cli.audit.state import State, default_file
from spider_cli.shots import Shot
from tests.spider_cli.audit.judged import PREVIEW, SETTINGS, audit, failed, found, judged, shot

LONG_AGO = 1_700_000_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


@pytest.fixture
def state(file: Path) -> Iterator[State]:
    with State(file, SETTINGS, "1f2e") as opened:
        yield opened


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    folder = tmp_path / "shoot"
    folder.mkdir()
    path = folder / "a.jpg"
    path.write_bytes(b"first")
    return path


def again(file: Path, one: Shot, settings: str = SETTINGS, revision: str = "1f2e") -> bool:
    """Whether another run knows the shot, by the right record."""
    with State(file, settings, revision) as state:
        record = state.known(one)
    assert record is None or record == judged(one)
    return record is not None


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were read."""
    names: list[str] = []
    read = content._read

    def counted(path: Path) -> tuple[content.Dates, bytes]:
        names.append(path.name)
        return read(path)

    monkeypatch.setattr(content, "_read", counted)
    return names


def settle(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the clock run until dates prove what is in a file."""
    changed = path.stat().st_ctime_ns
    monkeypatch.setattr(time, "time_ns", lambda: changed + 10**10)


def test_the_same_record_comes_back(state: State, file: Path, photo: Path) -> None:
    one = shot(photo)
    assert state.known(one) is None
    assert state.keep(one, judged(one), PREVIEW)
    assert state.known(one) == judged(one)
    assert state.preview(photo) == PREVIEW
    with State(file, SETTINGS, "1f2e") as other:
        assert other.preview(photo) is None  # not before the record
        assert other.known(one) == judged(one)
        assert other.preview(photo) == PREVIEW


def test_what_nobody_wrote_to_is_not_read(
    state: State, photo: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(photo, monkeypatch)
    one = shot(photo)
    assert audit(state, [one, one]) == ["a.jpg"]
    assert reads == ["a.jpg"]
    os.utime(photo, (LONG_AGO, LONG_AGO))
    settle(photo, monkeypatch)
    assert audit(state, [one, one]) == []
    assert reads == ["a.jpg", "a.jpg"]


def test_what_was_written_just_now_is_read_again(
    state: State, photo: Path, reads: list[str]
) -> None:
    assert audit(state, [shot(photo), shot(photo)]) == ["a.jpg"]
    assert reads == ["a.jpg"] * 3  # before it is judged, after that, and the second time


def moved(path: Path) -> Path:
    return path.rename(path.with_name("other.jpeg"))


def copied(path: Path) -> Path:
    return Path(shutil.copyfile(path, path.with_name("copy.jpg")))


def touched(path: Path) -> Path:
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def replaced(path: Path) -> Path:
    new = copied(path)
    return new.replace(path)


def through_a_link(path: Path) -> Path:
    link = path.parent.with_name("link")
    link.symlink_to(path.parent)
    return link / path.name


def by_another_way(path: Path) -> Path:
    return path.parent / ".." / path.parent.name / path.name


@pytest.mark.parametrize(
    "harmless", [moved, copied, touched, replaced, through_a_link, by_another_way]
)
def test_the_same_bytes_are_known(
    state: State, file: Path, photo: Path, harmless: Callable[[Path], Path]
) -> None:
    audit(state, [shot(photo)])
    path = harmless(photo)
    assert again(file, shot(path))


def test_any_name(state: State, file: Path, tmp_path: Path) -> None:
    names = [b"caf\xe9\xff.jpg", b"a\nb.jpg", "日本 🕷.jpg".encode(), b"-- '\".jpg"]
    paths = [tmp_path / os.fsdecode(name) for name in names]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]))
    assert len(audit(state, map(shot, paths))) == len(names)
    assert audit(state, map(shot, paths)) == []
    assert all(again(file, shot(path)) for path in paths)


def test_other_bytes_are_not(state: State, file: Path, photo: Path) -> None:
    audit(state, [shot(photo)])
    dates = photo.stat()
    photo.write_bytes(b"other")
    os.utime(photo, ns=(dates.st_atime_ns, dates.st_mtime_ns))
    assert not again(file, shot(photo))  # of the same size, and dated as before
    assert audit(state, [shot(photo)]) == ["a.jpg"]
    photo.write_bytes(b"first")
    assert again(file, shot(photo))  # taken back


def test_a_name_that_changes_how_it_is_read(state: State, file: Path, photo: Path) -> None:
    audit(state, [shot(photo)])
    assert not again(file, shot(photo.rename(photo.with_suffix(".cr2"))))


def test_of_a_pair_both_files_count(state: State, file: Path, photo: Path) -> None:
    raw = photo.with_suffix(".NEF")
    raw.write_bytes(b"raw")
    (pair,) = found(raw, photo)
    assert audit(state, [shot(photo), pair]) == ["a.jpg", "a.jpg"]
    touched(raw)
    assert again(file, pair)
    raw.write_bytes(b"war")
    assert not again(file, pair)
    assert again(file, shot(photo))
    raw.unlink()
    assert not again(file, pair)


def test_another_judge(state: State, file: Path, photo: Path) -> None:
    one = shot(photo)
    audit(state, [one])
    assert not again(file, one, revision="2222")
    assert not again(file, one, settings='{"model": "nano", "device": "cuda"}')
    with State(file, SETTINGS, "2222") as later:
        assert later.known(one) is None
        assert later.keep(one, judged(one, revision="2222"))
        assert later.known(one) == judged(one, revision="2222")
        assert later.preview(photo) is None
    assert again(file, one)  # kept besides


def test_failures_are_tried_again(state: State, file: Path, photo: Path) -> None:
    one = shot(photo)
    assert state.known(one) is None
    assert not state.keep(one, failed(one))
    assert not again(file, one)
    assert state.not_kept == 0


def grows(path: Path) -> None:
    path.write_bytes(b"first and more")


def changes_unseen(path: Path) -> None:
    before = path.stat()
    path.write_bytes(b"FIRST")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("change", [grows, changes_unseen, Path.unlink])
def test_what_changes_in_hand_is_not_kept(
    state: State, file: Path, photo: Path, change: Callable[[Path], None]
) -> None:
    one = shot(photo)
    assert state.known(one) is None
    record = judged(one)
    change(photo)
    assert not state.keep(one, record)
    assert not again(file, one)
    photo.write_bytes(b"first")
    assert not again(file, one)


def test_dates_that_stand_still_prove_nothing(
    state: State, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a disk of coarse dates a file changes within one tick."""
    dates = content.dates_of(photo)
    monkeypatch.setattr(content, "dates_of", lambda path: dates)
    monkeypatch.setattr(content, "_dates", lambda status: dates)
    one = shot(photo)
    assert state.known(one) is None
    record = judged(one)
    photo.write_bytes(b"FIRST")
    assert not state.keep(one, record)


def test_written_to_while_it_is_read(
    state: State, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = content._read

    def slow(path: Path) -> tuple[content.Dates, bytes]:
        digest = read(path)[1]
        path.write_bytes(b"more than that")
        return content.dates_of(path), digest

    monkeypatch.setattr(content, "_read", slow)
    one = shot(photo)
    assert state.known(one) is None
    assert not state.keep(one, judged(one))


def test_no_photo_at_all(state: State, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    for name in ("absent.jpg", "pipe.jpg", ".", "a\0b.jpg"):
        one = shot(tmp_path / name)
        assert state.known(one) is None
        assert not state.keep(one, failed(one))


def test_fresh_judges_anew_and_throws_nothing_away(file: Path, tmp_path: Path) -> None:
    photos = [tmp_path / name for name in ("a.jpg", "b.jpg")]
    for path in photos:
        path.write_bytes(path.name.encode())
    with State(file, SETTINGS, "1f2e") as first:
        audit(first, map(shot, photos))
    with State(file, SETTINGS, "1f2e", fresh=True) as fresh:
        assert fresh.to_do(map(shot, photos)) == (0, 2)
        assert audit(fresh, [shot(photos[0])]) == ["a.jpg"]
        assert audit(fresh, [shot(photos[0])]) == []
    assert again(file, shot(photos[0]))  # the run ended here
    assert again(file, shot(photos[1]))


def test_a_smaller_limit_of_pixels(file: Path, photo: Path) -> None:
    one = shot(photo)

    def knows(limit: int) -> bool:
        with State(file, SETTINGS, "1f2e", decoded_to=limit) as state:
            return state.known(one) is not None

    with State(file, SETTINGS, "1f2e", decoded_to=10_000) as state:
        assert state.known(one) is None
        assert state.keep(one, judged(one, size=(60, 40)))
    assert knows(10_000)
    assert knows(20_000)
    assert knows(2400)
    assert not knows(2399)


def test_a_spoilt_record_is_judged_anew(state: State, file: Path, photo: Path) -> None:
    audit(state, [shot(photo)])
    for harm in (b"", b"\0" * 99, zlib.compress(b"[]"), zlib.compress(b'{"record": {"a": 1}}')):
        state._database.execute("UPDATE judgements SET record = ?", (harm,))
        assert not again(file, shot(photo))
    assert audit(state, [shot(photo)]) == ["a.jpg"]
    assert again(file, shot(photo))


def test_only_looking(file: Path, photo: Path) -> None:
    one = shot(photo)
    with State(file, SETTINGS, "1f2e", read_only=True) as state:
        assert state.to_do([one]) == (0, 1)
    assert not file.exists()
    with State(file, SETTINGS, "1f2e") as state:
        audit(state, [one])
    with State(file, SETTINGS, "1f2e", read_only=True) as state:
        assert state.to_do([one]) == (1, 0)
        assert state.known(one) == judged(one)
        photo.write_bytes(b"other")
        assert state.to_do([one]) == (0, 1)
        assert state.known(one) is None
        assert not state.keep(one, judged(one))
    with State(file, SETTINGS, "3333", read_only=True) as state:
        assert state.to_do([one]) == (0, 1)


def test_new_photos_are_counted_without_reading_them(
    state: State, photo: Path, reads: list[str]
) -> None:
    assert state.to_do([shot(photo), shot(photo.with_name("absent.jpg"))]) == (0, 2)
    assert reads == []


def test_the_usual_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPIDER_CACHE", str(tmp_path / "cache"))
    assert default_file() == tmp_path / "cache" / "audit.sqlite"


def test_a_closed_state_keeps_quiet(file: Path, photo: Path) -> None:
    """A thread that reads ahead may ask once more after the end."""
    told: list[str] = []
    with State(file, SETTINGS, "1f2e", tell=told.append) as state:
        pass
    assert state.known(shot(photo)) is None
    state.close()
    assert told == []


def test_contents_are_told_apart(photo: Path) -> None:
    """By all of both files, and by which is which."""
    raw = photo.with_suffix(".cr2")

    def seen(one: bytes, other: bytes | None) -> bytes:
        photo.write_bytes(one)
        raw.write_bytes(other or b"")
        both = content.see_shot(shot(photo, None if other is None else raw), lambda path: None)
        assert isinstance(both, SeenShot)
        return both.content

    variants = [(b"a", None), (b"a", b""), (b"a", b"b"), (b"b", b"a"), (b"ab", b""), (b"", b"ab")]
    assert len({seen(*variant) for variant in variants}) == len(variants)
