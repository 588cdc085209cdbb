"""nano's segmenter: SAM's prompt encoder and mask decoder on nano's own convolutional eyes."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.sam.modeling_sam import (
    SamModel,
    SamPromptEncoder,
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
            width=config.vision_width,
            contexts=config.vision_contexts,
            surroundings=config.vision_surroundings,
        )
        width = config.prompt_encoder_config.hidden_size
        self.neck = nn.Conv2d(config.vision_width + TAPPED, width, 1)
        self.norm = nn.GroupNorm(1, width)

    def forward(self, pixel_values: Tensor, **_: Any) -> SamVisionEncoderOutput:
        """(B, 3, S, S), normalised by the image processor -> embeddings at stride 16."""
        seen = self.encoder(pixel_values.contiguous(memory_format=torch.channels_last))
        joined = torch.cat([seen.fused, seen.patches], dim=1)
        return SamVisionEncoderOutput(last_hidden_state=self.norm(self.neck(joined)))


class _PromptEncoder(SamPromptEncoder):
    """SAM's, and a point's token also carries what the image shows there.

    SAM's decoder could fetch that by attention, but learning to is slow from random weights: with
    the content given, the training loss fell sooner (docs/training.md).
    """

    def __init__(self, config: NanoSegmenterConfig) -> None:
        super().__init__(config)
        width = config.prompt_encoder_config.hidden_size
        self.content = nn.Linear(width, width)
        self.image_embeddings: Tensor | None = None
        """(B, C, h, w) of the images that the next prompts are about."""

    def forward(
        self,
        input_points: Any = None,  # a Tensor: SAM's annotation is wrong
        input_labels: Tensor | None = None,
        input_boxes: Tensor | None = None,
        input_masks: Tensor | None = None,
    ) -> tuple[Any, Tensor]:  # the first is None without points and boxes
        sparse, dense = super().forward(input_points, input_labels, input_boxes, input_masks)
        if input_points is not None and self.image_embeddings is not None:
            # (B, P, N, 2) in pixels of the square -> -1..1, sampled as (B, C, P, N).
            grid = input_points.to(self.image_embeddings.dtype) / self.input_image_size * 2 - 1
            shown = F.grid_sample(self.image_embeddings, grid, align_corners=False)
            content = self.content(shown.permute(0, 2, 3, 1))  # (B, P, N, C)
            points = content.shape[2]
            sparse = torch.cat([sparse[:, :, :points] + content, sparse[:, :, points:]], dim=2)
        return sparse, dense


class NanoSegmenter(SamModel):
    """Point in, mask out, with SAM's own call: only the image encoder and the points' tokens
    differ."""

    config_class = NanoSegmenterConfig
    config: NanoSegmenterConfig
    vision_encoder: _Eyes  # type: ignore[assignment]  # in place of SAM's, as is the next
    prompt_encoder: _PromptEncoder

    def __init__(self, config: NanoSegmenterConfig) -> None:
        super().__init__(config)
        self.vision_encoder = _Eyes(config)
        self.prompt_encoder = _PromptEncoder(config)
        self.tie_weights()

    def forward(
        self,
        pixel_values: Tensor | None = None,
        input_points: Tensor | None = None,
        image_embeddings: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """As `SamModel.forward`."""
        if image_embeddings is None and pixel_values is not None:
            image_embeddings = self.vision_encoder(pixel_values)[0]
        self.prompt_encoder.image_embeddings = image_embeddings
        try:
            return super().forward(
                input_points=input_points, image_embeddings=image_embeddings, **kwargs
            )
        finally:
            self.prompt_encoder.image_embeddings = None
