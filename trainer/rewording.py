"""What a reworded answer must keep, and whether it does.

The truth is taken from the words again, as everywhere: the answer is read, and must read as the
row's truth. Positional words stay word for word, since stage 1 and text-to-point live off them.
"""

import re
from collections import Counter
from dataclasses import replace

from spider_cli.phrases import REST
from spider_cli.reading import parse_distortions, says_nothing, says_whole
from spider_cli.vocabulary import HORIZONTAL, NOUNS, VERTICAL
from trainer.facts import truth_in_words
from trainer.labeller import PLACES, plain_label
from trainer.placed import placed_distortions
from trainer.replies import UnfitError
from trainer.rows import QA, Span

__all__ = ["REWORDED", "demands", "located", "reworded"]

REWORDED = frozenset(
    {"describe", "describe_region", "refer_long", "ground_hyd", "ground_sid", "ground_dao"}
)
"""Tasks whose answers are free text. Short referring is a list and stays one."""

_GROWTH, _ROOM = 3, 300
"""A rewording has at most this many times the characters, or this many."""
_SHRINK = 0.6
"""A long answer keeps this share of its length: it must still say what the distortions do."""
_WORDS = re.compile(rf"\b(?:{'|'.join((*VERTICAL, *HORIZONTAL))})\b", re.IGNORECASE)
_NOUN = re.compile(rf"\b(?:{'|'.join(NOUNS.values())})\b", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_MARKUP = re.compile(r"[*_#`{}\[\]<>|\\~^]")
_BACKWARDS = re.compile(
    r"\b(?:after(?! (?:it|that|this|which)\b)|before|preced\w+|prior to|following|on top of|"
    r"underl\w+|beneath|under)\b",
    re.IGNORECASE,
)
"""Words by which the distortion named second may have come first."""
_EXTREMES = {
    "most": re.compile(r"\b(?:least|mildest|weakest|slightest|lightest)\b", re.IGNORECASE),
    "least": re.compile(r"\b(?:most|worst|strongest|heaviest|severest)\b", re.IGNORECASE),
}
"""Sub-task -> words that would say the contrary."""
_TYPEWRITTEN = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u00a0": " "}
    | {"\u2014": " - ", "\u2011": "-", "\u2010": "-"}
)


def demands(row: QA, label: str = "") -> list[str]:
    """What the model is told to keep, a line each.

    Args:
        label: what the row's region shows; "" where that is not known.
    """
    found = []
    if row.truth or row.other:
        found.append(f"name, in this order and no others: {truth_in_words(row)}")
        found.append("write each severity right before its distortion")
    nouns = _nouns(row.answer)
    if not row.truth and not row.other:
        grounds = row.task.startswith("ground_")
        absent = "no region shows what is asked for" if grounds else "nothing is wrong"
        found.append(f"say that {absent}")
        if nouns:
            found.append(f"call it, in this order: {', '.join(nouns)}")
    if REST.search(row.answer.lower()):
        found.append("say that the rest of the image is clean")
    if says_whole(row.answer):
        found.append('say "the whole image"')
    places = _places(row.answer)
    if places:
        quoted = ", then ".join(f'"{place}"' for place in places)
        found.append(f"say where, in these words, in lower case and in this order: {quoted}")
        found.append("give each place a sentence of its own, with its distortions in it")
    found.append(f"use no {'other ' if places else ''}word for a place, and no number")
    if label and row.task.startswith("ground_") and row.region is not None:
        found.append(f"name what the region shows: {label}")
    if row.task == "ground_dao" and len(row.truth) + len(row.other) > 1:
        found.append('tell the order by "first ... then" or "followed by", not by after or before')
    if row.task == "refer_long":
        found.append("say of each distortion what it does to the picture, after the word which")
    found.append(f"at most {_most(row.answer)} characters, one paragraph, no markup")
    return found


def reworded(row: QA, answer: str, label: str = "") -> QA:
    """The row with another answer, its spans on the words where they are now.

    Args:
        answer: the rewording.
        label: as for `demands`.

    Raises:
        UnfitError: it says something else, or says it in a form that cannot be learned from.
    """
    text = " ".join(answer.translate(_TYPEWRITTEN).split())
    if text and text[-1] not in ".!?":
        text += "."
    _check_form(row, text)
    _check_truth(row, text)
    spans = located(row, text)
    _check_meaning(row, text)
    _check_places(row, text)
    if label and row.task.startswith("ground_") and row.region is not None:
        name = plain_label(label)
        if name not in text.lower():
            raise UnfitError(f"it does not name what the region shows: {label}")
    return replace(row, answer=text, spans=spans)


