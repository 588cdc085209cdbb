"""Photos that wait for a package: found in folders, counted, and told in one line."""

import sys
from pathlib import Path

import pytest

from spider_cli.errors import UsageError
from spider_cli.extras import EXTRAS, HEIC, JXL, RAW, Extra, Waiting, extra_of, installing
from spider_cli.sources import find_photos, photo_suffixes


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def install(monkeypatch: pytest.MonkeyPatch, *present: Extra) -> None:
    """As if these extras were installed, and the others were not."""
    for extra in EXTRAS:
        name = extra.module
        monkeypatch.delitem(sys.modules, name, raising=False)
        # A module that is there, under another name; or None, which stands for one that is not.
        monkeypatch.setitem(sys.modules, name, sys if extra in present else None)  # type: ignore[arg-type]


def test_the_extra_of_an_extension() -> None:
    assert extra_of(".heic") is HEIC
    assert extra_of(".nef") is RAW
    assert extra_of(".jxl") is JXL
    assert extra_of(".jpg") is None
    assert sum(len(extra.suffixes) for extra in EXTRAS) == len(
        frozenset().union(*(extra.suffixes for extra in EXTRAS))
    )


def test_the_command() -> None:
    assert installing([RAW]) == "pip install 'spider-iqa[raw]'"
    assert installing([HEIC, JXL]) == "pip install 'spider-iqa[heic,jxl]'"


@pytest.mark.parametrize("present", [(), (RAW,), (HEIC, JXL), EXTRAS])
def test_folders_give_what_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, present: tuple[Extra, ...]
) -> None:
    install(monkeypatch, *present)
    touch(tmp_path, "s/a.jpg", "s/b.NEF", "s/c.heic", "s/d.jxl", "s/in/e.Cr3", "s/.f.heic", "s/g")
    waiting = Waiting()
    found = {one.path.name for one in find_photos([f"{tmp_path}/s"], waiting=waiting)}
    names = {RAW: {"b.NEF", "e.Cr3"}, HEIC: {"c.heic"}, JXL: {"d.jxl"}}
    assert found == {"a.jpg"}.union(*(names[extra] for extra in present))
    for extra in EXTRAS:
        assert (extra.suffixes <= set(photo_suffixes())) == (extra in present)
        assert (extra.photos in str(waiting)) == (extra not in present)
    assert bool(waiting) == (present != EXTRAS)


def test_one_line_for_all_that_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    touch(tmp_path, "s/a.jpg", *(f"s/{i}.nef" for i in range(11)), "s/x/b.CR3", "t/c.heic")
    waiting = Waiting()
    paths = [f"{tmp_path}/s", f"{tmp_path}/t"]
    assert len(list(find_photos(paths, waiting=waiting))) == 1
    assert str(waiting) == (
        "1 HEIC (.heic) and 12 camera RAW (.cr3 .nef) photos wait for packages that are not "
        "installed: pip install 'spider-iqa[heic,raw]'"
    )


def test_one_that_waits() -> None:
    waiting = Waiting()
    assert not waiting
    waiting.add(JXL, ".jxl")
    assert str(waiting) == (
        "1 JPEG XL (.jxl) photo waits for a package that is not installed: "
        "pip install 'spider-iqa[jxl]'"
    )


def test_named_ones_are_found_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening them fails, with the command."""
    install(monkeypatch)
    touch(tmp_path, "s/a.nef")
    waiting = Waiting()
    for path in (f"{tmp_path}/s/a.nef", f"{tmp_path}/s/*"):
        assert [one.path.name for one in find_photos([path], waiting=waiting)] == ["a.nef"]
    assert not waiting


def test_where_nothing_else_is_found_the_hint_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch)
    touch(tmp_path, "s/a.nef", "s/b.psd")
    with pytest.raises(UsageError) as caught:
        list(find_photos([f"{tmp_path}/s"]))
    assert "1 camera RAW (.nef) photo waits" in caught.value.hint
    assert "spider-iqa[raw]" in caught.value.hint
