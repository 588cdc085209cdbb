"""The answers in other words, by a chat model, as the last step of the paper's pipeline.

One conversation a photo: the questions are fixed first, then the regions get their names corrected,
then answer after answer is reworded, turn by turn. What comes back is checked against the truth
(`trainer.rewording`), asked for again with the reason, and dropped where it never fits: then the
row stays as it was.
"""

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

from trainer.chat_model import Chat, Message, open_chat
from trainer.datasets.schema import Item, row_id
from trainer.facts import facts_of
from trainer.labeller import clean_label, plain_label
from trainer.naming import noun_phrase, sayable
from trainer.region_pictures import OUTLINE, outlined
from trainer.replies import UnfitError, ask_until, object_in, schema_of
from trainer.rewording import REWORDED, demands, located, reworded
from trainer.rows import QA
from trainer.truth import Pixels, Region

__all__ = ["Reject", "Rewriter", "open_rewriter", "renamed"]

_MOST_KEPT = 4000
"""Characters of a rejected reply that are kept."""
_SYSTEM = """\
You write the answers of a data set about the quality of photos. What is wrong with each photo is
known for certain: never change it, add to it or leave some of it out. Distortions are called blur,
noise, compression, brightening, darkening, contrast strengthening, contrast weakening, saturation
strengthening, saturation weakening, oversharpening, pixelation and quantization; severities are
mild, moderate and severe. Write plain English as a person would who looks at the photo, each answer
in other words than those before. Reply with JSON alone."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A rewording that did not do; a line of the data set's rejects."""

    id: str
    """Of the row, "000123-04"; of the photo where the names of its regions are meant."""
    original: str
    """What was kept."""
    reply: str
    """The model's last reply."""
    reason: str
    """Why it was rejected."""
    code: str = "not_rewritten"


