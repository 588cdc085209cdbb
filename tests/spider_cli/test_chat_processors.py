"""Processors put together of parts write what the families' own would, had they torchvision."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from spider_cli.chat_processors import (
    ComposedProcessor,
    _numbered_tiles,
    _patches,
    _tiles,
    _with_template,
    load_processor,
)
from spider_cli.phi_images import PhiImageProcessor

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


@pytest.mark.parametrize("number", range(3))
def test_smolvlm_placeholders(number: int) -> None:
    """Of one photo that is not cut, and two that are."""
    from transformers import SmolVLMProcessor

    seen = {"rows": [[0], [2], [1]], "cols": [[0], [3], [2]]}
    own = SimpleNamespace(
        image_seq_len=4,
        fake_image_token="<edge>",
        image_token="<image>",
        global_image_token="<global-img>",
    )
    wanted = SmolVLMProcessor.replace_image_token(own, seen, number)
    assert _numbered_tiles("<edge>", "<global-img>", "<image>" * 4, seen, number) == wanted


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


def test_the_familys_own_is_preferred(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where torchvision is there AutoProcessor loads; a stand-in for it, since it is not here."""
    own = SimpleNamespace()
    asked: dict[str, Any] = {}

    def loads(folder: str, **options: Any) -> Any:
        asked.update(options)
        return own

    monkeypatch.setattr("transformers.AutoProcessor.from_pretrained", loads)
    assert load_processor(tmp_path) is own
    assert asked == {"local_files_only": True, "trust_remote_code": False}


@pytest.mark.parametrize("name", ["chat_template.json", "chat_template.jinja"])
def test_a_template_of_the_processor_alone_is_found(name: str, tmp_path: Any) -> None:
    tokenizer = SimpleNamespace(chat_template="own" if name.endswith("jinja") else None)
    (tmp_path / name).write_text('{"chat_template": "theirs"}', encoding="utf-8")
    _with_template(tokenizer, tmp_path)
    assert tokenizer.chat_template == ("own" if name.endswith("jinja") else "theirs")


def phi_images(*sizes: tuple[int, int]) -> Any:
    images = [Image.new("RGB", size, (255, 0, 0)) for size in sizes]
    return PhiImageProcessor(size=56, most=4)(images=images, return_tensors="pt")


def test_phi_sees_all_of_a_photo_and_then_its_crops() -> None:
    seen = phi_images((112, 56), (56, 56), (80, 40))
    pixels, masks = seen["image_pixel_values"], seen["image_attention_mask"]
    assert pixels.shape == (3, 3, 3, 56, 56) and masks.shape == (3, 3, 4, 4)
    assert seen["image_sizes"].tolist() == [[56, 112], [56, 56], [56, 112]]
    # Red is (1, -1, -1), once it is about 0.
    red = torch.tensor([1.0, -1.0, -1.0])[:, None, None]
    assert torch.allclose(pixels[0], red.expand(3, 3, 56, 56), atol=1e-5)
    assert torch.equal(pixels[1, 2], torch.zeros(3, 56, 56))  # one crop less
    assert masks.min() == 1
    # 2 x 2 tokens of all of it and an end for each line, one between; 2 x 2 a crop, and ends.
    assert seen["num_img_tokens"] == [4 + 2 + 1 + 8 + 2, 4 + 2 + 1 + 4 + 2, 17]


def test_phi_fills_up_in_white() -> None:
    seen = phi_images((56, 20), (100, 60))
    low, large = seen["image_pixel_values"], seen["image_attention_mask"]
    assert (low[0, 1, :, 20:] == 1).all() and (low[0, 1, 1, :19] == -1).all()
    assert large[0, 1].tolist() == [[1] * 4] * 2 + [[0] * 4] * 2  # 20 of 56: two patches begun
    assert seen["num_img_tokens"][0] == 4 + 2 + 1 + 2 + 1
    # 100 x 60 fills 112 x 67 of 112 x 112: three lines of eight patches are empty.
    assert large[1, 3].tolist() == [[1] * 4] + [[0] * 4] * 3


def test_phi_takes_no_more_crops_than_it_may() -> None:
    seen = phi_images((600, 300), (300, 600), (600, 10))
    assert seen["image_sizes"].tolist() == [[56, 112], [112, 56], [56, 224]]
    assert seen["image_pixel_values"].isfinite().all()
