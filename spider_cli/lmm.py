"""The language model that sees: load, look once, ask in batches, read closed-set logits at a step.

Every model goes through this file: nano and an 8-billion-parameter checkpoint differ only in the
`Eyes` that turn photos and questions into model inputs.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from spider_cli.errors import UsageError
from spider_cli.results import View
from spider_cli.text_to_point import Emitted, log_softmax
from spider_cli.weights.adapter import CONFIG, adapter_in
from spider_cli.weights.loading import explained
from spider_cli.weights.revision import revision_of

if TYPE_CHECKING:
    import torch

    from spider_cli.evidence import Asked
    from spider_cli.scoring import LevelReader

__all__ = ["Answer", "Ask", "Eyes", "LanguageModel", "Look", "load_language_model"]

Pixels = npt.NDArray[np.uint8]
FractionBox = tuple[float, float, float, float]

MAX_NEW_TOKENS = 160


@dataclass(frozen=True, slots=True)
class Look:
    """A photo after the model looked at it; many questions can be asked of it."""

    size: tuple[int, int]
    """Width and height of the photo."""
    views: tuple[View, ...]
    payload: Any = field(repr=False)
    """What the eyes need to ask about it."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One question about one look; `prefix` is a forced start of the answer."""

    look: Look
    question: str
    prefix: str = ""
    prefix_ids: tuple[int, ...] = ()
    """Forced tokens instead of `prefix`, where exact tokens matter."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said, and with what certainty at every step."""

    text: str
    token_ids: tuple[int, ...]
    pieces: tuple[str, ...]
    """The text each token added; joined they are `text`."""
    logits: npt.NDArray[np.float32] = field(repr=False)
    """(steps, vocabulary): raw logits from which each token was the likeliest."""


class Eyes(Protocol):
    """Turns photos and questions into inputs of one family of models."""

    tokenizer: Any

    def look(self, photos: Sequence[Pixels]) -> list[Look]:
        """Encode photos, (height, width, 3) uint8 RGB each."""

    def forced(self, ask: Ask) -> list[int]:
        """Token ids of an ask's forced start; empty without one."""

    def inputs(self, asks: Sequence[Ask]) -> "dict[str, Any]":
        """Left-padded model inputs, one row per ask, ending where the answer begins (after the
        forced start, where there is one)."""


