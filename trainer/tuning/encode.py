"""A photo, a question and its answer as the tensors that a model learns from.

The prompt comes from `spider_cli.chat_prompt`, which makes it at run time too. Only the answer and
its end token are live; everything before them is not.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from spider_cli.budget import chat_budget
from spider_cli.chat_prompt import ChatPrompt
from spider_cli.errors import UsageError
from spider_cli.questions import PROBE_PREFIX, SCORE_PREFIX
from spider_cli.text_to_point import AXES
from spider_cli.vocabulary import LEVELS, NOUNS, SEVERITIES
from trainer.rows import Span
from trainer.truth import Pixels

__all__ = ["FAULT_WORDS", "IGNORED", "ChatEncoder", "Encoded", "Encoder", "Soft", "TooLong"]

IGNORED = -100
"""Label of what is not learnt."""
FAULT_WORDS = re.compile(
    rf"\b(?:{'|'.join((*SEVERITIES, *NOUNS.values(), 'no visible', 'no distortion', 'clean'))})\b",
    re.IGNORECASE,
)
"""What an answer's truth hangs on; the words around it are much the same in all."""


class TooLong(Exception):  # noqa: N818 - no error: such rows are left out
    """A row has more tokens than a row may have."""

    def __init__(self, tokens: int) -> None:
        super().__init__(f"{tokens:,} tokens")
        self.tokens = tokens


@dataclass(frozen=True, slots=True)
class Soft:
    """A step whose token is taught as a distribution over a few tokens."""

    at: int
    """Index of the token among the row's."""
    tokens: tuple[int, ...]
    shares: tuple[float, ...]
    """Their probabilities; they sum to 1."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One row."""

    inputs: dict[str, Tensor]
    """What the model takes, as its processor makes it for a batch of one: "input_ids" and what goes
    with the tokens are (1, length), pixels as the family has them."""
    labels: Tensor
    """(length,) int64: the token itself where it is live, else IGNORED."""
    places: tuple[Soft, ...] = ()
    """The positional words, in the order of `AXES`' words."""
    level: Soft | None = None
    """The level word, in the order of LEVELS."""
    faults: tuple[int, ...] = ()
    """Indices of the tokens that name faults and severities, or say that there are none."""
    mean: float = 0.0
    """The opinion, 1-5, where `level` is there."""
    part: int = 0
    """Number of the data set; opinions are compared inside one."""
    id: str = ""
    cut: int = 0
    """Tokens of the answer that did not fit."""
    dropped: tuple[str, ...] = field(default=())
    """Ids of longer rows in whose place this one came."""


class Encoder(Protocol):
    """One family of models' way to encode rows. It can be sent to another process."""

    pad_id: int
    """What stands where a batch's shorter rows have ended."""

    def encode(
        self,
        pixels: Pixels,
        question: str,
        answer: str,
        spans: Sequence[Span] = (),
        level_probs: Sequence[float] | None = None,
    ) -> Encoded:
        """Encode a row.

        Args:
            pixels: (height, width, 3) uint8 RGB.
            spans: positional words of the answer to teach softly.
            level_probs: five probabilities in the order of LEVELS, for the answer's level word.

        Raises:
            TooLong: it does not fit.
        """
        ...

    def check_words(self) -> None:
        """Can positions and levels be told apart by single tokens?

        Raises:
            UsageError: they cannot, so that neither can be taught softly.
        """
        ...


