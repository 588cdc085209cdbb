"""What an answer says: which distortions it names, and whether it means all of the photo or none.

Works on free English, clause by clause, from left to right; `chatter` and `remarks` have taken away
markup, and what is not about this photo. Kept rules:

- A distortion counts once, at its strongest, in the order of first mention.
- The severity is the word before the distortion ("slightly blurry"), or after it ("the blur is
  mild", "noise 4/5"). In "severe noise and blur" both are severe. A distortion without any such
  word is moderate, and gives way to a mention that has one.
- Negations ("no", "without", "free of") reach over the list that follows, up to "but", a new verb,
  an item with its own severity, or the comma after which the list is none any more: "no noise or
  blur, mild darkening" names darkening alone.
- "Noise: ..." asks; what follows answers.
- Clauses about effects ("which smears detail", "making it look soft") are not read.
- "bright", "dark", "soft" and "high contrast" without a severity are no faults beside praise.
- A named fault of no family goes to `other`.
"""

import re
from collections.abc import Iterable
from itertools import pairwise

from spider_cli.chatter import begins_at, unwrapped
from spider_cli.mentions import Mention, denials, mentions
from spider_cli.phrases import (
    ALL_WELL,
    DENIAL,
    DENIED,
    EFFECT,
    PRAISE,
    REST,
    SENTENCE,
    WHOLE,
)
from spider_cli.positions import Place, compared, find_places
from spider_cli.remarks import statements
from spider_cli.results import Distortion
from spider_cli.vocabulary import SEVERITIES

__all__ = [
    "DEFAULT_SEVERITY",
    "Mention",
    "mentions",
    "merge_distortions",
    "parse_distortions",
    "place_span",
    "places_meant",
    "plain",
    "said_place",
    "says_nothing",
    "says_whole",
]

DEFAULT_SEVERITY = "moderate"
"""Of a distortion named without any such word."""
_BLANKS = re.compile(r"[^\S\n]+")
_PARTS = re.compile(rf"{SENTENCE.pattern}|\b(?:but|however|although|though|while|whereas)\b")
_TURNS = re.compile(r"\b(?:but|however|although|though|while|whereas|except)\b")


def merge_distortions(distortions: Iterable[Distortion]) -> tuple[Distortion, ...]:
    """One entry a family, the strongest, in the order of first mention."""
    strongest: dict[str, str] = {}
    for item in distortions:
        known = strongest.get(item.family)
        if known is None or SEVERITIES.index(item.severity) > SEVERITIES.index(known):
            strongest[item.family] = item.severity
    return tuple(Distortion(family, severity) for family, severity in strongest.items())


def parse_distortions(answer: str) -> tuple[tuple[Distortion, ...], tuple[str, ...]]:
    """Return the distortions an answer names, and the plain names of faults of no family."""
    return _parsed(plain(answer))


def _parsed(text: str) -> tuple[tuple[Distortion, ...], tuple[str, ...]]:
    families: dict[str, str | None] = {}
    others: dict[str, None] = {}
    for sentence in SENTENCE.split(text):
        for mention in mentions(_without_effects(sentence)):
            if mention.other:
                others.setdefault(mention.other)
            else:
                before = families.get(mention.family)
                families[mention.family] = _stronger(before, mention.severity)
    distortions = tuple(
        Distortion(family, severity or DEFAULT_SEVERITY) for family, severity in families.items()
    )
    return distortions, tuple(others)


def _without_effects(sentence: str) -> str:
    """What a fault leads to is no other fault; what anything else leads to may be the first."""
    return EFFECT.sub(_effect, sentence)


def _effect(clause: "re.Match[str]") -> str:
    result = re.match(r"[\s,]*(?:leading to|causing)\b", clause.group())
    if result and not any(mentions(clause.string[: clause.start()])):
        return clause.group()
    return " , "


def says_whole(answer: str) -> bool:
    """True when the answer puts its distortions on all of the photo.

    Where it names a place too, the whole must have a fault of its own: "the entire image is sharp,
    but the top left shows noise" means the top left.
    """
    text = plain(answer)
    if not WHOLE.search(text) or says_nothing(answer):
        return False
    placed = any(place.said for _, _, place in find_places(text))
    clauses = [part for s in SENTENCE.split(text) for part in _TURNS.split(_without_effects(s))]
    return any(WHOLE.search(c) and (not placed or any(mentions(c))) for c in clauses)


def says_nothing(answer: str) -> bool:
    """True when the answer says that nothing is wrong (and names nothing that is)."""
    text = plain(answer)
    if any(_parsed(text)):
        return False
    # "The rest of the image is clean" says nothing about the region the sentence before meant.
    sentences = [s for s in SENTENCE.split(text) if not REST.search(s)]
    if any(_denies(sentence) for sentence in sentences):
        return True
    praised = any(PRAISE.search(sentence) for sentence in sentences)
    return praised and not any(place.said for _, _, place in find_places(text))


def said_place(answer: str) -> Place | None:
    """The first place that an answer names; None where it names none.

    Places that only compare ("unlike the top left") are passed over; "the centre" is a place
    without words.
    """
    found = places_meant(plain(answer))
    return found[0][2] if found else None


def place_span(answer: str) -> tuple[int, int] | None:
    """Where an answer as it was given names the place it means: start and end of its characters;
    None where it names none by our words."""
    begin = begins_at(answer)
    text = answer[begin:].lower()
    if len(text) != len(answer) - begin:  # a letter that is two in lower case
        return None
    found = [one for one in places_meant(text) if one[2].said]
    return (found[0][0] + begin, found[0][1] + begin) if found else None


def places_meant(text: str) -> list[tuple[int, int, Place]]:
    """Places in lower-case text that are not only compared with, as `find_places` gives them; those
    that have a word of ours, in a clause that names a fault, come first."""
    found = [one for one in find_places(text) if not one[2].whole and not compared(text, one[0])]
    cuts = [0, *(cut.end() for cut in _PARTS.finditer(text)), len(text)]
    faulty = [(start, end) for start, end in pairwise(cuts) if any(mentions(text[start:end]))]
    return sorted(
        found,
        key=lambda one: (
            not one[2].said,
            not any(start <= one[0] < end for start, end in faulty),
        ),
    )


def _denies(sentence: str) -> bool:
    denial = DENIAL.search(sentence)
    return bool(
        ALL_WELL.search(sentence)
        or (denial and DENIED.search(sentence, denial.end()))
        or denials(sentence)
    )


def plain(answer: str) -> str:
    """Return the answer as the readers see it: statements about the photo, in lower case, with one
    kind of apostrophe, without markup."""
    # One blank for many, whatever their kind: the patterns take far too long over long runs.
    text = unwrapped(_BLANKS.sub(" ", answer)).lower().replace("\u2019", "'")
    text = text.replace("n't", " not").replace("cannot", "can not")
    text = re.sub(r"[*_`\"\u201c\u201d]", " ", text)  # markdown of large models
    return statements(_BLANKS.sub(" ", text))


def _stronger(one: str | None, two: str | None) -> str | None:
    if one is None or two is None:
        return one or two
    return max(one, two, key=SEVERITIES.index)
