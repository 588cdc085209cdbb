"""The language model that sees: load, look once, ask in batches, read closed-set logits at a step.

Every model goes through this file: nano and an 8-billion-parameter checkpoint differ only in the
`Eyes` that turn photos and questions into model inputs.
"""

import json
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from spider_cli.errors import UsageError
from spider_cli.results import View
from spider_cli.text_to_point import Emitted, log_softmax
from spider_cli.weights.adapter import CONFIG, adapter_in
from spider_cli.weights.loading import explained
from spider_cli.weights.quantizing import Quantize
from spider_cli.weights.revision import revision_of

if TYPE_CHECKING:
    import torch

    from spider_cli.decoding import Opening, Row
    from spider_cli.evidence import Asked
    from spider_cli.scoring import LevelReader

__all__ = [
    "GENERATION",
    "Answer",
    "Ask",
    "Eyes",
    "LanguageModel",
    "Look",
    "Prepared",
    "load_language_model",
    "padded",
]

Pixels = npt.NDArray[np.uint8]
FractionBox = tuple[float, float, float, float]
Greedy: TypeAlias = tuple[list[list[int]], list[npt.NDArray[np.float32]]]
"""Tokens of each answer, and its logits (steps, vocabulary)."""

GENERATION = "generation_config.json"
"""Of a model's folder: its end tokens, and what is added to logits; an adapter's own counts more
than its base's."""
MAX_NEW_TOKENS = 160
_ALIKE = 0.75
"""Photos are read together whose tokens are at least this share of the longest's: the rest of a
batch is padding."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A photo as a model's inputs, before the model itself is asked."""

    pixels: Pixels
    inputs: Any = field(repr=False)
    seconds: float = 0.0
    """What that took, where somebody looked at the clock."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Look:
    """A photo after the model looked at it; many questions can be asked of it."""

    size: tuple[int, int]
    """Width and height of the photo."""
    views: tuple[View, ...]
    payload: Any = field(repr=False)
    """What the eyes need to ask about it."""
    tokens: int = 0
    """How many the photo takes, where that is known."""


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
    """(steps, vocabulary): raw logits. Each token was the likeliest, once the biases of the model's
    own generation_config.json were added."""


class Eyes(Protocol):
    """Turns photos and questions into inputs of one family of models."""

    tokenizer: Any
    lead: str
    """Text with which most questions will begin: it is kept with the photo."""
    shares: bool
    """What the model makes of a photo is kept from one question to the next: `opening` and `row`
    are there. Else `inputs` puts photo and question together each time."""

    @property
    def looks_ahead(self) -> bool:
        """`prepare` has most of a photo's work in it: threads that do it share the cores."""

    def prepare(self, pixels: Pixels) -> Prepared:
        """What can be done to a photo, (height, width, 3) uint8 RGB, before the model's turn, and
        on any thread."""

    def look(self, photos: Sequence[Prepared]) -> list[Look]:
        """Encode photos."""

    def forced(self, ask: Ask) -> list[int]:
        """Token ids of an ask's forced start; empty without one."""

    def opening(self, looks: Sequence[Look]) -> "dict[str, Any]":
        """Left-padded model inputs of the tokens with which questions about each look begin."""

    def row(self, ask: Ask) -> "tuple[list[int], dict[str, Any]]":
        """All tokens of an ask, up to where the answer begins or its forced start ends; and model
        inputs that those after the opening need, (any number, ...) each."""

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

    Raises:
        ValueError: `sequence_bias` of the model's generation_config.json is not in its form.
    """

    def __init__(self, *, model: Any, eyes: Eyes, folder: Path, revision: str) -> None:
        from spider_cli.decoding import Biases

        self.model = model
        self.eyes = eyes
        self.folder = folder
        self.revision = revision
        ends = model.generation_config.eos_token_id
        if ends is None:
            ends = eyes.tokenizer.eos_token_id
        self.end_ids = frozenset(ends if isinstance(ends, list) else [ends])
        vocabulary = model.config.get_text_config().vocab_size
        self._biases = Biases(model.generation_config, vocabulary)
        self._openings: weakref.WeakKeyDictionary[Look, Opening] = weakref.WeakKeyDictionary()

    def prepare(self, pixels: Pixels) -> Prepared:
        """Make a photo ready to be looked at; on any thread, while the model is busy.

        Args:
            pixels: (height, width, 3) uint8 RGB.
        """
        return self.eyes.prepare(pixels)

    def look(self, photos: Sequence[Pixels | Prepared]) -> list[Look]:
        """Look at photos once; the answers of `ask` come from these looks."""
        import torch

        ready = [one if isinstance(one, Prepared) else self.prepare(one) for one in photos]
        with torch.inference_mode():
            return self.eyes.look(ready)

    def ask(self, asks: Sequence[Ask]) -> list[Answer]:
        """Answer questions greedily, all of them in one batch.

        Returns:
            One answer per ask, without its forced start and without the end token.
        """

        if not asks:
            return []
        tokens, steps = self._greedy(asks, MAX_NEW_TOKENS)
        return [self._answer(row, logits) for row, logits in zip(tokens, steps, strict=True)]

    def next_logits(self, asks: Sequence[Ask]) -> npt.NDArray[np.float32]:
        """Logits at the position right after each ask's forced start: (asks, vocabulary)."""
        return np.stack([logits[0] for logits in self._greedy(asks, 1)[1]])

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

    def likelihoods(self, asks: Sequence[Ask], text: str, batch_size: int) -> list[float]:
        """Log-probability that the answer to each ask is this text, and no more than it."""
        from spider_cli.likelihoods import likelihoods

        return likelihoods(self, asks, text, batch_size)

    def scorer(self, temperature: float, question: str) -> "LevelReader":
        """What gives photos their scores; `question` is what is asked."""
        from spider_cli.scoring import LevelReader

        return LevelReader(self, temperature, question)

    def logits_along(self, asks: Sequence[Ask]) -> list[npt.NDArray[np.float32]]:
        """Logits at each token of each ask's forced start, and at what comes after it:
        (tokens + 1, vocabulary) of each."""
        import torch

        starts = [self.eyes.forced(ask) for ask in asks]
        with torch.inference_mode():
            if not self.eyes.shares:
                return [
                    np.stack(
                        [self._afresh([begun], 1)[1][0][0] for begun in _beginnings(ask, start)]
                    )
                    for ask, start in zip(asks, starts, strict=True)
                ]
            from spider_cli.decoding import follow

            return follow(self.model, self._rows(asks), list(map(len, starts)), pad=self._pad_id())

    def _rows(self, asks: Sequence[Ask]) -> "list[Row]":
        """Asks as tokens after their looks' openings, which are read where they are not yet."""
        from spider_cli.decoding import Row

        self._read_openings([ask.look for ask in asks])
        return [Row(*self.eyes.row(ask), self._openings[ask.look]) for ask in asks]

    def _greedy(self, asks: Sequence[Ask], most: int) -> Greedy:
        """Of each ask the likeliest tokens, at most so many, and the raw logits they came from."""
        import torch

        with torch.inference_mode():
            if not self.eyes.shares:
                return self._afresh(asks, most)
            from spider_cli.decoding import decode

            return decode(
                self.model, self._rows(asks), most=most, ends=self.end_ids, pad=self._pad_id(),
                biases=self._biases,
            )  # fmt: skip

    def _read_openings(self, looks: Sequence[Look]) -> None:
        """Keep what the model makes of the looks' own tokens, as long as the looks are there."""
        from spider_cli.decoding import read_openings

        due = [look for look in dict.fromkeys(looks) if look not in self._openings]
        for part in _alike(sorted(due, key=lambda look: -look.tokens)):
            read = read_openings(self.model, self.eyes.opening(part))
            self._openings.update(zip(part, read, strict=True))

    def _afresh(self, asks: Sequence[Ask], most: int) -> Greedy:
        """Photos and questions together, by transformers' own `generate`."""
        import torch

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
        return tokens, list(steps)

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


