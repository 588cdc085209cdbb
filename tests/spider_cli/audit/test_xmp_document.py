"""Sidecars read: what they mean, how they are stored, and which are refused."""

from pathlib import Path

import pytest

from spider_cli.audit import xmp_document
from spider_cli.audit.xmp_document import BrokenXmpError, open_document, read_values
from spider_cli.audit.xmp_terms import LABEL, RATING
from tests.spider_cli.audit.shoot import PROGRAMS, sample, values

DC = "http://purl.org/dc/elements/1.1/"
RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
SPACES = f'{RDF} xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="{DC}"'


def xmp(inside: str, start: str = "") -> str:
    rdf = f"<rdf:RDF {SPACES}>{inside}</rdf:RDF>"
    return f"{start}<x:xmpmeta xmlns:x='adobe:ns:meta/'>{rdf}</x:xmpmeta>"


def refused(data: bytes) -> BrokenXmpError:
    with pytest.raises(BrokenXmpError) as caught:
        open_document(data)
    assert "\n" not in caught.value.reason
    return caught.value


def test_attributes_and_elements_of_every_description() -> None:
    text = xmp(
        '<rdf:Description rdf:about="" xmp:Rating="3"/>'
        "<!-- xmp:Label is -->"
        "<rdf:Description rdf:about=''><xmp:Label> Re<!-- and -->d </xmp:Label>"
        "<dc:subject><rdf:Bag><rdf:li>a &amp; b</rdf:li><rdf:li/><rdf:li>c</rdf:li></rdf:Bag>"
        "</dc:subject></rdf:Description>"
    )
    found = values(text.encode())
    assert found[RATING] == "3"
    assert found[LABEL] == "Red"
    assert found[DC, "subject"] == ("a & b", "", "c")


def test_a_property_with_qualifiers() -> None:
    found = values(
        xmp(
            "<rdf:Description><xmp:Rating rdf:value='4' xml:lang='en'/>"
            "<xmp:Label rdf:parseType='Resource'><rdf:value>Red</rdf:value></xmp:Label>"
            "</rdf:Description>"
        ).encode()
    )
    assert (found[RATING], found[LABEL]) == ("4", "Red")


def test_structures_are_not_searched_for_properties() -> None:
    found = values(sample("lightroom"))
    assert RATING not in found
    assert found["http://ns.adobe.com/camera-raw-settings/1.0/", "Exposure2012"] == "+0.35"


@pytest.mark.parametrize(
    ("encoding", "bom", "declared"),
    [
        ("utf-8", b"", ""),
        ("utf-8", b"\xef\xbb\xbf", ""),
        ("utf-8", b"\xef\xbb\xbf", "UTF-8"),
        ("utf-16-le", b"\xff\xfe", "UTF-16"),
        ("utf-16-be", b"\xfe\xff", "UTF-16"),
        ("utf-16-le", b"", "UTF-16"),
        ("latin-1", b"", "ISO-8859-1"),
        ("cp1252", b"", "windows-1252"),
    ],
)
def test_every_encoding_comes_back_as_it_was(encoding: str, bom: bytes, declared: str) -> None:
    start = f"<?xml version='1.0' encoding='{declared}'?>\r\n" if declared else ""
    data = bom + xmp("<rdf:Description xmp:Label='Gelbgrün'/>", start).encode(encoding)
    document = open_document(data)
    assert read_values(document.xml)[LABEL] == "Gelbgrün"
    assert document.encode(document.xml) == data


LAUGHS = "<!DOCTYPE x [<!ENTITY a 'ha'>{}]>".format(
    "".join(f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
)


@pytest.mark.parametrize(
    "start",
    [
        LAUGHS,
        "<!DOCTYPE x SYSTEM 'file:///etc/passwd'>",
        "<!DOCTYPE x PUBLIC 'a' 'http://127.0.0.1:9/x.dtd'>",
        "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>",
        "<!DOCTYPE x [<!ENTITY % p SYSTEM 'http://127.0.0.1:9/x'> %p;]>",
        "<!DOCTYPE x>",
    ],
)
def test_a_document_type_is_refused(start: str) -> None:
    entity = "&i;" if start == LAUGHS else "&e;" if "ENTITY e" in start else ""
    error = refused(
        xmp(f"<rdf:Description><xmp:Label>{entity}</xmp:Label></rdf:Description>", start).encode()
    )
    assert error.code == "sidecar_hostile"
    assert "document type" in error.reason


def test_depth_without_end_is_refused() -> None:
    deep = 100_000
    inside = "<dc:a>" * deep + "</dc:a>" * deep
    assert (
        refused(xmp(f"<rdf:Description>{inside}</rdf:Description>").encode()).code
        == "sidecar_hostile"
    )


def test_size_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xmp_document, "LARGEST", 1 << 20)
    text = xmp(f"<rdf:Description xmp:Label='{'a' * (1 << 20)}'/>")
    error = refused(text.encode())
    assert (error.code, error.reason) == ("sidecar_too_large", "is larger than 1 MB")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" \r\n",
        b"\0" * 4096,
        b"\xef\xbb\xbf",
        b"\xef\xbb\xbf\xef\xbb\xbf" + xmp("<rdf:Description/>").encode(),
        b"not xml",
        b"\x89PNG\r\n\x1a\n",
        b"<html><body/></html>",
        xmp("<rdf:Description xmp:Rating='3'/>").encode()[:-20],
        xmp("<rdf:Description xmp:Rating='3'/>").encode() + b"\0\0\0",
        xmp("<rdf:Description xmp:Rating='3' xmp:Rating='4'/>").encode(),
        xmp("<rdf:Description nons:Rating='3'/>").encode(),
        xmp("<rdf:Description xmp:Label='\xff'/>").encode("latin-1"),
        xmp("<rdf:Description xmp:Label='a'/>", "<?xml version='1.0' encoding='UTF-7'?>").encode(),
        xmp("<rdf:Description xmp:Label='a'/>", "<?xml version='1.0' encoding='rot13'?>").encode(),
        xmp("<rdf:Description xmp:Label='&eacute;'/>").encode(),
        xmp("</rdf:RDF><rdf:RDF>").encode(),
        b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>",
        xmp("<rdf:Description/>").encode("utf-16-le")[:-1],
    ],
)  # fmt: skip
def test_what_is_broken_is_refused(data: bytes) -> None:
    assert refused(data).code == "sidecar_broken"


@pytest.mark.parametrize("program", PROGRAMS)
def test_cut_anywhere_a_sidecar_is_refused(program: str) -> None:
    data = sample(program).rstrip()
    whole = data.index(b"</x:xmpmeta>") + len("</x:xmpmeta>")
    for end in range(0, whole, 97):
        assert refused(data[:end]).code == "sidecar_broken"


def test_nothing_is_fetched_or_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("word", encoding="utf-8")
    start = f"<?xml-stylesheet href='{secret.as_uri()}'?>"
    include = (
        "<rdf:Description><xmp:Label><i:include xmlns:i='http://www.w3.org/2001/XInclude' "
        f"href='{secret.as_uri()}' parse='text'/></xmp:Label></rdf:Description>"
    )
    assert values(xmp(include, start).encode())[LABEL] == ""