def located(row: QA, text: str) -> tuple[Span, ...]:
    """The row's spans, moved to where their words stand in another text of its answer.

    Raises:
        UnfitError: the text has not the same positional words in the same order, or not so written
            that their tokens can be found: in lower case after a space, "top left".
    """
    before, after = (list(_WORDS.finditer(one)) for one in (row.answer, text))
    words = [[match.group().lower() for match in found] for found in (before, after)]
    if words[0] != words[1]:
        expected, said = (", ".join(one) or "none" for one in words)
        raise UnfitError(f"its positional words are: {said}; they must be: {expected}")
    moved = {old.start(): new for old, new in zip(before, after, strict=True)}
    spans = []
    for span in row.spans:
        new = moved.get(span.start)
        pair = VERTICAL if span.axis == "vertical" else HORIZONTAL
        if new is None or new.group() not in pair or text[new.start() - 1 : new.start()] != " ":
            near = "" if new is None else text[max(0, new.start() - 8) : new.end()]
            raise UnfitError(f'"{near}": places are two words in lower case, like "top left"')
        spans.append(replace(span, start=new.start(), end=new.end()))
    return tuple(spans)


def _check_form(row: QA, text: str) -> None:
    if not text:
        raise UnfitError("it is empty")
    most = _most(row.answer)
    if len(text) > most:
        raise UnfitError(f"it has {len(text)} characters, more than {most}")
    if row.task == "refer_long" and len(text) < _SHRINK * len(row.answer):
        raise UnfitError("it is too short to say what the distortions do")
    markup = _MARKUP.search(text)
    if markup and markup.group() not in row.answer:
        raise UnfitError(f"it has markup in it: {markup.group()}")
    if not text.isprintable():
        raise UnfitError("it has characters that cannot be printed")
    before, after = (Counter(_NUMBER.findall(one)) for one in (row.answer, text))
    if after - before:
        raise UnfitError(f"it has a number that the answer did not have: {min(after - before)}")
    lost = [number for number in before - after if "." in number]  # of a box
    if lost:
        raise UnfitError(f"it lost the number {lost[0]}")


def _check_truth(row: QA, text: str) -> None:
    """It reads as the row's truth, and names nothing else even in passing."""
    read, other = parse_distortions(text)
    if (read, other) != (row.truth, row.other):
        said = truth_in_words(replace(row, truth=read, other=other))
        raise UnfitError(
            f"it reads as: {said}; it must read as: {truth_in_words(row)}, in this order"
        )
    # Clauses about effects ("which ...") are not read: nothing else may hide in there.
    allowed = {NOUNS[one.family] for one in row.truth} | set(_nouns(row.answer))
    more = [noun for noun in _nouns(text) if noun not in allowed]
    if more:
        raise UnfitError(f"it speaks of {more[0]}, which is not there")
    if not row.truth and not row.other and _nouns(text) != _nouns(row.answer):
        raise UnfitError(f"it must speak of: {', '.join(_nouns(row.answer))}, in this order")


def _check_places(row: QA, text: str) -> None:
    known = {match.group().lower() for match in PLACES.finditer(row.answer)}
    more = [m.group() for m in PLACES.finditer(text) if m.group().lower() not in known]
    if more:
        raise UnfitError(f'it says "{more[0]}", a place that the answer did not have')
    if _by_place(text) != _by_place(row.answer):
        raise UnfitError(
            "its distortions are not at the places where they were: give each place a sentence of "
            "its own, with all of its distortions in it"
        )


def _check_meaning(row: QA, text: str) -> None:
    if says_whole(text) != says_whole(row.answer):
        no = "" if says_whole(row.answer) else "not "
        raise UnfitError(f"it must {no}say that the whole image is meant")
    if says_nothing(text) != says_nothing(row.answer):
        no = "nothing" if says_nothing(row.answer) else "something"
        raise UnfitError(f"it must say that {no} is wrong")
    if bool(REST.search(text.lower())) != bool(REST.search(row.answer.lower())):
        no = "" if REST.search(row.answer.lower()) else "not "
        raise UnfitError(f"it must {no}say that the rest of the image is clean")
    turned = _BACKWARDS.search(text)
    if row.task == "ground_dao" and turned:
        raise UnfitError(f'"{turned.group()}" may turn the order round: say "first ... then"')
    contrary = _EXTREMES.get(row.subtask)
    found = contrary.search(text) if contrary else None
    if found and not (contrary and contrary.search(row.answer)):
        raise UnfitError(f'"{found.group()}" says the contrary of what was asked for')


def _by_place(text: str) -> dict[tuple[str | None, str | None, bool], set[tuple[str, str]]]:
    """Place -> what is said to be there."""
    found: dict[tuple[str | None, str | None, bool], set[tuple[str, str]]] = {}
    for said in placed_distortions(text):
        here = found.setdefault((said.vertical, said.horizontal, said.whole), set())
        here |= {(one.family, one.severity) for one in said.distortions}
        here |= {("", other) for other in said.other}
    return found


def _places(text: str) -> list[str]:
    """Places in the order of mention: ["top left", "bottom right"]."""
    words = [match.group().lower() for match in _WORDS.finditer(text)]
    found: list[str] = []
    for word in words:
        if word in HORIZONTAL and found and found[-1] in VERTICAL:
            found[-1] += f" {word}"
        else:
            found.append(word)
    return found


def _nouns(text: str) -> list[str]:
    """Nouns of families in a text, affirmed or not, in the order of mention."""
    return list(dict.fromkeys(match.group().lower() for match in _NOUN.finditer(text)))


def _most(answer: str) -> int:
    return max(_ROOM, _GROWTH * len(answer))
