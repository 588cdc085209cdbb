"""An OpenAI-compatible server as a language model: vLLM, llama.cpp, Ollama, a hosted one."""

import base64
import io
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

import numpy as np
import numpy.typing as npt
from PIL import Image

from spider_cli import endpoint_errors
from spider_cli.addresses import address_of, key_for
from spider_cli.budget import SERVED, chat_budget, within
from spider_cli.errors import UsageError
from spider_cli.json_client import PASSING, JsonClient, RequestError
from spider_cli.logprobs import Step, steps_of

__all__ = ["Endpoint", "Message", "Reply", "data_url", "with_images"]

_OPTIONAL = {
    "response_format": ("response_format", "json_schema"),
    "temperature": ("temperature",),
    "max_tokens": ("max_tokens",),
    "repetition_penalty": ("repetition_penalty",),
    "logprobs": ("logprobs",),
}
"""Settings that not every server takes, and what one calls them that complains."""
_LISTED = (20, 5)
"""Likeliest tokens asked for at each step: what OpenAI and vLLM allow, then what everyone does."""
_COMPLAINT = re.compile(r"support|unknown|unrecogni[sz]ed|extra|permitted|allowed|must be", re.I)


class Message(TypedDict):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for a conversation."""

    text: str
    steps: tuple[Step, ...] = ()
    """With log-probabilities, where they were asked for and the server has them."""
    revision: str = ""
    """What the server says of itself: the model's full name, its build."""
    thought: bool = False
    """There are thoughts beside the answer."""


class Endpoint:
    """A model behind an address. Threads may share one.

    Args:
        url: up to and including "/v1"; `parse` makes one of what people type.
        model: its name on that server.
        key: sent as a bearer token, and never shown.
        timeout: seconds an answer may take.
        tries: attempts at each request, while the server is busy or away.
        pause: seconds before the second attempt; doubled for each one more.
        most_tokens: longest answer.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key: str = "",
        timeout: float = 300.0,
        tries: int = 5,
        pause: float = 0.5,
        most_tokens: int = 1024,
    ) -> None:
        self.url, self.model, self.most_tokens = url, model, most_tokens
        self._client = JsonClient(url, key=key, timeout=timeout, tries=tries, pause=pause)
        self._refused: set[str] = set()
        self._listed: tuple[int, ...] = _LISTED

    @classmethod
    def parse(cls, text: str, model: str = "", **settings: Any) -> "Endpoint":
        """The endpoint of "http://127.0.0.1:8000/v1#MODEL"; without a path, "/v1" is meant.

        The key is read from the environment, see `addresses.KEYS`. Without a model the server is
        asked which one it has.

        Args:
            model: instead of the one after "#".
            settings: of the constructor.

        Raises:
            UsageError: no such address; or the server has to be asked and is away, wants another
                key, or has several models.
        """
        base, _, named = text.strip().partition("#")
        url = address_of(base)
        endpoint = cls(url, model or named.strip(), key=key_for(url, os.environ), **settings)
        if not endpoint.model:
            models = endpoint.models()
            if len(models) != 1:
                has = f"several models: {', '.join(models)}" if models else "no models"
                raise UsageError(
                    f"{url} has {has}",
                    hint=f"name one: {url}#{models[0] if models else 'MODEL'}",
                    code="model_missing",
                )
            endpoint.model = models[0]
        return endpoint

    @property
    def name(self) -> str:
        """Address and model; without the key."""
        return f"{self.url}#{self.model}"

    def __repr__(self) -> str:
        return f"Endpoint({self.name!r})"

    def check(self) -> None:
        """Find out now, with a request that carries nothing, whether the server can be reached.

        Raises:
            UsageError: it is away, or wants another key.
        """
        try:
            self._client.request("/models")
        except RequestError as failed:
            # Not every server lists its models.
            if failed.status in (0, 401, 403) or failed.status in PASSING:
                raise self.told(failed) from failed

    def models(self) -> list[str]:
        """Names of the server's models.

        Raises:
            UsageError: it is away, wants another key, or does not list them.
        """
        try:
            listed = self._client.request("/models")
        except RequestError as failed:
            raise self.told(failed) from failed
        try:
            return [self._client.clean(str(one["id"])) for one in listed["data"]]
        except (KeyError, TypeError) as error:
            raise endpoint_errors.garbage(self._client, json.dumps(listed)) from error

    def say(
        self,
        messages: Sequence[Message],
        *,
        images: Sequence[npt.NDArray[np.uint8]] = (),
        json_schema: Mapping[str, Any] | None = None,
    ) -> str:
        """The model's likeliest answer to a conversation (temperature 0).

        Args:
            images: (height, width, 3) uint8 RGB each; they go with the user's first turn.
            json_schema: what the answer should be like. Servers that know no schemas ignore it, or
                are asked again without one: check what comes.

        Raises:
            UsageError: the server is away, busy for too long, refuses, or talks another language.
        """
        shown = [data_url(one)[0] for one in images]
        form: dict[str, Any] = {}
        if json_schema is not None:
            named = {"name": "answer", "strict": True, "schema": dict(json_schema)}
            form["response_format"] = {"type": "json_schema", "json_schema": named}
        try:
            return self.complete(with_images(messages, shown), form).text
        except RequestError as failed:
            raise self.told(failed) from failed

    def complete(
        self,
        turns: Sequence[Mapping[str, Any]],
        more: Mapping[str, Any] | None = None,
        *,
        most_tokens: int | None = None,
        logprobs: bool = False,
    ) -> Reply:
        """The likeliest answer to turns in the server's form, and what else comes with it.

        Args:
            turns: of `with_images`.
            more: other settings of the request.
            most_tokens: of the answer.
            logprobs: ask for the likeliest tokens of each step.

        Raises:
            RequestError: see `told`.
        """
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [dict(turn) for turn in turns],
            "temperature": 0,
            "max_tokens": most_tokens or self.most_tokens,
            **(more or {}),
        }
        while True:
            listed = self._listed[0] if logprobs and self._listed else 0
            sent = {name: value for name, value in body.items() if name not in self._refused}
            if "max_tokens" in self._refused:  # what OpenAI calls it now
                sent["max_completion_tokens"] = body["max_tokens"]
            if listed:
                sent |= {"logprobs": True, "top_logprobs": listed}
            try:
                return self._reply(self._client.request("/chat/completions", sent))
            except RequestError as failed:
                refused = _refused_setting(failed, sent)
                if refused is None:
                    raise
                if refused != "logprobs":
                    self._refused.add(refused)
                elif self._listed and self._listed[0] == listed:  # no other thread was quicker
                    self._listed = self._listed[1:]

    def told(self, failed: RequestError) -> UsageError:
        """What to tell people of a request that failed."""
        return endpoint_errors.told(self._client, failed, self.model, self.models)

    def _reply(self, answer: Any) -> Reply:
        """What the model said, out of the server's answer."""
        try:
            choice = answer["choices"][0]
            message = choice["message"]
            content = message["content"]
            if isinstance(content, list):
                content = "".join(part.get("text", "") for part in content)
            if content is None or isinstance(content, str):
                thought = message.get("reasoning_content") or message.get("reasoning")
                return Reply(content or "", steps_of(choice), self._revision(answer), bool(thought))
        except (KeyError, IndexError, TypeError, AttributeError, ValueError):
            pass
        raise RequestError(200, self._client.clean(json.dumps(answer), 120))

    def _revision(self, answer: Mapping[str, Any]) -> str:
        model, build = answer.get("model"), answer.get("system_fingerprint")
        named = model if isinstance(model, str) and model != self.model else ""
        parts = [named, build if isinstance(build, str) else ""]
        return self._client.clean(" ".join(part for part in parts if part), 120)


