"""nano's processor: photos to views, questions to token ids.

A box in a question ("... [0.10, 0.20, 0.55, 0.80] ...", fractions of the photo) becomes a run of
region placeholders, so that text is the only interface between the questions and the model.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from transformers import PreTrainedTokenizerFast

from spider_cli.budget import within
from spider_cli.nano.configuration import NanoConfig
from spider_cli.nano.modeling import ViewTensor
from spider_cli.shrinking import shrunk

__all__ = ["NanoProcessor", "Prompt"]

IMAGE_TOKEN = "<image>"
REGION_TOKEN = "<region>"
USER, ASSISTANT, END = "<user>", "<answer>", "<end>"

FractionBox = tuple[float, float, float, float]

_NUMBER = r"(\d+(?:\.\d+)?|\.\d+)"
_BOX = re.compile(rf"\[\s*{_NUMBER}\s*,\s*{_NUMBER}\s*,\s*{_NUMBER}\s*,\s*{_NUMBER}\s*\]")

_SLIVER = 0.0005
"""Half of the last decimal that questions write."""

# A photo this much larger than an overview may be is also looked at at 100%.
_TILES_FROM = 1.25
# Centres of the 100% tiles as fractions of the photo: the middle and the thirds' crossings.
_TILE_CENTRES = ((1 / 2, 1 / 2), (1 / 4, 1 / 4), (3 / 4, 1 / 4), (1 / 4, 3 / 4), (3 / 4, 3 / 4))


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question ready to ask: text with one placeholder per box, and the boxes in order."""

    text: str
    boxes: tuple[FractionBox, ...]


