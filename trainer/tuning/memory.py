"""How much memory of an accelerator stage 1 takes, computed from shapes: nothing is measured here.

``python -m trainer.tuning.memory`` prints the table of docs/stage1.md.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainer.tuning.parts import count_parameters, split_parameters

if TYPE_CHECKING:
    from trainer.tuning.recipe import Recipe

__all__ = ["ANSWER_TOKENS", "TEXT_TOKENS", "Memory", "estimate_memory", "memory_table", "seen_by"]

GIB = 2**30
TEXT_TOKENS = 200
"""Question and answer with the template's marks, where no row was counted."""
ANSWER_TOKENS = 120
"""Positions of them at which logits are computed: the answer, and other rows' answers beside it."""
_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of one process. Not in it: the driver's and torch's own (about 1 GiB), fragments
    between blocks, and the second copy of the gradients that distributed training keeps."""

    weights: int
    """What is frozen in the recipe's dtype, what learns in float32, and the untouched copies that
    an adapter keeps of modules it tunes whole."""
    gradients: int
    """float32, of what learns."""
    optimizer: int
    """AdamW's two moments, float32."""
    activations: int
    """What the backward pass needs of one micro-batch, with its logits."""

    @property
    def total(self) -> int:
        """All of them together."""
        return self.weights + self.gradients + self.optimizer + self.activations


def estimate_memory(
    model: Any, recipe: "Recipe", *, tokens: int, patches: int, answer: int
) -> Memory:
    """Memory of training a model by a recipe.

    Args:
        model: as `trainer.tuning.parts.apply_parts` left it; may lie on the "meta" device.
        recipe: says dtype, micro-batch and checkpointing.
        tokens: of the longest row: photo, question and answer.
        patches: of its photo, before they are merged, all tiles together.
        answer: positions of a row at which logits are computed.
    """
    weights = sum(one.numel() * one.element_size() for one in model.parameters())
    trainable = sum(count.trainable for count in count_parameters(model).values())
    size = _BYTES[recipe.model.dtype]
    rows = recipe.run.micro_batch
    activations = _language(model, recipe, tokens * rows, size)
    activations += _vision(model, recipe, patches * rows, size)
    # Logits and their gradient; as float32, their logarithms and the gradient of these.
    vocabulary = int(model.config.get_text_config().vocab_size)
    activations += answer * rows * vocabulary * (2 * size + 3 * 4)
    if size < 4:  # autocast keeps a copy of float32 weights in the dtype it computes in
        activations += trainable * size
    return Memory(weights, 4 * trainable, 8 * trainable, activations)


def seen_by(model: Any, batch: Mapping[str, Any]) -> dict[str, int]:
    """What `estimate_memory` asks of a batch: "tokens", "patches" and "answer" of a row.

    Args:
        model: whose configuration says how large a patch is.
        batch: tensors as its family's processor gives them: "input_ids" of shape (rows, tokens);
            "pixel_values" of (patches, values), (tiles, 3, height, width) or (rows, tiles, 3,
            height, width), "image_pixel_values" likewise; "labels" of (rows, tokens), -100 where
            nothing is learned. Without labels every token counts as answer.
    """
    rows, tokens = batch["input_ids"].shape
    labels = batch.get("labels")
    answer = tokens if labels is None else int((labels[:, 1:] != -100).any(dim=0).sum())
    pixels = batch.get("pixel_values", batch.get("image_pixel_values"))
    patches = 0
    if pixels is not None:
        patches = pixels.shape[0]
        if pixels.ndim > 2:
            side = model.config.vision_config.patch_size
            down, across = side if isinstance(side, list | tuple) else (side, side)
            patches = math.prod(pixels.shape[:-3])
            patches *= (pixels.shape[-2] // down) * (pixels.shape[-1] // across)
    return {"tokens": tokens, "patches": math.ceil(patches / rows), "answer": answer}


def memory_table() -> str:
    """Markdown: a row per shipped recipe, at full size, a square photo of 512 pixels per row."""
    import torch

    from trainer.tuning.parts import apply_parts
    from trainer.tuning.recipe import load_recipe
    from trainer.tuning.sizes import FULL_SIZE, skeleton

    lines = [
        "| recipe | parameters | learning | rows at once "
        "| weights | gradients | optimizer | activations | sum |",
        "| --- " + "| ---: " * 8 + "|",
    ]
    for name, full in FULL_SIZE.items():
        recipe = load_recipe(name)
        bare = skeleton(name, getattr(torch, recipe.model.dtype))
        total = sum(one.numel() for one in bare.parameters())
        model = apply_parts(bare, recipe)
        trainable = sum(count.trainable for count in count_parameters(model).values())
        tokens = full.photo_tokens + TEXT_TOKENS
        found = estimate_memory(
            model, recipe, tokens=tokens, patches=full.patches, answer=ANSWER_TOKENS
        )
        sizes = (found.weights, found.gradients, found.optimizer, found.activations, found.total)
        cells = [f"`{name}`", f"{total / 1e9:.2f} B", f"{trainable / 1e6:.0f} M"]
        cells.append(str(recipe.run.micro_batch))
        cells += [f"{one / GIB:.1f}" for one in sizes]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _language(model: Any, recipe: "Recipe", tokens: int, size: int) -> int:
    """Activations of the language model, but for its logits."""
    text = model.config.get_text_config()
    width, inner = int(text.hidden_size), int(text.intermediate_size)
    layers = int(text.num_hidden_layers)
    heads = int(text.num_attention_heads)
    head = int(getattr(text, "head_dim", None) or width // heads)
    queries, keys = heads * head, int(text.num_key_value_heads) * head
    # Inputs of two norms (and their float32 forms), of the four matrices and of the attention;
    # gate, up, their activation and product.
    layer = (4 * width + 2 * queries + 2 * keys + 4 * inner) * size + 2 * width * 4
    if recipe.parts.language == "lora":  # inputs of the seven matrices again, dropout's masks
        layer += (6 * width + inner) * (size + (1 if recipe.lora.dropout else 0))
    return tokens * _kept(layer, width * size, layers, recipe.run.checkpointing)


def _vision(model: Any, recipe: "Recipe", patches: int, size: int) -> int:
    """Activations of the visual encoder; where it is frozen, only what its projector is given."""
    learning = {
        part
        for name, part in split_parameters(model).items()
        if model.get_parameter(name).requires_grad
    }
    vision = model.config.vision_config
    width = int(vision.hidden_size)
    inner = int(getattr(vision, "intermediate_size", 4 * width))
    layers = int(getattr(vision, "num_hidden_layers", getattr(vision, "depth", 0)))
    layer = (8 * width + 2 * inner) * size + 2 * width * 4
    if "vision" not in learning:
        return patches * width * size * (2 if "projector" in learning else 0)
    return patches * _kept(layer, width * size, layers, recipe.run.checkpointing)


def _kept(layer: int, entry: int, layers: int, checkpointing: bool) -> int:
    """Bytes per token: every layer's activations, or every layer's input and one layer's rest with
    its gradient."""
    return entry * layers + 2 * layer if checkpointing else layer * layers


if __name__ == "__main__":
    print(memory_table())
