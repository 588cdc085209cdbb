"""Two files of one moment."""

import pytest

from spider_cli.shots import shots
from spider_cli.sources import named_source


def paired(*names: str) -> list[tuple[str, str | None]]:
    """Each shot as what to look at, and its RAW file."""
    found = shots(map(named_source, names))
    return [(one.photo.name, one.raw.name if one.raw else None) for one in found]


@pytest.mark.parametrize("raw", ["a.CR2", "a.nef", "a.Dng", "a.RAF"])
@pytest.mark.parametrize("photo", ["a.JPG", "a.jpeg", "a.heic", "a.HIF"])
def test_a_raw_file_and_its_jpeg_are_one_shot(raw: str, photo: str) -> None:
    assert paired(raw, photo) == paired(photo, raw) == [(photo, raw)]


def test_the_order_is_that_of_the_first_file() -> None:
    names = ["s/1.jpg", "s/2.CR2", "s/3.jpg", "s/2.JPG", "s/4.nef", "s/1.cr2"]
    assert paired(*names) == [
        ("s/1.jpg", "s/1.cr2"),
        ("s/2.JPG", "s/2.CR2"),
        ("s/3.jpg", None),
        ("s/4.nef", None),
    ]


@pytest.mark.parametrize(
    "names",
    [
        ("s/1.cr2", "t/1.jpg"),
        ("1.cr2", "2.jpg"),
        ("a.cr2", "A.jpg"),
        ("1.cr2", "1.cr2.jpg"),
        ("1.cr2", "1.png"),
        ("1.jpg", "1.heic"),
        ("1.cr2", "1.dng"),
        ("1.cr2", "1.dng", "1.jpg"),
        ("1.cr2", "1.jpg", "1.heic"),
    ],
)
def test_what_is_no_pair(names: tuple[str, ...]) -> None:
    """Another folder or name, no RAW file, or more than one way to pair."""
    assert paired(*names) == [(name, None) for name in names]


def test_named_twice_is_one_file() -> None:
    assert paired("a.cr2", "./a.jpg", "a.cr2", "a.jpg", "b.jpg", "b.jpg") == [
        ("./a.jpg", "a.cr2"),
        ("b.jpg", None),
    ]


def test_nothing() -> None:
    assert paired() == []
