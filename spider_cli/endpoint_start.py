"""How a server is made to go on with an answer that is begun for it.

Servers differ, and one that does not know how says nothing: it answers anew. So it is found out
once, with a question without a photo whose answer is begun in the middle of a word.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from spider_cli.endpoint import Endpoint, Message, Reply
from spider_cli.json_client import RequestError

__all__ = ["WAYS", "Found", "Way", "after_start", "begun", "find_way"]

Way: TypeAlias = Literal["continue", "prefix", "last turn"]
WAYS: tuple[Way, ...] = ("continue", "prefix", "last turn")
"""vLLM, SGLang, newer llama.cpp; Mistral, DeepSeek; Ollama, llama.cpp, and those that go on with a
last turn of the assistant without being asked to."""

_QUESTION: Message = {"role": "user", "content": "What is the capital of France?"}
_START, _REST = "The capital of France is Par", "is"
_REFUSED = frozenset({400, 422, 501})
"""Statuses by which servers refuse a form of conversation."""
_TOKENS = 6


@dataclass(frozen=True, slots=True)
class Found:
    """What was found out about a server."""

    way: Way | None
    """None: it can only be asked for one word."""
    revision: str


def begun(
    turns: Sequence[Mapping[str, Any]], start: str, way: Way
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Turns whose answer begins with `start`, and what else the request says."""
    last: dict[str, Any] = {"role": "assistant", "content": start}
    more: dict[str, Any] = {}
    if way == "prefix":
        last["prefix"] = True
    elif way == "continue":
        more = {"continue_final_message": True, "add_generation_prompt": False}
    return [*map(dict, turns), last], more


def after_start(text: str, start: str) -> str:
    """What was added to a start; some servers repeat it."""
    return text.removeprefix(start)


def find_way(endpoint: Endpoint) -> Found:
    """Ask a server, which gets no photo for it.

    Raises:
        UsageError: it is away, wants another key, or has no such model.
    """
    replies: list[Reply] = []
    way = next((way for way in WAYS if _goes_on(endpoint, way, replies)), None)
    if not replies:
        try:
            replies.append(endpoint.complete([_QUESTION], most_tokens=_TOKENS, logprobs=True))
        except RequestError as failed:
            # It may not like to be asked without a photo; the first photo will tell.
            if failed.status not in (400, 422):
                raise endpoint.told(failed) from failed
    return Found(way, next((one.revision for one in replies if one.revision), ""))


def _goes_on(endpoint: Endpoint, way: Way, replies: list[Reply]) -> bool:
    turns, more = begun([_QUESTION], _START, way)
    try:
        reply = endpoint.complete(turns, more, most_tokens=_TOKENS, logprobs=True)
    except RequestError as failed:
        if failed.status not in _REFUSED:
            raise endpoint.told(failed) from failed
        return False
    replies.append(reply)
    return after_start(reply.text, _START).startswith(_REST)
