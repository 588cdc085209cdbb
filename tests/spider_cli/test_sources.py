"""Finding photos: names, order, patterns, lists on standard input."""

import base64
import inspect
import io
import os
import sys
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_cli.errors import PhotoError, UsageError
from spider_cli.patterns import expand, natural_key
from spider_cli.photos import find_photos as photos_find_photos
from spider_cli.photos import open_photo
from spider_cli.sources import find_photos, named_source

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


def test_importable_from_photos() -> None:
    assert photos_find_photos is find_photos


# Files and folders


def test_a_file_is_taken_as_given_whatever_its_extension(here: Path) -> None:
    touch(here, "a.jpg", "notes.txt", "sub/b.jpg")
    sources = list(find_photos(["./a.jpg", "notes.txt", "sub/../sub/b.jpg"]))
    assert [s.name for s in sources] == ["./a.jpg", "notes.txt", "sub/../sub/b.jpg"]
    assert [s.path.read_bytes() for s in sources] == [b"x"] * 3
    assert [s.relative for s in sources] == [PurePath(p) for p in ("a.jpg", "notes.txt", "b.jpg")]


def test_missing_and_dangling_paths_are_found_and_fail_when_opened(here: Path) -> None:
    (here / "dangling.jpg").symlink_to("nowhere.jpg")
    (here / "loop.jpg").symlink_to("loop.jpg")
    sources = list(find_photos(["missing.jpg", "dangling.jpg", "loop.jpg", "missing/"]))
    assert len(sources) == 4
    for source in sources:
        with pytest.raises(PhotoError) as caught:
            open_photo(source)
        assert caught.value.code == "not_found"
        assert source.name in caught.value.message


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("shots", "shots/a/b.jpg"),
        ("shots/", "shots/a/b.jpg"),
        ("./shots/", "./shots/a/b.jpg"),
        ("./shots//", "./shots/a/b.jpg"),
        (".", "./shots/a/b.jpg"),
        ("shots/../shots", "shots/../shots/a/b.jpg"),
        ("shots/a", "shots/a/b.jpg"),
    ],
)
def test_names_in_folders_keep_what_was_written(here: Path, argument: str, expected: str) -> None:
    touch(here, "shots/a/b.jpg")
    assert names(argument) == [expected]


def test_absolute_folder_and_relative_output_paths(here: Path) -> None:
    touch(here, "shots/a/b.jpg", "shots/c.jpg")
    sources = list(find_photos([f"{here}/shots"]))
    assert [s.name for s in sources] == [f"{here}/shots/c.jpg", f"{here}/shots/a/b.jpg"]
    assert [s.relative for s in sources] == [PurePath("c.jpg"), PurePath("a/b.jpg")]


def test_folders_are_listed_in_natural_order_files_first(here: Path) -> None:
    touch(here, "s/10.jpg", "s/9.jpg", "s/B.jpg", "s/a.jpg", "s/d2/x.jpg", "s/d10/x.jpg", "s/1.jpg")
    expected = ["1.jpg", "9.jpg", "10.jpg", "a.jpg", "B.jpg", "d2/x.jpg", "d10/x.jpg"]
    assert names("s") == [f"s/{name}" for name in expected]


def test_folders_give_known_extensions_only_and_nothing_hidden(here: Path) -> None:
    wanted = ["a.JPG", "b.Jpeg", "c.jpe", "d.png", "e.webp", "f.TIF", "g.tiff", "h.gif", "i.bmp"]
    others = ["x.txt", "x.psd", "x.mov", "jpg", "x.jpg.txt", ".hidden.jpg", "._a.jpg", ".h/a.jpg"]
    touch(here, *(f"s/{name}" for name in wanted + others))
    (here / "s" / "folder.jpg").mkdir()
    touch(here, "s/folder.jpg/inner.png")
    assert names("s") == [*(f"s/{name}" for name in wanted), "s/folder.jpg/inner.png"]


def test_a_hidden_folder_named_by_the_user_is_searched(here: Path) -> None:
    touch(here, ".secret/a.jpg")
    assert names(".secret") == [".secret/a.jpg"]


def test_not_recursive(here: Path) -> None:
    touch(here, "s/a.jpg", "s/sub/b.jpg")
    assert names("s", recursive=False) == ["s/a.jpg"]


def test_duplicates_and_overlaps_are_kept(here: Path) -> None:
    touch(here, "s/a.jpg", "s/sub/b.jpg")
    assert names("s/a.jpg", "s/a.jpg", "s", "s/sub") == [
        "s/a.jpg",
        "s/a.jpg",
        "s/a.jpg",
        "s/sub/b.jpg",
        "s/sub/b.jpg",
    ]


