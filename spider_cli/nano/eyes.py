"""How nano sees: views encoded once per photo, questions laid over their tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spider_cli.lmm import Ask, Look, Pixels, Prepared, padded
from spider_cli.nano.configuration import NanoConfig
from spider_cli.nano.modeling import Glimpse, NanoForConditionalGeneration, ViewTensor
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

    shares = True
    lead = ""

    def __init__(self, model: NanoForConditionalGeneration, processor: NanoProcessor) -> None:
        self.model = model
        self.processor = processor
        self.tokenizer = processor.tokenizer
        # Who was given one core keeps to one: then there are no threads to share the work among.
        self.looks_ahead = model.device.type == "cpu" and torch.get_num_threads() > 1

    def prepare(self, pixels: Pixels) -> Prepared:
        """Its views; on a processor of several cores what the encoder sees in them: there company
        saves nothing."""
        views = self.processor.views(pixels)
        if not self.looks_ahead:
            return Prepared(pixels, views)
        with torch.inference_mode():
            return Prepared(pixels, self.model.look(views))

    def look(self, photos: Sequence[Prepared]) -> list[Look]:
        due = [one for photo in photos for one in photo.inputs if isinstance(one, ViewTensor)]
        seen = iter(self.model.look(due))
        looks = []
        for photo in photos:
            own = [next(seen) if isinstance(one, ViewTensor) else one for one in photo.inputs]
            tokens = self.model.embed_readings([self.model.read_view(g) for g in own])
            height, width = photo.pixels.shape[:2]
            looked = tuple(
                View(box=_pixels_of(one.view.place, width, height), size=one.view.valid)
                for one in own
            )
            payload = _Payload(photo.pixels, own[0], tokens)
            looks.append(Look((width, height), looked, payload, len(tokens)))
        return looks

    def forced(self, ask: Ask) -> list[int]:
        if ask.prefix_ids:
            return list(ask.prefix_ids)
        ids: list[int] = self.tokenizer(ask.prefix, add_special_tokens=False)["input_ids"]
        return ids

    def opening(self, looks: Sequence[Look]) -> dict[str, Any]:
        image = self.model.config.image_token_id
        photos: list[Tensor] = [look.payload.tokens for look in looks]
        rows = [[image] * len(tokens) for tokens in photos]
        return self._padded(rows) | {"image_features": torch.cat(photos)}

    def row(self, ask: Ask) -> tuple[list[int], dict[str, Tensor]]:
        payload: _Payload = ask.look.payload
        prompt = self.processor.prompt(ask.question)
        boxes = [self._box(payload, box) for box in prompt.boxes]
        ids = self.processor.token_ids(prompt, len(payload.tokens), [len(one) for one in boxes])
        features = {"image_features": torch.cat(boxes)} if boxes else {}
        return [*ids, *self.forced(ask)], features

    def inputs(self, asks: Sequence[Ask]) -> dict[str, Any]:
        rows: list[list[int]] = []
        features: list[Tensor] = []
        for ask in asks:
            ids, boxes = self.row(ask)
            rows.append(ids)
            features += [ask.look.payload.tokens, *boxes.values()]
        return self._padded(rows) | {"image_features": torch.cat(features)}

    def _box(self, payload: _Payload, box: tuple[float, float, float, float]) -> Tensor:
        """(tokens, hidden) of a box that is asked about."""
        readings = [self.model.read_box(payload.overview, box)]
        close = self.processor.region_view(payload.pixels, box)
        if close is not None:
            readings.append(self.model.read_view(self.model.look([close])[0]))
        return self.model.embed_readings(readings)

    def _padded(self, rows: Sequence[list[int]]) -> dict[str, Tensor]:
        return padded(rows, self.tokenizer.pad_token_id, self.model.device)


def _pixels_of(
    place: tuple[float, float, float, float], width: int, height: int
) -> tuple[int, int, int, int]:
    x1, y1, x2, y2 = place
    return round(x1 * width), round(y1 * height), round(x2 * width), round(y2 * height)


def load(
    folder: Path, *, device: str, dtype: torch.dtype, max_pixels: int | None = None
) -> tuple[NanoForConditionalGeneration, NanoEyes]:
    """The model and its eyes from a folder.

    Args:
        max_pixels: as for `NanoProcessor`.
    """
    config = NanoConfig.from_pretrained(str(folder), local_files_only=True)
    model = load_whole(NanoForConditionalGeneration, folder, config=config, dtype=dtype)
    model = model.to(device).eval()
    model.vision_encoder.to(memory_format=torch.channels_last)
    return model, NanoEyes(model, NanoProcessor.from_pretrained(folder, config, max_pixels))
