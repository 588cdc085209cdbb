"""Properties set or taken out of an XMP document; every other byte stays as it is."""

import re
from collections.abc import Mapping

from spider_cli.audit.xmp_document import Document, canonical_rest, open_document, read_values
from spider_cli.audit.xmp_layout import Element, Layout, Scope, Span, lay_out
from spider_cli.audit.xmp_terms import PREFIXES, RDF, Name, Value

__all__ = ["EditError", "edited", "new_sidecar"]

_EMPTY = f"""\
<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="spider">
 <rdf:RDF xmlns:rdf="{RDF}">
  <rdf:Description
    rdf:about=""/>
 </rdf:RDF>
</x:xmpmeta>
""".encode()
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML has no way to hold."""
_REFERENCES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;",
     "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
)  # fmt: skip


class EditError(RuntimeError):
    """An edit did something else than it should; nothing came of it."""


def new_sidecar(values: Mapping[Name, Value | None]) -> bytes:
    """The bytes of a sidecar that holds these properties and no others.

    Raises:
        EditError: see `edited`.
    """
    return edited(open_document(_EMPTY), values)


def edited(document: Document, wanted: Mapping[Name, Value | None]) -> bytes:
    """The bytes of a document with some properties changed.

    A property that is there keeps its place and its form (attribute or element). One that is not
    becomes an attribute of the first rdf:Description; an array, an element of it. What already is
    as wanted stays byte for byte. The result is read again before it is handed out.

    Args:
        wanted: property -> its new value; None takes it out, wherever it stands. Characters that
            XML cannot hold are replaced, and white space at a text's ends goes.

    Raises:
        EditError: the result is not what was wanted, or something else in it changed.
        BrokenXmpError: the document is no XMP.
    """
    wanted = {name: _writable(value) for name, value in wanted.items()}
    now = read_values(document.xml)
    changed = {name: value for name, value in wanted.items() if now.get(name) != value}
    xml = _Edit(document.xml, changed).result() if changed else document.xml
    data = document.encode(xml)
    _check(document.xml, open_document(data).xml, wanted)
    return data


def _writable(value: Value | None) -> Value | None:
    """A value as it will be read back."""
    if value is None:
        return None
    if isinstance(value, str):
        return _UNWRITABLE.sub("\ufffd", value).strip()
    return tuple(_UNWRITABLE.sub("\ufffd", item).strip() for item in value)


def _check(before: bytes, after: bytes, wanted: Mapping[Name, Value | None]) -> None:
    now = read_values(after)
    if any(now.get(name) != value for name, value in wanted.items()):
        raise EditError("a property would not be what it should")
    if canonical_rest(before, wanted) != canonical_rest(after, wanted):
        raise EditError("something else would change")


class _Edit:
    """Changes of one document, gathered first: each a stretch of bytes and what comes instead."""

    def __init__(self, xml: bytes, wanted: Mapping[Name, Value | None]) -> None:
        self._xml = xml
        self._changes: list[tuple[Span, str]] = []
        self._line = "\r\n" if b"\r\n" in xml else "\n" if b"\n" in xml else ""
        layout = lay_out(xml)
        missing = {
            name: value
            for name, value in wanted.items()
            if not self._replaced(layout, name, value) and value is not None
        }
        if missing:
            self._add(layout, missing)

    def result(self) -> bytes:
        out, place = [], 0
        for span, text in sorted(self._changes, key=lambda change: change[0].start):
            if span.start < place:
                raise EditError("two changes would meet in one place")
            out += [self._xml[place : span.start], text.encode("utf-8")]
            place = span.end
        return b"".join([*out, self._xml[place:]])

    def _replaced(self, layout: Layout, name: Name, value: Value | None) -> bool:
        """Change a property where it stands, and take out its doubles; False if there is none."""
        there = False
        for description in layout.descriptions:
            attribute = description.attributes.get(name)
            if attribute is not None:
                if isinstance(value, str) and not there:
                    self._changes.append((attribute.value, _escape(value)))
                    there = True
                else:
                    self._changes.append((attribute.whole, ""))
            for child in description.children:
                if child.name != name:
                    continue
                if value is not None and not there:
                    self._changes.append((child.whole, _element(name, value, description.scope)))
                    there = True
                else:
                    start = len(self._xml[: child.whole.start].rstrip())
                    self._changes.append((Span(start, child.whole.end), ""))
        return there

    def _add(self, layout: Layout, missing: Mapping[Name, Value]) -> None:
        home = layout.descriptions[0] if layout.descriptions else layout.rdf
        declared: dict[str, str] = {}
        attributes: list[str] = []
        elements: list[str] = []
        for name, value in missing.items():
            if isinstance(value, str):
                tag = _prefixed(name, home.scope, declared)
                attributes.append(f'{tag}="{_escape(value)}"')
            else:
                elements.append(_element(name, value, home.scope, declared))
        if not layout.descriptions:
            about = _prefixed((RDF, "about"), home.scope, declared)
            attributes.insert(0, f'{about}=""')
        attributes[:0] = [f'xmlns:{prefix}="{uri}"' for prefix, uri in declared.items()]
        if layout.descriptions:
            space = home.space.decode("utf-8")
            written = "".join(f"{space}{attribute}" for attribute in attributes)
            self._put_inside(home, elements, written)
            return
        own: dict[str, str] = {}
        tag = _prefixed((RDF, "Description"), home.scope, own, element=True)
        line = self._line + self._indent(home.start)
        inside = "".join(f"{line and line + '  '}{element}" for element in elements)
        end = f">{inside}{line and line + ' '}</{tag}>" if elements else "/>"
        self._put_inside(home, [" ".join([f"<{tag}", *attributes]) + end], "")

    def _put_inside(self, home: Element, elements: list[str], attributes: str) -> None:
        """Add to an element's start tag, and after its last child."""
        line = self._line + self._indent(home.start) if self._line else ""
        inside = "".join(f"{line and line + ' '}{element}" for element in elements)
        if attributes:
            end = home.attributes_end
            self._changes.append((Span(end, end), attributes))
        if elements and home.closed_at_once:
            slash = home.opened - len("/>")
            self._changes.append((Span(slash, home.opened), f">{inside}{line}</{home.tag}>"))
        elif elements:
            place = max(home.opened, len(self._xml[: home.content_end].rstrip()))
            self._changes.append((Span(place, place), inside))

    def _indent(self, start: int) -> str:
        """The white space that a line begins with, if the element at `start` is its first."""
        before = self._xml[self._xml.rfind(b"\n", 0, start) + 1 : start]
        return before.decode("utf-8") if not before.strip(b" \t") else ""


