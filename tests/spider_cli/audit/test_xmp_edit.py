"""Edits of XMP documents: where properties go, and what stays byte for byte."""

import pytest

from spider_cli.audit import xmp_edit
from spider_cli.audit.xmp_document import open_document
from spider_cli.audit.xmp_edit import EditError, edited, new_sidecar
from spider_cli.audit.xmp_terms import LABEL, RATING, REASONS, SCORE, Name, Value
from tests.spider_cli.audit.shoot import sample, values

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XMP = "http://ns.adobe.com/xap/1.0/"


def after(before: str, wanted: dict[Name, Value | None]) -> str:
    data = edited(open_document(before.encode()), wanted)
    assert {name: values(data).get(name) for name in wanted} == wanted
    return data.decode()


def rdf(inside: str) -> str:
    return f'<rdf:RDF xmlns:rdf="{RDF}" xmlns:xmp="{XMP}">{inside}</rdf:RDF>'


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("xmp:Rating='1' ", "xmp:Rating='4' "),
        ('xmp:Rating = "1"', 'xmp:Rating = "4"'),
        ("\n  xmp:Label='&#9;\"' xmp:Rating\t=\n'1'", "\n  xmp:Label='&#9;\"' xmp:Rating\t=\n'4'"),
    ],
)
def test_an_attribute_changes_between_its_quotes(before: str, expected: str) -> None:
    document = "<rdf:Description {}></rdf:Description >"
    assert after(rdf(document.format(before)), {RATING: "4"}) == rdf(document.format(expected))


def test_an_element_stays_an_element() -> None:
    before = rdf("<rdf:Description>\n <xmp:Rating >1</xmp:Rating ><!-- x --></rdf:Description>")
    expected = rdf("<rdf:Description>\n <xmp:Rating>4</xmp:Rating><!-- x --></rdf:Description>")
    assert after(before, {RATING: "4"}) == expected


def test_every_description_is_looked_at_and_doubles_go() -> None:
    before = rdf(
        "<rdf:Description/><rdf:Description xmp:Rating='1'>\n  <xmp:Rating>2</xmp:Rating>\n"
        "</rdf:Description><rdf:Description><xmp:Rating/></rdf:Description>"
    )
    expected = rdf(
        "<rdf:Description/><rdf:Description xmp:Rating='4'>\n"
        "</rdf:Description><rdf:Description></rdf:Description>"
    )
    assert after(before, {RATING: "4"}) == expected


def test_a_new_property_joins_the_first_description_in_its_layout() -> None:
    before = sample("lightroom").decode()
    line = '   crs:AlreadyApplied="False">\n'
    expected = before.replace(line, '   crs:AlreadyApplied="False"\n   xmp:Rating="4">\n')
    assert after(before, {RATING: "4"}) == expected


def test_namespaces_are_declared_once_where_they_are_missing() -> None:
    found = after(sample("lightroom").decode(), {SCORE: "81.50", REASONS: ("blur",)})
    assert found.count('xmlns:spider="https://spider-iqa.org/ns/1.0/"') == 1
    assert "   <spider:Reasons><rdf:Seq><rdf:li>blur</rdf:li></rdf:Seq></spider:Reasons>\n" in found


@pytest.mark.parametrize(
    ("space", "tag"),
    [
        ("xmlns:xmp='urn:other'", "xmp1:Rating"),
        ("xmlns:xmp='urn:other' xmlns:xmp1='urn:more'", "xmp2:Rating"),
        (f"xmlns:xap='{XMP}'", "xap:Rating"),
        (f"xmlns='{XMP}'", "xmp:Rating"),  # an attribute without prefix has no namespace
    ],
)
def test_prefixes_that_are_taken_stay_what_they_are(space: str, tag: str) -> None:
    before = f'<r:RDF xmlns:r="{RDF}"><r:Description {space}/></r:RDF>'
    assert f" {tag}=" in after(before, {RATING: "4"})


def test_rdf_as_the_default_namespace() -> None:
    before = f'<RDF xmlns="{RDF}"><Description/></RDF>'
    found = after(before, {REASONS: ("blur",), RATING: "4"})
    assert "<Seq><li>blur</li></Seq>" in found