def with_images(messages: Sequence[Message], images: Sequence[str]) -> list[dict[str, Any]]:
    """Turns in the server's form; pictures, of `data_url`, go with the user's first."""
    found: list[dict[str, Any]] = [dict(message) for message in messages]
    if images:
        first = next(one for one in found if one["role"] == "user")
        shown = [{"type": "image_url", "image_url": {"url": one}} for one in images]
        first["content"] = [*shown, {"type": "text", "text": first["content"]}]
    return found


def data_url(
    pixels: npt.NDArray[np.uint8], max_pixels: int | None = None
) -> tuple[str, tuple[int, int]]:
    """A picture as text, and the width and height it was given.

    PNG, so that a photo shows no fault that it has not.

    Args:
        max_pixels: a larger picture is shrunk; the default for servers (`spider_cli.budget`) when
            None.
    """
    image = Image.fromarray(pixels)
    size = within(image.size, max_pixels or chat_budget(SERVED))
    if size != image.size:
        image = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=3)
    text = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"data:image/png;base64,{text}", image.size


def _refused_setting(failed: RequestError, sent: Mapping[str, Any]) -> str | None:
    """The setting that the server complains of, where it is one that can be left out."""
    # 403: "You are not allowed to request logprobs from this model."
    statuses = (400, 422, 403) if "logprobs" in sent else (400, 422)
    if failed.status not in statuses or not _COMPLAINT.search(failed.said):
        return None
    for name, words in _OPTIONAL.items():
        if name in sent and any(word in failed.said for word in words):
            return name
    return None
