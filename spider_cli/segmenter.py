"""Point -> mask, on any model of the SAM family.

The photo is embedded once, then any number of points asked.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spider_cli.weights.loading import explained, load_whole

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

        height, width = pixels.shape[:2]
        # Named, the layout need not be guessed: a photo of 3 rows looks like one of 3 channels.
        batch = self.image_processor(
            images=_no_sliver(pixels, self._side()),
            input_data_format="channels_last",
            return_tensors="pt",
        )
        with torch.inference_mode():
            values = batch["pixel_values"].to(self.model.device, self.model.dtype)
            features = self.model.get_image_embeddings(values)
        resized = batch["reshaped_input_sizes"][0]
        return Embedding(
            features=features,
            original=(height, width),
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
                # float32 always: half precision knows only every second or fourth pixel.
                input_points=torch.tensor([[[[x, y]]]], device=self.model.device),
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
        cut = min(0.5, max(float(probability.max()) / 2, np.finfo(np.float32).tiny))
        return Segment(mask=probability >= cut, probability=probability, quality=quality)

    def _side(self) -> int:
        pad: Any = self.image_processor.pad_size
        return int(pad["height"] if isinstance(pad, dict) else pad.height)


def _no_sliver(pixels: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """The photo; one so thin that its short side would be rounded to nothing is shrunk here."""
    height, width = pixels.shape[:2]
    if 2 * min(height, width) * side >= max(height, width):
        return pixels
    from PIL import Image

    size = (side, 1) if width > height else (1, side)
    image = Image.fromarray(pixels)
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))


def load_segmenter(folder: Path, *, device: str = "cpu", dtype: Any = None) -> Segmenter:
    """Load a SAM-family folder; local files only, safetensors only.

    Args:
        folder: holds config.json, model.safetensors, preprocessor_config.json.
        dtype: torch dtype; float32 when None.

    Raises:
        UsageError: the folder holds no such model.
    """
    import json

    import torch
    from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

    with explained(folder, "a segmenter of the SAM family"):
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
        if kind == "spider_nano_segmenter":
            from spider_cli.nano.segmenting import NanoSegmenter

            family: Any = NanoSegmenter
        else:
            from transformers import AutoModelForMaskGeneration

            family = AutoModelForMaskGeneration
        model = load_whole(family, folder, dtype=dtype or torch.float32)
        processor = SamImageProcessorPil.from_pretrained(str(folder), local_files_only=True)
    return Segmenter(model.to(device).eval(), processor)
