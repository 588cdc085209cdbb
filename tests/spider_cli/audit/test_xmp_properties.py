"""For every sidecar: nothing else changes, twice is once, and undo gives the bytes back."""

import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from spider_cli.audit.merging import Marks, Policy, Program, Verdict, decide
from spider_cli.audit.sidecar_names import Folders
from spider_cli.audit.undo import Journal, Outcome
from spider_cli.audit.xmp_document import open_document
from spider_cli.audit.xmp_edit import edited
from spider_cli.audit.xmp_terms import (
    DARKTABLE_LABELS,
    LABEL,
    LABEL_ECHOES,
    RATING,
    RATING_ECHOES,
    SPIDER,
    URGENCY,
    Name,
)
from tests.spider_cli.audit.shoot import Shoot, values

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
SPACES = {
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "darktable": "http://darktable.sf.net/",
    "spider": SPIDER,
    "a": "urn:a",
    "b": "relative/b",
}
OURS = {RATING, LABEL, URGENCY, DARKTABLE_LABELS, *RATING_ECHOES, *LABEL_ECHOES}

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12).map(
    lambda text: text.replace("\ufffe", "").replace("\uffff", "").strip()
)
blanks = st.sampled_from([" ", "\n  ", "\n\t", "  "])
gaps = st.sampled_from(["", " ", "\n   ", "\n"])
names = st.sampled_from(
    ["a:x", "a:y", "b:x", "b:é", "darktable:history_end", "xmp:CreateDate", "photoshop:City"]
)
owned = st.sampled_from(["xmp:Rating", "xmp:Label", "photoshop:Urgency", "spider:Score",
                         "spider:WroteRating", "spider:WroteLabel", "spider:Reasons"])  # fmt: skip
owned_texts = st.sampled_from(["0", "1", "5", "-1", "3.0", "Red", "Green", "", "odd"]) | texts


def escaped(text: str, quote: str = "") -> str:
    out = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return out.replace(quote, f"&#{ord(quote)};") if quote else out


@st.composite
def inner(draw: st.DrawFn, depth: int = 0) -> str:
    """Content of an element: text, comments, CDATA, instructions, elements."""
    kind = draw(st.integers(0, 5 if depth < 3 else 3))
    text = draw(texts)
    if kind == 0:
        return escaped(text)
    if kind == 1:
        return f"<!-- {text.replace('-', '')} -->"
    if kind == 2:
        return f"<![CDATA[{text.replace(']', '')}]]>"
    if kind == 3:
        return f"<?p {text.replace('?', '')}?>"
    tag = draw(names)
    parts = draw(st.lists(inner(depth + 1), max_size=3))
    within = "".join(draw(gaps) + part for part in parts)
    if kind == 4 and not within:
        return f"<{tag}{draw(gaps).rstrip()}/>"
    return f"<{tag} a:q='{escaped(text, chr(39))}'>{within}</{tag}\n>"


@st.composite
def descriptions(draw: st.DrawFn) -> str:
    attributes = draw(st.dictionaries(names | owned, owned_texts, max_size=5))
    out = "<rdf:Description"
    for name, text in attributes.items():
        quote = draw(st.sampled_from("\"'"))
        out += f"{draw(blanks)}{name}{draw(gaps)}={quote}{escaped(text, quote)}{quote}"
    children = []
    for name in draw(st.lists(owned, max_size=2)):
        children.append(f"<{name}>{escaped(draw(owned_texts))}</{name}>")
    for name in draw(st.lists(names, max_size=3)):
        children.append(f"<{name}>{draw(inner())}</{name}>")
    children += draw(st.lists(st.just("<!-- words -->"), max_size=1))
    children = draw(st.permutations(children))
    if not children and draw(st.booleans()):
        return out + draw(gaps) + "/>"
    inside = "".join(draw(gaps) + child for child in children)
    return f"{out}{draw(gaps)}>{inside}{draw(gaps)}</rdf:Description>"


