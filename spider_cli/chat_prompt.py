"""A photo and a question as the tokens of a chat model; the same at run time and in training."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from spider_cli.chat_sizes import kept_within, sizes_of
from spider_cli.results import View

__all__ = ["ChatPrompt"]

Pixels = npt.NDArray[np.uint8]

_SAMPLE = "Answer"


class ChatPrompt:
    """Prompts of one model.

    Args:
        processor: called with ``images``, ``text``, ``padding``; has ``apply_chat_template``. Its
            tokenizer pads on the left from here on.
        max_pixels: of the largest view of a whole photo (`spider_cli.budget`).

    Raises:
        UsageError: the family's smallest view has more pixels.
    """

    def __init__(self, processor: Any, max_pixels: int) -> None:
        self.max_pixels = max_pixels
        self._sizes = sizes_of(processor, max_pixels)
        self.processor = kept_within(processor, self._sizes)
        self.tokenizer = processor.tokenizer
        self.tokenizer.padding_side = "left"
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token

    def shrunk(self, pixels: Pixels) -> Pixels:
        """The photo as the model's processor gets it, (height, width, 3) uint8 RGB."""
        height, width = pixels.shape[:2]
        size = self._sizes.handed((width, height))
        if size == (width, height):
            return pixels
        image = Image.fromarray(pixels)
        return np.asarray(image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0))

    def views(self, width: int, height: int) -> tuple[View, ...]:
        """What the model sees of a photo of a size, by the family's own processor."""
        return self._sizes.views((width, height))

    def tokens(self, photos: Sequence[Pixels], questions: Sequence[str]) -> dict[str, Any]:
        """Model inputs of a batch, padded on the left, each ending where the answer begins.

        Args:
            photos: of `shrunk`, one a question.

        Returns:
            CPU tensors: "input_ids" and "attention_mask" (batch, length), and what else the
            family's processor makes.
        """
        texts = [self._rendered(question) for question in questions]
        images = [[Image.fromarray(pixels)] for pixels in photos]
        # A template that writes the start mark itself must not get a second one.
        bos = self.tokenizer.bos_token
        return dict(
            self.processor(
                images=images,
                text=texts,
                padding=True,
                return_tensors="pt",
                add_special_tokens=not (bos and texts[0].startswith(bos)),
            )
        )

    def bare_ids(self, question: str) -> list[int]:
        """Tokens of a prompt as the template writes it, where a processor has yet to put in the
        photo; without a start mark of the tokenizer's."""
        ids: list[int] = self.tokenizer(self._rendered(question), add_special_tokens=False)[
            "input_ids"
        ]
        return ids

    def answer_ids(self, text: str) -> list[int]:
        """Tokens of an answer, or of its start, as they follow the prompt; without an end token."""
        if not text:
            return []
        ids: list[int] = self.tokenizer(self.lead + text, add_special_tokens=False)["input_ids"]
        return ids

    def plain(self, text: str) -> str:
        """What people type never becomes an image placeholder or a turn mark."""
        for mark in self._marks:
            text = text.replace(mark, f"{mark[0]} {mark[1:]}")
        return text

    @cached_property
    def lead(self) -> str:
        """White space that the template puts between the prompt and an answer (SmolVLM's space)."""
        prompt, whole, at = self._sample()
        lead = whole[len(prompt) : at] if whole.startswith(prompt) else ""
        return lead if lead.isspace() else ""

    def end_id(self, ends: frozenset[int]) -> int:
        """The token with which an answer ends: of `ends`, which stop the model, the one that the
        template writes; else the tokenizer's own."""
        _, whole, at = self._sample()
        tail = whole[at + len(_SAMPLE) :]
        for token in self.tokenizer(tail, add_special_tokens=False)["input_ids"]:
            if token in ends:
                return int(token)
        own = self.tokenizer.eos_token_id
        return int(own) if own in ends or not ends else min(ends)

    @cached_property
    def _marks(self) -> list[str]:
        marks = sorted(self.tokenizer.get_added_vocab(), key=len, reverse=True)
        return [one for one in marks if len(one) > 1 and not one.isalnum() and not one.isspace()]

    def _rendered(self, question: str, answer: str | None = None) -> str:
        content = [{"type": "image"}, {"type": "text", "text": self.plain(question)}]
        turns: list[dict[str, Any]] = [{"role": "user", "content": content}]
        if answer is not None:
            turns.append({"role": "assistant", "content": [{"type": "text", "text": answer}]})
        return str(
            self.processor.apply_chat_template(
                turns, add_generation_prompt=answer is None, tokenize=False
            )
        )

    def _sample(self) -> tuple[str, str, int]:
        """A prompt, the same with an answer, and where in that the answer begins."""
        prompt, whole = self._rendered("?"), self._rendered("?", _SAMPLE)
        return prompt, whole, max(whole.rfind(_SAMPLE), 0)