class Rewriter:
    """Rewords the answers of photos.

    Args:
        chat: a model that sees.
        tries: replies at most for one answer.
        workers: photos in work at a time (`rewrite_all`).
    """

    def __init__(self, chat: Chat, *, tries: int = 3, workers: int = 4) -> None:
        self.chat = chat
        self.tries = tries
        self.workers = workers
        self.name = chat.name

    def rewrite(self, item: Item) -> tuple[Item, list[Reject]]:
        """The photo with its answers reworded, and what was rejected.

        Depends on the photo and the model's replies alone. The regions' names may change, too, and
        with them the questions that ask by name.

        Raises:
            UsageError: the model cannot be asked.
        """
        if not any(row.task in REWORDED for row in item.rows):
            return item, []
        masks = [region.mask for region in item.sample.regions]
        picture = outlined(item.sample.pixels, masks, numbered=True)
        turns: list[Message] = [_turn("system", _SYSTEM), _turn("user", _opening(item))]
        item, noted, rejects = self._named(item, turns, picture)
        turns.append(_turn("assistant", noted))
        rows = list(item.rows)
        for index, row in enumerate(rows):
            if row.task not in REWORDED:
                continue
            label = "" if row.region is None else _called(item.sample.regions[row.region])
            turns.append(_turn("user", _request(index, row, label)))
            reply = ask_until(
                self.chat,
                turns,
                _Reader(row, label),
                images=[picture],
                schema=schema_of(answer={"type": "string"}),
                tries=self.tries,
            )
            if reply.value is not None:
                rows[index] = reply.value
            else:
                where = row_id(item.id, index)
                rejects.append(_rejected(where, row.answer, reply.raw, reply.reason))
            # The model goes on from what was kept, not from what was rejected.
            turns.append(_turn("assistant", _json(answer=rows[index].answer)))
        return item.with_rows(tuple(rows)), rejects

    def rewrite_all(self, items: Iterable[Item]) -> Iterator[tuple[Item, list[Reject]]]:
        """`rewrite` for many photos, several at a time; results in the order of the photos.

        No more than twice `workers` photos are held.
        """
        coming = iter(items)
        waiting: deque[Future[tuple[Item, list[Reject]]]] = deque()
        pool = ThreadPoolExecutor(self.workers)
        try:
            for item in islice(coming, 2 * self.workers):
                waiting.append(pool.submit(self.rewrite, item))
            while waiting:
                yield waiting.popleft().result()
                for item in islice(coming, 1):
                    waiting.append(pool.submit(self.rewrite, item))
        finally:
            pool.shutdown(cancel_futures=True)

    def _named(
        self, item: Item, turns: Sequence[Message], picture: Pixels
    ) -> tuple[Item, str, list[Reject]]:
        """The item with the names of its regions corrected; what the model noted; rejects."""
        given = [region.label for region in item.sample.regions]
        if not given:
            return item, _json(noted=True), []
        names = {"type": "array", "items": {"type": "string"}, "minItems": len(given)}
        reply = ask_until(
            self.chat,
            turns,
            lambda raw: _names_in(raw, len(given)),
            images=[picture],
            schema=schema_of(names=names | {"maxItems": len(given)}),
            tries=self.tries,
        )
        rejects: list[Reject] = []
        if reply.value is None:
            rejects.append(_rejected(item.id, _json(names=given), reply.raw, reply.reason))
        else:
            item = renamed(item, reply.value)
        return item, _json(names=[region.label for region in item.sample.regions]), rejects


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads a reply as the row with another answer."""

    row: QA
    label: str

    def __call__(self, raw: str) -> QA:
        answer = object_in(raw).get("answer")
        if not isinstance(answer, str):
            raise UnfitError('it has no text under "answer"')
        return reworded(self.row, answer, self.label)


def open_rewriter(text: str) -> Rewriter:
    """The rewriter that a command line names; see `chat_model.open_chat`."""
    return Rewriter(open_chat(text))


def _called(region: Region) -> str:
    """What an answer may call a region; "" where its name is unknown or would be misread."""
    phrase = noun_phrase(region.label)
    return phrase if sayable(phrase) else ""


def renamed(item: Item, names: Sequence[str]) -> Item:
    """The item with other names for its regions, in its questions and answers too.

    An empty name, one that another region has, or one that does not fit into the questions changes
    nothing.

    Args:
        names: one a region, as `labeller.clean_label` gives them.
    """
    regions, rows = list(item.sample.regions), list(item.rows)
    for index, name in enumerate(names):
        region = regions[index]
        taken = {plain_label(other.label) for i, other in enumerate(regions) if i != index}
        if not name or plain_label(name) in {*taken, plain_label(region.label)}:
            continue
        try:
            changed = [
                _renamed_row(row, region.label, name) if row.region == index else row
                for row in rows
            ]
        except UnfitError:
            continue
        regions[index], rows = replace(region, label=name), changed
    return replace(item, sample=replace(item.sample, regions=tuple(regions)), rows=tuple(rows))


def _renamed_row(row: QA, old: str, new: str) -> QA:
    """The row with a region's new name wherever it had the old one.

    Raises:
        UnfitError: it asks by name, but not by this one.
    """
    plain = plain_label(old)
    if not plain:
        return row
    pattern = re.compile(rf"\b{re.escape(plain)}\b", re.IGNORECASE)
    question = pattern.sub(plain_label(new), row.question)
    if row.subtask == "label" and question == row.question:
        raise UnfitError("the question does not have the name")
    answer = pattern.sub(plain_label(new), row.answer)
    return replace(row, question=question, answer=answer, spans=located(row, answer))


def _names_in(raw: str, count: int) -> list[str]:
    names = object_in(raw).get("names")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UnfitError('it has no list of texts under "names"')
    if len(names) != count:
        raise UnfitError(f"it has {len(names)} names for {count} regions")
    return [clean_label(name) for name in names]


def _opening(item: Item) -> str:
    """The first turn: what is true, what will be asked, and what the regions show."""
    asked = [f"{number}. {row.question}" for number, row in enumerate(item.rows, 1)]
    parts = [
        f"What is certain about this photo:\n{facts_of(item)}",
        "These questions will be asked of it. They are fixed:\n" + "\n".join(asked),
    ]
    if item.sample.regions:
        listed = _json(names=[region.label for region in item.sample.regions])
        parts.append(
            f"In the photo the regions are outlined in {OUTLINE} and numbered. Say what each one "
            f"shows, a short noun phrase each, such as the sky; so far: {listed}. Correct what is "
            "wrong; repeat what is right; leave empty what has no name. Say nothing of places, "
            'sizes or faults. Answer as {"names": ["...", ...]}, one name a region, in order.'
        )
    return "\n\n".join(parts)


def _request(index: int, row: QA, label: str) -> str:
    """A row's turn."""
    kept = "\n".join(f"- {demand}" for demand in demands(row, label))
    return (
        f"Question {index + 1}: {row.question}\nIts answer so far: {row.answer}\n"
        f'Say the answer in other words, as {{"answer": "..."}}. It must:\n{kept}'
    )


def _turn(role: Literal["system", "user", "assistant"], content: str) -> Message:
    return {"role": role, "content": content}


def _json(**values: object) -> str:
    return json.dumps(values, ensure_ascii=False)


def _rejected(where: str, original: str, reply: str, reason: str) -> Reject:
    return Reject(where, original, reply[:_MOST_KEPT], reason)
