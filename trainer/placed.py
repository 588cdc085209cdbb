"""Where an answer puts the faults it names: free English, clause by clause.

A sentence is cut at its commas and conjunctions. A piece that has a place and faults puts these
there. Places that come first hold for the pieces after them ("the top left shows noise, blur"),
places that come last for the pieces before ("noise and blur on the top left"). A heading's place
("Top left:") holds until the next place; "it" and "this region" mean the place before.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

from spider_cli.phrases import SENTENCE
from spider_cli.positions import Place, compared, find_places
from spider_cli.reading import Mention, mentions, merge_distortions, parse_distortions, plain
from spider_cli.results import Distortion
from trainer.places import without_effects

__all__ = ["Placed", "placed_distortions"]

_SEPARATOR = re.compile(
    r",|\b(?:and|while|whereas|but|plus|with|as well as|along with|together with|then|although|"
    r"though|however|unlike|compared (?:to|with))\b"
)
_VERB = r"(?:is|are|was|were|has|have|shows?|looks?|appears?|seems?|suffers?|exhibits?)"
_SUBJECT = re.compile(
    rf"\W*(?:(?:the|its|this|that|an?) )?(?:[a-z]+ )?(?P<noun>[a-z]+) (?={_VERB}\b)"
)
"""The beginning of a piece with a subject of its own."""
_ASPECTS = re.compile(
    r"it|they|there|which|also|colou?rs?|hues?|edges?|outlines?|contours?|lines?|details?|textures?|"
    r"surfaces?|tones?|highlights?|shadows?|contrast|brightness|exposure|saturation|sharpness|focus|"
    r"quality|visibility|everything|region|area|part"
)
"""Subjects that are still about the place before."""
_ANAPHORA = re.compile(
    r"\W*(?:it|its|here|there(?! (?:is|are|was|were|seems?|appears?)\b)|they|also|additionally|"
    r"moreover|furthermore|in addition|(?:this|that|these|the same|the said|the) "
    r"(?:region|area|part|section|corner|side|place|spot|patch)s?|"
    r"th(?:is|at|ese)(?! (?:image|photo|picture|photograph|scene|shot)\b))\b"
)
_ABOUT_ALL = re.compile(
    r"\W*(?:overall\W+)?(?:the|this) (?:image|photo|photograph|picture|scene)\b"
)
_BACK = re.compile(r"\W*(?:the|this|that|these|those|both|such)\b")
_KEY = re.compile(r"\W*(?:location|position|where|region|area|place)\s*[:=]")
_CLAUSE = re.compile(rf"\b{_VERB}\b")


@dataclass(frozen=True, slots=True)
class Placed:
    """Faults that an answer puts in one place."""

    vertical: str | None
    """top or bottom; None where that is not said."""
    horizontal: str | None
    """left or right."""
    whole: bool
    """All of the photo is meant."""
    distortions: tuple[Distortion, ...]
    """One entry a family, the strongest, in the order of mention."""
    other: tuple[str, ...] = ()
    """Plain names of faults of no family."""


@dataclass(slots=True)
class _Unit:
    """Faults of one clause, and the places they are in: none, one or several."""

    places: list[Place]
    faults: list[Mention] = field(default_factory=list)


def placed_distortions(answer: str) -> tuple[Placed, ...]:
    """What an answer says is where: one entry for each place and clause that names faults.

    A clause that says no place gives an entry without words ("the middle" and "the rest of the
    image" have none, either). A severity that is not said there is the one said of that family
    elsewhere in the answer, else moderate.
    """
    families, names = parse_distortions(answer)
    told = {one.family: one.severity for one in families}
    reader = _Reader()
    for sentence in SENTENCE.split(plain(answer)):
        reader.read(sentence)
    found: list[Placed] = []
    for unit in reader.units:
        # Only what the answer as a whole is read to name.
        distortions = merge_distortions(
            Distortion(one.family, one.severity or told[one.family])
            for one in unit.faults
            if one.family in told
        )
        others = tuple(dict.fromkeys(one.other for one in unit.faults if one.other in names))
        if not distortions and not others:
            continue
        for place in dict.fromkeys(unit.places) or (Place(),):
            found.append(Placed(place.vertical, place.horizontal, place.whole, distortions, others))
    return tuple(found)


class _Reader:
    """Reads sentence after sentence, remembering places that hold on."""

    def __init__(self) -> None:
        self.units: list[_Unit] = []
        self.heading: list[Place] = []
        """Of a heading: holds until another place comes."""
        self.last: list[Place] = []
        """Of the sentence before: what "it" means."""
        self.seen: set[tuple[str, str]] = set()
        """Families and other faults named so far."""
        self.unplaced_key = False
        """The sentence before was "Distortion: ...", without a place."""

    def read(self, sentence: str) -> None:
        """Read one sentence."""
        if not sentence.strip():
            return
        text = without_effects(sentence)
        faults = list(mentions(text))
        places = [one for one in find_places(text) if not compared(text, one[0])]
        if not faults:
            self._no_faults(text, [place for _, _, place in places])
            return
        if places:
            units = _units(text, faults, places)
            self.heading = []
            self.last = next((u.places for u in reversed(units) if u.places), [])
        else:
            units = self._without_place(text, faults)
        self.seen |= {(one.family, one.other) for one in faults}
        self.unplaced_key = not places and not self.heading and ":" in text
        self.units += units

    def _no_faults(self, text: str, places: list[Place]) -> None:
        stripped = text.strip()
        if not places:
            # Another heading, without a place, ends the one before.
            if stripped.endswith(":"):
                self.heading = []
            self.unplaced_key = False
            return
        if self.unplaced_key and _KEY.match(text) and self.units:
            self.units[-1].places = places
            self.unplaced_key = False
            return
        self.unplaced_key = False
        self.last = places
        self.heading = [] if _CLAUSE.search(text) and not stripped.endswith(":") else places

    def _without_place(self, text: str, faults: list[Mention]) -> list[_Unit]:
        if self.heading:
            return [_Unit(list(self.heading), faults)]
        known = all((one.family, one.other) in self.seen for one in faults)
        if known and _BACK.match(text) and not any(one.severity for one in faults):
            return []  # "the noise covers ...": more about what was placed before
        if _ANAPHORA.match(text):
            return [_Unit(list(self.last), faults)]
        if _ABOUT_ALL.match(text):
            self.last = []
        return [_Unit([], faults)]


def _units(
    text: str, faults: Sequence[Mention], places: Sequence[tuple[int, int, Place]]
) -> list[_Unit]:
    """The clauses of a sentence that has both."""
    units: list[_Unit] = []
    before: _Unit | None = None  # places that came first: they hold for what follows
    told = False  # something was said of them already: "the left is sharp, but"
    behind: _Unit | None = None  # places that came last, after their faults
    waiting: list[Mention] = []  # faults that no place was said for yet
    place_starts, fault_starts = [at for at, _, _ in places], [one.start for one in faults]
    for start, end in _pieces(text, faults, places):
        here = [(at, place) for at, _, place in places[_span(place_starts, start, end)]]
        named = [*faults[_span(fault_starts, start, end)]]
        piece = text[start:end]
        if named and here and here[0][0] < named[0].start:
            # "the top left shows noise": places said after the fault only compare.
            leading = [place for at, place in here if at < named[0].start]
            if waiting:
                units.append(_Unit([], waiting))
                waiting = []
            if before is not None and not before.faults and not told:
                leading = before.places + leading
            before, behind, told = _Unit(leading, named), None, True
            units.append(before)
        elif here and (named or waiting):
            behind, before = _Unit([place for _, place in here], waiting + named), None
            units.append(behind)
            waiting = []
        elif here and behind is not None:
            behind.places += [place for _, place in here]
        elif here:
            together = before is not None and not before.faults and not told
            earlier = before.places if before is not None and together else []
            before = _Unit(earlier + [place for _, place in here])
            told = bool(_CLAUSE.search(piece))
        elif named:
            other = told and _other_subject(piece, named[0].start - start)
            if before is not None and not other:
                if not before.faults:
                    units.append(before)
                before.faults += named
                told = True
            else:
                before = None
                waiting += named
    if waiting:
        # "noise on the top left, and blur": a list that goes on, unless it has a verb of its own.
        if behind is not None and not _CLAUSE.search(
            text[behind.faults[-1].end : waiting[0].start]
        ):
            behind.faults += waiting
        else:
            units.append(_Unit([], waiting))
    return units


def _pieces(
    text: str, faults: Sequence[Mention], places: Sequence[tuple[int, int, Place]]
) -> list[tuple[int, int]]:
    """Start and end of what lies between commas and conjunctions, but for those inside a place or
    a fault ("salt and pepper")."""
    solid = bytearray(len(text))
    for start, end in (*((s, e) for s, e, _ in places), *((one.start, one.end) for one in faults)):
        solid[start:end] = b"\1" * (end - start)
    cuts = [match.span() for match in _SEPARATOR.finditer(text)]
    cuts = [(start, end) for start, end in cuts if not any(solid[start:end])]
    starts = [0, *(end for _, end in cuts)]
    ends = [*(start for start, _ in cuts), len(text)]
    return list(zip(starts, ends, strict=True))


def _span(starts: Sequence[int], start: int, end: int) -> slice:
    """Of ascending positions, those in start..end."""
    return slice(bisect_left(starts, start), bisect_left(starts, end))


def _other_subject(piece: str, fault: int) -> bool:
    """The piece begins with a subject that is not at the place before ("the background is ...")."""
    match = _SUBJECT.match(piece)
    return bool(match and match.end() <= fault and not _ASPECTS.fullmatch(match.group("noun")))