def _beginnings(ask: Ask, start: Sequence[int]) -> Iterator[Ask]:
    """The ask with none of its forced start, with one token, and so on to all of them."""
    for end in range(len(start) + 1):
        yield replace(ask, prefix="", prefix_ids=tuple(start[:end]))


def padded(rows: Sequence[list[int]], pad: int, device: "torch.device") -> "dict[str, Any]":
    """Rows of tokens as "input_ids" and "attention_mask", (rows, longest), padded on the left."""
    import torch

    longest = max(map(len, rows))
    gaps = [longest - len(row) for row in rows]
    ids = [[pad] * gap + row for gap, row in zip(gaps, rows, strict=True)]
    mask = [[0] * gap + [1] * len(row) for gap, row in zip(gaps, rows, strict=True)]
    return {
        "input_ids": torch.tensor(ids, device=device),
        "attention_mask": torch.tensor(mask, device=device),
    }


def _alike(looks: Sequence[Look]) -> Iterator[list[Look]]:
    """Looks in the order given, longest first, in parts that take little padding."""
    part: list[Look] = []
    for look in looks:
        if part and look.tokens < _ALIKE * part[0].tokens:
            yield part
            part = []
        part.append(look)
    if part:
        yield part


def load_language_model(
    folder: Path,
    *,
    device: str,
    dtype: "torch.dtype",
    max_pixels: int | None = None,
    quantize: Quantize | None = None,
    device_map: Mapping[str, int | str] | None = None,
) -> LanguageModel:
    """Load a model folder: local files only, safetensors only, no remote code.

    An adapter is folded into its base: it answers as the merged model does. Tokenizer and processor
    are the base's; its `GENERATION` too, where it has none of its own.

    Args:
        max_pixels: of a photo that it is shown (`spider_cli.budget`); its family's default when
            None.
        quantize: layers of the language model in 8 or 4 bits; not for nano. Whether there is memory
            for all this, `spider_cli.placing` says.
        device_map: module -> device, where not all of it goes to `device`; not for nano.

    Raises:
        UsageError: the folder holds no loadable image-text-to-text model, and no adapter of one; it
            needs Python of its own; or `max_pixels` are too few for it.
    """
    adapter = adapter_in(folder)
    whole = folder if adapter is None else adapter.base
    try:
        config = json.loads((whole / "config.json").read_text(encoding="utf-8"))
        kind = config.get("model_type")
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
        from spider_cli.weights.selection import check_kind

        check_kind(str(whole), {"config.json": config}, remote_code=False)
        load = load_chat
    form: dict[str, Any] = {"quantize": quantize, "device_map": device_map}
    asked = any(value is not None for value in form.values())
    # Layers shrink, or go their ways, once an adapter is folded into them.
    later = asked and adapter is not None
    with explained(whole, "an image-text-to-text model"):
        model, eyes = load(
            whole,
            device="cpu" if later else device,
            dtype=dtype,
            max_pixels=max_pixels,
            **(form if asked and not later else {}),
        )
    if adapter is not None:
        hint = f"it must be made for {whole}, which its {CONFIG} names"
        with explained(folder, "an adapter", hint):
            model = adapter.applied(model)
            if later:
                from spider_cli.weights.spreading import settle

                settle(model, device=device, **form)
            if (folder / GENERATION).is_file():
                model.generation_config = _generation(folder)
    with explained(folder, "an image-text-to-text model"):
        return LanguageModel(model=model, eyes=eyes, folder=folder, revision=revision_of(folder))


def _generation(folder: Path) -> Any:
    from transformers import GenerationConfig

    return GenerationConfig.from_pretrained(str(folder), local_files_only=True)
