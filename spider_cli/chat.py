"""How any other image-text-to-text model of transformers sees: its processor, its chat template."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from spider_cli.budget import chat_budget
from spider_cli.chat_opening import ChatOpening, OpenedPhoto
from spider_cli.chat_processors import ComposedProcessor, load_processor
from spider_cli.chat_prompt import ChatPrompt
from spider_cli.chat_sizes import sizes_of
from spider_cli.lmm import Ask, Look, Pixels, Prepared
from spider_cli.weights.loading import load_whole
from spider_cli.weights.quantizing import Quantize
from spider_cli.weights.spreading import placing_options

__all__ = [
    "MULTIMODAL",
    "SHARING",
    "ChatEyes",
    "ComposedProcessor",
    "chat_class",
    "load",
    "load_chat_model",
]

_PHI = "phi4_multimodal"
MULTIMODAL = (_PHI,)
"""Types of models that hear as well as see: transformers lists them elsewhere."""


SHARING = frozenset(["idefics3", "internvl", _PHI, "qwen2_vl", "qwen2_5_vl", "qwen3_vl", "smolvlm"])
"""Types of models for which the tests show that a question over what is kept of a photo is answered
as one that is put afresh. Any other reads photo and question anew each time."""


@dataclass(frozen=True, slots=True)
class _Payload:
    image: Pixels
    opened: OpenedPhoto | None


class ChatEyes:
    """`spider_cli.lmm.Eyes` for models with a chat template.

    Args:
        model: the loaded model.
        processor: as for `ChatPrompt`.
        lead: with which most questions begin.
        max_pixels: as for `ChatPrompt`; the family's default when None.
    """

    def __init__(
        self, model: Any, processor: Any, *, lead: str = "", max_pixels: int | None = None
    ) -> None:
        self.model = model
        self.processor = processor
        self.prompt = ChatPrompt(processor, max_pixels or chat_budget(model.config.model_type))
        self.tokenizer = processor.tokenizer
        self.shares = model.config.model_type in SHARING
        self.looks_ahead = False
        self.lead = lead

    @property
    def lead(self) -> str:
        """With which most questions will begin."""
        return self._lead

    @lead.setter
    def lead(self, text: str) -> None:
        self._lead = text
        self._opening = ChatOpening(self.prompt, text)

    def prepare(self, pixels: Pixels) -> Prepared:
        seen = self.prompt.shrunk(pixels)
        opened = self._opening.photo(seen) if self.shares else None
        return Prepared(pixels, _Payload(seen, opened))

    def look(self, photos: Sequence[Prepared]) -> list[Look]:
        looks = []
        for photo in photos:
            height, width = photo.pixels.shape[:2]
            payload: _Payload = photo.inputs
            opened = payload.opened
            tokens = 0 if opened is None else len(opened.ids)
            views = self.prompt.views(width, height)
            looks.append(Look((width, height), views, payload, tokens))
        return looks

    def forced(self, ask: Ask) -> list[int]:
        return list(ask.prefix_ids) or self.prompt.answer_ids(ask.prefix)

    def opening(self, looks: Sequence[Look]) -> dict[str, Any]:
        opened = [look.payload.opened for look in looks]
        return self._moved(self._opening.batch(opened, self.tokenizer.pad_token_id))

    def row(self, ask: Ask) -> tuple[list[int], dict[str, Any]]:
        ids = self._opening.question(ask.look.payload.opened, ask.question)
        return [*ids, *self.forced(ask)], {}

    def inputs(self, asks: Sequence[Ask]) -> dict[str, Any]:
        batch = self.prompt.tokens(
            [ask.look.payload.image for ask in asks], [ask.question for ask in asks]
        )
        forced = [self.forced(ask) for ask in asks]
        if any(forced):
            batch = _append(batch, forced, self.tokenizer.pad_token_id)
        return self._moved(batch)

    def _moved(self, batch: dict[str, Any]) -> dict[str, Any]:
        """On the model's device, numbers in its precision."""
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


def load(
    folder: Path,
    *,
    device: str,
    dtype: torch.dtype,
    max_pixels: int | None = None,
    quantize: Quantize | None = None,
    device_map: Mapping[str, int | str] | None = None,
) -> tuple[Any, ChatEyes]:
    """The model and its eyes; local files, safetensors, no remote code.

    Args:
        max_pixels: as for `ChatEyes`.
        quantize: layers of the language model in 8 or 4 bits (`spider_cli.weights.quantizing`).
        device_map: module -> device, where not all of it goes to `device`.
    """
    kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    processor = load_processor(folder)
    most = max_pixels or chat_budget(kind)
    sizes_of(processor, most)  # too small a budget is said before weights are read
    options = placing_options(device, quantize, device_map)
    model = load_chat_model(chat_class(kind), folder, dtype=dtype, **options)
    if device_map is None:
        model = model.to(device)
    model = model.eval()
    return model, ChatEyes(model, processor, max_pixels=most)


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
