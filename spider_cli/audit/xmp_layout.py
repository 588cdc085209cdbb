"""Where the properties of an XMP document stand, byte by byte."""

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias
from xml.parsers import expat

from spider_cli.audit.xmp_terms import RDF, Name

__all__ = ["Attribute", "Child", "Element", "Layout", "Scope", "Span", "lay_out"]

Scope: TypeAlias = dict[str | None, str]
"""Namespaces declared at a place: prefix, None for the default, -> URI."""

_SEPARATOR = "\x1f"  # cannot be part of a namespace: XML has no such character
# For start tags that a parser has found well-formed already.
_TAG = re.compile(rb"<[^\s/>]+")
_ATTRIBUTE = re.compile(rb"(\s+)([^\s=]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_TAG_END = re.compile(rb"\s*(/?)>")


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes from `start` to before `end`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of a start tag that declares no namespace."""

    whole: Span
    """From the white space before it to its closing quote."""
    value: Span
    """Between the quotes."""


@dataclass(frozen=True, slots=True)
class Child:
    """A child element, from its ``<`` to its last ``>``."""

    name: Name
    whole: Span


class _Role(Enum):
    RDF = 1
    DESCRIPTION = 2
    PROPERTY = 3


@dataclass(slots=True)
class Element:
    """An rdf:RDF, an rdf:Description, or a property inside one."""

    role: _Role
    name: Name
    tag: str
    """Its name as written, with the prefix."""
    start: int
    space: bytes
    """The white space before its last attribute or declaration; one blank where it has none."""
    attributes_end: int
    """Where one more attribute can stand."""
    opened: int
    """After the ``>`` of its start tag."""
    closed_at_once: bool
    """``<a/>``"""
    scope: Scope
    attributes: dict[Name, Attribute]
    children: list[Child] = field(default_factory=list)
    content_end: int = 0
    """Where its end tag starts."""


@dataclass(frozen=True, slots=True)
class Layout:
    """An XMP document."""

    rdf: Element
    descriptions: list[Element]


def lay_out(xml: bytes) -> Layout:
    """Find the properties of a document that `open_document` let pass.

    Args:
        xml: the document in UTF-8.
    """
    return _Reader(xml).layout()


class _Reader:
    """Expat's handlers; elements further down than properties pass by."""

    def __init__(self, xml: bytes) -> None:
        self._xml = xml
        self._scopes: list[Scope] = [{}]
        self._declared: Scope = {}
        self._open: list[Element | None] = []
        self._seen: list[Element] = []
        self._parser = parser = expat.ParserCreate("utf-8", _SEPARATOR)
        parser.ordered_attributes = True
        parser.StartNamespaceDeclHandler = self._declare
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end

    def layout(self) -> Layout:
        self._parser.Parse(self._xml, True)
        (rdf,) = (one for one in self._seen if one.role is _Role.RDF)
        return Layout(rdf, [one for one in self._seen if one.role is _Role.DESCRIPTION])

    def _declare(self, prefix: str | None, uri: str | None) -> None:
        self._declared[prefix] = uri or ""

    def _start(self, tag: str, attributes: list[str]) -> None:
        scope = self._scopes[-1]
        if self._declared:
            scope, self._declared = {**scope, **self._declared}, {}
        self._scopes.append(scope)
        name = _name(tag)
        role = self._role(name)
        element = None
        if role is not None:
            element = self._element(role, name, attributes, scope)
            self._seen.append(element)
        self._open.append(element)

    def _role(self, name: Name) -> _Role | None:
        parent = self._open[-1] if self._open else None
        if parent is None:
            return _Role.RDF if name == (RDF, "RDF") and len(self._open) <= 1 else None
        if parent.role is _Role.RDF and name == (RDF, "Description"):
            return _Role.DESCRIPTION
        return _Role.PROPERTY if parent.role is _Role.DESCRIPTION else None

    def _end(self, _: str) -> None:
        at = self._parser.CurrentByteIndex
        self._scopes.pop()
        element = self._open.pop()
        if element is None:
            return
        end = element.content_end = element.opened
        if not element.closed_at_once:
            element.content_end = at
            end = self._xml.index(b">", at) + 1
        parent = self._open[-1] if self._open else None
        if parent is not None:
            parent.children.append(Child(element.name, Span(element.start, end)))

    def _element(self, role: _Role, name: Name, attributes: list[str], scope: Scope) -> Element:
        start = self._parser.CurrentByteIndex
        tag = _found(_TAG.match(self._xml, start))
        place, space = tag.end(), b" "
        known: list[Attribute] = []
        while one := _ATTRIBUTE.match(self._xml, place):
            if one[2].partition(b":")[0] != b"xmlns":
                value = one.span(3) if one[3] is not None else one.span(4)
                known.append(Attribute(Span(*one.span()), Span(*value)))
            space, place = one[1], one.end()
        end = _found(_TAG_END.match(self._xml, place))
        # Expat, too, gives attributes in their order and without the declarations.
        names = [_name(resolved) for resolved in attributes[::2]]
        return Element(
            role=role,
            name=name,
            tag=tag[0][1:].decode("utf-8"),
            start=start,
            space=space,
            attributes_end=place,
            opened=end.end(),
            closed_at_once=bool(end[1]),
            scope=scope,
            attributes=dict(zip(names, known, strict=True)),
        )


def _found(match: re.Match[bytes] | None) -> re.Match[bytes]:
    assert match is not None, "a well-formed start tag"
    return match


def _name(text: str) -> Name:
    namespace, _, local = text.rpartition(_SEPARATOR)
    return namespace, local
