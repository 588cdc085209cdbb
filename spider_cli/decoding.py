"""Greedy decoding over what a photo's first tokens left in a model: made once, for all questions.

All questions about a photo begin with the same tokens: the photo, and what a base model is told
before its question. Their keys and values are an `Opening`. A question adds its own tokens to a
copy; questions of several photos go through the model together. Rows of a batch lie like this,
`.` is padding that nobody sees:

    . . P P P P  . Q Q Q      opening of four tokens, question of three
    P P P P P P  Q Q Q Q      of six and four
"""

import functools
import inspect
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import DynamicCache, GenerationConfig, SequenceBiasLogitsProcessor
from transformers.models.llama.modeling_llama import LlamaForCausalLM

__all__ = ["Biases", "Opening", "Row", "decode", "follow", "read_openings"]


@dataclass(frozen=True, slots=True)
class Opening:
    """What the model made of the tokens with which questions about a photo begin."""

    ids: tuple[int, ...]
    layers: tuple[tuple[Tensor, Tensor], ...] = field(repr=False)
    """Keys and values of each layer, (heads, tokens, width) each."""
    positions: Tensor = field(repr=False)
    """(tokens,), or (3, tokens) where a model counts time, rows and columns apart."""

    def shared(self, ids: Sequence[int]) -> int:
        """With how many of its tokens `ids` begins; at least one of them is left to be read."""
        count = 0
        for own, other in zip(self.ids, ids[:-1], strict=False):
            if own != other:
                break
            count += 1
        return count


@dataclass(frozen=True, slots=True)
class Row:
    """A question about a photo as tokens, up to where the model's answer goes on."""

    ids: list[int]
    features: Mapping[str, Tensor] = field(repr=False)
    """Model inputs of the tokens after the opening, (any number, ...) each: those of all rows stand
    one after the other."""
    opening: Opening


class Biases:
    """What a model's folder adds to the logits of tokens that complete a sequence, before the
    likeliest is taken: `sequence_bias` of its generation_config.json, as transformers' `generate`
    obeys it.

    Args:
        config: of the model.
        vocabulary: how many tokens it knows.

    Raises:
        ValueError: the setting is not in its form.
    """

    def __init__(self, config: GenerationConfig, vocabulary: int) -> None:
        told = getattr(config, "sequence_bias", None)
        found = SequenceBiasLogitsProcessor(told).sequence_bias if told else {}
        self._after: dict[int, dict[tuple[int, ...], list[tuple[int, float]]]] = {}
        """Length of what goes before -> that -> tokens and what is added to them."""
        for ids, bias in found.items():
            if max(ids) >= vocabulary:
                raise ValueError(f"sequence_bias: there is no token {max(ids)}")
            same = self._after.setdefault(len(ids) - 1, {})
            same.setdefault(tuple(ids[:-1]), []).append((ids[-1], bias))

    def likeliest(self, numbers: Tensor, before: Iterable[Sequence[int]]) -> Tensor:
        """The token of each row, (rows,).

        Args:
            numbers: (rows, vocabulary) logits; they stay as they are.
            before: all tokens of each row so far, its question's among them; not asked for where
                nothing is added.
        """
        if not self._after:
            return numbers.argmax(dim=-1)
        biased = numbers
        for row, ids in enumerate(before):
            for length, known in self._after.items():
                for token, bias in known.get(tuple(ids[len(ids) - length :]), ()):
                    biased = numbers.clone() if biased is numbers else biased
                    biased[row, token] += bias
        return biased.argmax(dim=-1)


def read_openings(model: Any, inputs: Mapping[str, Any]) -> list[Opening]:
    """Let the model read the first tokens of several photos.

    Args:
        model: of transformers, decoder-only.
        inputs: "input_ids" and "attention_mask" (photos, longest), padded on the left, and the
            photos in the family's own form.
    """
    mask = inputs["attention_mask"]
    positions = _positions(model, inputs)
    cache = DynamicCache()
    _forward(model, cache, position_ids=positions, **inputs)
    read: list[tuple[Tensor, Tensor]] = [(keys, values) for keys, values, _ in cache]
    openings = []
    for row, ids in enumerate(inputs["input_ids"].tolist()):
        pad = int((mask[row] == 0).sum())
        layers = tuple((keys[row, :, pad:], values[row, :, pad:]) for keys, values in read)
        openings.append(Opening(tuple(ids[pad:]), layers, positions[..., row, pad:]))
    return openings