class NanoProcessor:
    """Composes the views and the tokenizer.

    Args:
        tokenizer: the model folder's tokenizer.
        config: the model's configuration, for the sizes of the views.
        max_pixels: of a photo's overview, and of all its views together where there are tiles;
            None: as configured.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerFast,
        config: NanoConfig,
        max_pixels: int | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.config = config
        self.max_pixels = max_pixels

    @classmethod
    def from_pretrained(
        cls, folder: str | Path, config: NanoConfig, max_pixels: int | None = None
    ) -> "NanoProcessor":
        """Read the tokenizer of a model folder (local files only)."""
        tokenizer = PreTrainedTokenizerFast.from_pretrained(str(folder), local_files_only=True)
        return cls(tokenizer, config, max_pixels)

    # -- photos ------------------------------------------------------------------------------

    def views(self, pixels: npt.NDArray[np.uint8]) -> list[ViewTensor]:
        """The overview, then for a large photo its 100% tiles; all of them, as nano was taught, or
        none where they are more than `max_pixels` with their overview.

        Args:
            pixels: (height, width, 3) uint8 RGB.
        """
        height, width = pixels.shape[:2]
        tiled = self._tiled(width, height)
        longest = self.config.overview_tiled if tiled else self.config.overview
        small = shrink_to(pixels, longest, self.max_pixels)
        shrink = max(width, height) / max(small.shape[:2])
        views = [_view("overview", small, (0.0, 0.0, 1.0, 1.0), shrink)]
        if tiled:
            for cx, cy in _TILE_CENTRES:
                views.append(self._tile("tile", pixels, cx * width, cy * height))
        return views

    def region_view(self, pixels: npt.NDArray[np.uint8], box: FractionBox) -> ViewTensor | None:
        """A 100% look at the middle of a box of a photo that has tiles; None of others."""
        height, width = pixels.shape[:2]
        if not self._tiled(width, height):
            return None
        x1, y1, x2, y2 = box
        cx, cy = (x1 + x2) / 2 * width, (y1 + y2) / 2 * height
        side = (max(32, int((x2 - x1) * width)), max(32, int((y2 - y1) * height)))
        return self._tile("region_tile", pixels, cx, cy, limit=side)

    def _tiled(self, width: int, height: int) -> bool:
        if max(width, height) < _TILES_FROM * self.config.overview:
            return False
        if self.max_pixels is None:
            return True
        overview = _shrunk((width, height), self.config.overview_tiled)
        tile = min(self.config.tile, width) * min(self.config.tile, height)
        return overview[0] * overview[1] + len(_TILE_CENTRES) * tile <= self.max_pixels

    def _tile(
        self,
        kind: str,
        pixels: npt.NDArray[np.uint8],
        cx: float,
        cy: float,
        limit: tuple[int, int] | None = None,
    ) -> ViewTensor:
        height, width = pixels.shape[:2]
        w, h = min(self.config.tile, width), min(self.config.tile, height)
        if limit is not None:
            w, h = min(w, limit[0]), min(h, limit[1])
        x = int(min(max(cx - w / 2, 0), width - w))
        y = int(min(max(cy - h / 2, 0), height - h))
        place = (x / width, y / height, (x + w) / width, (y + h) / height)
        return _view(kind, pixels[y : y + h, x : x + w], place, 1.0)

    # -- words -------------------------------------------------------------------------------

    def prompt(self, question: str) -> Prompt:
        """Take the boxes out of a question; values are clipped to the photo.

        A side that begins and ends at the same value (a sliver, after rounding) is a pixel wide.
        """
        boxes: list[FractionBox] = []

        def take(match: re.Match[str]) -> str:
            x1, y1, x2, y2 = map(float, match.groups())
            (x1, x2), (y1, y2) = _widened(x1, x2), _widened(y1, y2)
            if x2 <= x1 or y2 <= y1:
                return match.group()
            boxes.append((x1, y1, x2, y2))
            return REGION_TOKEN

        # What people type never becomes a placeholder or a turn mark.
        plain = re.sub(r"<(?=/?[a-z]+>)", "< ", question)
        return Prompt(text=_BOX.sub(take, plain), boxes=tuple(boxes))

    def token_ids(self, prompt: Prompt, image_tokens: int, region_tokens: list[int]) -> list[int]:
        """Ids of photo, question and the opening of the answer.

        Args:
            image_tokens: how many tokens the photo's views take.
            region_tokens: how many tokens each box takes.
        """
        parts = prompt.text.split(REGION_TOKEN)
        text = parts[0]
        for count, part in zip(region_tokens, parts[1:], strict=True):
            text += REGION_TOKEN * count + part
        whole = f"{IMAGE_TOKEN * image_tokens}{USER}{text}{ASSISTANT}"
        ids: list[int] = self.tokenizer(whole, add_special_tokens=False)["input_ids"]
        return ids


def _widened(low: float, high: float) -> tuple[float, float]:
    if low == high <= 1:
        low, high = low - _SLIVER, high + _SLIVER
    return min(max(low, 0.0), 1.0), min(max(high, 0.0), 1.0)


def shrink_to(pixels: npt.NDArray[Any], longest: int, most: int | None = None) -> npt.NDArray[Any]:
    """Shrink to a longest side of at most `longest` and at most `most` pixels; never enlarge."""
    height, width = pixels.shape[:2]
    size = _shrunk((width, height), longest)
    if most is not None:
        size = within(size, most)
    if size == (width, height):
        return pixels
    # `reducing_gap` averages whole blocks first: fast on large photos, and no aliasing.
    return np.asarray(shrunk(pixels, size, Image.Resampling.BICUBIC, reducing_gap=2.0))


def _shrunk(size: tuple[int, int], longest: int) -> tuple[int, int]:
    factor = longest / max(size)
    if factor >= 1:
        return size
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _view(
    kind: str, pixels: npt.NDArray[np.uint8], place: FractionBox, shrink: float
) -> ViewTensor:
    height, width = pixels.shape[:2]
    down, right = -height % 32, -width % 32
    # A mirrored edge looks like the photo; very small photos can only repeat their border.
    mirrored = height >= down and width >= right
    mode: Literal["symmetric", "edge"] = "symmetric" if mirrored else "edge"
    padded = np.pad(pixels, ((0, down), (0, right), (0, 0)), mode=mode)
    # Pixel by pixel in memory, as the photo has it and as convolutions want it.
    tensor = torch.from_numpy(np.ascontiguousarray(padded)).permute(2, 0, 1)
    return ViewTensor(
        kind=kind, pixels=tensor, valid=(width, height), place=place, shrink=max(shrink, 1.0)
    )
