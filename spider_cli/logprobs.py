"""Log-probabilities as OpenAI-compatible servers list them, read as a closed set of words.

A local model has a logit for every token; a server lists the likeliest few of each step. Kept
rules:

- A word is read by the token that spells it, in the form the text has it (" left", "Left").
- A word that the server's tokens split is read by its first piece, the longest that is listed.
- A word that is not listed gets the floor, the least log-probability listed at that step: it can be
  no likelier.
- Where no word of the set is listed, or fewer than two tokens are, nothing is read.
"""

import codecs
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Step", "aligned", "closed_set_at", "steps_of"]

_MARKS = str.maketrans({"\u2581": " ", "\u0120": " ", "\u010a": "\n"})
"""What tokenizers write for a space and a line end; some servers send it as it is."""
_SHORTEST = 2
"""Letters that the first piece of a split word must have."""


@dataclass(frozen=True, slots=True)
class Step:
    """One token of an answer, and what else it could have been."""

    token: str
    listed: tuple[tuple[str, float], ...]
    """Text and log-probability of the likeliest tokens, the one that was taken among them."""

    @property
    def floor(self) -> float:
        """Log-probability of what is not listed; the truth is at most this."""
        return min(value for _, value in self.listed)


def steps_of(choice: Any) -> tuple[Step, ...]:
    """The steps of an answer, from a choice of the server's reply; none where it lists none.

    Raises:
        ValueError: they are not as they should be.
    """
    told = choice.get("logprobs") if isinstance(choice, dict) else None
    content = told.get("content") if isinstance(told, dict) else None
    if not content:
        return ()
    try:
        pieces = _decoded([_bytes(one) for one in content])
        return tuple(_step(piece, one) for piece, one in zip(pieces, content, strict=True))
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("log-probabilities of a form that is not OpenAI's") from error


def _step(piece: str, told: dict[str, Any]) -> Step:
    own = float(told["logprob"])
    found = [(_text(one), float(one["logprob"])) for one in told.get("top_logprobs") or ()]
    if found and all(text != piece for text, _ in found):
        found.append((piece, own))
    return Step(piece, tuple((text, p) for text, p in found if not math.isnan(p)))


def _text(told: dict[str, Any]) -> str:
    return _bytes(told).decode(errors="replace")


def _bytes(told: dict[str, Any]) -> bytes:
    data = told.get("bytes")
    return str(told["token"]).encode(errors="replace") if data is None else bytes(data)


def _decoded(tokens: Iterable[bytes]) -> list[str]:
    """Text of each token; a character that several spell belongs to the last of them."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    return [decoder.decode(one) for one in tokens]


def aligned(steps: Sequence[Step], text: str) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """The steps that spell `text`, and the part of it that each added; joined they are `text`.

    Steps before it (thoughts, a repeated start) and after it (an end mark) are left out. Tokens
    may come without the spaces they stand for. Nothing where the steps do not spell the text.
    """
    if not text:
        return (), ()
    for begin in range(len(steps)):
        pieces = _pieces(steps[begin:], text)
        if pieces:
            return tuple(steps[begin : begin + len(pieces)]), tuple(pieces)
    return (), ()


def _pieces(steps: Sequence[Step], text: str) -> list[str]:
    pieces: list[str] = []
    at = 0
    for step in steps:
        token = step.token
        if not text.startswith(token, at):
            token = token.translate(_MARKS)
        if not text.startswith(token, at):
            # The first space of a text, or that of every token, may be lost on either side.
            bare = token.lstrip()
            start = at + len(text[at:]) - len(text[at:].lstrip())
            if not text.startswith(bare, start):
                return []
            token = text[at : start + len(bare)]
        pieces.append(token)
        at += len(token)
        if not text[at:].strip():
            pieces[-1] += text[at:]
            return pieces
    return []


def closed_set_at(step: Step, forms: Sequence[str]) -> tuple[float, ...] | None:
    """chi of each word of a closed set at one step: a log-probability, or the floor.

    Args:
        forms: each word as the text would have it: " left", " right".

    Returns:
        None where the step lists none of them, or one piece begins two of them.
    """
    listed = [(text.translate(_MARKS), value) for text, value in step.listed]
    if len(listed) < 2:
        return None
    # Some servers list tokens without the space they stand for.
    if not any(text == form for text, _ in listed for form in forms):
        bare = [form.lstrip() for form in forms]
        if any(text == form for text, _ in listed for form in bare):
            forms = bare
    pieces = [_spelling(step, listed, form) for form in forms]
    found = [piece for piece in pieces if piece is not None]
    if not found or len(set(found)) < len(found):
        return None
    return tuple(
        # Several tokens may have the same text: the sum of their probabilities.
        step.floor
        if piece is None
        else float(np.logaddexp.reduce([p for text, p in listed if text == piece]))
        for piece in pieces
    )


def _spelling(step: Step, listed: Sequence[tuple[str, float]], form: str) -> str | None:
    """The listed token that is the word, or else the longest with which it begins."""
    taken = step.token.translate(_MARKS)
    begins = [
        text
        for text, _ in listed
        if form.startswith(text)
        and (len(text.strip()) >= _SHORTEST or (text == taken and text.strip()))
    ]
    return max(begins, key=len, default=None)