class ChatEncoder:
    """`Encoder` for models with a chat template.

    Args:
        processor: of `spider_cli.chat_processors.load_processor`.
        tokenizer: its tokenizer.
        max_length: tokens a row may have.
        long_rows: what becomes of longer ones; where the prompt alone is too long nothing helps.
        ends: tokens at which the model stops: its `generation_config.eos_token_id`.
        max_pixels: as for `ChatPrompt`; that of a family without a default of its own when None.
    """

    def __init__(
        self,
        processor: Any,
        tokenizer: Any,
        max_length: int,
        long_rows: Literal["drop", "truncate"] = "drop",
        *,
        ends: Collection[int] | int | None = None,
        max_pixels: int | None = None,
    ) -> None:
        self.prompt = ChatPrompt(processor, max_pixels or chat_budget(None))
        self.pad_id = int(tokenizer.pad_token_id)
        self.max_length = max_length
        self.long_rows = long_rows
        given = () if ends is None else (ends,) if isinstance(ends, int) else ends
        own = tokenizer.eos_token_id
        self.end_id = self.prompt.end_id(frozenset(given) or frozenset({own} - {None}))

    def encode(
        self,
        pixels: Pixels,
        question: str,
        answer: str,
        spans: Sequence[Span] = (),
        level_probs: Sequence[float] | None = None,
    ) -> Encoded:
        """See `Encoder`."""
        prompt = self.prompt.tokens([self.prompt.shrunk(pixels)], [question])
        length = prompt["input_ids"].shape[1]
        text, shift = self._said(answer)
        told = [*self.prompt.answer_ids(text), self.end_id]
        cut = max(0, length + len(told) - self.max_length)
        if cut and (self.long_rows == "drop" or cut >= len(told)):
            raise TooLong(length + len(told))
        live = told[: len(told) - cut]
        places = []
        for span in spans:
            soft = self._soft(
                text,
                shift(span.start),
                shift(span.end),
                AXES[span.axis],
                (1 - span.value, span.value),
            )
            if soft is not None and soft.at < len(live):
                places.append(soft)
        level = None
        if level_probs is not None and (word := _level_in(text)):
            level = self._soft(text, *word, LEVELS, level_probs)
        faults = {
            at for word in FAULT_WORDS.finditer(text) for at in self._tokens(text, word.span())
        }
        return Encoded(
            inputs=_extended(prompt, live),
            labels=torch.tensor([IGNORED] * length + live),
            places=tuple(_moved(soft, length) for soft in places),
            faults=tuple(length + at for at in sorted(faults) if at < len(live)),
            level=_moved(level, length) if level and level.at < len(live) else None,
            cut=cut,
        )

    def check_words(self) -> None:
        """See `Encoder`."""
        [(top, bottom), (left, right)] = AXES.values()
        tries = [
            (f"{PROBE_PREFIX} {{}}.", (top, bottom)),
            (f"{PROBE_PREFIX} {top} {{}}.", (left, right)),
            (f"{SCORE_PREFIX} {{}}.", LEVELS),
        ]
        for pattern, words in tries:
            start = pattern.index("{")
            text = pattern.format(words[0])
            if self._forms(text, start, start + len(words[0]), words) is None:
                raise UsageError(
                    f"the model's tokenizer cannot tell {', '.join(words)} apart by one token",
                    hint="set soft_positions, soft_levels and fidelity to 0",
                    code="model_unfit",
                )

    def _said(self, answer: str) -> tuple[str, Any]:
        """The answer as it is taught, and where its characters went."""
        plain = self.prompt.plain
        lost = len(answer) - len(answer.lstrip())
        return plain(answer.strip()), lambda place: len(plain(answer[lost:place]))

    def _soft(
        self, text: str, start: int, end: int, words: Sequence[str], shares: Sequence[float]
    ) -> Soft | None:
        """The step at which an answer says one of `words`; None where its tokens tell not all."""
        found = self._forms(text, start, end, words)
        return None if found is None else Soft(*found, tuple(map(float, shares)))

    def _tokens(self, text: str, span: tuple[int, int]) -> range:
        """Numbers of an answer's tokens that spell a word of it."""
        whole = self.prompt.answer_ids(text)
        first = _common(whole, self.prompt.answer_ids(text[: span[0]].rstrip()))
        return range(first, max(first + 1, _common(whole, self.prompt.answer_ids(text[: span[1]]))))

    def _forms(
        self, text: str, start: int, end: int, words: Sequence[str]
    ) -> tuple[int, tuple[int, ...]] | None:
        """Where the answer's tokens differ by the word said, and the token of each word there.

        The words take the case of the one that stands there, as `text_to_point.surface_like` has
        them.
        """
        said = text[start:end]
        if said.lower() not in words:
            return None
        alike = str.upper if said.isupper() else str.capitalize if said[0].isupper() else str.lower
        rows = [self.prompt.answer_ids(text[:start] + alike(word) + text[end:]) for word in words]
        for at, tokens in enumerate(zip(*rows, strict=False)):
            if len(set(tokens)) > 1:
                return (at, tokens) if len(set(tokens)) == len(words) else None
        return None


def _common(one: Sequence[int], two: Sequence[int]) -> int:
    """How many items two sequences begin with alike."""
    return next(
        (n for n, (a, b) in enumerate(zip(one, two, strict=False)) if a != b),
        min(len(one), len(two)),
    )


def _level_in(answer: str) -> tuple[int, int] | None:
    """Where a rating's level word stands: right after the start that is forced at run time."""
    start = len(SCORE_PREFIX) + 1
    word = answer[start:].rstrip(". ")
    if answer.startswith(f"{SCORE_PREFIX} ") and word.lower() in LEVELS:
        return start, start + len(word)
    return None


def _moved(soft: Soft, by: int) -> Soft:
    return Soft(soft.at + by, soft.tokens, soft.shares)


def _extended(prompt: dict[str, Any], answer: list[int]) -> dict[str, Tensor]:
    """The prompt's tensors with the answer's tokens; of what goes with tokens text is 0."""
    shape = prompt["input_ids"].shape
    added = {"input_ids": torch.tensor([answer]), "attention_mask": torch.ones(1, len(answer))}
    out = {}
    for name, value in prompt.items():
        if not torch.is_tensor(value):
            continue
        if value.shape == shape:
            more = added.get(name, torch.zeros(1, len(answer))).to(value.dtype)
            value = torch.cat([value, more], dim=1)
        out[name] = value
    return out