def test_loops_of_links_end(here: Path) -> None:
    touch(here, "s/a.jpg", "s/sub/b.jpg", "out/c.jpg", "beside.jpg")
    for link, target in [
        ("s/self", "."),
        ("s/up", ".."),
        ("s/sub/back", ".."),
        ("s/elsewhere", "../out"),
        ("s/elsewhere2", "../out"),
        ("out/loop", "../out"),
        ("out/to_s", "../s"),
    ]:
        (here / link).symlink_to(target, target_is_directory=True)
    assert names("s") == ["s/a.jpg", "s/elsewhere/c.jpg", "s/sub/b.jpg"]


def test_links_to_photos_and_dangling_links_in_folders_are_found(here: Path) -> None:
    touch(here, "store/1234", "s/real.jpg")
    (here / "s/link.jpg").symlink_to("../store/1234")
    (here / "s/dead.jpg").symlink_to("../store/none")
    assert names("s") == ["s/dead.jpg", "s/link.jpg", "s/real.jpg"]


def test_a_folder_that_cannot_be_read_is_a_source(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(here, "s/a.jpg", "s/locked/b.jpg")
    real = os.scandir

    def scandir(path: str) -> object:
        if path.endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).endswith("locked"))
    sources = list(find_photos(["s"]))
    assert [s.name for s in sources] == ["s/a.jpg", "s/locked"]
    assert sources[1].relative == PurePath("locked")
    with pytest.raises(PhotoError, match="permission denied") as caught:
        open_photo(sources[1])
    assert caught.value.code == "unreadable"


def test_deep_folders_need_no_recursion(here: Path) -> None:
    photo = here.joinpath(*"d" * 200, "a.jpg")
    photo.parent.mkdir(parents=True)
    photo.write_bytes(b"x")
    deep = photo.relative_to(here).as_posix()
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 100)
    try:
        assert names(".") == [f"./{deep}"]
        assert list(expand("**/*.jpg")) == [deep]
    finally:
        sys.setrecursionlimit(limit)


# Patterns


def test_patterns(here: Path) -> None:
    touch(here, "a1.jpg", "a10.jpg", "a2.jpg", "b.png", "s/a3.jpg", "s/t/a4.jpg", ".h.jpg")
    touch(here, "s/.h/a.jpg", "s/notes.txt")
    assert names("*.jpg") == ["a1.jpg", "a2.jpg", "a10.jpg"]
    assert names("./a?.jpg") == ["./a1.jpg", "./a2.jpg"]
    assert names("[ab]*.[jp]*g") == ["a1.jpg", "a2.jpg", "a10.jpg", "b.png"]
    assert names("[!a]*.png") == ["b.png"]
    assert names(".*.jpg") == [".h.jpg"]
    assert names("**/*.jpg") == ["a1.jpg", "a2.jpg", "a10.jpg", "s/a3.jpg", "s/t/a4.jpg"]
    assert names("**/t/*.jpg") == ["s/t/a4.jpg"]
    assert names("s/**") == ["s/a3.jpg", "s/notes.txt", "s/t/a4.jpg"]
    assert names("**/**/a4.jpg") == ["s/t/a4.jpg"]
    assert names("*/t/a4.jpg") == ["s/t/a4.jpg"]
    assert names(f"{here}/*.png") == [f"{here}/b.png"]
    assert names("*/") == ["s/a3.jpg", "s/t/a4.jpg"]
    assert names("s*") == ["s/a3.jpg", "s/t/a4.jpg"]


def test_pattern_sources_are_like_named_files(here: Path) -> None:
    touch(here, "s/t/a.jpg")
    (source,) = find_photos(["s/*/a.jpg"])
    assert source == named_source("s/t/a.jpg")
    assert source.relative == PurePath("s/t/a.jpg")


def test_double_star_is_safe_from_loops(here: Path) -> None:
    touch(here, "s/a.jpg")
    for i in range(5):
        (here / f"s/loop{i}").symlink_to(".", target_is_directory=True)
    assert names("s/**/*.jpg") == ["s/a.jpg"]
    assert names("**/s/**/a.jpg") == ["s/a.jpg"]


def test_an_existing_file_with_wildcards_in_its_name_wins(here: Path) -> None:
    touch(here, "[1].jpg", "1.jpg")
    assert names("[1].jpg") == ["[1].jpg"]
    assert names("[[]1].jpg") == ["[1].jpg"]
    (here / "d[1]").mkdir()
    touch(here, "d[1]/x.jpg", "d1/y.jpg")
    assert names("d[1]") == ["d[1]/x.jpg"]


