"""The tokens with which all questions about a photo begin, for chat models.

A family's processor puts many placeholders where the template names a photo once. Only there do the
tokens of a prompt and those of its bare text differ; so a further question about a photo needs no
processor, only its own text.
"""

import copy
import itertools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from spider_cli.chat_prompt import ChatPrompt, Pixels
from spider_cli.lmm import padded

__all__ = ["ChatOpening", "OpenedPhoto"]

_SAMPLES = ("?", "Describe")
"""Two questions that begin differently."""
_EMPTY: dict[str, float] = {"image_attention_mask": 1.0}
"""What stands in places that a photo does not fill, where that is not 0."""


@dataclass(frozen=True, slots=True)
class OpenedPhoto:
    """A photo as the model's inputs, up to where questions differ."""

    ids: list[int]
    inputs: Mapping[str, Tensor] = field(repr=False)
    """The photo in the family's own form, and what tells kinds of tokens apart, (1, ...) or
    (pieces, ...) each, on the CPU."""


class ChatOpening:
    """Openings of one model.

    Args:
        prompt: its prompts.
        lead: with which most questions begin; others may do without.
    """

    def __init__(self, prompt: ChatPrompt, lead: str = "") -> None:
        self.prompt = prompt
        # A tokenizer cannot be used by two threads at once: decoding threads have their own.
        self._apart = ChatPrompt(copy.deepcopy(prompt.processor), prompt.max_pixels)
        self._lock = threading.Lock()
        self._sample = lead + _SAMPLES[0]
        first, second = (self._bare(lead + one) for one in _SAMPLES)
        self._count = _common(first, second)
        self._opening, self._rest = first[: self._count], first[self._count :]

    def photo(self, pixels: Pixels) -> OpenedPhoto:
        """Run the family's processor on a photo; from any thread.

        Args:
            pixels: of `ChatPrompt.shrunk`.

        Raises:
            ValueError: the processor changes what stands after the photo.
        """
        with self._lock:
            batch = self._apart.tokens([pixels], [self._sample])
        whole = batch["input_ids"]
        ids: list[int] = whole[0].tolist()
        end = len(ids) - len(self._rest)
        if ids[end:] != self._rest:
            raise ValueError("its processor changes the text of a question")
        inputs = {
            name: value[:, :end] if value.shape == whole.shape else value
            for name, value in batch.items()
            if torch.is_tensor(value) and name not in ("input_ids", "attention_mask")
        }
        return OpenedPhoto(ids[:end], inputs)

    def question(self, photo: OpenedPhoto, question: str) -> list[int]:
        """Tokens of a photo with a question about it, up to where the answer begins.

        Raises:
            ValueError: the template writes the question before the photo.
        """
        own = self._bare(question)
        count = _common(own, self._opening)
        after = self._count - count  # of the opening's last tokens, which this question lacks
        end = len(photo.ids) - after
        if photo.ids[end:] != self._opening[count:]:
            raise ValueError("its chat template writes a question before its photo")
        return [*photo.ids[:end], *own[count:]]

    def batch(self, photos: Sequence[OpenedPhoto], pad: int) -> dict[str, Tensor]:
        """Model inputs of several openings, padded on the left."""
        out = padded([photo.ids for photo in photos], pad, torch.device("cpu"))
        longest = out["input_ids"].shape[1]
        for name in photos[0].inputs:
            values = [photo.inputs[name] for photo in photos]
            if all(
                value.shape == (1, len(photo.ids))
                for value, photo in zip(values, photos, strict=True)
            ):
                rows = [F.pad(value, (longest - value.shape[1], 0)) for value in values]
                out[name] = torch.cat(rows)
            else:
                out[name] = _stacked(values, _EMPTY.get(name, 0.0))
        return out

    def _bare(self, question: str) -> list[int]:
        return self.prompt.bare_ids(question)


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """With how many of the same tokens both begin."""
    pairs = enumerate(itertools.zip_longest(one, other))
    return next((at for at, (a, b) in pairs if a != b), len(one))


def _stacked(values: Sequence[Tensor], empty: float) -> Tensor:
    """Photos one after the other; where they have different numbers of crops, filled up."""
    most = [max(sizes) for sizes in zip(*(value.shape[1:] for value in values), strict=True)]

    def filled(value: Tensor) -> Tensor:
        gaps = [(0, size - own) for own, size in zip(value.shape[1:], most, strict=True)]
        return F.pad(value, tuple(itertools.chain(*reversed(gaps))), value=empty)

    return torch.cat([filled(value) for value in values])