@pytest.mark.parametrize(
    "before",
    [
        rdf(""),
        rdf("\n"),
        f'<rdf:RDF xmlns:rdf="{RDF}"/>',
        f'<RDF xmlns="{RDF}"/>',
        f'<m:xmpmeta xmlns:m="adobe:ns:meta/">\n <m:RDF xmlns:m="{RDF}">\n </m:RDF>\n</m:xmpmeta>',
    ],
)
def test_without_a_description_there_will_be_one(before: str) -> None:
    found = after(before, {RATING: "4", REASONS: ("blur", "noise")})
    assert found.count("about=") == 1
    again = after(found, {RATING: "4", REASONS: ("blur", "noise")})
    assert again == found


def test_properties_are_taken_out_wherever_they_are() -> None:
    before = rdf(
        "<rdf:Description xmp:Rating='1' xmp:Label='Red'>\n <xmp:Nickname>n</xmp:Nickname>\n"
        " <xmp:Rating>1</xmp:Rating>\n</rdf:Description><rdf:Description xmp:Rating='2'/>"
    )
    expected = rdf(
        "<rdf:Description xmp:Label='Red'>\n <xmp:Nickname>n</xmp:Nickname>\n"
        "</rdf:Description><rdf:Description/>"
    )
    assert after(before, {RATING: None, SCORE: None}) == expected


def test_an_attribute_gives_way_to_an_array_and_the_other_way() -> None:
    before = rdf("<rdf:Description xmp:Label='Red'/>")
    found = after(before, {LABEL: ("a", "b"), RATING: "4"})
    assert after(found, {LABEL: "Red"}).count("Red") == 1


def test_what_is_as_wanted_stays_byte_for_byte() -> None:
    before = rdf("<rdf:Description xmp:Rating='&#52;' xmp:Label='Red'/>")
    assert after(before, {RATING: "4", LABEL: "Red", SCORE: None}) == before


def test_line_ends_and_words_around_the_document_stay() -> None:
    before = sample("digikam").replace(b"\n", b"\r\n") + b" " * 2000
    found = edited(open_document(before), {RATING: "4", REASONS: ("blur",)})
    assert found.count(b"\n") == found.count(b"\r\n")
    assert found.startswith(b'<?xpacket begin="\xef\xbb\xbf"')
    assert found.endswith(b'<?xpacket end="w"?>' + b" " * 2000)


def test_text_that_is_no_plain_text() -> None:
    hostile = "]]> & <b a=\"1\" c='2'>\t\n \r é \U0001f600"
    for form in ("/>", " xmp:Label=''/>", ' xmp:Label=""/>', "><xmp:Label/></rdf:Description>"):
        after(rdf(f"<rdf:Description{form}"), {LABEL: hostile, REASONS: (hostile, "")})
    data = new_sidecar({LABEL: " \x00\x1b\ud800\ufffe ", REASONS: ("a\x08b",)})
    assert values(data)[LABEL] == "\ufffd" * 4
    assert values(data)[REASONS] == ("a\ufffdb",)


def test_characters_that_an_encoding_lacks() -> None:
    text = "<?xml version='1.0' encoding='ISO-8859-1'?>" + rdf("<rdf:Description xmp:Label='é'/>")
    found = edited(open_document(text.encode("latin-1")), {REASONS: ("Überbelichtung 雪",)})
    assert b"xmp:Label='\xe9'" in found
    assert values(found)[REASONS] == ("Überbelichtung 雪",)


def test_a_new_sidecar() -> None:
    wanted: dict[Name, Value] = {RATING: "-1", LABEL: "Red", REASONS: ("severe blur",)}
    assert values(new_sidecar(wanted)).items() >= wanted.items()


def test_an_edit_that_goes_wrong_comes_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    document = open_document(sample("darktable"))
    result = xmp_edit._Edit.result
    monkeypatch.setattr(
        xmp_edit._Edit, "result", lambda edit: result(edit).replace(b"gz11eJ", b"gz12eJ", 1)
    )
    with pytest.raises(EditError, match="something else"):
        edited(document, {RATING: "4"})
    monkeypatch.setattr(xmp_edit._Edit, "result", lambda edit: document.xml)
    with pytest.raises(EditError, match="would not be"):
        edited(document, {RATING: "4"})
