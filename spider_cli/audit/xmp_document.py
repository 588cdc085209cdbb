"""A sidecar's bytes as XML that can be trusted: decoded, hostile or broken ones refused, and read.

Two parsers see every sidecar. Expat says where things stand in the bytes (xmp_layout.py), so that
an edit touches nothing else; lxml says what they mean, and checks what the edit left behind.
"""

import codecs
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from xml.parsers import expat

from spider_cli.audit.xmp_terms import RDF, Name, Value

__all__ = [
    "LARGEST",
    "BrokenXmpError",
    "Document",
    "canonical_rest",
    "open_document",
    "read_values",
]

LARGEST = 16 << 20
"""Bytes of a sidecar; larger ones are refused. Lightroom's with many masks have a few million."""

_DEEPEST = 200
"""Elements inside one another. XMP needs a dozen; libxml2 stops at 256."""
_DECLARED = re.compile(r"<\?xml[^>]*?\sencoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ENCODINGS = frozenset(["utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252"])
_ARRAYS = tuple(f"{{{RDF}}}{kind}" for kind in ("Seq", "Bag", "Alt"))


class BrokenXmpError(ValueError):
    """A sidecar that spider leaves alone.

    Args:
        reason: what is wrong with it, as the end of a sentence that starts with its name.
        code: a stable word for programs.
    """

    def __init__(self, reason: str, *, code: str = "sidecar_broken") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


@dataclass(frozen=True, slots=True)
class Document:
    """A sidecar's text, and how it was stored."""

    xml: bytes
    """The text in UTF-8, without a byte order mark, whatever its declaration says."""
    encoding: str
    """The codec of the file."""
    bom: bytes
    """The byte order mark it starts with, or nothing."""

    def encode(self, xml: bytes) -> bytes:
        """The bytes of a file that holds `xml` and is stored as this document was.

        Characters the encoding lacks become references; only text that spider put in has any.
        """
        return self.bom + xml.decode("utf-8").encode(self.encoding, "xmlcharrefreplace")


def open_document(data: bytes) -> Document:
    """Decode a sidecar.

    Raises:
        BrokenXmpError: it is empty, too large, not text in a known encoding, not well-formed, holds
            a document type declaration (entities, external files), or is no XMP.
    """
    if len(data) > LARGEST:
        raise BrokenXmpError(f"is larger than {LARGEST >> 20} MB", code="sidecar_too_large")
    if not data.strip(b"\0 \t\r\n"):
        raise BrokenXmpError("is empty")
    document = _decoded(data)
    _refuse_hostile(document.xml)
    _parsed(document.xml)
    return document


def read_values(xml: bytes) -> dict[Name, Value]:
    """The top-level properties of an XMP document, of every rdf:Description.

    Structures come as their text run together. Of a property that stands there twice, the first.

    Raises:
        BrokenXmpError: it is no XMP.
    """
    values: dict[Name, Value] = {}
    for description in _descriptions(_parsed(xml)):
        for key, text in description.attrib.items():
            values.setdefault(_name(key), text)
        for child in description.iterchildren("*"):
            values.setdefault(_name(child.tag), _value(child))
    return values


def canonical_rest(xml: bytes, without: Collection[Name]) -> str:
    """All of a document but the properties in `without`, in canonical form, comments included.

    White space between properties, and descriptions that hold none, do not count.

    Raises:
        BrokenXmpError: it is no XMP.
    """
    from lxml import etree

    root = _parsed(xml)
    for description in _descriptions(root):
        for key in [key for key in description.attrib if _name(key) in without]:
            del description.attrib[key]
        for child in list(description.iterchildren("*")):
            if _name(child.tag) in without:
                _drop(child)
        _squeeze(description)
        left = {_name(key) for key in description.attrib} - {(RDF, "about"), ("", "about")}
        if not left and not len(description) and not description.text:
            _drop(description)
    _squeeze(_rdf(root))
    # Canonical form 2.0: libxml2's own 1.0 refuses namespaces without a scheme.
    canonical: str = etree.canonicalize(root.getroottree(), with_comments=True)
    return canonical


def _decoded(data: bytes) -> Document:
    bom, encoding = next((one for one in _BOMS if data.startswith(one[0])), (b"", _told(data)))
    body = data[len(bom) :]
    try:
        text = body.decode(encoding)
        same = text.encode(encoding) == body
        xml = text.encode("utf-8")
    except UnicodeError:
        same = False
    if not same or xml.startswith(codecs.BOM_UTF8):  # a second mark is no text
        raise BrokenXmpError(f"is not text in {encoding}, which it should be")
    return Document(xml, encoding, bom)


def _told(data: bytes) -> str:
    """The codec that a file without a byte order mark names, or shows."""
    if data.startswith((b"<\0", b"\0<")):
        return "utf-16-le" if data[1] == 0 else "utf-16-be"
    declared = _DECLARED.match(data[:200].decode("latin-1"))
    told = declared[1] if declared else "utf-8"
    try:
        encoding = codecs.lookup(told).name
    except LookupError:
        encoding = told
    if encoding not in _ENCODINGS:
        raise BrokenXmpError(f"is in an encoding that spider does not write, {told}")
    return encoding


def _refuse_hostile(xml: bytes) -> None:
    """Stop at the first sign of a DTD, before anything in it is looked at."""
    parser = expat.ParserCreate("utf-8")
    depth = 0

    def doctype(*_: object) -> None:
        raise BrokenXmpError(
            "holds a document type declaration, which can pull in files and endless text",
            code="sidecar_hostile",
        )

    def start(*_: object) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise BrokenXmpError(f"is nested more than {_DEEPEST} deep", code="sidecar_hostile")

    def end(*_: object) -> None:
        nonlocal depth
        depth -= 1

    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    try:
        parser.Parse(xml, True)
    except expat.ExpatError as error:
        raise BrokenXmpError(f"is not well-formed XML: {error}") from None


def _parsed(xml: bytes) -> Any:
    """The root element; with what makes it XMP.

    Raises:
        BrokenXmpError: it is not well-formed, or there is no rdf:RDF, or more than one.
    """
    from lxml import etree

    parser = etree.XMLParser(
        encoding="utf-8",  # whatever the declaration says: the text was decoded already
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
    )
    try:
        root = etree.fromstring(xml, parser)
    except etree.XMLSyntaxError as error:
        raise BrokenXmpError(f"is not well-formed XML: {error.msg}") from None
    _rdf(root)
    return root


def _rdf(root: Any) -> Any:
    tag = f"{{{RDF}}}RDF"
    found = [root] if root.tag == tag else root.findall(tag)
    if len(found) != 1:
        count = "no" if not found else "more than one"
        raise BrokenXmpError(f"is no XMP sidecar: there is {count} rdf:RDF in it")
    return found[0]


def _descriptions(root: Any) -> list[Any]:
    return list(_rdf(root).iterchildren(f"{{{RDF}}}Description"))


def _name(tag: str) -> Name:
    namespace, _, local = tag.rpartition("}")
    return namespace.removeprefix("{"), local


def _value(element: Any) -> Value:
    for array in element.iterchildren(*_ARRAYS):
        return tuple(_text(item) for item in array.iterchildren("*"))
    plain = element.get(f"{{{RDF}}}value")
    return plain if plain is not None else _text(element)


def _text(element: Any) -> str:
    text: str = element.xpath("string()")  # unlike itertext, never what a comment says
    return text.strip()


def _drop(element: Any) -> None:
    """Take an element out, but not the text that follows it."""
    parent, before = element.getparent(), element.getprevious()
    if element.tail:
        if before is not None:
            before.tail = (before.tail or "") + element.tail
        else:
            parent.text = (parent.text or "") + element.tail
    parent.remove(element)


def _squeeze(element: Any) -> None:
    """Forget the white space between an element's children."""
    if not (element.text or "").strip():
        element.text = None
    for child in element:  # comments too
        if not (child.tail or "").strip():
            child.tail = None