class LanguageModel:
    """A loaded model: `look` at photos, then `ask`.

    Args:
        model: any transformers model that generates text from images.
        eyes: its way of seeing.
        folder: where it was loaded from.
        revision: which weights these are.
    """

    def __init__(self, *, model: Any, eyes: Eyes, folder: Path, revision: str) -> None:
        self.model = model
        self.eyes = eyes
        self.folder = folder
        self.revision = revision
        ends = model.generation_config.eos_token_id
        if ends is None:
            ends = eyes.tokenizer.eos_token_id
        self.end_ids = frozenset(ends if isinstance(ends, list) else [ends])

    def look(self, photos: Sequence[Pixels]) -> list[Look]:
        """Look at photos once; the answers of `ask` come from these looks."""
        import torch

        with torch.inference_mode():
            return self.eyes.look(photos)

    def ask(self, asks: Sequence[Ask]) -> list[Answer]:
        """Answer questions greedily, all of them in one batch.

        Returns:
            One answer per ask, without its forced start and without the end token.
        """

        if not asks:
            return []
        tokens, steps = self._generate(asks, MAX_NEW_TOKENS)
        return [self._answer(row, logits) for row, logits in zip(tokens, steps, strict=True)]

    def next_logits(self, asks: Sequence[Ask]) -> npt.NDArray[np.float32]:
        """Logits at the position right after each ask's forced start: (asks, vocabulary)."""
        return self._generate(asks, 1)[1][:, 0]

    def words_at(self, asked: "Asked", emitted: Emitted, words: Sequence[str]) -> tuple[float, ...]:
        """chi of each word at the step where an answer says one of them (eq. 2)."""
        from spider_cli.next_words import words_at

        return words_at(self, asked, emitted, words)

    def words_after(
        self, asks: Sequence[Ask], words: Sequence[str], batch_size: int
    ) -> list[tuple[float, ...]]:
        """chi of each word right after each ask's forced start."""
        from spider_cli.next_words import words_after

        return words_after(self, asks, words, batch_size)

    def scorer(self, temperature: float, question: str) -> "LevelReader":
        """What gives photos their scores; `question` is what is asked."""
        from spider_cli.scoring import LevelReader

        return LevelReader(self, temperature, question)

    def _generate(
        self, asks: Sequence[Ask], most: int
    ) -> tuple[list[list[int]], npt.NDArray[np.float32]]:
        """Greedy tokens (asks, steps) and the raw logits they came from, one vocabulary each."""
        import torch

        with torch.inference_mode():
            out = self.model.generate(
                **self.eyes.inputs(asks),
                do_sample=False,
                num_beams=1,
                repetition_penalty=1.0,  # some folders ask for one: the likeliest token is meant
                max_new_tokens=most,
                output_logits=True,
                return_dict_in_generate=True,
                pad_token_id=self._pad_id(),
            )
            steps = torch.stack(out.logits, dim=1).float().cpu().numpy()
        tokens: list[list[int]] = out.sequences[:, -steps.shape[1] :].tolist()
        return tokens, steps

    def log_probability(self, ask: Ask, before: Sequence[int], tokens: Sequence[int]) -> float:
        """Sum of log-probabilities of `tokens` after the answer tokens `before`."""
        total = 0.0
        given = list(before)
        start = self.eyes.forced(ask)
        for token in tokens:
            forced = Ask(ask.look, ask.question, prefix_ids=(*start, *given))
            total += float(log_softmax(self.next_logits([forced])[0])[token])
            given.append(token)
        return total

    def encode(self, text: str) -> list[int]:
        """Token ids of a piece of text, no special tokens."""
        if not text:
            return []
        ids: list[int] = self.eyes.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def encode_after(self, text: str, before: str, before_ids: Sequence[int]) -> list[int]:
        """Token ids of `text` as it would be written after `before`, whose ids are `before_ids`."""
        whole = self.encode(before + text)
        if whole[: len(before_ids)] == list(before_ids):
            return whole[len(before_ids) :]
        return self.encode(text)

    def _pad_id(self) -> int:
        pad = self.eyes.tokenizer.pad_token_id
        return int(pad if pad is not None else min(self.end_ids))

    def _answer(self, row: list[int], logits: npt.NDArray[np.float32]) -> Answer:
        length = next((i for i, token in enumerate(row) if token in self.end_ids), len(row))
        ids = row[:length]
        pieces: list[str] = []
        done = ""
        decode = self.eyes.tokenizer.decode
        for end in range(1, length + 1):
            text = decode(ids[:end], skip_special_tokens=True, clean_up_tokenization_spaces=False)
            # A character may need several tokens; until then its bytes decode to U+FFFD.
            text = text if end == length else text.rstrip("\ufffd")
            pieces.append(text[len(done) :] if text.startswith(done) else "")
            done = text if text.startswith(done) else done
        return Answer(done, tuple(ids), tuple(pieces), logits[:length])


def load_language_model(folder: Path, *, device: str, dtype: "torch.dtype") -> LanguageModel:
    """Load a model folder: local files only, safetensors only, no remote code.

    An adapter is folded into its base: it answers as the merged model does. Tokenizer and processor
    are the base's.

    Raises:
        UsageError: the folder holds no loadable image-text-to-text model, and no adapter of one.
    """
    adapter = adapter_in(folder)
    whole = folder if adapter is None else adapter.base
    config = whole / "config.json"
    try:
        kind = json.loads(config.read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise UsageError(
            f"no model in {whole}: {error}",
            hint="name a folder with config.json and model.safetensors, or use --model nano",
            code="model_missing",
        ) from error
    if kind == "spider_nano":
        from spider_cli.nano.eyes import load as load_nano

        load: Callable[..., tuple[Any, Eyes]] = load_nano
    else:
        from spider_cli.chat import load as load_chat

        load = load_chat
    with explained(whole, "an image-text-to-text model"):
        model, eyes = load(whole, device=device, dtype=dtype)
    if adapter is not None:
        hint = f"it must be made for {whole}, which its {CONFIG} names"
        with explained(folder, "an adapter", hint):
            model = adapter.applied(model)
    return LanguageModel(model=model, eyes=eyes, folder=folder, revision=revision_of(folder))
