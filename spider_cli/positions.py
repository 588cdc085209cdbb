"""Places in free English: "the top left", "upper-right corner", "on the left", "everywhere"."""

import re
from dataclasses import dataclass

from spider_cli.phrases import WHOLE

__all__ = ["Place", "begins_place", "compared", "find_places"]

_PHOTO = r"(?:image|photo|photograph|picture|frame|scene|shot|composition|view)"
_NOUN = (
    r"(?:side|part|half|third|quarter|quadrant|portion|section|area|region|edge|corner|end|zone|"
    r"margin|border|strip|hand side|hand corner|hand part)s?"
)
# Of a thing in the photo, not of the photo: "the top of the tower".
_NOT_OF_THING = (
    rf"(?!\s+of (?!(?:the|this|that|an?)\s+(?:whole |entire )?{_PHOTO}\b|cent(?:re|er)\b))"
)
_SINGLE = r"(?:top|bottom|left|right)(?:[- ]?(?:most|hand))?"
# What comes after a word that is a place by itself, and not part of a name ("the left hand").
_ENDS = (
    r"(?=\s*(?:[,.;:)!?\]]|$)|\s+(?:is|are|was|were|has|have|shows?|looks?|appears?|suffers?|seems?|"
    r"exhibits?|contains?|displays?|there|and|or|with|while|whereas|but|by|due|where|of|in|on|than|"
    r"also|to|which|that|then|as|because|from|quality)\b)"
)

_PAIR = (
    r"(?P<v1>top|upper|bottom|lower)(?:[\s/-]*|[- ]most[ -])(?:the )?(?P<h1>left|right)"
    r"(?:[- ]?(?:most|hand))?"
    r"|(?P<h2>left|right)(?:[\s/-]+| hand )(?P<v2>top|upper|bottom|lower)(?:most)?"
)
_PATTERN = re.compile(
    rf"(?P<whole>{WHOLE.pattern})"
    rf"|\b(?:{_PAIR})\b(?:\s+{_NOUN}\b)?+{_NOT_OF_THING}"
    r"|\b(?P<s1>top|upper|bottom|lower|left|right)(?:[- ]?(?:most|hand))?"
    rf"\s+{_NOUN}\b{_NOT_OF_THING}"
    r"|\b(?P<s5>top|upper|bottom|lower)[ -](?:cent(?:er|re)|middle)\b"
    r"|\b(?:cent(?:er|re)|middle)[ -](?P<s6>left|right)\b"
    rf"|\b(?:on|in|at|to|towards?|near|along|from|across|over) (?:the )?(?:far |very |extreme )?"
    rf"(?P<s2>{_SINGLE})\b{_NOT_OF_THING}{_ENDS}"
    rf"|\bthe (?:far |very |extreme )?(?P<s3>{_SINGLE})\b{_NOT_OF_THING}{_ENDS}"
    rf"|(?:^|[(\[|-])\s*(?P<s4>{_SINGLE})(?=\s*[:)\]|])"
    r"|\b(?P<none>(?:the )?(?:very )?(?:cent(?:re|er)|middle)\b(?! tone)"
    rf"{_NOT_OF_THING}|(?:central|middle) {_NOUN}\b|"
    r"(?:the )?(?:rest|remainder)\b|remaining [a-z]+|other (?:regions?|areas?|parts?|places?)\b|"
    r"elsewhere|(?:all |all four |four |the |in )(?:the )?(?:four )?corners\b)"
)
_COMPARED = re.compile(r"\b(?:unlike|than|compared(?: (?:to|with))?)(?: the)?\s*$")
"""Right before a place that only compares."""
_UPPER = {"upper": "top", "lower": "bottom"}
_LINK = re.compile(r"[\s,(-]*(?:(?:of|on|at|in|to|near|towards?) )?(?:the )?(?:very |far )?")
_NEAR = 24
"""Characters between two words that make up one place: "the left side, at the bottom"."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place as it is said; without words where it has none of ours (the middle, the rest)."""

    vertical: str | None = None
    horizontal: str | None = None
    whole: bool = False

    @property
    def said(self) -> bool:
        """It has a word of ours."""
        return self.vertical is not None or self.horizontal is not None


def find_places(text: str) -> list[tuple[int, int, Place]]:
    """Places in a sentence made `reading.plain`: start, end and place, from left to right."""
    found = [(*match.span(), _place_of(match)) for match in _PATTERN.finditer(text)]
    return _joined(found, text)


def compared(text: str, start: int) -> bool:
    """The place that begins there is only compared with: "unlike the top left"."""
    return bool(_COMPARED.search(text[max(0, start - 16) : start]))


def begins_place(text: str, at: int) -> bool:
    """A place stands at this character of a sentence."""
    return _PATTERN.match(text, at) is not None


def _place_of(match: "re.Match[str]") -> Place:
    groups = match.groupdict()
    if groups["whole"] or groups["none"]:
        return Place(whole=bool(groups["whole"]))
    single = next((groups[f"s{at}"] for at in range(1, 7) if groups[f"s{at}"]), None)
    if single:
        word = re.sub(r"[- ]?(?:most|hand)$", "", single)
        word = _UPPER.get(word, word)
        return Place(vertical=word) if word in ("top", "bottom") else Place(horizontal=word)
    vertical = groups["v1"] or groups["v2"]
    return Place(_UPPER.get(vertical, vertical), groups["h1"] or groups["h2"])


def _joined(found: list[tuple[int, int, Place]], text: str) -> list[tuple[int, int, Place]]:
    """Two words of two axes, close together and with nothing else between them, are one place."""
    out: list[tuple[int, int, Place]] = []
    for start, end, place in found:
        if out:
            begin, stop, other = out[-1]
            between = text[stop:start]
            apart = (other.vertical is None) != (place.vertical is None)
            apart = apart and (other.horizontal is None) != (place.horizontal is None)
            if apart and len(between) <= _NEAR and _LINK.fullmatch(between):
                both = Place(other.vertical or place.vertical, other.horizontal or place.horizontal)
                out[-1] = (begin, end, both)
                continue
        out.append((start, end, place))
    return out
