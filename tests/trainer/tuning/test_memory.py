"""The memory table: exact where shapes decide, near what torch keeps where it is an estimate."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from trainer.tuning.memory import Memory, estimate_memory, memory_table, seen_by
from trainer.tuning.parts import apply_parts
from trainer.tuning.recipe import Lora, Parts, Recipe, load_recipe, shipped_recipes
from trainer.tuning.sizes import FULL_SIZE, skeleton

PUBLISHED = {
    "qwen3-vl-2b": 2_127_532_032,
    "qwen3-vl-8b": 8_767_123_696,
    "qwen2.5-vl-7b": 8_292_166_656,
    "internvl": 7_944_373_760,
    "smolvlm": 2_246_272_880,
}
"""Parameters that the repositories' safetensors name. Phi's also holds its adapters."""


def recipe(parts: Parts, *, rows: int = 1, checkpointing: bool = False, **model: Any) -> Recipe:
    made = load_recipe("smolvlm")
    return replace(
        made,
        parts=parts,
        lora=Lora(rank=4, alpha=8, dropout=0.0),
        run=replace(made.run, micro_batch=rows, batch=rows, checkpointing=checkpointing),
        model=replace(made.model, **model),
    )


@pytest.mark.parametrize("name", PUBLISHED)
def test_full_size_is_full_size(name: str) -> None:
    model = skeleton(name, torch.bfloat16)
    assert sum(one.numel() for one in model.parameters()) == PUBLISHED[name]
    assert {one.device.type for one in model.parameters()} == {"meta"}


def test_every_recipe_has_its_row() -> None:
    assert set(FULL_SIZE) == set(shipped_recipes()) - {"nano"}
    lines = memory_table().splitlines()
    assert len(lines) == 2 + len(FULL_SIZE)
    for line in lines[2:]:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        numbers = [float(cell) for cell in cells[4:]]
        assert sum(numbers[:-1]) == pytest.approx(numbers[-1], abs=0.21)
        # More than the weights alone, less than a GPU of 80 GB.
        assert numbers[0] < numbers[-1] < 74


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("modes", [("full", "full", "lora"), ("full", "full", "full")])
def test_what_stays_is_what_torch_allocates(
    tiny_checkpoint: Callable[[str], Path], dtype: str, modes: tuple[Any, ...]
) -> None:
    """Weights, gradients and the optimizer's state, byte for byte, after a real step."""
    from transformers import AutoModelForImageTextToText

    made = recipe(Parts(*modes), dtype=dtype)
    model: Any = AutoModelForImageTextToText.from_pretrained(
        tiny_checkpoint("smolvlm"), dtype=getattr(torch, dtype)
    )
    model = apply_parts(model, made)
    found = estimate_memory(model, made, tokens=30, patches=80, answer=9)
    learning = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(learning)
    for one in learning:
        one.grad = torch.ones_like(one)
    optimizer.step()
    assert found.weights == sum(one.numel() * one.element_size() for one in model.parameters())
    assert found.gradients == sum(one.grad.nbytes for one in learning)
    moments = (state[name] for state in optimizer.state.values() for name in state)
    assert found.optimizer == sum(one.nbytes for one in moments if one.ndim)


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize(
    "modes", [("full", "full", "lora"), ("frozen", "full", "lora"), ("full", "full", "full")]
)
def test_activations_are_near_what_torch_keeps(modes: tuple[Any, ...], rows: int) -> None:
    """Storage that a forward pass saves for the backward one, of a model large enough that layers
    outweigh the rest."""
    made = recipe(Parts(*modes), rows=rows)
    patches, tokens, answer = 1024, 256 + 200, 120
    model = apply_parts(middling(), made).train()
    saved: dict[int, int] = {}
    own = {one.data_ptr() for one in model.parameters()}
    keep = []

    def remember(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own and tensor.dtype.is_floating_point:
            saved[storage.data_ptr()] = storage.nbytes()
        keep.append(tensor)
        return tensor

    ids = torch.full((rows, tokens), 10)
    ids[:, 1:257] = 6
    with (
        torch.autocast("cpu", dtype=torch.bfloat16),
        torch.autograd.graph.saved_tensors_hooks(remember, lambda tensor: tensor),
    ):
        model(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            pixel_values=torch.randn(patches * rows, 1536),
            image_grid_thw=torch.tensor([[1, 32, 32]] * rows),
            mm_token_type_ids=(ids == 6).long(),
            logits_to_keep=answer,
        ).logits.float().log_softmax(dim=-1)
    # Gradients of logits, of their float32 form and of its logarithms come with the backward pass.
    kept = sum(saved.values()) + answer * rows * 4000 * (2 + 4)
    found = estimate_memory(model, made, tokens=tokens, patches=patches, answer=answer)
    assert 0.75 < found.activations / kept < 1.25
    less = recipe(Parts(*modes), rows=rows, checkpointing=True)
    with_it = estimate_memory(model, less, tokens=tokens, patches=patches, answer=answer)
    assert with_it.activations < found.activations


def middling() -> Any:
    from transformers import AutoModelForImageTextToText, Qwen3VLConfig

    rope = {
        "rope_type": "default",
        "rope_theta": 1e4,
        "mrope_section": [12, 10, 10],
        "mrope_interleaved": True,
    }
    config = Qwen3VLConfig(
        text_config={
            "vocab_size": 4000,
            "hidden_size": 192,
            "intermediate_size": 576,
            "num_hidden_layers": 4,
            "num_attention_heads": 3,
            "num_key_value_heads": 1,
            "head_dim": 64,
            "rope_parameters": rope,
        },
        vision_config={
            "depth": 4,
            "hidden_size": 96,
            "intermediate_size": 384,
            "num_heads": 3,
            "out_hidden_size": 192,
            "deepstack_visual_indexes": [0],
        },
        image_token_id=6,
        video_token_id=7,
        vision_start_token_id=3,
        vision_end_token_id=4,
    )
    return AutoModelForImageTextToText.from_config(config, dtype=torch.bfloat16)


@pytest.mark.parametrize(
    ("family", "pixels", "patches"),
    [
        ("qwen3_vl", (96, 1536), 48),
        ("internvl", (6, 3, 56, 56), 48),
        ("smolvlm", (2, 5, 3, 56, 56), 80),
    ],
)
def test_seen_by(
    tiny_checkpoint: Callable[[str], Path], family: str, pixels: tuple[int, ...], patches: int
) -> None:
    from transformers import AutoModelForImageTextToText

    model = AutoModelForImageTextToText.from_pretrained(tiny_checkpoint(family))
    batch = {"input_ids": torch.zeros(2, 33)}
    assert seen_by(model, batch) == {"tokens": 33, "patches": 0, "answer": 33}
    labels = torch.full((2, 33), -100)
    labels[0, 20:25] = 1
    labels[1, 23:28] = 1
    batch |= {"pixel_values": torch.zeros(pixels), "labels": labels}
    assert seen_by(model, batch) == {"tokens": 33, "patches": patches, "answer": 8}


def test_sum() -> None:
    assert Memory(1, 2, 3, 4).total == 10
