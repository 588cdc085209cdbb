"""The model that names regions, rewords answers and judges: behind an address, or loaded here."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from spider_cli.addresses import is_address
from spider_cli.endpoint import Endpoint, Message
from spider_cli.errors import UsageError
from spider_cli.weights import find_model
from trainer.truth import Pixels

if TYPE_CHECKING:
    from spider_cli.lmm import LanguageModel

__all__ = ["Chat", "LocalChat", "Message", "open_chat"]

_ROUNDS = 6
"""Times that a loaded model goes on with an answer; it stops itself after some 160 tokens."""
_BLANK = 64
"""Side of the grey picture shown where a conversation has none."""


class Chat(Protocol):
    """A model to talk to. Threads may share one."""

    @property
    def name(self) -> str:
        """Which model this is, for configs and reports; holds no key and no path."""
        ...

    def say(
        self,
        messages: Sequence[Message],
        *,
        images: Sequence[Pixels] = (),
        json_schema: Mapping[str, Any] | None = None,
    ) -> str:
        """The likeliest answer to a conversation; see `spider_cli.endpoint.Endpoint.say`."""
        ...


class LocalChat:
    """A chat model loaded in this process.

    `spider_cli.lmm` asks one question about one picture. So the turns are written into one
    question, each under the name of who speaks; several pictures are put side by side into one, and
    where there is none the model sees a grey square. Schemas cannot be forced on it.

    Args:
        model: loaded.
        name: what to call it.
    """

    def __init__(self, model: "LanguageModel", name: str) -> None:
        self.model = model
        self.name = name
        self._one_at_a_time = threading.Lock()

    def say(
        self,
        messages: Sequence[Message],
        *,
        images: Sequence[Pixels] = (),
        json_schema: Mapping[str, Any] | None = None,
    ) -> str:
        from spider_cli.lmm import MAX_NEW_TOKENS, Ask

        question = one_question(messages)
        with self._one_at_a_time:
            look = self.model.look([side_by_side(images)])[0]
            ids: tuple[int, ...] = ()
            for _ in range(_ROUNDS):
                answer = self.model.ask([Ask(look, question, prefix_ids=ids)])[0]
                ids += answer.token_ids
                if len(answer.token_ids) < MAX_NEW_TOKENS:
                    break
            return str(
                self.model.eyes.tokenizer.decode(
                    list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
                )
            )


def open_chat(text: str) -> Chat:
    """The model that a command line names.

    Args:
        text: an address, "http://127.0.0.1:8000/v1#MODEL", or a model folder.

    Raises:
        UsageError: the server cannot be reached or wants another key; or there is no such model,
            or no memory for it, or it answers questions about photos and nothing else.
    """
    if is_address(text):
        endpoint = Endpoint.parse(text)
        endpoint.check()
        return endpoint
    folder = find_model(text)
    if not folder.understands_names():
        raise UsageError(
            f"{text} answers questions about photos; it cannot hold a conversation",
            hint="name a folder with a chat model, such as one of Qwen/Qwen2.5-VL-7B-Instruct, or "
            "a server: http://127.0.0.1:8000/v1#MODEL",
            code="not_a_chat_model",
        )
    from spider_cli.devices import Wanted
    from spider_cli.lmm import load_language_model
    from spider_cli.placing import place

    placed = place(folder.path, Wanted(), text)
    model = load_language_model(
        folder.path, device=placed.device, dtype=placed.dtype, device_map=placed.device_map
    )
    return LocalChat(model, f"{Path(text).resolve().name}@{model.revision}")


def one_question(messages: Sequence[Message]) -> str:
    """All turns as one text; the model goes on as the assistant.

    The system's words stand first, on their own. A conversation of one turn stays as it is.
    """
    system = [message["content"] for message in messages if message["role"] == "system"]
    turns = [message for message in messages if message["role"] != "system"]
    if len(turns) == 1:
        return "\n\n".join([*system, turns[0]["content"]])
    said = [f"{message['role'].capitalize()}: {message['content']}" for message in turns]
    return "\n\n".join([*system, *said, "Assistant:"])


def side_by_side(images: Sequence[Pixels]) -> Pixels:
    """Pictures in a row, on grey, as high as the highest; a grey square where there are none."""
    if len(images) == 1:
        return images[0]
    height = max((image.shape[0] for image in images), default=_BLANK)
    width = sum(image.shape[1] for image in images) or _BLANK
    row = np.full((height, width, 3), 128, np.uint8)
    x = 0
    for image in images:
        row[: image.shape[0], x : x + image.shape[1]] = image
        x += image.shape[1]
    return row
