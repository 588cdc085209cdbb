"""Conversations as LLaVA spells them, into questions and answers."""

import re
from dataclasses import dataclass

from spider_cli.vocabulary import LEVELS
from trainer.datasets.entries import Scale
from trainer.datasets.fields import Fields, shown
from trainer.rows import QA

__all__ = ["Talk", "chat", "read_conversations", "without_tokens"]

_TOKEN = re.compile(r"<\|image\|>|<image>")
_RATING = re.compile(
    rf"the quality of the (?:image|picture|photo) is ({'|'.join(LEVELS)})\s*\.?", re.IGNORECASE
)
_BETWEEN = re.compile(r"\bbetween (-?\d+(?:\.\d+)?) and (-?\d+(?:\.\d+)?)\b")
_TURNS = ("human", "gpt")


@dataclass(frozen=True, slots=True)
class Talk:
    """What a conversation holds."""

    rows: tuple[QA, ...] = ()
    """Questions with free answers."""
    rating: str = ""
    """The question of a turn that only gives a level word or a number."""
    rated: QA | None = None
    """That turn, where it gives a level word: it stands if no score is known."""
    score: float | None = None
    """The answer that is a bare number."""
    scale: Scale | None = None
    """The scale the question of that number names."""
    notes: tuple[str, ...] = ()


def read_conversations(fields: Fields, name: str = "conversations") -> Talk:
    """Questions and answers of ``[{"from": "human", "value": ...}, {"from": "gpt", ...}, ...]``.

    Image tokens are left out. Where two questions are glued together by one, the first is kept. An
    answer may be a number: an opinion score.
    """
    turns = list(fields.objects(name))
    if not turns or len(turns) % 2:
        fields.fail(name, f"has {len(turns)} turns; questions and answers must take turns")
    rows: list[QA] = []
    notes: list[str] = []
    rating, rated, score, scale = "", None, None, None
    for index, turn in enumerate(turns):
        speaker = turn.text("from")
        if speaker != _TURNS[index % 2]:
            turn.fail("from", f"is {shown(speaker)} where {_TURNS[index % 2]!r} was due")
    for asked, answered in zip(turns[::2], turns[1::2], strict=True):
        question, glued = without_tokens(asked.text("value"))
        if not question:
            asked.fail("value", "asks nothing")
        if glued:
            notes.append("second question of two glued together")
        if isinstance(answered.get("value"), int | float):
            if score is not None:
                answered.fail("value", "is the second number of the conversation", code="bad_score")
            score, rating = answered.number("value"), question
            limits = _BETWEEN.search(question)
            if limits and float(limits[1]) < float(limits[2]):
                scale = Scale(float(limits[1]), float(limits[2]), "the question")
            continue
        answer = answered.text("value").strip()
        if not answer:
            answered.fail("value", "is empty")
        row = chat(question, answer)
        if _RATING.fullmatch(answer) and rated is None:
            rating, rated = question, row
        else:
            rows.append(row)
    return Talk(tuple(rows), rating, rated, score, scale, tuple(notes))


def chat(question: str, answer: str, region: int | None = None) -> QA:
    """A question with a free answer."""
    return QA("chat", question, answer, (), region, subtask="free")


def without_tokens(text: str) -> tuple[str, bool]:
    """A question without image tokens, and whether a second one, glued to it, was cut off."""
    parts = [" ".join(part.split()) for part in _TOKEN.split(text)]
    parts = [part for part in parts if part]
    if sum(part.endswith(("?", ".")) for part in parts) > 1 and parts[0].endswith(("?", ".")):
        return parts[0], True
    return " ".join(parts), False
