"""How nano sees: views encoded once per photo, questions laid over their tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spider_cli.lmm import Ask, Look, Pixels
from spider_cli.nano.configuration import NanoConfig
from spider_cli.nano.modeling import Glimpse, NanoForConditionalGeneration
from spider_cli.nano.processing import NanoProcessor
from spider_cli.results import View
from spider_cli.weights.loading import load_whole

__all__ = ["NanoEyes", "load"]


@dataclass(frozen=True, slots=True)
class _Payload:
    pixels: Pixels
    overview: Glimpse
    tokens: Tensor
    """(image tokens, hidden)"""


class NanoEyes:
    """`spider_cli.lmm.Eyes` for nano."""

    def __init__(self, model: NanoForConditionalGeneration, processor: NanoProcessor) -> None:
        self.model = model
        self.processor = processor
        self.tokenizer = processor.tokenizer

    def look(self, photos: Sequence[Pixels]) -> list[Look]:
        views = [self.processor.views(pixels) for pixels in photos]
        glimpses = iter(self.model.look([view for photo in views for view in photo]))
        looks = []
        for pixels, seen in zip(photos, views, strict=True):
            own = [next(glimpses) for _ in seen]
            tokens = self.model.embed_readings([self.model.read_view(g) for g in own])
            height, width = pixels.shape[:2]
            places = [_pixels_of(view.place, width, height) for view in seen]
            looked = tuple(
                View(box=place, size=view.valid) for place, view in zip(places, seen, strict=True)
            )
            looks.append(Look((width, height), looked, _Payload(pixels, own[0], tokens)))
        return looks

    def forced(self, ask: Ask) -> list[int]:
        if ask.prefix_ids:
            return list(ask.prefix_ids)
        ids: list[int] = self.tokenizer(ask.prefix, add_special_tokens=False)["input_ids"]
        return ids

    def inputs(self, asks: Sequence[Ask]) -> dict[str, Any]:
        rows: list[list[int]] = []
        features: list[Tensor] = []
        for ask in asks:
            payload: _Payload = ask.look.payload
            prompt = self.processor.prompt(ask.question)
            features.append(payload.tokens)
            counts = []
            for box in prompt.boxes:
                readings = [self.model.read_box(payload.overview, box)]
                close = self.processor.region_view(payload.pixels, box)
                if close is not None:
                    readings.append(self.model.read_view(self.model.look([close])[0]))
                tokens = self.model.embed_readings(readings)
                features.append(tokens)
                counts.append(len(tokens))
            ids = self.processor.token_ids(prompt, len(payload.tokens), counts)
            rows.append([*ids, *self.forced(ask)])
        longest = max(map(len, rows))
        pad = self.tokenizer.pad_token_id
        device = self.model.device
        batch = torch.tensor([[pad] * (longest - len(row)) + row for row in rows], device=device)
        mask = torch.tensor(
            [[0] * (longest - len(row)) + [1] * len(row) for row in rows], device=device
        )
        return {
            "input_ids": batch,
            "attention_mask": mask,
            "image_features": torch.cat(features),
        }


def _pixels_of(
    place: tuple[float, float, float, float], width: int, height: int
) -> tuple[int, int, int, int]:
    x1, y1, x2, y2 = place
    return round(x1 * width), round(y1 * height), round(x2 * width), round(y2 * height)


def load(
    folder: Path, *, device: str, dtype: torch.dtype
) -> tuple[NanoForConditionalGeneration, NanoEyes]:
    """The model and its eyes from a folder."""
    config = NanoConfig.from_pretrained(str(folder), local_files_only=True)
    model = load_whole(NanoForConditionalGeneration, folder, config=config, dtype=dtype)
    model = model.to(device).eval()
    model.vision_encoder.to(memory_format=torch.channels_last)
    return model, NanoEyes(model, NanoProcessor.from_pretrained(folder, config))
