"""Places of an answer's clauses about effects."""

import re

from spider_cli.phrases import EFFECT
from spider_cli.positions import Place, begins_place, find_places

__all__ = ["without_effects"]

_SEEN = re.compile(
    r",?\s*\b(?:which|that) (?:is|are|can be|appears?|occurs?|lies|sits) (?:[a-z]+ ){0,2}?"
    r"(?=(?:on|in|at|near|along|across|over|throughout) )"
)
"""Before a place: "noise, which is visible on the top left"."""
_PREPOSITION = re.compile(r"[a-z]+ (?:the )?")


def without_effects(sentence: str) -> str:
    """A sentence without its clauses about effects, as the reader leaves them out.

    Where no place comes before them, the places they say stay: "noise, which hides detail on the
    left" becomes "noise , on the left".
    """
    text = _SEEN.sub(_before_place, sentence)
    clause = EFFECT.search(text)
    if clause is None:
        return text
    keep = not find_places(text[: clause.start()])
    return EFFECT.sub(_only_places if keep else " , ", text)


def _before_place(clause: "re.Match[str]") -> str:
    """Nothing, right before a place."""
    text, end = clause.string, clause.end()
    ahead = _PREPOSITION.match(text, end)
    place = begins_place(text, end) or (ahead and begins_place(text, ahead.end()))
    return " " if place else clause.group()


def _only_places(clause: "re.Match[str]") -> str:
    text = clause.group()
    said = [text[start:end].strip() for start, end, place in find_places(text) if place != Place()]
    return " , " + "".join(f"{one} , " for one in said)
