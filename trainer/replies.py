"""Asking a chat model for JSON until what it says will do."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from trainer.chat_model import Chat, Message
from trainer.truth import Pixels

__all__ = ["Reply", "UnfitError", "ask_until", "object_in", "schema_of"]

T = TypeVar("T")

_MOST_SHOWN = 1500
"""Characters of a reply that are shown to the model again."""


class UnfitError(ValueError):
    """A reply that cannot be used. The message says why, in words for the model."""


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """What came of asking."""

    value: T | None
    """None: nothing that could be used."""
    raw: str
    """The last reply as it came."""
    reason: str = ""
    """Why the last reply could not be used."""


def ask_until(
    chat: Chat,
    turns: Sequence[Message],
    read: Callable[[str], T],
    *,
    images: Sequence[Pixels] = (),
    schema: Mapping[str, Any] | None = None,
    tries: int,
) -> Reply[T]:
    """Ask; tell the model what was wrong with its reply, and ask again.

    Args:
        turns: the conversation, the user's turn last.
        read: gets what is wanted out of a reply, or raises `UnfitError`.
        tries: replies at most.

    Raises:
        UsageError: the model cannot be asked.
    """
    turns = list(turns)
    reply: Reply[T] = Reply(None, "", "nothing was asked")
    for _ in range(tries):
        raw = chat.say(turns, images=images, json_schema=schema)
        try:
            return Reply(read(raw), raw)
        except UnfitError as unfit:
            reply = Reply(None, raw, str(unfit))
        said = raw.strip()[:_MOST_SHOWN] or "(nothing)"
        again = f"This cannot be used: {reply.reason}. Answer again, with the JSON alone."
        turns.append({"role": "assistant", "content": said})
        turns.append({"role": "user", "content": again})
    return reply


def object_in(reply: str) -> dict[str, Any]:
    """The JSON object in a reply, which may stand among thoughts and code fences.

    Raises:
        UnfitError: there is none.
    """
    text = re.sub(r"<think>.*?</think>", " ", reply, flags=re.DOTALL)
    decoder = json.JSONDecoder()
    for start in (match.start() for match in re.finditer(r"\{", text)):
        try:
            found, _ = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    raise UnfitError("it is not a JSON object" if reply.strip() else "it is empty")


def schema_of(**properties: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an object with exactly these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
