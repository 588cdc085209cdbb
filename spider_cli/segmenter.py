"""Point -> mask, on any model of the SAM family.

The photo is embedded once, then any number of points asked.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

__all__ = ["Embedding", "Segment", "Segmenter", "load_segmenter"]


@dataclass(frozen=True, slots=True)
class Embedding:
    """A photo as the segmenter sees it."""

    features: "torch.Tensor"
    """(1, C, h, w)"""
    original: tuple[int, int]
    """Height and width of the photo."""
    resized: tuple[int, int]
    """Height and width inside the padded square."""


@dataclass(frozen=True, slots=True)
class Segment:
    """The mask of one point."""

    mask: npt.NDArray[np.bool_]
    """(height, width) at the photo's own size."""
    probability: npt.NDArray[np.float32]
    """(height, width) in 0-1."""
    quality: float
    """The segmenter's own estimate of the mask's IoU."""


class Segmenter:
    """A promptable segmenter: `embed` a photo, then `segment` points.

    Args:
        model: a SamModel or one with its call (`get_image_embeddings`, `image_embeddings=`).
        image_processor: resizes and normalises (a Pillow-backed SAM image processor).
    """

    def __init__(self, model: Any, image_processor: Any) -> None:
        self.model = model
        self.image_processor = image_processor

    def embed(self, pixels: npt.NDArray[np.uint8]) -> Embedding:
        """Look at a photo, (height, width, 3) uint8 RGB."""
        import torch

        batch = self.image_processor(images=pixels, return_tensors="pt")
        with torch.inference_mode():
            values = batch["pixel_values"].to(self.model.device, self.model.dtype)
            features = self.model.get_image_embeddings(values)
        resized = batch["reshaped_input_sizes"][0]
        return Embedding(
            features=features,
            original=(pixels.shape[0], pixels.shape[1]),
            resized=(int(resized[0]), int(resized[1])),
        )

    def segment(self, embedding: Embedding, point: tuple[float, float]) -> Segment:
        """The mask of the region at `point`, ``(x, y)`` in pixels of the photo.

        Of the masks the model proposes, the one it rates best. A mask that is empty at probability
        one half is cut at half of its own peak instead, so that a point always names a region.
        """
        import torch
        from torch.nn import functional as F

        height, width = embedding.original
        sx, sy = embedding.resized[1] / width, embedding.resized[0] / height
        x, y = point[0] * sx, point[1] * sy
        with torch.inference_mode():
            out = self.model(
                image_embeddings=embedding.features,
                input_points=torch.tensor([[[[x, y]]]], device=self.model.device).to(
                    self.model.dtype
                ),
                input_labels=torch.ones(1, 1, 1, dtype=torch.int64, device=self.model.device),
                multimask_output=True,
            )
            best = int(out.iou_scores[0, 0].argmax())
            low = out.pred_masks[:, 0, best : best + 1].float()  # (1, 1, h, w)
            side = self._side()
            full = F.interpolate(low, size=(side, side), mode="bilinear", align_corners=False)
            full = full[..., : embedding.resized[0], : embedding.resized[1]]
            full = F.interpolate(full, size=(height, width), mode="bilinear", align_corners=False)
            probability = full[0, 0].sigmoid_().cpu().numpy()
            quality = float(out.iou_scores[0, 0, best])
        cut = min(0.5, float(probability.max()) / 2)
        return Segment(mask=probability >= cut, probability=probability, quality=quality)

    def _side(self) -> int:
        pad: Any = self.image_processor.pad_size
        return int(pad["height"] if isinstance(pad, dict) else pad.height)


def load_segmenter(folder: Path, *, device: str = "cpu", dtype: Any = None) -> Segmenter:
    """Load a SAM-family folder; local files only, safetensors only.

    Args:
        folder: holds config.json, model.safetensors, preprocessor_config.json.
        dtype: torch dtype; float32 when None.
    """
    import json

    import torch
    from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

    kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    if kind == "spider_nano_segmenter":
        from spider_cli.nano.segmenting import NanoSegmenter as Model
    else:
        from transformers import AutoModelForMaskGeneration as Model
    model = Model.from_pretrained(
        str(folder), local_files_only=True, use_safetensors=True, dtype=dtype or torch.float32
    )
    processor = SamImageProcessorPil.from_pretrained(str(folder), local_files_only=True)
    return Segmenter(model.to(device).eval(), processor)
