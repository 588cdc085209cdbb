"""Tiny random chat models whose layers are as wide as groups of 4-bit weights want them."""

from pathlib import Path

import pytest
import torch

from tests import tiny_models

__all__ = ["WIDTH", "save_wide"]

WIDTH = 64
"""Of a layer. Qwen's output projection has rows of 48 instead, which no group divides."""


def save_wide(family: str, folder: Path) -> Path:
    """Save one, with its tokenizer and processor.

    Args:
        family: "qwen3_vl", "smolvlm", "internvl" or "phi".
    """
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        patch.setattr(tiny_models, "HIDDEN", WIDTH)
        torch.manual_seed(0)
        tiny_models.FAMILIES[family](folder)
    return folder
