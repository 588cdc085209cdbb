"""A new, untrained nano: tokenizer from a corpus, weights at random (or the encoder given)."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn
from transformers import GenerationConfig, PreTrainedTokenizerFast

from spider_cli.nano.configuration import NanoConfig, NanoSegmenterConfig
from spider_cli.nano.modeling import NanoForConditionalGeneration
from spider_cli.nano.processing import ASSISTANT, END, IMAGE_TOKEN, REGION_TOKEN, USER
from spider_cli.nano.segmenting import NanoSegmenter
from spider_cli.vocabulary import FAMILIES, HORIZONTAL, LEVELS, SEVERITIES, VERTICAL

__all__ = ["new_nano", "new_segmenter", "save_json", "train_tokenizer"]

_OVERVIEW_TILED, _TILE = 512, 192
"""Sides in pixels of what is looked at of a large photo."""
_GRID, _POOLED = 12, 3
"""Fine where the families are summed up; few cells' tokens, among which those of the families would
be lost to a young language model's attention."""
_LEVELS_HIDDEN = 64
_RARE = -3.0
"""Logit that a patch shows one of the families, before anything is learnt: most show none."""
_POINT_SCALE = 1.5
"""Spread of the points' Fourier frequencies: low, so that nearby points look alike."""

SPECIALS = ("<pad>", USER, ASSISTANT, END, IMAGE_TOKEN, REGION_TOKEN)
"""Ids 0-5."""


def train_tokenizer(corpus: Iterable[str], *, size: int = 1536) -> PreTrainedTokenizerFast:
    """Byte-level BPE: any text can be read, the task's words are one token each."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    words = [f" {w}" for w in (*LEVELS, *HORIZONTAL, *VERTICAL)]
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*corpus, *(w for w in words for _ in range(5000))], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token=END,
        padding_side="left",
        additional_special_tokens=[USER, ASSISTANT, IMAGE_TOKEN, REGION_TOKEN],
        clean_up_tokenization_spaces=False,
    )


def new_nano(
    tokenizer: PreTrainedTokenizerFast,
    *,
    hidden: int = 192,
    layers: int = 5,
    seed: int = 0,
    dropout: float = 0.0,
) -> NanoForConditionalGeneration:
    """A nano with random weights whose vocabulary is the tokenizer's."""
    torch.manual_seed(seed)
    text: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": hidden,
        "intermediate_size": round(hidden * 8 / 3 / 32) * 32,
        "num_hidden_layers": layers,
        "num_attention_heads": hidden // 48,
        "num_key_value_heads": hidden // 48,
        "max_position_embeddings": 1024,
        "tie_word_embeddings": True,
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": None,
    }
    config = NanoConfig(
        text_config=text,
        grid=_GRID,
        pooled=_POOLED,
        families=True,
        levels=True,
        levels_hidden=_LEVELS_HIDDEN,
        vision_surroundings=True,
        statistics_dropout=dropout,
        overview_tiled=_OVERVIEW_TILED,
        tile=_TILE,
        image_token_id=SPECIALS.index(IMAGE_TOKEN),
        region_token_id=SPECIALS.index(REGION_TOKEN),
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    model = NanoForConditionalGeneration(config)
    for module in model.vision_encoder.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    for name, values in model.vision_encoder.contexts.named_parameters():
        if name.endswith("around.weight"):
            nn.init.zeros_(values)  # neighbours first
    with torch.no_grad():
        model.projector.told.weight.normal_(std=0.25)  # heard from the first step on
        for values in model.projector.family.parameters():
            if values.dim() > 1:
                values.normal_(std=values.shape[1] ** -0.5)  # these, too
        model.projector.family_name.weight.normal_(std=0.5)
        model.projector.place.weight.normal_(std=0.2)
        levels, told_levels = model.projector.levels, model.projector.told_levels
        assert isinstance(levels, nn.Sequential) and told_levels is not None
        nn.init.zeros_(levels[-1].weight)  # type: ignore[arg-type]  # nothing is known yet
        told_levels.weight.normal_(std=1.0)
        rare = len(FAMILIES) * len(SEVERITIES)  # the order of two comes after these
        told = model.projector.readout[-2]
        assert isinstance(told, nn.Linear)
        told.bias[:rare] = _RARE
    model.generation_config = GenerationConfig(
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    return model


def new_segmenter(
    *, width: int = 128, side: int = 512, seed: int = 0, surroundings: bool = False
) -> NanoSegmenter:
    """A nano segmenter with random weights.

    Args:
        surroundings: its encoder is to be that of a nano with `vision_surroundings`.
    """
    torch.manual_seed(seed)
    config = NanoSegmenterConfig(
        vision_surroundings=surroundings,
        vision_config={
            "hidden_size": 8,
            "output_channels": width,
            "num_hidden_layers": 1,
            "num_attention_heads": 1,
            "image_size": side,
            "patch_size": 16,
            "mlp_dim": 8,
            "num_pos_feats": width // 2,
            "global_attn_indexes": [],
            "window_size": 0,
        },
        prompt_encoder_config={
            "hidden_size": width,
            "image_size": side,
            "patch_size": 16,
            "mask_input_channels": 8,
        },
        mask_decoder_config={
            "hidden_size": width,
            "mlp_dim": 4 * width,
            "num_attention_heads": 4,
            "iou_head_hidden_dim": width,
        },
    )
    segmenter = NanoSegmenter(config)
    # SAM's classes start every weight at a deviation of 0.02, fit for loading trained ones: at this
    # width outputs start very small. torch's own start is the usual one for training from nothing.
    for part in (segmenter.prompt_encoder, segmenter.mask_decoder):
        for module in part.modules():
            if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                module.reset_parameters()
    with torch.no_grad():
        nn.init.normal_(segmenter.shared_image_embedding.positional_embedding, std=_POINT_SCALE)
    return segmenter


def save_json(path: Path, value: dict[str, Any]) -> None:
    """Write atomically."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)
