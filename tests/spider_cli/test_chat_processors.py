"""Processors put together of parts write what the families' own would, had they torchvision."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from spider_cli.chat_processors import ComposedProcessor, _patches, _tiles

IMAGES = [[Image.fromarray(np.zeros((60, 90, 3), np.uint8))] for _ in range(2)]


def test_qwen_placeholders() -> None:
    from transformers import Qwen3VLProcessor

    seen = {"image_grid_thw": torch.tensor([[1, 4, 6], [1, 8, 2]])}
    own = SimpleNamespace(
        image_processor=SimpleNamespace(merge_size=2), image_token="<|image_pad|>"
    )
    for number in range(2):
        wanted = Qwen3VLProcessor.replace_image_token(own, seen, number)
        assert _patches("<|image_pad|>", 4, seen, number) == wanted


def test_internvl_placeholders() -> None:
    from transformers import InternVLProcessor

    seen = {"num_patches": [3, 1]}
    own = SimpleNamespace(
        start_image_token="<img>",
        end_image_token="</img>",
        image_token="<IMG_CONTEXT>",
        image_seq_length=4,
    )
    for number in range(2):
        wanted = InternVLProcessor.replace_image_token(own, seen, number)
        assert _tiles("<img>", "<IMG_CONTEXT>" * 4, "</img>", seen, number) == wanted


@pytest.mark.parametrize("kinds", [False, True])
def test_what_it_hands_on(kinds: bool) -> None:
    """Images in their texts' order; only what the model takes."""
    asked: dict[str, Any] = {}

    def images(**options: Any) -> dict[str, Any]:
        asked.update(options)
        return {"pixel_values": torch.ones(3, 2), "num_patches": [2, 1]}

    class Words:
        def __call__(self, texts: list[str], **options: Any) -> dict[str, Any]:
            asked["texts"] = texts
            ids = torch.tensor([[5, 9, 9], [5, 5, 9]])
            return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "extra": 1}

        def convert_tokens_to_ids(self, token: str) -> int:
            return 9

    def expand(seen: Any, number: int) -> str:
        return "x" * seen["num_patches"][number]

    made = ComposedProcessor(
        images,
        Words(),
        "<i>",
        expand,
        names=("pixel_values",),
        options={"crop_to_patches": True},
        kinds=kinds,
    )
    out = made(images=IMAGES, text=["a <i> b", "<i>"], padding=True, return_tensors="pt")
    assert asked["texts"] == ["a xx b", "x"]
    assert asked["crop_to_patches"] is True
    assert len(asked["images"]) == 2
    names = {"input_ids", "attention_mask", "pixel_values"}
    assert set(out) == (names | {"mm_token_type_ids"} if kinds else names)
    if kinds:
        assert out["mm_token_type_ids"].tolist() == [[0, 1, 1], [0, 0, 1]]
