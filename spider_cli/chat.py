"""How any other image-text-to-text model of transformers sees: its processor, its chat template."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from spider_cli.chat_processors import ComposedProcessor, load_processor
from spider_cli.chat_prompt import ChatPrompt
from spider_cli.lmm import Ask, Look, Pixels
from spider_cli.results import View
from spider_cli.weights.loading import load_whole

__all__ = ["MULTIMODAL", "ChatEyes", "ComposedProcessor", "chat_class", "load", "load_chat_model"]

_PHI = "phi4_multimodal"
MULTIMODAL = (_PHI,)
"""Types of models that hear as well as see: transformers lists them elsewhere."""


@dataclass(frozen=True, slots=True)
class _Payload:
    image: Pixels


class ChatEyes:
    """`spider_cli.lmm.Eyes` for models with a chat template.

    Args:
        model: the loaded model.
        processor: as for `ChatPrompt`.
    """

    def __init__(self, model: Any, processor: Any) -> None:
        self.model = model
        self.processor = processor
        self.prompt = ChatPrompt(processor)
        self.tokenizer = processor.tokenizer

    def look(self, photos: Sequence[Pixels]) -> list[Look]:
        looks = []
        for pixels in photos:
            height, width = pixels.shape[:2]
            seen = self.prompt.shrunk(pixels)
            view = View(box=(0, 0, width, height), size=(seen.shape[1], seen.shape[0]))
            looks.append(Look((width, height), (view,), _Payload(seen)))
        return looks

    def forced(self, ask: Ask) -> list[int]:
        return list(ask.prefix_ids) or self.prompt.answer_ids(ask.prefix)

    def inputs(self, asks: Sequence[Ask]) -> dict[str, Any]:
        batch = self.prompt.tokens(
            [ask.look.payload.image for ask in asks], [ask.question for ask in asks]
        )
        forced = [self.forced(ask) for ask in asks]
        if any(forced):
            batch = _append(batch, forced, self.tokenizer.pad_token_id)
        return {
            name: value.to(self.model.device, self.model.dtype)
            if torch.is_tensor(value) and value.is_floating_point()
            else (value.to(self.model.device) if torch.is_tensor(value) else value)
            for name, value in batch.items()
        }


def _append(batch: dict[str, Any], forced: Sequence[Sequence[int]], pad: int) -> dict[str, Any]:
    """Add forced answer tokens on the right; shorter rows move right so that all end together."""
    longest = max(map(len, forced))
    out = dict(batch)
    for name, value in batch.items():
        if not torch.is_tensor(value) or value.shape != batch["input_ids"].shape:
            continue
        # Beside the ids and their mask, kinds of tokens, where text is 0.
        empty = pad if name == "input_ids" else 0
        rows = []
        for row, ids in zip(value.tolist(), forced, strict=True):
            told = {"input_ids": list(ids), "attention_mask": [1] * len(ids)}
            lead = [empty] * (longest - len(ids))
            rows.append([*lead, *row, *told.get(name, [0] * len(ids))])
        out[name] = torch.tensor(rows)
    return out


def load(folder: Path, *, device: str, dtype: torch.dtype) -> tuple[Any, ChatEyes]:
    """The model and its eyes; local files, safetensors, no remote code."""
    kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    model = load_chat_model(chat_class(kind), folder, dtype=dtype)
    model = model.to(device).eval()
    return model, ChatEyes(model, load_processor(folder))


def chat_class(kind: object) -> Any:
    """The class of transformers that loads chat models of a type."""
    import transformers

    if kind in MULTIMODAL:
        return transformers.AutoModelForMultimodalLM
    return transformers.AutoModelForImageTextToText


def load_chat_model(family: Any, folder: Path, **options: Any) -> Any:
    """As `load_whole`, and Phi's visual encoder sees all of a photo.

    transformers 5.24 calls its attention causal: wherever a batch needs no mask, patches would see
    only those before them, and a photo's answer would depend on the others in its batch.
    """
    model = load_whole(family, folder, **options)
    if model.config.model_type == _PHI:
        for module in model.modules():
            if type(module).__name__ == "Phi4MultimodalVisionAttention":
                module.is_causal = False
    return model
