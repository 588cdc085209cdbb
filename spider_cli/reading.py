"""What an answer says: which distortions it names, and whether it means all of the photo or none.

Works on free English, clause by clause, from left to right. Kept rules:

- A distortion counts once, at its strongest, in the order of first mention.
- The severity is the word before the distortion ("slightly blurry"), or after it ("the blur is
  mild"). In "severe noise and blur" both are severe. A distortion without any such word is
  moderate, and gives way to a mention that has one.
- Negations ("no", "without", "free of") reach over the list that follows, up to "but", a new verb
  or an item with its own severity: "no noise or blur, mild darkening" names darkening alone.
- Clauses about effects ("which smears detail", "making it look soft") are not read.
- A named fault of no family goes to `other`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from spider_cli.phrases import (
    ALL_WELL,
    DENIAL,
    DENIED,
    EFFECT,
    EVENT,
    NOT_SEEN,
    REST,
    SENTENCE,
    SEVERITY_AFTER,
    WHOLE,
    family_of_phrase,
    other_of_phrase,
    severity_of_phrase,
)
from spider_cli.results import Distortion
from spider_cli.vocabulary import SEVERITIES

__all__ = [
    "DEFAULT_SEVERITY",
    "Mention",
    "mentions",
    "merge_distortions",
    "parse_distortions",
    "plain",
    "says_nothing",
    "says_whole",
]

DEFAULT_SEVERITY = "moderate"
"""Of a distortion named without any such word."""
_REACH = 32
"""Characters a severity word may stand before what it qualifies."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A place in a sentence that names a fault."""

    start: int
    end: int
    """Characters, end-exclusive, a severity word after it among them."""
    family: str
    """"" for a fault of no family."""
    other: str
    """Its plain name; "" for distortions of a family."""
    severity: str | None
    """None where the sentence does not say."""


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
    families: dict[str, str | None] = {}
    others: dict[str, None] = {}
    for sentence in SENTENCE.split(plain(answer)):
        for mention in mentions(EFFECT.sub(" , ", sentence)):
            if mention.other:
                others.setdefault(mention.other)
            else:
                before = families.get(mention.family)
                families[mention.family] = _stronger(before, mention.severity)
    distortions = tuple(
        Distortion(family, severity or DEFAULT_SEVERITY) for family, severity in families.items()
    )
    return distortions, tuple(others)


def says_whole(answer: str) -> bool:
    """True when the answer puts its distortions on all of the photo."""
    return bool(WHOLE.search(plain(answer))) and not says_nothing(answer)


def says_nothing(answer: str) -> bool:
    """True when the answer says that nothing is wrong (and names nothing that is)."""
    distortions, others = parse_distortions(answer)
    if distortions or others:
        return False
    # "The rest of the image is clean" says nothing about the region the sentence before meant.
    sentences = (s for s in SENTENCE.split(plain(answer)) if not REST.search(s))
    return any(_denies(sentence) for sentence in sentences)


def _denies(sentence: str) -> bool:
    denial = DENIAL.search(sentence)
    return bool(ALL_WELL.search(sentence) or (denial and DENIED.search(sentence, denial.end())))


def plain(answer: str) -> str:
    """Return the answer as the readers see it: lower case, one kind of apostrophe, no markdown."""
    text = answer.lower().replace("\u2019", "'").replace("n't", " not").replace("cannot", "can not")
    text = re.sub(r"[*_`\"]", " ", text)  # markdown of large models
    return re.sub(r"[ \t]+", " ", text)


def mentions(sentence: str) -> Iterator[Mention]:
    """What one sentence, made `plain` and without its clauses about effects, says is there."""
    negated = fresh = False  # fresh: nothing negated yet since the cue
    severity: tuple[str, int] | None = None  # the word, and where it ended
    previous: tuple[str | None, int] | None = None  # severity and end of the item before
    skip_to = 0
    for event in EVENT.finditer(sentence):
        kind, start, end = event.lastgroup, event.start(), event.end()
        if start < skip_to or kind == "ignored":
            continue
        if kind == "negation":
            negated, fresh, severity = True, True, None
        elif kind in ("turn", "verb"):
            # A verb right after the cue belongs to it: "no region shows noise".
            if kind == "turn" or not fresh:
                negated = False
            if kind == "turn":
                severity = previous = None
        elif kind == "severity":
            if negated and not fresh and _new_item(sentence[:start]):
                negated = False
            severity = (severity_of_phrase(event.group()), end)
        else:
            seen = NOT_SEEN.match(sentence, end)
            if seen or negated:
                fresh, severity, previous = False, None, None
                skip_to = seen.end() if seen else end
                continue
            said = None
            if (
                severity
                and start - severity[1] <= _REACH
                and ":" not in sentence[severity[1] : start]
            ):
                said = severity[0]
            after = SEVERITY_AFTER.match(sentence, end)
            if said is None and after:
                said, skip_to = severity_of_phrase(after.group("severity")), after.end()
            if said is None and previous and _joined(sentence[previous[1] : start]):
                said = previous[0]
            previous, severity = (said, max(end, skip_to)), None
            family = other = ""
            if kind == "other":
                other = other_of_phrase(event.group())
            else:
                family = family_of_phrase(event.group())
            yield Mention(start, max(end, skip_to), family, other, said)


def _new_item(before: str) -> bool:
    return bool(re.search(r"(?:,|;|\band|\bplus)(?: also| some| an?)*\s*$", before))


def _joined(between: str) -> bool:
    return bool(re.fullmatch(r"\s*(?:and|&|/|or)\s*", between))


def _stronger(one: str | None, two: str | None) -> str | None:
    if one is None or two is None:
        return one or two
    return max(one, two, key=SEVERITIES.index)
