"""What an engine is told to look at: folders, addresses, patterns, manifests, tar shards."""

import csv
import io
import itertools
import tarfile
from pathlib import Path
from typing import Any

import pytest

from spider_cli.engines.listing import Listing
from spider_cli.engines.stores import store_of
from spider_cli.errors import UsageError
from spider_cli.sources import find_photos


@pytest.fixture(autouse=True)
def empty_memory() -> None:
    from fsspec.implementations.memory import MemoryFileSystem

    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


def put(*urls: str, data: bytes = b"x") -> None:
    for url in urls:
        store_of(url).put(url, data)


def names(*paths: Any, **more: Any) -> list[str]:
    return [one.shot.photo.name for one in Listing(tuple(map(str, paths)), **more).photos()]


def code(*paths: Any, **more: Any) -> str:
    with pytest.raises(UsageError) as caught:
        names(*paths, **more)
    assert "\n" not in caught.value.message
    return caught.value.code


def test_a_folder_gives_what_a_local_run_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("s/2.jpg", "s/10.jpg", "s/1.CR2", "s/1.JPG", "s/t/a.png", "s/.h.jpg", "s/x.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    found = list(Listing(("s",), base=str(tmp_path)).photos())
    local = [one.name for one in find_photos(["s"]) if one.path.suffix != ".CR2"]
    assert [one.shot.photo.name for one in found] == local
    assert found[0].shot.raw is not None and found[0].shot.raw.name == "s/1.CR2"
    assert all(one.shot.photo.path.is_absolute() for one in found)
    monkeypatch.chdir("/")
    assert [one.shot.photo.name for one in Listing(("s",), base=str(tmp_path)).photos()] == local
    assert names(f"file://{tmp_path}/s/2.jpg") == [f"{tmp_path}/s/2.jpg"]


def test_a_store(monkeypatch: pytest.MonkeyPatch) -> None:
    put(*(f"memory://b/p/{name}" for name in ("1.jpg", "q/2.PNG", "q/n.txt", ".x/3.jpg", "_.jpg")))
    put("memory://b/p/1.nef", "memory://b/q/9.jpg")
    base = "memory://b/p"
    assert names(base) == [f"{base}/1.jpg", f"{base}/_.jpg", f"{base}/q/2.PNG"]
    assert names(f"{base}/", recursive=False) == [f"{base}/1.jpg", f"{base}/_.jpg"]
    assert names("memory://b/**/*.jpg", recursive=True)[-1] == "memory://b/q/9.jpg"
    assert names("memory://b/*/[0-9].jpg") == [f"{base}/1.jpg", "memory://b/q/9.jpg"]
    assert names(f"{base}/none.jpg") == [f"{base}/none.jpg"]  # it fails when it is opened
    assert names(base, apart=f"{base}/q") == [f"{base}/1.jpg", f"{base}/_.jpg"]
    [shot] = [one.shot for one in Listing((f"{base}/1*",)).photos()]
    assert shot.raw is not None and shot.raw.name == f"{base}/1.nef"


def test_what_cannot_be_listed(tmp_path: Path) -> None:
    put("memory://b/only.txt2")
    assert code("memory://b") == code(tmp_path) == code("memory://none/at/all") == "no_photos"
    assert code("nobody-knows://b/p") == "bad_address"
    assert code("-") == "no_stdin"
    assert code("s3://me:secret@b/p") == "secret_in_address"
    with pytest.raises(UsageError) as caught:
        names("s3://me:hush@b/p")
    assert "hush" not in caught.value.message + caught.value.hint


def written(path: Path, head: list[str], rows: list[list[Any]]) -> Path:
    if path.suffix == ".parquet":
        import pyarrow as pa
        from pyarrow.parquet import write_table

        columns = {name: [row[at] for row in rows] for at, name in enumerate(head)}
        write_table(pa.table(columns), path)
    elif path.suffix == ".txt":
        path.write_text("".join(f"{row[-1] or ''}\n" for row in rows), "utf-8")
    else:
        with path.open("w", newline="", encoding="utf-8") as stream:
            delimiter = "\t" if path.suffix == ".tsv" else ","
            csv.writer(stream, delimiter=delimiter).writerows([head, *rows])
    return path


@pytest.mark.parametrize("suffix", [".txt", ".csv", ".tsv", ".parquet"])
def test_a_manifest(tmp_path: Path, suffix: str) -> None:
    rows = [["1", "a.jpg"], ["2", "s3://b/c.jpg"], ["3", "/whole/d.jpg"], ["4", "a, b.jpg"]]
    manifest = written(tmp_path / f"list{suffix}", ["id", "path"], rows)
    found = list(Listing((str(manifest),)).photos())
    assert [one.shot.photo.name for one in found] == [
        f"{tmp_path}/a.jpg",
        "s3://b/c.jpg",
        "/whole/d.jpg",
        f"{tmp_path}/a, b.jpg",
    ]
    assert found[0].shot.photo.path == tmp_path / "a.jpg"
    assert found[1].url == "s3://b/c.jpg"
    assert Listing((str(manifest),)).repeats


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_rows_without_a_path_and_columns_by_name(tmp_path: Path, suffix: str) -> None:
    rows = [["a.jpg", "z.jpg"], [None, "y.jpg"], ["b.jpg", None]]
    manifest = written(tmp_path / f"list{suffix}", ["path", "other"], rows)
    found = list(Listing((str(manifest),)).photos())
    assert [one.problem and one.problem[0] for one in found] == [None, "bad_row", None]
    assert found[1].shot.photo.name == f"{manifest}#2"
    assert names(manifest, column="other")[:2] == [f"{tmp_path}/z.jpg", f"{tmp_path}/y.jpg"]
    assert code(manifest, column="none") == "no_column"
    assert code(written(tmp_path / f"x{suffix}", ["id"], [[1]])) == "no_column"


@pytest.mark.parametrize(
    "address", ["s3://me:hush@b/x.jpg", "https://b.example/x.jpg?X-Amz-Signature=hush&n=1"]
)
def test_secrets_in_a_manifest_are_not_repeated(tmp_path: Path, address: str) -> None:
    (tmp_path / "l.txt").write_text(f"{address}\n")
    [found] = Listing((str(tmp_path / "l.txt"),)).photos()
    assert found.problem is not None and found.problem[0] == "secret_in_address"
    assert "hush" not in found.to_json()


def test_two_manifests_that_name_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "l.txt").write_text("a.jpg\n")
    monkeypatch.chdir(tmp_path)
    listing = Listing(("x/l.txt", "y/l.txt"), base=str(tmp_path))
    assert [one.shot.photo.name for one in listing.photos()] == ["x/a.jpg", "y/a.jpg"]