def test_pattern_without_match_among_others_fails_alone_in_its_place(here: Path) -> None:
    touch(here, "a.jpg")
    assert names("*.png", "x?.gif", "a.jpg", "*.bmp") == ["*.png", "x?.gif", "a.jpg", "*.bmp"]
    with pytest.raises(PhotoError, match=r"\*\.png matches no file") as caught:
        open_photo(next(iter(find_photos(["*.png", "a.jpg"]))))
    assert caught.value.code == "not_found"


@given(st.lists(st.text(alphabet="ab0129é", min_size=1, max_size=6), max_size=8))
def test_natural_order_is_total_and_numeric(words: list[str]) -> None:
    ordered = sorted(words, key=natural_key)
    backwards = words[::-1]
    assert sorted(backwards, key=natural_key) == ordered
    numbers = sorted((w for w in words if w.isascii() and w.isdecimal()), key=natural_key)
    assert [int(n) for n in numbers] == sorted(int(n) for n in numbers)


# Nothing found


@pytest.mark.parametrize("paths", [["empty"], ["*.jpg"], ["empty", "**/*.png"], []])
def test_nothing_found_is_a_usage_error(here: Path, paths: list[str]) -> None:
    (here / "empty").mkdir()
    with pytest.raises(UsageError) as caught:
        list(find_photos(paths))
    assert caught.value.code == "no_photos"
    assert caught.value.hint
    for path in paths:
        assert path in caught.value.message


def test_an_empty_folder_among_others_is_passed_over(here: Path) -> None:
    (here / "empty").mkdir()
    touch(here, "a.jpg")
    assert names("empty", "a.jpg") == ["a.jpg"]


def test_hints_say_why_nothing_was_found(here: Path) -> None:
    touch(here, "drawn/a.PSD", "drawn/b.jp2", "deep/sub/a.jpg")
    with pytest.raises(UsageError) as caught:
        names("drawn")
    assert ".jp2 .psd" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        names("deep", recursive=False)
    assert "--no-recursive" in caught.value.hint


def test_an_empty_path_is_a_usage_error_before_anything_else(here: Path) -> None:
    touch(here, "a.jpg")
    with pytest.raises(UsageError) as caught:
        next(find_photos(["a.jpg", ""]))
    assert caught.value.code == "empty_path"


# Names


@posix
def test_undecodable_names(here: Path) -> None:
    raw = b"sp\xff\xc3\xa9.jpg"
    touch(here, os.fsdecode(b"s/" + raw))
    expected = ("s/sp\\xff\u00e9.jpg", base64.b64encode(b"s/" + raw).decode())
    for source in (
        *find_photos(["s"]),
        *find_photos([os.fsdecode(b"s/" + raw)]),
        *find_photos(["-"], stdin=io.BytesIO(b"s/" + raw + b"\n")),
        *find_photos(["s/*"]),
    ):
        assert (source.name, source.name_b64) == expected
        assert source.path.read_bytes() == b"x"
        source.name.encode("utf-8")


def test_a_name_no_file_can_have_is_not_found() -> None:
    for text in ("a\0b.jpg", "\ud800.jpg", "x" * 5000):
        (source,) = find_photos([text])
        source.name.encode("utf-8")
        with pytest.raises(PhotoError) as caught:
            open_photo(source)
        assert caught.value.code == "not_found"
        assert "\0" not in caught.value.message
        assert caught.value.message.isprintable()


@posix
@given(st.binary(min_size=1, max_size=12))
def test_any_bytes_survive(raw: bytes) -> None:
    text = os.fsdecode(raw)
    source = named_source(text)
    source.name.encode("utf-8")  # encodable, so that JSON can hold it
    if source.name_b64 is None:
        assert os.fsencode(source.name) == raw
    else:
        assert base64.b64decode(source.name_b64) == raw
        assert source.name == raw.decode("utf-8", "backslashreplace")


@given(
    st.lists(
        st.sampled_from(["..", ".", "a", "b c", "", "/", "é.jpg", "x.jpg"]), min_size=1, max_size=6
    )
)
def test_relative_is_always_inside(parts: list[str]) -> None:
    relative = named_source("/".join(parts) or "x").relative
    assert relative.parts
    assert not relative.anchor
    assert ".." not in relative.parts


def test_path_objects_and_a_single_string_are_accepted(here: Path) -> None:
    touch(here, "ab.jpg")
    assert named_source(Path("ab.jpg")).name == "ab.jpg"
    assert [s.name for s in find_photos("ab.jpg")] == ["ab.jpg"]
