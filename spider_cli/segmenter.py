"""Points -> masks, on any model of the SAM family.

The photo is embedded once, then any number of prompts asked.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spider_cli.masks import box_of_mask
from spider_cli.weights.loading import explained, load_whole

if TYPE_CHECKING:
    import torch

__all__ = ["Candidate", "Embedding", "Segment", "Segmenter", "load_segmenter"]

_SMALL = 256
"""Longest side of a candidate's mask."""


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


@dataclass(frozen=True, slots=True)
class Candidate:
    """The mask of one point among many, small until it is wanted."""

    point: tuple[float, float]
    """``(x, y)`` in pixels of the photo."""
    mask: npt.NDArray[np.bool_]
    """(height, width) of the photo brought to at most 256 pixels a side, whatever its size."""
    quality: float
    """The segmenter's own estimate of the mask's IoU."""
    size: tuple[int, int]
    """Height and width of the photo."""
    whole: Callable[[], Segment] = field(repr=False)
    """Makes it at the photo's own size."""

    def box(self) -> tuple[int, int, int, int]:
        """``(x1, y1, x2, y2)`` in pixels of the photo, end-exclusive; all of it where the mask is
        empty."""
        height, width = self.size
        x1, y1, x2, y2 = box_of_mask(self.mask) or (0, 0, *self.mask.shape[::-1])
        down, across = height / self.mask.shape[0], width / self.mask.shape[1]
        left, top = int(x1 * across), int(y1 * down)
        return left, top, max(round(x2 * across), left + 1), max(round(y2 * down), top + 1)


class Segmenter:
    """A promptable segmenter: `embed` a photo, then `segment` a point, or `propose` for several.

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
            images=self._small(_no_sliver(pixels, self._side())),
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

        Of the masks the model proposes, the one it rates best. It is cut at probability one half,
        or at half of its own peak where that is less, so that a point always names a region.
        """
        import torch

        with torch.inference_mode():
            out = self._decode(embedding, [[point]], [1])
            best = int(out.iou_scores[0, 0].argmax())
            return self._full(embedding, out, 0, best)

    def propose(
        self,
        embedding: Embedding,
        points: Sequence[tuple[float, float]],
        labels: Sequence[int],
    ) -> list[Segment]:
        """All masks that the model proposes for one prompt, in its own order.

        Args:
            points: ``(x, y)`` in pixels of the photo.
            labels: of each point, 1 where it is of the region, 0 where it is not.
        """
        return next(self.propose_each(embedding, [points], labels))

    def propose_each(
        self,
        embedding: Embedding,
        prompts: Sequence[Sequence[tuple[float, float]]],
        labels: Sequence[int],
    ) -> Iterator[list[Segment]]:
        """`propose` for several prompts at once, which is quicker; masks are made as asked for.

        Args:
            prompts: of as many points each as there are labels.
            labels: the same for all prompts.
        """
        import torch

        with torch.inference_mode():
            out = self._decode(embedding, prompts, labels)
        for prompt in range(len(prompts)):
            with torch.inference_mode():
                count = out.iou_scores.shape[-1]
                masks = [self._full(embedding, out, prompt, number) for number in range(count)]
            yield masks

    def regions_at(
        self, embedding: Embedding, points: Sequence[tuple[float, float]]
    ) -> list[Candidate]:
        """What `segment` gives for each of many points, at a fraction of the cost."""
        import torch
        from torch.nn import functional as F

        with torch.inference_mode():
            out = self._decode(embedding, [[point] for point in points], [1])
            best = out.iou_scores[0].argmax(dim=-1)
            each = torch.arange(len(points), device=best.device)
            low = out.pred_masks[0, each, best].float()[:, None]
            side = min(self._side(), _SMALL)
            low = F.interpolate(low, size=(side, side), mode="bilinear", align_corners=False)
            height, width = (
                max(1, round(length * side / self._side())) for length in embedding.resized
            )
            probability = low[:, 0, :height, :width].sigmoid().cpu().numpy()
            quality = out.iou_scores[0, each, best].tolist()

        def whole(number: int) -> Segment:
            with torch.inference_mode():
                return self._full(embedding, out, number, int(best[number]))

        return [
            Candidate(
                point,
                probability[number] >= _cut(probability[number]),
                quality[number],
                embedding.original,
                functools.partial(whole, number),
            )
            for number, point in enumerate(points)
        ]

    def _decode(
        self,
        embedding: Embedding,
        prompts: Sequence[Sequence[tuple[float, float]]],
        labels: Sequence[int],
    ) -> Any:
        """SAM's own output: (1, prompts, proposals) scores, (1, prompts, proposals, h, w) masks."""
        import torch

        height, width = embedding.original
        sx, sy = embedding.resized[1] / width, embedding.resized[0] / height
        return self.model(
            image_embeddings=embedding.features,
            # float32 always: half precision knows only every second or fourth pixel.
            input_points=torch.tensor(
                [[[[x * sx, y * sy] for x, y in points] for points in prompts]],
                device=self.model.device,
                dtype=torch.float32,
            ),
            input_labels=torch.tensor(
                [[list(labels)] * len(prompts)], device=self.model.device, dtype=torch.int64
            ),
            multimask_output=True,
        )

    def _full(self, embedding: Embedding, out: Any, prompt: int, proposal: int) -> Segment:
        """One of the masks at the photo's own size."""
        from torch.nn import functional as F

        low = out.pred_masks[:, prompt, proposal : proposal + 1].float()  # (1, 1, h, w)
        side = self._side()
        full = F.interpolate(low, size=(side, side), mode="bilinear", align_corners=False)
        full = full[..., : embedding.resized[0], : embedding.resized[1]]
        full = F.interpolate(full, size=embedding.original, mode="bilinear", align_corners=False)
        probability = full[0, 0].sigmoid_().cpu().numpy()
        quality = float(out.iou_scores[0, prompt, proposal])
        return Segment(
            mask=probability >= _cut(probability), probability=probability, quality=quality
        )

    def _small(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The photo, resized as the processor would, which copies it four times on the way: here it
        is a channel at a time."""
        from PIL import Image

        wanted: Any = self.image_processor.size
        longest = wanted["longest_edge"] if isinstance(wanted, dict) else wanted.longest_edge
        height, width = pixels.shape[:2]
        scale = longest / max(height, width)
        if scale >= 1:
            return pixels
        size = int(width * scale + 0.5), int(height * scale + 0.5)
        resample = Image.Resampling(self.image_processor.resample)
        channels = (Image.fromarray(pixels[..., channel]) for channel in range(3))
        return np.stack([np.asarray(one.resize(size, resample)) for one in channels], axis=-1)

    def _side(self) -> int:
        pad: Any = self.image_processor.pad_size
        return int(pad["height"] if isinstance(pad, dict) else pad.height)


def _cut(probability: npt.NDArray[np.float32]) -> float:
    """One half, or half of the peak where that is less: some of the mask is always left."""
    return min(0.5, max(float(probability.max()) / 2, float(np.finfo(np.float32).tiny)))


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
