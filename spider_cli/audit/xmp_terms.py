"""The words of XMP that ratings need: namespaces, properties, and how programs spell a colour."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

__all__ = [
    "CAPTURE_ONE_URGENCY",
    "DARKTABLE",
    "DARKTABLE_LABELS",
    "LABEL",
    "LABEL_ECHOES",
    "MODEL",
    "PREFIXES",
    "RATING",
    "RATING_ECHOES",
    "RDF",
    "REASONS",
    "REVISION",
    "SCORE",
    "SPIDER",
    "URGENCY",
    "WROTE_LABEL",
    "WROTE_RATING",
    "Colour",
    "Name",
    "Value",
]

Name: TypeAlias = tuple[str, str]
"""A property: its namespace's URI, and its local name."""
Value: TypeAlias = str | tuple[str, ...]
"""A simple property's text, or the items of an array."""

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XMP = "http://ns.adobe.com/xap/1.0/"
PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
DARKTABLE = "http://darktable.sf.net/"
SPIDER = "https://spider-iqa.org/ns/1.0/"

PREFIXES = {
    RDF: "rdf", XMP: "xmp", PHOTOSHOP: "photoshop", DARKTABLE: "darktable", SPIDER: "spider",
}  # fmt: skip
"""The prefixes used where a sidecar has none for a namespace yet."""

RATING: Name = (XMP, "Rating")
"""-1 rejected, 0 unrated, 1-5 stars."""
LABEL: Name = (XMP, "Label")
DARKTABLE_LABELS: Name = (DARKTABLE, "colorlabels")
URGENCY: Name = (PHOTOSHOP, "Urgency")
"""Where Capture One puts its colour tag a second time, as a number."""

SCORE: Name = (SPIDER, "Score")
"""0-100, higher is better."""
REASONS: Name = (SPIDER, "Reasons")
"""An array: what is wrong, in words."""
MODEL: Name = (SPIDER, "Model")
REVISION: Name = (SPIDER, "Revision")
WROTE_RATING: Name = (SPIDER, "WroteRating")
"""The xmp:Rating that spider wrote. While both agree, the rating is spider's and not a person's."""
WROTE_LABEL: Name = (SPIDER, "WroteLabel")
"""The xmp:Label that spider wrote, likewise."""


class Colour(StrEnum):
    """The five colours that Lightroom, Capture One and darktable share, as xmp:Label has them."""

    RED = "Red"
    YELLOW = "Yellow"
    GREEN = "Green"
    BLUE = "Blue"
    PURPLE = "Purple"


def _colours(*values: Value) -> Mapping[str, Value]:
    return MappingProxyType(dict(zip(map(str, Colour), values, strict=True)))


# As Capture One 16 writes them; other programs count otherwise.
CAPTURE_ONE_URGENCY: Mapping[str, str] = MappingProxyType(
    {
        "Red": "1", "Green": "2", "Blue": "3", "Pink": "4", "Purple": "5", "Orange": "6",
        "Yellow": "7",
    }
)  # fmt: skip
"""Capture One's colour tag in xmp:Label -> the same in `URGENCY`."""

# Programs that keep a rating or a label of their own as well. What a person put there stands; where
# spider writes, they are made to agree. spider adds none but darktable's, in darktable's sidecars.
_PERCENT = {-1: "0", 0: "0", 1: "1", 2: "25", 3: "50", 4: "75", 5: "99"}
RATING_ECHOES: Mapping[Name, Mapping[int, str]] = {
    ("http://ns.microsoft.com/photo/1.0", "Rating"): _PERCENT,
    ("http://ns.microsoft.com/photo/1.0/", "Rating"): _PERCENT,  # exiv2, and so digiKam
    ("http://ns.acdsee.com/iptc/1.0/", "rating"): {
        -1: "0", 0: "0", 1: "1", 2: "2", 3: "3", 4: "4", 5: "5",
    },
}  # fmt: skip
"""Property -> xmp:Rating -> what it holds for that."""
LABEL_ECHOES: Mapping[Name, Mapping[str, Value]] = {
    DARKTABLE_LABELS: _colours(("0",), ("1",), ("2",), ("3",), ("4",)),
    ("http://www.digikam.org/ns/1.0/", "ColorLabel"): _colours("1", "3", "4", "5", "6"),
    (PHOTOSHOP, "LabelColor"): _colours("red", "yellow", "green", "blue", "purple"),
}
"""Property -> xmp:Label -> what it holds for that."""
