"""What a local model says, as a server would send it: forced starts, log-probabilities and all.

    with OpenAIServer(Mouth(model, way="prefix")) as server: ...

A question without a photo is the one by which spider finds out whether the server goes on with an
answer that is begun for it; the model cannot know it, so it is answered here.
"""

import base64
import io
import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image
from transformers.convert_slow_tokenizer import bytes_to_unicode

from spider_cli.lmm import Ask, LanguageModel, Look
from spider_cli.text_to_point import log_softmax
from tests.openai_server import Fault, Request, Said, Spoken, text_of

__all__ = ["Mouth"]

_BYTES = {character: byte for byte, character in bytes_to_unicode().items()}


@dataclass
class Mouth:
    """A server's manners, and the model behind it."""

    model: LanguageModel
    way: str | None = "continue"
    """How it can be made to go on with a begun answer; fields that it does not know are refused
    by those that know "prefix" or nothing, and passed over by the others."""
    top: int = 20
    """Most tokens it lists at a step; 0: it gives no log-probabilities."""
    strict: bool = False
    """More are refused, instead of as many listed as it may."""
    echo: bool = False
    """The begun answer stands in the reply, too."""
    bare: bool = False
    """Tokens come without their spaces, and without their bytes."""
    looks: dict[str, Look] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, request: Request) -> Said:
        body, turns = request.body, request.messages
        wants = body.get("continue_final_message") and body.get("add_generation_prompt") is False
        marked = any("prefix" in turn for turn in turns)
        if self.way in (None, "prefix") and "continue_final_message" in body:
            return Fault(422, "Extra inputs are not permitted: continue_final_message")
        if self.way is None and marked:
            return Fault(400, "Additional properties are not allowed ('prefix' was unexpected)")
        listed = body.get("top_logprobs", 0)
        if listed > self.top and self.strict:
            return Fault(400, f"top_logprobs must be at most {self.top}; {listed} is not allowed")
        goes_on = {"continue": wants, "prefix": marked, "last turn": True, None: False}[self.way]
        begun = turns[-1]["role"] == "assistant"
        start = text_of(turns[-1]) if begun and goes_on else ""
        if not request.images:
            return self._spell(["is", "."] if start else ["Paris", "."])
        question = text_of(next(turn for turn in turns if turn["role"] == "user"))
        with self.lock:
            look = self._look(request.images[0])
            [answer] = self.model.ask([Ask(look, question, prefix=start)])
        count = min(body["max_tokens"], len(answer.token_ids))
        text = "".join(answer.pieces[:count])
        rows = [log_softmax(row) for row in answer.logits[:count]]
        content = None
        if listed and self.top:
            content = [
                self._token(token, row) | {"top_logprobs": self._likeliest(row, listed)}
                for token, row in zip(answer.token_ids[:count], rows, strict=True)
            ]
        return Spoken(f"{start}{text}" if self.echo else text, content, "fp_1")

    def _look(self, url: str) -> Look:
        if url not in self.looks:
            data = base64.b64decode(url.partition(",")[2])
            with Image.open(io.BytesIO(data)) as image:
                [self.looks[url]] = self.model.look([np.asarray(image.convert("RGB"))])
        return self.looks[url]

    def _likeliest(self, row: Any, listed: int) -> list[dict[str, Any]]:
        return [self._token(int(i), row) for i in np.argsort(row)[::-1][: min(listed, self.top)]]

    def _token(self, token: int, row: Any) -> dict[str, Any]:
        spelt = self.model.eyes.tokenizer.convert_ids_to_tokens(token)
        data = bytes(_BYTES[one] for one in spelt if one in _BYTES)
        text = data.decode(errors="replace")
        told = {"token": text.lstrip() if self.bare else text, "logprob": float(row[token])}
        return told if self.bare else told | {"bytes": list(data)}

    def _spell(self, tokens: list[str]) -> Spoken:
        listed = [{"token": token, "logprob": -0.1 * i} for i, token in enumerate(tokens)]
        content = [one | {"top_logprobs": listed} for one in listed] if self.top else None
        return Spoken("".join(tokens), content, "fp_1")
