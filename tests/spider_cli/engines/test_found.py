"""A shot as text that any machine reads, whatever its name."""

import os

import pytest

from spider_cli.engines.found import Found, name_bytes, remote_source
from spider_cli.shots import Shot
from spider_cli.sources import named_source

NAMES = ["a.jpg", "a b/\n\"'.jpg", "-x.jpg", "\N{CAMERA}.png", os.fsdecode(b"\xff\xfe.jpg")]


@pytest.mark.parametrize("name", NAMES)
def test_there_and_back(name: str) -> None:
    found = Found(Shot(named_source(name), named_source("x.CR2")))
    text = found.to_json()
    assert text.isascii()
    assert Found.from_json(text) == found
    assert found.called == os.fsencode(name)


def test_a_photo_in_a_store() -> None:
    found = Found(Shot(remote_source("s3://b/x/../y.JPG")), url="s3://b/x/../y.JPG")
    assert Found.from_json(found.to_json()) == found
    assert found.shot.photo.relative.as_posix() == "b/x/y.JPG"
    assert name_bytes(found.shot.photo.name, None) == found.place
