"""Lists of paths on standard input."""

import io
import os
import threading
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from spider_cli.errors import UsageError
from spider_cli.sources import Source, find_photos

posix = pytest.mark.skipif(os.name == "nt", reason="names that Windows does not allow")


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def names(*paths: str, **options: object) -> list[str]:
    return [source.name for source in find_photos(paths, **options)]  # type: ignore[arg-type]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def listed(data: bytes, **options: object) -> list[str]:
    return names("-", stdin=io.BytesIO(data), **options)


def test_lists_of_paths(here: Path) -> None:
    touch(here, "s/a.jpg", "s/b.jpg", "[x].jpg")
    assert listed(b"a.jpg\nb.jpg") == ["a.jpg", "b.jpg"]
    assert listed(b"a.jpg\r\n\r\n\nb.jpg\r\n") == ["a.jpg", "b.jpg"]
    assert listed(b" a.jpg \n\tb.jpg\n") == [" a.jpg ", "\tb.jpg"]
    assert listed(b"a.jpg\0b\nc.jpg\0\0 d\r.jpg", null=True) == ["a.jpg", "b\nc.jpg", " d\r.jpg"]
    assert listed(b"s/\nmissing\n") == ["s/a.jpg", "s/b.jpg", "missing"]
    assert listed(b"*.jpg\n[x].jpg\n-\n") == ["*.jpg", "[x].jpg", "-"]
    assert names("x.jpg", "-", "y.jpg", stdin=io.BytesIO(b"a\n")) == ["x.jpg", "a", "y.jpg"]
    assert names("*.gif", "-", stdin=io.BytesIO(b"a\n")) == ["*.gif", "a"]


@posix
def test_a_name_that_truly_ends_with_cr(here: Path) -> None:
    touch(here, "odd.jpg\r")
    assert listed(b"odd.jpg\r\nother.jpg\r\n") == ["odd.jpg\r", "other.jpg"]


@pytest.mark.parametrize("null", [False, True])
def test_an_empty_list_is_a_usage_error(null: bool) -> None:
    with pytest.raises(UsageError, match="standard input") as caught:
        listed(b"", null=null)
    assert caught.value.code == "no_photos"


def test_a_listed_empty_folder_is_named_in_the_error(here: Path) -> None:
    (here / "empty").mkdir()
    with pytest.raises(UsageError, match="no photo found in empty"):
        listed(b"empty\n")


@pytest.mark.parametrize(
    ("data", "null"),
    [
        (b"\xff\xd8\xff\xe0\0\x10JFIF", False),
        (b"\x89PNG\r\n\x1a\n\0\0", False),
        (b"a.jpg\0b.jpg\0", False),
        (b"a" * 70000, False),
        (b"a" * 140000, True),
    ],
)
def test_what_is_no_list_is_refused(data: bytes, null: bool) -> None:
    with pytest.raises(UsageError) as caught:
        listed(data, null=null)
    assert caught.value.code == "bad_list"
    assert caught.value.hint


@pytest.mark.parametrize(("end", "null"), [(b"\n", False), (b"\0", True)])
def test_each_path_is_yielded_before_the_next_is_read(end: bytes, null: bool) -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as stdin:
        sources = find_photos(["-"], stdin=stdin, null=null)
        for name in (b"one.jpg", b"two.jpg"):
            os.write(writer, name + end)
            got: list[Source] = []
            # On a thread, so that waiting for more than was written fails instead of hanging.
            thread = threading.Thread(target=lambda got=got: got.append(next(sources)), daemon=True)
            thread.start()
            thread.join(timeout=10)
            assert [source.name for source in got] == [name.decode()]
        os.close(writer)
        assert list(sources) == []


def test_a_stream_that_only_reads_works() -> None:
    class Plain:
        def __init__(self, data: bytes) -> None:
            self.data = io.BytesIO(data)

        def read(self, size: int) -> bytes:
            return self.data.read(size)

        def readline(self, size: int) -> bytes:
            return self.data.readline(size)

    assert names("-", stdin=cast(BinaryIO, Plain(b"a\0b\0")), null=True) == ["a", "b"]
    assert names("-", stdin=cast(BinaryIO, Plain(b"a\nb\n"))) == ["a", "b"]


def test_the_process_own_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a.jpg\n")))
    assert names("-") == ["a.jpg"]
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(UsageError):
        names("-")


def test_finding_is_lazy() -> None:
    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            buffer[:6] = b"a.jpg\n"
            return 6

    stdin = cast(BinaryIO, io.BufferedReader(Endless()))
    sources = find_photos(["-"], stdin=stdin)
    assert [next(sources).name for _ in range(3)] == ["a.jpg"] * 3
