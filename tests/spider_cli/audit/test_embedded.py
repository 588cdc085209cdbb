"""Ratings inside photo files."""

import struct
from pathlib import Path

import pytest
from PIL import Image

from spider_cli.audit.embedded import values_inside
from spider_cli.audit.xmp_terms import LABEL, RATING

PACKET = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    b'xmlns:xmp="http://ns.adobe.com/xap/1.0/">'
    b'<rdf:Description xmp:Rating="3" xmp:Label="Blue"/></rdf:RDF><?xpacket end="w"?>'
)


@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a.avif"])
def test_xmp(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / name, xmp=PACKET)
    found = values_inside(tmp_path / name)
    assert (found[RATING], found[LABEL]) == ("3", "Blue")


def test_exif(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x4746] = 4
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg", exif=exif)
    assert values_inside(tmp_path / "a.jpg") == {RATING: "4"}
    Image.new("RGB", (8, 8)).save(tmp_path / "b.jpg", exif=exif, xmp=PACKET)
    assert values_inside(tmp_path / "b.jpg")[RATING] == "3"


def test_camera_raw_that_is_a_tiff(tmp_path: Path) -> None:
    """Canon's CR2 is one, up to a mark that stops other readers."""
    entries = struct.pack("<H", 1) + struct.pack("<HHII", 700, 1, len(PACKET), 34) + bytes(4)
    data = b"II*\0" + struct.pack("<I", 16) + b"CR\x02\0" + bytes(4) + entries + PACKET
    (tmp_path / "a.CR2").write_bytes(data)
    assert values_inside(tmp_path / "a.CR2")[RATING] == "3"


def test_nothing_inside_or_nothing_to_read(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.jpg")
    Image.new("RGB", (8, 8)).save(tmp_path / "hostile.jpg", xmp=b"<!DOCTYPE a>" + PACKET)
    (tmp_path / "short.jpg").write_bytes((tmp_path / "plain.jpg").read_bytes()[:20])
    (tmp_path / "text.jpg").write_bytes(b"hello")
    (tmp_path / "empty.tif").write_bytes(b"")
    (tmp_path / "odd.tif").write_bytes(b"II*\0" + b"\xff" * 100)
    for path in [*tmp_path.iterdir(), tmp_path / "gone.jpg", tmp_path]:
        assert values_inside(path) == {}, path
