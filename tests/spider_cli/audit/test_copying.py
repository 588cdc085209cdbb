"""--copy-to and --link-to: everything of the keepers, and nothing of anybody else's touched."""

import os
from pathlib import Path, PurePath

import pytest

from spider_cli.audit.copying import Copier
from spider_cli.errors import PhotoError, UsageError
from spider_cli.shots import Shot, shots
from spider_cli.sources import find_photos
from tests.bad_folder import snapshot


@pytest.fixture
def shoot(tmp_path: Path) -> Path:
    folder = tmp_path / "shoot"
    (folder / "day 2").mkdir(parents=True)
    for name in (
        *("IMG_1.CR2", "IMG_1.JPG", "IMG_1.xmp", "IMG_1.CR2.xmp", "IMG_2.jpg"),
        *("IMG_2.txt", "day 2/IMG_1.JPG", "-r\n.jpg"),
    ):
        (folder / name).write_bytes(b"content of " + name.encode())
    return folder


def all_shots(folder: Path) -> list[Shot]:
    return shots(find_photos([os.fspath(folder)]))


def copy_all(copier: Copier, folder: Path) -> None:
    for shot in all_shots(folder):
        copier.copy(copier.plan(shot), shot.photo.name)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("link", [False, True])
def test_shots_with_all_that_belongs_to_them(tmp_path: Path, shoot: Path, link: bool) -> None:
    before = snapshot(shoot)
    copier = Copier(tmp_path / "to" / "keepers", link=link)
    copy_all(copier, shoot)
    made = tree(copier.folder)
    assert made == {
        name: b"content of " + name.encode()
        for name in (
            *("IMG_1.CR2", "IMG_1.JPG", "IMG_1.xmp", "IMG_1.CR2.xmp", "IMG_2.jpg"),
            *("day 2/IMG_1.JPG", "-r\n.jpg"),
        )
    }
    assert copier.files == 7
    assert all(path.is_symlink() == link for path in copier.folder.rglob("*") if path.is_file())
    assert snapshot(shoot) == before


@pytest.mark.parametrize("link", [False, True])
def test_once_more_copies_nothing(tmp_path: Path, shoot: Path, link: bool) -> None:
    copy_all(Copier(tmp_path / "keepers", link=link), shoot)
    before = snapshot(tmp_path / "keepers")
    again = Copier(tmp_path / "keepers", link=link)
    copy_all(again, shoot)
    assert again.files == 0
    assert snapshot(tmp_path / "keepers") == before


def test_a_sidecar_that_was_worked_on_stays(tmp_path: Path, shoot: Path) -> None:
    copy_all(Copier(tmp_path / "keepers"), shoot)
    (tmp_path / "keepers" / "IMG_1.xmp").write_bytes(b"mine")
    (tmp_path / "keepers" / "IMG_1.CR2.xmp").unlink()
    again = Copier(tmp_path / "keepers")
    copy_all(again, shoot)
    made = tree(tmp_path / "keepers")
    assert made["IMG_1.xmp"] == b"mine"
    assert again.files == 1
    assert not [name for name in made if "-2" in name]


@pytest.mark.parametrize("link", [False, True])
def test_names_that_are_taken(tmp_path: Path, shoot: Path, link: bool) -> None:
    """All files of the shot get the number, so that they stay together."""
    keepers = tmp_path / "keepers"
    keepers.mkdir()
    (keepers / "IMG_1.JPG").write_bytes(b"another photo")
    (keepers / "IMG_1-2.xmp").write_bytes(b"another sidecar")
    (keepers / "IMG_2.jpg").symlink_to("nowhere")
    copy_all(Copier(keepers, link=link), shoot)
    made = tree(keepers)
    assert made["IMG_1.JPG"] == b"another photo"
    assert made["IMG_1-2.xmp"] == b"another sidecar"
    assert made["IMG_1-3.JPG"] == b"content of IMG_1.JPG"
    assert made["IMG_1-3.CR2"] == b"content of IMG_1.CR2"
    assert made["IMG_1-3.CR2.xmp"] == b"content of IMG_1.CR2.xmp"
    assert made["IMG_2-2.jpg"] == b"content of IMG_2.jpg"
    assert (keepers / "IMG_2.jpg").readlink() == Path("nowhere")


def test_two_photos_of_one_name(tmp_path: Path) -> None:
    found = []
    for card in ("a", "b"):
        folder = tmp_path / card
        folder.mkdir()
        (folder / "IMG_1.jpg").write_bytes(b"card " + card.encode())
        found += all_shots(folder)
    copier = Copier(tmp_path / "keepers")
    for shot in found:
        copier.copy(copier.plan(shot), shot.photo.name)
    assert tree(copier.folder) == {"IMG_1.jpg": b"card a", "IMG_1-2.jpg": b"card b"}


def test_a_plan_writes_nothing(tmp_path: Path, shoot: Path) -> None:
    copier = Copier(tmp_path / "keepers")
    [pair] = [shot for shot in all_shots(shoot) if shot.raw is not None]
    planned = copier.plan(pair)
    assert [one.target.name for one in planned] == [
        *("IMG_1.JPG", "IMG_1.CR2", "IMG_1.xmp", "IMG_1.CR2.xmp")
    ]
    assert not any(one.there for one in planned)
    assert not copier.folder.exists()


def test_names_that_are_as_long_as_can_be(tmp_path: Path) -> None:
    """A sidecar of such a name cannot be, and is not looked for."""
    (tmp_path / "shoot").mkdir()
    name = "n" * 251 + ".jpg"
    (tmp_path / "shoot" / name).write_bytes(b"x")
    copy_all(Copier(tmp_path / "keepers"), tmp_path / "shoot")
    assert tree(tmp_path / "keepers") == {name: b"x"}


def test_dates_are_kept(tmp_path: Path, shoot: Path) -> None:
    os.utime(shoot / "IMG_2.jpg", (1e9, 1e9))
    copy_all(Copier(tmp_path / "keepers"), shoot)
    assert (tmp_path / "keepers" / "IMG_2.jpg").stat().st_mtime == 1e9


def test_a_photo_that_vanishes(tmp_path: Path, shoot: Path) -> None:
    copier = Copier(tmp_path / "keepers")
    shot = next(one for one in all_shots(shoot) if one.photo.path.name == "IMG_2.jpg")
    planned = copier.plan(shot)
    (shoot / "IMG_2.jpg").unlink()
    with pytest.raises(PhotoError, match=r"IMG_2\.jpg: cannot put IMG_2\.jpg into") as caught:
        copier.copy(planned, shot.photo.name)
    assert caught.value.code == "cannot_copy"
    assert list(copier.folder.iterdir()) == []


def test_a_full_disk_ends_the_run(
    tmp_path: Path, shoot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(UsageError, match="No space left on device"):
        copy_all(Copier(tmp_path / "keepers"), shoot)
    assert tree(tmp_path / "keepers") == {}


def test_where_photos_lie_already(tmp_path: Path, shoot: Path) -> None:
    """Copied onto themselves they stay as they are."""
    before = tree(shoot)
    copier = Copier(shoot)
    copy_all(copier, shoot)
    assert copier.files == 0
    assert tree(shoot) == before


def test_relative_paths_stay_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "a.jpg").write_bytes(b"x")
    monkeypatch.chdir(tmp_path / "here")
    [shot] = shots(find_photos(["../a.jpg"]))
    copier = Copier(Path("keepers"))
    copier.copy(copier.plan(shot), shot.photo.name)
    assert tree(Path("keepers")) == {PurePath("a.jpg").as_posix(): b"x"}
