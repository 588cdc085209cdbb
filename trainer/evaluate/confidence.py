"""How sure a model was of the words it said: closed sets read where its answer says one of them."""

import re
from collections.abc import Iterator

from spider_cli.evidence import Asked, Speaker, Unreadable, evidence_of
from spider_cli.reading import parse_distortions, place_span
from spider_cli.rules import PAPER
from spider_cli.text_to_point import AXES, Emitted, closed_set, find_emitted
from spider_cli.vocabulary import SEVERITIES
from trainer.evaluate.outcomes import Odds

__all__ = ["axes_of", "odds_of"]

_SEVERITY = re.compile(rf"\b(?:{'|'.join(SEVERITIES)})\b", re.IGNORECASE)


def odds_of(model: Speaker, asked: Asked) -> tuple[Odds, ...]:
    """The severity words that an answer puts before a distortion ("severe noise"), each with the
    probabilities of its closed set.

    Args:
        model: which gave the answer.
    """
    found: list[Odds] = []
    for emitted, text in _severities(asked.answer.pieces):
        named, _ = parse_distortions(text)
        if not named or named[0].severity != emitted.word:
            continue
        try:
            chances = closed_set(model.words_at(asked, emitted, SEVERITIES), 1.0)
        except Unreadable:
            continue
        told = tuple(round(float(chance), 5) for chance in chances)
        found.append(Odds(named[0].family, emitted.word, told))
    return tuple(found)


def axes_of(model: Speaker, asked: Asked, temperature: float) -> tuple[float, float] | None:
    """P(right) and P(bottom) where the place that an answer means has a word of each axis; None
    elsewhere, and nothing is asked again.

    Args:
        temperature: of equation 2.
    """
    pieces = asked.answer.pieces
    span = place_span("".join(pieces))
    if any(find_emitted(pieces, words, span) is None for words in AXES.values()):
        return None
    try:
        [evidence] = evidence_of(model, [asked], PAPER)
    except Unreadable:
        return None
    right = closed_set(evidence.horizontal, temperature)[1]
    bottom = closed_set(evidence.vertical, temperature)[1]
    return round(float(right), 5), round(float(bottom), 5)


def _severities(pieces: tuple[str, ...]) -> Iterator[tuple[Emitted, str]]:
    """Every severity word of an answer, and the text from it to the next one, or to the end of its
    sentence."""
    text = "".join(pieces)
    begins = [0]
    for piece in pieces:
        begins.append(begins[-1] + len(piece))
    matches = list(_SEVERITY.finditer(text))
    starts = [*(match.start() for match in matches), len(text)]
    for match, end in zip(matches, starts[1:], strict=True):
        step = next(i for i in range(len(pieces)) if begins[i] <= match.start() < begins[i + 1])
        surface = text[begins[step] : match.end()]
        told = text[match.start() : end].partition(".")[0]
        yield Emitted(step, begins[step], surface, match.group().lower()), told
