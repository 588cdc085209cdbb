"""nano's segmenter: SAM's prompt encoder and mask decoder on nano's own convolutional eyes."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers.models.sam.modeling_sam import (
    SamModel,
    SamVisionEncoderOutput,
)

from spider_cli.nano.configuration import NanoSegmenterConfig
from spider_cli.nano.vision import TAPPED, NanoVisionEncoder

__all__ = ["NanoSegmenter"]


class _Eyes(nn.Module):
    """The encoder behind SAM's interface: pixels to (B, C, h, w) embeddings."""

    def __init__(self, config: NanoSegmenterConfig) -> None:
        super().__init__()
        self.encoder = NanoVisionEncoder(
            width=config.vision_width, contexts=config.vision_contexts
        )
        width = config.prompt_encoder_config.hidden_size
        self.neck = nn.Conv2d(config.vision_width + TAPPED, width, 1)
        self.norm = nn.GroupNorm(1, width)

    def forward(self, pixel_values: Tensor, **_: Any) -> SamVisionEncoderOutput:
        """(B, 3, S, S), normalised by the image processor -> embeddings at stride 16."""
        seen = self.encoder(pixel_values.contiguous(memory_format=torch.channels_last))
        joined = torch.cat([seen.fused, seen.patches], dim=1)
        return SamVisionEncoderOutput(last_hidden_state=self.norm(self.neck(joined)))


class NanoSegmenter(SamModel):  # type: ignore[misc]
    """Point in, mask out, with SAM's own call: only the image encoder differs."""

    config_class = NanoSegmenterConfig

    def __init__(self, config: NanoSegmenterConfig) -> None:
        super().__init__(config)
        self.vision_encoder = _Eyes(config)