def test_what_is_no_manifest(tmp_path: Path) -> None:
    whole = written(tmp_path / "w.parquet", ["path"], [["a" * 9999] * 9]).read_bytes()
    for suffix, data in (
        (".parquet", b"PAR1 no"),
        (".parquet", b"PAR1" + bytes(40) + whole[44:]),
        (".txt", b"\xff\xd8" * 9000),
    ):
        path = tmp_path / f"x{suffix}"
        path.write_bytes(data)
        assert code(path) == "bad_list"
    assert code(tmp_path / "none.csv") == "not_found"


def test_a_manifest_in_a_store_names_what_lies_beside_it() -> None:
    put("memory://b/lists/l.txt", data=b"\xef\xbb\xbfx/a.jpg\r\n\r\nb.jpg")
    assert names("memory://b/lists/l.txt") == [
        "memory://b/lists/x/a.jpg",
        "memory://b/lists/b.jpg",
    ]


def test_photos_inside_parquet(tmp_path: Path) -> None:
    rows = [["a.jpg", b"1"], ["b.jpg", None], [None, b"3"]]
    manifest = written(tmp_path / "p.parquet", ["path", "image"], rows)
    found = list(Listing((str(manifest),)).photos())
    assert [one.data for one in found] == [b"1", None, b"3"]
    assert [one.shot.photo.name for one in found] == [
        f"{manifest}#a.jpg", f"{manifest}#b.jpg", f"{manifest}#3"
    ]  # fmt: skip
    assert found[1].problem is not None
    pictures = [[{"bytes": b"4", "path": "c.jpg"}], [{"bytes": b"5", "path": "c.jpg"}]]
    inside = written(tmp_path / "q.parquet", ["image"], pictures)
    assert names(inside) == [f"{inside}#1/c.jpg", f"{inside}#2/c.jpg"]


def tar(*members: tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in members:
            about = tarfile.TarInfo(name)
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))
        link = tarfile.TarInfo("link.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return stream.getvalue()


def test_tar_shards(tmp_path: Path) -> None:
    whole = tar(("0.jpg", b"abc"), ("0.json", b"{}"), ("../../up.PNG", b"d"), ("1.jpg", b"e" * 999))
    put("memory://b/w-0.tar", data=whole)
    put("memory://b/w-1.tar", data=whole[: whole.index(b"e" * 9) + 5])
    found = list(Listing(("memory://b/w-*.tar",)).photos())
    told = [(one.shot.photo.name, one.data, one.problem and one.problem[0]) for one in found]
    first, second = "memory://b/w-0.tar#", "memory://b/w-1.tar#"
    assert told == [
        (f"{first}0.jpg", b"abc", None),
        (f"{first}../../up.PNG", b"d", None),
        (f"{first}1.jpg", b"e" * 999, None),
        (f"{second}0.jpg", b"abc", None),
        (f"{second}../../up.PNG", b"d", None),
        (f"{second}1.jpg", None, "truncated"),
    ]
    assert ".." not in found[1].shot.photo.relative.parts
    assert Listing(("memory://b/w-*.tar",)).repeats  # a tar file may hold a name twice
    (tmp_path / "x.tar").write_bytes(b"no tar" * 200)
    assert code(tmp_path / "x.tar") == "bad_tar"


def test_ten_million_keys_are_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are handed on as they are listed: an endless store is listed, too."""
    from spider_cli.engines import listing

    class Endless:
        def listed(self, folder: str) -> Any:
            return ((f"{folder}/{number:09}.jpg", 1) for number in itertools.count())

    monkeypatch.setattr(listing, "store_of", lambda url: Endless())
    found = Listing(("s3://b/p",)).photos()
    assert next(itertools.islice(found, 20_000, None)).url == "s3://b/p/000020000.jpg"
