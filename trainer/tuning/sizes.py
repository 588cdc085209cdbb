"""The shipped recipes' models at full size, without their weights: what their repositories say in
config.json, as far as shapes go. For memory tables and for models of random weights."""

from dataclasses import dataclass
from typing import Any

__all__ = ["FULL_SIZE", "FullSize", "skeleton"]


@dataclass(frozen=True, slots=True)
class FullSize:
    """One model."""

    config: dict[str, Any]
    """For ``AutoConfig.for_model``."""
    patches: int
    """What its visual encoder sees of a square photo of 512 pixels: all tiles together."""
    photo_tokens: int
    """What its language model gets of them."""


_QWEN2_7B = {
    "model_type": "qwen2",
    "vocab_size": 151674,
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
}


def _qwen3(*, text: dict[str, int], vision: dict[str, Any], tied: bool) -> dict[str, Any]:
    shared = {"vocab_size": 151936, "num_key_value_heads": 8, "head_dim": 128}
    return {
        "model_type": "qwen3_vl",
        "text_config": shared | text,
        "vision_config": {"patch_size": 16, "out_hidden_size": text["hidden_size"]} | vision,
        "tie_word_embeddings": tied,
    }


FULL_SIZE: dict[str, FullSize] = {
    "qwen3-vl-2b": FullSize(
        _qwen3(
            text={
                "hidden_size": 2048,
                "intermediate_size": 6144,
                "num_hidden_layers": 28,
                "num_attention_heads": 16,
            },
            vision={
                "depth": 24,
                "hidden_size": 1024,
                "intermediate_size": 4096,
                "deepstack_visual_indexes": [5, 11, 17],
            },
            tied=True,
        ),
        patches=1024,
        photo_tokens=256,
    ),
    "qwen3-vl-8b": FullSize(
        _qwen3(
            text={
                "hidden_size": 4096,
                "intermediate_size": 12288,
                "num_hidden_layers": 36,
                "num_attention_heads": 32,
            },
            vision={
                "depth": 27,
                "hidden_size": 1152,
                "intermediate_size": 4304,
                "deepstack_visual_indexes": [8, 16, 24],
            },
            tied=False,
        ),
        patches=1024,
        photo_tokens=256,
    ),
    "qwen2.5-vl-7b": FullSize(
        {
            "model_type": "qwen2_5_vl",
            "text_config": {k: v for k, v in _QWEN2_7B.items() if k != "model_type"}
            | {"vocab_size": 152064},
            "vision_config": {
                "depth": 32,
                "hidden_size": 1280,
                "intermediate_size": 3420,
                "out_hidden_size": 3584,
            },
            "tie_word_embeddings": False,
        },
        patches=1296,
        photo_tokens=324,
    ),
    "internvl": FullSize(
        {
            "model_type": "internvl",
            "text_config": dict(_QWEN2_7B),
            "vision_config": {"attention_bias": True},
            "tie_word_embeddings": False,
        },
        patches=1025,
        photo_tokens=256,
    ),
    "smolvlm": FullSize(
        {
            "model_type": "idefics3",
            "text_config": {
                "model_type": "llama",
                "vocab_size": 49155,
                "hidden_size": 2048,
                "intermediate_size": 8192,
                "num_hidden_layers": 24,
                "num_attention_heads": 32,
                "num_key_value_heads": 32,
            },
            "vision_config": {
                "hidden_size": 1152,
                "intermediate_size": 4304,
                "num_hidden_layers": 27,
                "num_attention_heads": 16,
                "image_size": 384,
                "patch_size": 14,
            },
            "scale_factor": 3,
            "image_token_id": 49153,
        },
        patches=17 * 729,
        photo_tokens=17 * 81,
    ),
    "phi": FullSize(
        {
            "model_type": "phi4_multimodal",
            "num_attention_heads": 24,
            "tie_word_embeddings": True,
        },
        patches=5 * 1024,
        photo_tokens=1329,
    ),
}
"""By the recipe's name."""


def skeleton(name: str, dtype: Any) -> Any:
    """The model of a recipe on torch's "meta" device: shapes, no memory.

    Args:
        name: one of `FULL_SIZE`.
        dtype: a torch dtype.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

    config = AutoConfig.for_model(**FULL_SIZE[name].config)
    kind: Any = AutoModelForCausalLM if name == "phi" else AutoModelForImageTextToText
    with torch.device("meta"):
        return kind.from_config(config, dtype=dtype)
