"""How any other image-text-to-text model of transformers sees: its processor, its chat template.

Where a family's processor needs torchvision (it insists on a video processor), the image processor
and the tokenizer are composed here instead.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from spider_cli.lmm import Ask, Look, Pixels
from spider_cli.results import View
from spider_cli.weights.loading import load_whole

__all__ = ["ChatEyes", "load"]

_LONGEST = 1280
"""Photos are shrunk to this before the model's own processor sees them."""


_THINNEST = 100
"""Slivers are stretched to this ratio of sides; some processors refuse them."""


@dataclass(frozen=True, slots=True)
class _Payload:
    image: Pixels


class ChatEyes:
    """`spider_cli.lmm.Eyes` for models with a chat template.

    Args:
        model: the loaded model.
        processor: called with ``images``, ``text``, ``padding``; has ``apply_chat_template``.
    """

    def __init__(self, model: Any, processor: Any) -> None:
        self.model = model
        self.processor = processor
        self.tokenizer = processor.tokenizer
        self.tokenizer.padding_side = "left"
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token

    def look(self, photos: Sequence[Pixels]) -> list[Look]:
        looks = []
        for pixels in photos:
            height, width = pixels.shape[:2]
            factor = min(1.0, _LONGEST / max(height, width))
            least = math.ceil(max(height, width) * factor / _THINNEST)
            size = (max(least, round(width * factor)), max(least, round(height * factor)))
            seen = pixels
            if size != (width, height):
                image = Image.fromarray(pixels)
                resized = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
                seen = np.asarray(resized)
            view = View(box=(0, 0, width, height), size=size)
            looks.append(Look((width, height), (view,), _Payload(seen)))
        return looks

    def inputs(self, asks: Sequence[Ask]) -> dict[str, Any]:
        texts = []
        for ask in asks:
            question = self._plain(ask.question)
            content = [{"type": "image"}, {"type": "text", "text": question}]
            text = self.processor.apply_chat_template(
                [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
            )
            texts.append(text + (ask.prefix if not ask.prefix_ids else ""))
        images = [[Image.fromarray(ask.look.payload.image)] for ask in asks]
        # A template that writes the start mark itself must not get a second one.
        bos = self.tokenizer.bos_token
        batch = dict(
            self.processor(
                images=images,
                text=texts,
                padding=True,
                return_tensors="pt",
                add_special_tokens=not (bos and texts[0].startswith(bos)),
            )
        )
        if any(ask.prefix_ids for ask in asks):
            batch = _append(batch, [ask.prefix_ids for ask in asks], self.tokenizer.pad_token_id)
        return {
            name: value.to(self.model.device, self.model.dtype)
            if torch.is_tensor(value) and value.is_floating_point()
            else (value.to(self.model.device) if torch.is_tensor(value) else value)
            for name, value in batch.items()
        }

    def _plain(self, question: str) -> str:
        """What people type never becomes an image placeholder or a turn mark."""
        for mark in sorted(self.tokenizer.get_added_vocab(), key=len, reverse=True):
            if len(mark) > 1 and not mark.isalnum() and not mark.isspace():
                question = question.replace(mark, f"{mark[0]} {mark[1:]}")
        return question


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


class ComposedProcessor:
    """Image processor + tokenizer for the Qwen-VL families, without their video processor.

    Each image placeholder becomes as many as the image has merged patches.
    """

    def __init__(self, image_processor: Any, tokenizer: Any, image_token: str) -> None:
        self.image_processor = image_processor
        self.tokenizer = tokenizer
        self.image_token = image_token

    def apply_chat_template(self, messages: Any, **options: Any) -> str:
        return str(self.tokenizer.apply_chat_template(messages, **options))

    def __call__(
        self,
        *,
        images: Any,
        text: list[str],
        padding: bool,
        return_tensors: str,
        add_special_tokens: bool = True,
    ) -> dict[str, Any]:
        flat = [image for row in images for image in row]
        seen = self.image_processor(images=flat, return_tensors=return_tensors)
        merge = int(self.image_processor.merge_size) ** 2
        counts = iter(int(grid.prod()) // merge for grid in seen["image_grid_thw"])
        expanded = []
        for one in text:
            parts = one.split(self.image_token)
            joined = parts[0]
            for part in parts[1:]:
                joined += self.image_token * next(counts) + part
            expanded.append(joined)
        words = self.tokenizer(
            expanded,
            padding=padding,
            return_tensors=return_tensors,
            add_special_tokens=add_special_tokens,
        )
        token = self.tokenizer.convert_tokens_to_ids(self.image_token)
        kinds = (words["input_ids"] == token).long()
        out = {"input_ids": words["input_ids"], "attention_mask": words["attention_mask"]}
        return out | dict(seen) | {"mm_token_type_ids": kinds}


def load(folder: Path, *, device: str, dtype: torch.dtype) -> tuple[Any, ChatEyes]:
    """The model and its eyes; local files, safetensors, no remote code."""
    from transformers import AutoModelForImageTextToText

    model = load_whole(AutoModelForImageTextToText, folder, dtype=dtype)
    model = model.to(device).eval()
    return model, ChatEyes(model, _processor(folder))


def _processor(folder: Path) -> Any:
    """The family's own processor where it loads without torchvision; else one composed of parts.

    Raises:
        ValueError: neither can be had.
    """
    from transformers import AutoImageProcessor, AutoProcessor, AutoTokenizer

    try:
        return AutoProcessor.from_pretrained(str(folder), local_files_only=True)
    except (ImportError, ValueError, OSError) as error:
        reason = error
    tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    images = AutoImageProcessor.from_pretrained(str(folder), local_files_only=True, backend="pil")
    token = "<|image_pad|>"
    if not hasattr(images, "merge_size") or token not in tokenizer.get_vocab():
        raise ValueError(f"its processor cannot be loaded here: {reason}") from reason
    return ComposedProcessor(images, tokenizer, token)