def decode(
    model: Any,
    rows: Sequence[Row],
    *,
    most: int,
    ends: Collection[int],
    pad: int,
    biases: Biases,
) -> tuple[list[list[int]], list[npt.NDArray[np.float32]]]:
    """The likeliest token, step by step, in each row until it ends.

    Args:
        most: steps at most.
        ends: tokens that end an answer.
        pad: stands where there is nothing.
        biases: what is added to logits before the likeliest is taken.

    Returns:
        Of each row its tokens, with the end token where it came to one, and the raw logits of its
        steps, (tokens, vocabulary).
    """
    cache, mask, positions, step = _begun(rows, pad)
    several = rows[0].opening.positions.ndim > 1
    tokens: list[list[int]] = [[] for _ in rows]
    logits: list[list[npt.NDArray[np.float32]]] = [[] for _ in rows]
    going = set(range(len(rows)))
    for _ in range(most):
        placed = positions.expand(3, -1, -1) if several else positions
        told = _forward(model, cache, attention_mask=mask, position_ids=placed, **step)
        numbers = told[:, -1].float()
        before = (row.ids + own for row, own in zip(rows, tokens, strict=True))
        chosen = biases.likeliest(numbers, before)
        heard, words = numbers.cpu().numpy(), chosen.tolist()
        for row in tuple(going):
            tokens[row].append(words[row])
            logits[row].append(heard[row])
            if words[row] in ends:
                going.remove(row)
        if not going:
            break
        # A placeholder that the model itself writes is a word: it is not to be filled.
        step = {"inputs_embeds": model.get_input_embeddings()(chosen[:, None])}
        mask = F.pad(mask, (0, 1), value=1)
        positions = positions[:, -1:] + 1
    return tokens, [np.stack(one) for one in logits]


def follow(
    model: Any, rows: Sequence[Row], lengths: Sequence[int], *, pad: int
) -> list[npt.NDArray[np.float32]]:
    """What the model would say along answers that are given.

    Args:
        rows: each with its answer at its end.
        lengths: of the answers, in tokens.
        pad: stands where there is nothing.

    Returns:
        Of each row the logits at each token of its answer and at what comes after it,
        (length + 1, vocabulary).
    """
    cache, mask, positions, step = _begun(rows, pad)
    placed = positions.expand(3, -1, -1) if rows[0].opening.positions.ndim > 1 else positions
    keep = max(lengths) + 1
    told = _forward(model, cache, keep=keep, attention_mask=mask, position_ids=placed, **step)
    logits = told.float().cpu().numpy()
    return [row[-length - 1 :] for row, length in zip(logits, lengths, strict=True)]


def _begun(rows: Sequence[Row], pad: int) -> tuple[DynamicCache, Tensor, Tensor, dict[str, Any]]:
    """What the model is given first: the openings; attention mask, positions (rows, longest) and
    tokens of what comes after them."""
    given = [row.opening.shared(row.ids) for row in rows]
    tails = [row.ids[count:] for row, count in zip(rows, given, strict=True)]
    longest = max(map(len, tails))
    device = rows[0].opening.positions.device
    cache = _joined(rows, given)
    mask = torch.tensor(
        [
            [0] * (max(given) - count) + [1] * count + [0] * (longest - len(tail)) + [1] * len(tail)
            for count, tail in zip(given, tails, strict=True)
        ],
        device=device,
    )
    ids = torch.tensor([[pad] * (longest - len(tail)) + tail for tail in tails], device=device)
    last = torch.stack(
        [row.opening.positions[..., :count].max() for row, count in zip(rows, given, strict=True)]
    ) + torch.tensor([len(tail) for tail in tails], device=device)
    # Counted from the end, since all rows end together.
    positions = (last[:, None] - torch.arange(longest - 1, -1, -1, device=device)).clamp_min(0)
    return cache, mask, positions, {"input_ids": ids, **_features(rows)}


def _forward(model: Any, cache: DynamicCache, *, keep: int = 1, **inputs: Any) -> Tensor:
    """Logits at the last positions, (rows, keep, vocabulary); the cache grows."""
    name = _cache_name(model.__class__)
    out = model(**inputs, **{name: cache}, use_cache=True, logits_to_keep=keep)
    logits: Tensor = out.logits
    return logits


@functools.cache
def _cache_name(family: Any) -> str:
    """What this release of transformers calls the cache, for a class of models."""
    known = inspect.signature(family.forward).parameters
    if not {"cache", "past_key_values"} & set(known):  # handed on as it is
        known = inspect.signature(LlamaForCausalLM.forward).parameters
    return "cache" if "cache" in known else "past_key_values"


def _positions(model: Any, inputs: Mapping[str, Any]) -> Tensor:
    """Of every token, (photos, longest) or (3, photos, longest): those of padding mean nothing."""
    mask: Tensor = inputs["attention_mask"]
    counts = getattr(getattr(model, "model", None), "get_rope_index", None)
    if counts is None:
        return (mask.long().cumsum(-1) - 1).clamp_min(0)
    wanted = inspect.signature(counts).parameters
    told = {name: value for name, value in inputs.items() if name in wanted}
    found: tuple[Tensor, ...] = counts(**told)
    return found[0]


def _joined(rows: Sequence[Row], given: Sequence[int]) -> DynamicCache:
    """The openings of all rows in one cache, padded on the left."""
    longest = max(given)

    def padded(part: Tensor, count: int) -> Tensor:
        return F.pad(part[:, :count], (0, 0, longest - count, 0))

    cache = DynamicCache()
    for layer in range(len(rows[0].opening.layers)):
        keys, values = (
            torch.stack(
                [
                    padded(row.opening.layers[layer][part], count)
                    for row, count in zip(rows, given, strict=True)
                ]
            )
            for part in range(2)
        )
        cache.update(keys, values, layer)
    return cache


def _features(rows: Sequence[Row]) -> dict[str, Tensor]:
    names = dict.fromkeys(name for row in rows for name in row.features)
    return {
        name: torch.cat([row.features[name] for row in rows if name in row.features])
        for name in names
    }
