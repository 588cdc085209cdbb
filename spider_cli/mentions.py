"""Faults that one sentence names, from left to right, each with its severity (`reading` has the
rules)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from spider_cli.phrases import (
    EVENT,
    NOT_SEEN,
    PRAISED,
    SEVERITY,
    SEVERITY_AFTER,
    WELL,
    family_of_phrase,
    other_of_phrase,
    severity_of_phrase,
)
from spider_cli.vocabulary import SEVERITIES

__all__ = ["Mention", "denials", "mentions"]

_REACH = 32
"""Characters a severity word may stand before what it qualifies."""
_VERB_BETWEEN = re.compile(r":|\b(?:is|are|was|were|has|have|shows?|looks?|appears?|because|as)\b")
_BREAK = re.compile(r",|\b(?:and|so|because)\b")
_GLUE = re.compile(
    r"(?:[\s,/&()-]|\b(?:and|or|nor|any|then|first|the|of|other|visible|obvious|noticeable|real|"
    r"significant|major|severe|image|also|either|even|signs?|such as|kind|sort|artifacts?)\b)*"
)
_LISTED = re.compile(r"\b(?:of|following|these)\s*:")
_OR = re.compile(r"\b(?:or|nor)\b")
_ITEM = re.compile(r"(?:,|;|\band|\bplus|\bwith)(?: also| some| an?)*\s*")
_JOINT = re.compile(r"\s*(?:and|&|/|or)\s*")
_LABEL = re.compile(r"(?: (?:levels?|artifacts?|issues?|assessment))?\s*(?::|\s-\s)\s*(?=[^\s,.])")
_LABELLED = re.compile(r"\W*(?:the )?(?:\d+\W+)?")
_LOOKS = ("bright", "dark", "soft", "dim", "high contrast")


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


def mentions(sentence: str) -> Iterator[Mention]:
    """What one sentence, made `plain` and without its clauses about effects, says is there."""
    return iter(_read(sentence)[0])


def denials(sentence: str) -> set[tuple[str, str]]:
    """Families and other names that one sentence says are not there."""
    return _read(sentence)[1]


def _read(sentence: str) -> tuple[list[Mention], set[tuple[str, str]]]:
    """What one sentence says is there, and the families and other names it says are not."""
    found: list[Mention] = []
    denied: set[tuple[str, str]] = set()
    labels: list[Mention] = []
    negated = fresh = False  # fresh: nothing negated yet since the cue
    cue = 0  # where the negation ended, or its last item
    severity: tuple[str, int] | None = None  # the word, and where it ended
    previous: Mention | None = None
    praised: bool | None = None  # not yet looked for
    skip_to = 0
    for event in EVENT.finditer(sentence):
        kind, start, end = event.lastgroup, event.start(), event.end()
        if start < skip_to or kind == "ignored":
            continue
        if kind == "negation":
            negated, fresh, cue, severity = True, True, end, None
        elif kind in ("turn", "verb"):
            # A verb right after the cue belongs to it: "no region shows noise".
            if kind == "turn" or not fresh or _BREAK.search(sentence, cue, start):
                negated = False
            if kind == "turn":
                severity = previous = None
        elif kind == "severity":
            if negated and not fresh and _ends_with(_ITEM, sentence[cue:start]):
                negated = False
            severity = (severity_of_phrase(event.group()), end)
        else:
            phrase = event.group()
            family = "" if kind == "other" else family_of_phrase(phrase)
            other = other_of_phrase(phrase) if kind == "other" else ""
            seen = NOT_SEEN.match(sentence, end)
            if negated and not fresh and not seen:
                between = sentence[cue:start]
                negated = bool(_GLUE.fullmatch(between) or _OR.search(between))
            elif negated and ":" in sentence[cue:start]:
                negated = bool(_LISTED.search(sentence[cue:start]))
            if seen or negated:
                denied.add((family, other))
                if seen and not negated:
                    _take_back(found, sentence, start, denied)
                fresh, severity, previous = False, None, None
                skip_to = cue = seen.end() if seen else end
                continue
            said, skip_to = _severity(sentence, event, severity, previous)
            severity = None
            mention = Mention(start, max(end, skip_to), family, other, said)
            label = _LABEL.match(sentence, end) if said is None else None
            if label and _LABELLED.fullmatch(sentence[:start]):
                labels.append(mention)
                skip_to, previous = label.end(), None
                continue
            if said is None and phrase in _LOOKS:
                praised = PRAISED.search(sentence) is not None if praised is None else praised
                if praised:
                    previous = None
                    continue
            previous = mention
            found.append(mention)
    found += _answered(sentence, labels, found, denied)
    return sorted(found, key=lambda one: one.start), denied


def _severity(
    sentence: str,
    event: "re.Match[str]",
    before: tuple[str, int] | None,
    previous: Mention | None,
) -> tuple[str | None, int]:
    """The severity of what `event` names, and up to where the sentence was read for it."""
    start, end = event.span()
    near = before is not None and start - before[1] <= _REACH
    if before and near and not _VERB_BETWEEN.search(sentence, before[1], start):
        return before[0], end
    inner = SEVERITY.search(event.group().rpartition(" ")[0])  # "shadows are slightly crushed"
    if inner:
        return severity_of_phrase(inner.group()), end
    after = SEVERITY_AFTER.match(sentence, end)
    if after:
        return _graded(after), after.end()
    if previous and _JOINT.fullmatch(sentence, previous.end, start):
        return previous.severity, end
    return None, end


def _graded(after: "re.Match[str]") -> str:
    """Severity of a match of SEVERITY_AFTER: its word, or its share of the scale."""
    word = after["severity"] or after["severity2"]
    if word:
        return severity_of_phrase(word)
    value, top = after["share"] or after["share2"], after["top"] or after["top2"]
    share = float(value) / float(top or 100)
    return SEVERITIES[0 if share <= 0.4 else 1 if share <= 0.6 else 2]


def _answered(
    sentence: str, labels: list[Mention], found: list[Mention], denied: set[tuple[str, str]]
) -> Iterator[Mention]:
    """Of "Noise: ..." those labels whose text says that it is there."""
    for label in labels:
        name = (label.family, label.other)
        if name in denied or any((one.family, one.other) == name for one in found):
            continue
        said = SEVERITY.search(sentence, label.end)
        if said:
            yield replace(label, severity=severity_of_phrase(said.group()))
        elif not WELL.search(sentence, label.end):
            yield label


def _take_back(
    found: list[Mention], sentence: str, start: int, denied: set[tuple[str, str]]
) -> None:
    """Of "blur and noise are absent" the items before the last."""
    while found and _GLUE.fullmatch(sentence, found[-1].end, start):
        start = found[-1].start
        denied.add((found[-1].family, found[-1].other))
        found.pop()


def _ends_with(pattern: "re.Pattern[str]", text: str) -> bool:
    return any(match.end() == len(text) for match in pattern.finditer(text))
