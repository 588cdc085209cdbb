"""Does a tokenizer emit the positional words, and can a closed set of them be told apart?"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spider_cli.errors import UsageError
from spider_cli.questions import PROBE_PREFIX
from spider_cli.rules import Rule
from spider_cli.weights.loading import explained

__all__ = ["SURFACES", "ClosedSet", "check_words", "load_tokenizer"]

SURFACES: dict[str, str] = {
    " left": "in a sentence",
    "left": "at the start",
    " Left": "capital, in a sentence",
    "Left": "capital, at the start",
}
"""Surface forms, by the example of "left", and where they stand."""


@dataclass(frozen=True, slots=True)
class ClosedSet:
    """The words of an axis in one surface form."""

    axis: str
    words: tuple[str, ...]
    """As they are written: (" left", " right")."""
    tokens: tuple[tuple[str, ...], ...]
    """Each word's tokens; empty of a word that the tokenizer does not emit in this form."""
    told: str
    """What tells them apart: "one token" (all are one), "first token" (their first ones differ and
    they are as long as each other), "all tokens" (log-probabilities are summed), or "nothing"."""

    def to_json(self) -> dict[str, Any]:
        return {
            "axis": self.axis,
            "words": list(self.words),
            "tokens": [list(one) for one in self.tokens],
            "told_apart_by": self.told,
        }


def load_tokenizer(folder: Path) -> Any:
    """A model folder's tokenizer, without its weights.

    Raises:
        UsageError: there is none.
    """
    with explained(folder, "an image-text-to-text model"):
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
        if kind == "spider_nano":
            from transformers import PreTrainedTokenizerFast

            return PreTrainedTokenizerFast.from_pretrained(str(folder), local_files_only=True)
        from spider_cli.chat_processors import load_processor

        return load_processor(folder).tokenizer


def check_words(tokenizer: Any, rules: Iterable[Rule], folder: Path) -> list[ClosedSet]:
    """Every closed set of the rules in every surface form.

    Args:
        folder: of the model, for messages.

    Raises:
        UsageError: the lower-case form within a sentence, which is what the probe reads, is not
            emitted for a word, or is the same for two.
    """
    found: list[ClosedSet] = []
    for axis, words in dict.fromkeys(
        (axis, words)
        for rule in rules
        for axis, words in (("vertical", rule.vertical), ("horizontal", rule.horizontal))
    ):
        for surface in SURFACES:
            one = _closed_set(tokenizer, axis, words, surface)
            if one.told == "nothing" and surface == " left":
                raise UsageError(_reason(one, words, folder), hint=_HINT, code="model_unfit")
            found.append(one)
    return found


_HINT = "grounding needs these words: take a model whose tokenizer has them"


def _reason(one: ClosedSet, words: Sequence[str], folder: Path) -> str:
    lacking = [word for word, tokens in zip(words, one.tokens, strict=True) if not tokens]
    if lacking:
        return f"the tokenizer of {folder} cannot emit the positional word {lacking[0]!r}"
    return f"the tokenizer of {folder} cannot tell the words {', '.join(words)} apart"


def _closed_set(tokenizer: Any, axis: str, words: Sequence[str], surface: str) -> ClosedSet:
    spaced, capital = surface[0] == " ", surface.strip()[0].isupper()
    written = [word.capitalize() if capital else word for word in words]
    ids = [_ids(tokenizer, word, PROBE_PREFIX if spaced else "") for word in written]
    first = {one[0] for one in ids if one}
    if not all(ids) or len(set(ids)) < len(ids):
        told = "nothing"
    elif len(first) == len(ids) and len({len(one) for one in ids}) == 1:
        told = "one token" if len(ids[0]) == 1 else "first token"
    else:
        told = "all tokens"
    shown = tuple(f" {word}" if spaced else word for word in written)
    tokens = tuple(tuple(map(str, tokenizer.convert_ids_to_tokens(list(one)))) for one in ids)
    return ClosedSet(axis, shown, tokens, told)


def _ids(tokenizer: Any, word: str, before: str) -> tuple[int, ...]:
    """Token ids of a word after `before`; none where they do not give the word back."""

    def encode(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False)["input_ids"]) if text else []

    lead = encode(before)
    whole = encode(f"{before} {word}" if before else word)
    ids = whole[len(lead) :] if whole[: len(lead)] == lead else encode(f" {word}")
    unknown = tokenizer.unk_token_id
    said = tokenizer.decode(
        ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
    ).strip()
    return tuple(ids) if said == word and unknown not in ids else ()
