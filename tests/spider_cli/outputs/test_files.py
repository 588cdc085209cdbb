"""Files that appear whole or not at all."""

import os
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pytest

from spider_cli.outputs import files


def fill(text: bytes, stream: BinaryIO) -> None:
    stream.write(text)


def broken(stream: BinaryIO) -> None:
    stream.write(b"half")
    raise OSError("no space left")


def test_published_file_is_whole_and_alone(tmp_path: Path) -> None:
    files.write_together({tmp_path / "a": partial(fill, b"one")}, overwrite=False)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"one"


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_permissions_are_the_users_own(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        files.write_together({tmp_path / "a": partial(fill, b"one")}, overwrite=False)
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("overwrite", [False, True])
def test_nothing_stays_when_writing_fails(tmp_path: Path, overwrite: bool) -> None:
    contents = {tmp_path / "a": partial(fill, b"one"), tmp_path / "b": broken}
    with pytest.raises(OSError, match="no space"):
        files.write_together(contents, overwrite=overwrite)
    assert list(tmp_path.iterdir()) == []


def test_all_or_none_when_one_is_there(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"old")
    contents = {tmp_path / name: partial(fill, b"new") for name in ("a", "b")}
    with pytest.raises(FileExistsError):
        files.write_together(contents, overwrite=False)
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    assert (tmp_path / "b").read_bytes() == b"old"


def test_overwrites_when_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    files.write_together({tmp_path / "a": partial(fill, b"new")}, overwrite=True)
    assert (tmp_path / "a").read_bytes() == b"new"


def test_never_overwrites_without_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(self: Path, target: Path) -> None:
        raise PermissionError("no hard links here")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    files.write_together({tmp_path / "a": partial(fill, b"one")}, overwrite=False)
    with pytest.raises(FileExistsError):
        files.write_together({tmp_path / "a": partial(fill, b"two")}, overwrite=False)
    assert (tmp_path / "a").read_bytes() == b"one"
    assert len(list(tmp_path.iterdir())) == 1


def test_discard_all_removes_what_was_begun(tmp_path: Path) -> None:
    with files.temporary(tmp_path) as (path, _):
        assert path.exists()
        files.discard_all()
        assert not path.exists()


def test_a_passing_folder_goes_with_all_that_is_in_it(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), files.temporary_folder(tmp_path) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "file").touch()
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    with files.temporary_folder(tmp_path) as folder:
        (folder / "file").touch()
        files.discard_all()
        assert not folder.exists()
    with files.temporary_folder(tmp_path) as folder:
        folder.rename(tmp_path / "kept")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_writable_leaves_no_trace(tmp_path: Path) -> None:
    files.writable(tmp_path / "new" / "deep")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "deep"):
        with pytest.raises(OSError):
            files.writable(folder)
