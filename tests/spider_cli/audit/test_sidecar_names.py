"""Which sidecar belongs to which photo."""

import sys
from pathlib import Path

import pytest

from spider_cli.audit.sidecar_names import Folders, Naming
from spider_cli.errors import PhotoError

FOLLOW, STEM, FULL = Naming.FOLLOW, Naming.STEM, Naming.FULL


def named(
    folder: Path, there: str, shot: str, naming: Naming = FOLLOW
) -> tuple[list[str], list[str]]:
    """Targets and others, for names divided by blanks."""
    for name in there.split():
        (folder / name).touch()
    found = Folders().sidecars([folder / name for name in shot.split()], naming)
    assert {path.parent for path in found.targets + found.others} <= {folder}
    return [path.name for path in found.targets], [path.name for path in found.others]


@pytest.mark.parametrize(
    ("there", "shot", "targets", "others"),
    [
        ("a.CR2", "a.CR2", "a.xmp", ""),
        ("a.CR2 a.xmp", "a.CR2", "a.xmp", ""),
        ("a.CR2 a.CR2.xmp", "a.CR2", "a.CR2.xmp", ""),
        ("a.CR2 a.CR2.xmp a.xmp", "a.CR2", "a.xmp a.CR2.xmp", ""),
        ("a.CR2 a.XMP", "a.CR2", "a.XMP", ""),
        ("a.CR2 a.XMP a.xmp", "a.CR2", "a.xmp", "a.XMP"),
        ("a.CR2 a.cr2.xmp", "a.CR2", "a.cr2.xmp", ""),
        ("a.jpg", "a.jpg", "a.xmp", ""),
        ("a.b.jpg a.xmp", "a.b.jpg", "a.b.xmp", ""),
        ("photo", "photo", "photo.xmp", ""),
    ],
)
def test_following_what_is_there(
    tmp_path: Path, there: str, shot: str, targets: str, others: str
) -> None:
    assert named(tmp_path, there, shot) == (targets.split(), others.split())


@pytest.mark.parametrize(
    ("there", "targets", "others"),
    [
        ("", "a.xmp", ""),
        ("a.xmp", "a.xmp", ""),
        ("a.CR2.xmp", "a.CR2.xmp", ""),
        ("a.JPG.xmp", "a.CR2.xmp", "a.JPG.xmp"),
        ("a.CR2.xmp a.JPG.xmp", "a.CR2.xmp", "a.JPG.xmp"),
        ("a.xmp a.JPG.xmp", "a.xmp", "a.JPG.xmp"),
    ],
)
def test_a_pair_has_one_sidecar_the_raw_files(
    tmp_path: Path, there: str, targets: str, others: str
) -> None:
    expected = (targets.split(), others.split())
    assert named(tmp_path, f"a.CR2 a.JPG {there}", "a.CR2 a.JPG") == expected
    assert named(tmp_path, "", "a.JPG a.CR2") == expected


@pytest.mark.parametrize(
    ("naming", "there", "targets", "others"),
    [
        (STEM, "a.CR2.xmp", "a.xmp", "a.CR2.xmp"),
        (FULL, "a.xmp", "a.CR2.xmp", "a.xmp"),
        (STEM, "a.XMP", "a.XMP", ""),
        (FULL, "", "a.CR2.xmp", ""),
    ],
)
def test_an_option_chooses(
    tmp_path: Path, naming: Naming, there: str, targets: str, others: str
) -> None:
    found = named(tmp_path, f"a.CR2 {there}", "a.CR2", naming)
    assert found == (targets.split(), others.split())


@pytest.mark.parametrize("naming", list(Naming))
def test_a_name_that_could_be_anothers_is_not_used(tmp_path: Path, naming: Naming) -> None:
    assert named(tmp_path, "a.jpg a.png a.xmp", "a.jpg", naming) == (["a.jpg.xmp"], [])
    assert named(tmp_path, "", "a.png", naming) == (["a.png.xmp"], [])
    assert named(tmp_path, "b.CR2 b.NEF", "b.NEF", naming) == (["b.NEF.xmp"], [])


def test_beside_a_raw_file_the_short_name_is_the_raw_files(tmp_path: Path) -> None:
    assert named(tmp_path, "a.CR2 a.tif a.xmp", "a.CR2") == (["a.xmp"], [])
    assert named(tmp_path, "", "a.tif") == (["a.tif.xmp"], [])


def test_a_text_of_the_same_name_is_no_rival(tmp_path: Path) -> None:
    assert named(tmp_path, "a.jpg a.txt a.mp3", "a.jpg") == (["a.xmp"], [])


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="case is no difference there")
def test_names_that_differ_in_case_are_two_photos(tmp_path: Path) -> None:
    assert named(tmp_path, "A.CR2 a.CR2 a.CR2.xmp", "A.CR2") == (["A.CR2.xmp"], [])
    assert named(tmp_path, "b.cr2 b.CR2 b.cr2.xmp", "b.CR2") == (["b.CR2.xmp"], [])


def test_a_photo_without_a_sidecar_follows_the_folder(tmp_path: Path) -> None:
    assert named(tmp_path, "a.CR2 b.CR2 b.CR2.xmp c_01.CR2.xmp", "a.CR2") == (["a.CR2.xmp"], [])
    assert named(tmp_path, "d.CR2 d.xmp", "a.CR2") == (["a.xmp"], [])  # both forms: no habit


def test_the_folders_habit_is_what_the_run_found(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png", "b.CR2"):
        (tmp_path / name).touch()
    folders = Folders()
    (first,) = folders.sidecars([tmp_path / "a.jpg"]).targets
    assert first.name == "a.jpg.xmp"
    first.touch()
    (second,) = folders.sidecars([tmp_path / "b.CR2"]).targets
    assert second.name == "b.xmp"


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="gone") as caught:
        Folders().sidecars([tmp_path / "gone" / "a.jpg"])
    assert caught.value.code == "folder_unreadable"