@st.composite
def sidecars(draw: st.DrawFn) -> bytes:
    inside = "".join(draw(gaps) + one for one in draw(st.lists(descriptions(), max_size=3)))
    spaces = "".join(f"{draw(blanks)}xmlns:{name}='{uri}'" for name, uri in SPACES.items())
    text = f"<rdf:RDF xmlns:rdf='{RDF}'{spaces}>{inside}{draw(gaps)}</rdf:RDF>"
    if draw(st.booleans()):
        text = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{draw(gaps)}{text}{draw(gaps)}</x:xmpmeta>"
    if draw(st.booleans()):
        text = f"<?xpacket begin='\ufeff' id='W5M0'?>{draw(gaps)}{text}<?xpacket end='w'?>"
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    codec = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be"]))
    return (f"\ufeff{text}" if codec.startswith("utf-16") else text).encode(codec)


verdicts = st.builds(
    Verdict,
    score=st.floats(0, 100),
    reasons=st.lists(texts, max_size=3).map(tuple),
    model=st.just("nano"),
    revision=texts,
)
policies = st.builds(Policy, program=st.sampled_from(Program), overwrite=st.booleans())


def rest(data: bytes) -> Any:
    """All but spider's properties, by another parser than spider's own check uses."""
    builder = ElementTree.TreeBuilder(insert_comments=True, insert_pis=True)
    root = ElementTree.fromstring(data, ElementTree.XMLParser(target=builder))
    rdf = root if root.tag == f"{{{RDF}}}RDF" else root.find(f"{{{RDF}}}RDF")
    assert rdf is not None
    described = [outline(one, True) for one in rdf if one.tag == f"{{{RDF}}}Description"]
    empty = (f"{{{RDF}}}Description", (), "", [])
    return [one for one in described if one != empty], outline(root, False)[:2]


def outline(element: Any, top: bool) -> Any:
    tag = element.tag if isinstance(element.tag, str) else element.tag.__name__
    kept = [child for child in element if not (top and ours(child.tag))]
    attributes = {key: text for key, text in element.attrib.items() if not (top and ours(key))}
    attributes.pop(f"{{{RDF}}}about", None)
    text = (element.text or "").strip() if top else element.text or ""
    children = [
        (outline(child, False), (child.tail or "").strip() if top else child.tail) for child in kept
    ]
    return tag, tuple(sorted(attributes.items())), text, children


def ours(tag: Any) -> bool:
    if not isinstance(tag, str):
        return False
    namespace, _, local = tag.removeprefix("{").rpartition("}")
    name: Name = (namespace, local)
    return name in OURS or namespace == SPIDER


def merged(data: bytes, verdict: Verdict, policy: Policy) -> bytes:
    decision = decide(values(data), verdict, policy, elsewhere=Marks())
    return edited(open_document(data), decision.wanted)


@settings(max_examples=100)
@given(sidecars(), verdicts, policies)
def test_everything_else_is_kept_and_twice_is_once(
    data: bytes, verdict: Verdict, policy: Policy
) -> None:
    once = merged(data, verdict, policy)
    assert rest(once) == rest(data)
    assert merged(once, verdict, policy) == once


@settings(max_examples=50)
@given(sidecars(), verdicts)
def test_a_rating_is_added_without_touching_a_byte(data: bytes, verdict: Verdict) -> None:
    bare = edited(
        open_document(data),
        {name: None for name in values(data) if name in OURS or name[0] == SPIDER},
    )
    found = iter(merged(bare, verdict, Policy()))
    assert all(byte in found for byte in bare)  # in this order, with something in between


@settings(max_examples=40)
@given(st.none() | sidecars(), verdicts, verdicts, policies)
def test_undo_gives_the_bytes_back(
    data: bytes | None, first: Verdict, second: Verdict, policy: Policy
) -> None:
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "journal") as journal:
        shoot = Shoot(Path(folder) / "shoot", journal, Folders())
        shoot.folder.mkdir()
        photos = shoot.photos("a.CR2")
        if data is not None:
            shoot.put("a.xmp", data)
        before = shoot.contents()
        states = [before]
        for verdict in (first, second):
            shoot.rate(photos, verdict, policy)
            if shoot.contents() != states[-1]:
                states.append(shoot.contents())
        while states[1:]:
            states.pop()
            undone = journal.undo()
            assert undone is not None
            assert {one.outcome for one in undone.sidecars} <= {Outcome.RESTORED, Outcome.REMOVED}
            assert shoot.contents() == states[-1]
        assert journal.undo() is None