def _element(name: Name, value: Value, scope: Scope, declared: dict[str, str] | None = None) -> str:
    """A property as an element; without `declared` it declares by itself what the scope lacks."""
    own: dict[str, str] = {}
    if declared is None:
        declared = own
    tag = _prefixed(name, scope, declared, element=True)
    if isinstance(value, str):
        inside = _escape(value)
    else:
        array, item = (
            _prefixed((RDF, local), scope, declared, element=True) for local in ("Seq", "li")
        )
        items = "".join(f"<{item}>{_escape(text)}</{item}>" for text in value)
        inside = f"<{array}>{items}</{array}>"
    spaces = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in own.items())
    return f"<{tag}{spaces}>{inside}</{tag}>"


def _prefixed(name: Name, scope: Scope, declared: dict[str, str], *, element: bool = False) -> str:
    """A name as it is written in `scope`; a namespace without a prefix there gets one.

    Args:
        declared: prefixes that are declared besides, and where a new one goes.
        element: the default namespace will do.
    """
    uri, local = name
    if element and scope.get(None) == uri:
        return local
    taken = {prefix: bound for prefix, bound in scope.items() if prefix is not None} | declared
    for prefix, bound in taken.items():
        if bound == uri:
            return f"{prefix}:{local}"
    base = PREFIXES.get(uri, "ns")
    prefix, count = base, 1
    while prefix in taken:
        prefix, count = f"{base}{count}", count + 1
    declared[prefix] = uri
    return f"{prefix}:{local}"


def _escape(text: str) -> str:
    return text.translate(_REFERENCES)
