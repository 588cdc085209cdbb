"""Labels of regions as noun phrases that questions and answers can use."""

import re
from collections.abc import Sequence

from spider_cli.phrases import EVENT, REST, WHOLE
from trainer.truth import Region

__all__ = ["askable_labels", "noun_phrase", "sayable"]

_FORM = re.compile(r"[^\W\d_][\w' -]{0,47}")
_MOST_WORDS = 7
_DETERMINERS = re.compile(
    r"the|an?|th(?:is|at|[eo]se)|his|her|its|their|my|our|your|one|two|three|four|five|several|"
    r"some|many|all|both|each|every"
)
_UNFIT = re.compile(
    r"top|bottom|left|right|upper|lower|middle|cent(?:er|re)|central|leftmost|rightmost|corner|side|"
    r"image|photo|picture|photograph|region|area|part|whole|everything|which|and|or"
)
"""Places; the photo itself; words that make it more than a phrase."""


def noun_phrase(label: str) -> str:
    """A label as a phrase in a sentence ("sky" -> "the sky"); "" where it is no plain phrase.

    Phrases by place ("the left tower") are none: the place may be wrong where it is used.
    """
    words = label.split()
    text = " ".join(words).replace("\u2019", "'")
    if not words or len(words) > _MOST_WORDS or not _FORM.fullmatch(text):
        return ""
    plain = [word.lower().strip("'-") for word in re.split(r"[\s-]+", text)]
    if any(_UNFIT.fullmatch(word) for word in plain):
        return ""
    if _DETERMINERS.fullmatch(plain[0]):
        return text[0].lower() + text[1:]
    return text if words[0].endswith("'s") else f"the {text}"


def sayable(phrase: str) -> bool:
    """The phrase can stand in an answer without being read as anything but a thing."""
    text = phrase.lower()
    return bool(phrase) and not (EVENT.search(text) or WHOLE.search(text) or REST.search(text))


def askable_labels(regions: Sequence[Region]) -> dict[int, str]:
    """Index of a region -> its noun phrase, for those that a question can mean by it alone.

    A label whose words are all in another region's label ("the tree", "the old tree") means both.
    """
    phrases = {i: noun_phrase(region.label) for i, region in enumerate(regions)}
    words = {i: _telling(region.label) for i, region in enumerate(regions)}
    return {
        i: phrase
        for i, phrase in phrases.items()
        if phrase and words[i] and not any(words[i] <= words[j] for j in words if j != i)
    }


def _telling(label: str) -> frozenset[str]:
    return frozenset(w for w in label.lower().split() if not _DETERMINERS.fullmatch(w))
