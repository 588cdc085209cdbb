"""Sidecars on disk: whole or not at all, and as they were otherwise."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from spider_cli.audit import sidecar_files
from spider_cli.audit.sidecar_files import read_sidecar, remove_sidecar, write_sidecar
from spider_cli.errors import PhotoError

posix = pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
root = pytest.mark.skipif(
    os.name == "nt" or os.geteuid() != 0, reason="only root gives files to others"
)


@pytest.fixture
def sidecar(tmp_path: Path) -> Path:
    path = tmp_path / "a.xmp"
    path.write_bytes(b"old")
    return path


@contextmanager
def failing(path: Path, words: str) -> Iterator[None]:
    """The block fails, and leaves the folder as it was."""
    before = {one.name: one.read_bytes() for one in path.parent.iterdir()}
    with pytest.raises(PhotoError, match=words) as caught:
        yield
    assert str(path) in caught.value.message
    assert {one.name: one.read_bytes() for one in path.parent.iterdir()} == before


def test_a_new_one(tmp_path: Path) -> None:
    write_sidecar(tmp_path / "a.xmp", before=None, after=b"new")
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("a.xmp", b"new")]
    assert read_sidecar(tmp_path / "b.xmp") is None


@posix
@pytest.mark.parametrize("mode", [0o600, 0o664, 0o644])
def test_the_mode_is_kept(sidecar: Path, mode: int) -> None:
    sidecar.chmod(mode)
    write_sidecar(sidecar, before=b"old", after=b"new")
    assert sidecar.read_bytes() == b"new"
    assert stat.S_IMODE(sidecar.stat().st_mode) == mode


@root
def test_the_owner_is_kept_or_nothing_is_written(
    sidecar: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.chown(sidecar, 12345, 23456)
    write_sidecar(sidecar, before=b"old", after=b"new")
    assert (sidecar.stat().st_uid, sidecar.stat().st_gid) == (12345, 23456)

    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refused)
    with failing(sidecar, "it would change its owner"):
        write_sidecar(sidecar, before=b"new", after=b"newer")


@pytest.fixture
def attributes(sidecar: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Extended attributes: the file system's own; where it has none, kept here by the file."""
    with contextlib.suppress(AttributeError, OSError):
        os.setxattr(sidecar, "user.probe", b"")
        return
    kept: dict[int, dict[str, bytes]] = {}

    def of(path: Path) -> dict[str, bytes]:
        return kept.setdefault(path.stat().st_ino, {})

    calls = {
        "listxattr": lambda path: list(of(path)),
        "getxattr": lambda path, name: of(path)[name],
        "setxattr": lambda path, name, value: of(path).update({name: value}),
    }
    for name, call in calls.items():
        monkeypatch.setattr(os, name, call, raising=False)


@pytest.mark.usefixtures("attributes")
def test_extended_attributes_are_kept(sidecar: Path) -> None:
    os.setxattr(sidecar, "user.note", b"kept")
    write_sidecar(sidecar, before=b"old", after=b"new")
    assert os.getxattr(sidecar, "user.note") == b"kept"


def test_a_write_protected_one_is_left_alone(sidecar: Path) -> None:
    sidecar.chmod(0o444)
    with failing(sidecar, "it is write-protected"):
        write_sidecar(sidecar, before=b"old", after=b"new")
    sidecar.chmod(0o644)


@posix
def test_a_read_only_folder(tmp_path: Path) -> None:
    # Root may write into any folder of a disk, but nobody makes a file in /proc.
    folder = Path("/proc") if os.geteuid() == 0 else tmp_path
    if folder == tmp_path:
        folder.chmod(0o500)
    with pytest.raises(PhotoError, match="cannot write the sidecar") as caught:
        write_sidecar(folder / "a.xmp", before=None, after=b"new")
    assert caught.value.code == "sidecar_unwritable"
    tmp_path.chmod(0o700)


@posix
def test_a_disk_without_room(sidecar: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with failing(sidecar, "File too large"):
            write_sidecar(sidecar, before=b"old", after=b"x" * 1_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    # Some file systems notice only when the bytes are to reach the disk.
    monkeypatch.setattr(os, "fsync", full)
    with failing(sidecar, "No space left on device"):
        write_sidecar(sidecar, before=b"old", after=b"new")


@pytest.mark.parametrize("before", [b"older", None])
def test_what_changed_meanwhile_is_left_alone(sidecar: Path, before: bytes | None) -> None:
    with failing(sidecar, "changed by another program"):
        write_sidecar(sidecar, before=before, after=b"new")
    with failing(sidecar, "changed by another program"):
        remove_sidecar(sidecar, before=b"older")


def test_one_that_appears_in_the_last_moment_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.xmp"
    publish = sidecar_files.publish

    def late(passing: Path, target: Path, *, overwrite: bool) -> None:
        target.write_bytes(b"theirs")
        publish(passing, target, overwrite=overwrite)

    monkeypatch.setattr(sidecar_files, "publish", late)
    with pytest.raises(PhotoError, match="changed by another program"):
        write_sidecar(path, before=None, after=b"new")
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("a.xmp", b"theirs")]


def test_one_that_is_gone_meanwhile_is_not_made_again(sidecar: Path) -> None:
    sidecar.unlink()
    with pytest.raises(PhotoError) as caught:
        write_sidecar(sidecar, before=b"old", after=b"new")
    assert caught.value.code in ("sidecar_changed", "sidecar_unwritable")
    assert list(sidecar.parent.iterdir()) == []


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(PhotoError) as caught:
        write_sidecar(tmp_path / ("a" * 300 + ".xmp"), before=None, after=b"new")
    assert caught.value.code == "sidecar_unwritable"
