"""What Phi-4-multimodal sees of a photo, without torchvision.

As transformers' `Phi4MultimodalImageProcessor` prepares it: the photo is scaled to fill a grid of
square crops, filled up in white on the right or below; before the crops goes all of it in one. The
scaling is Pillow's, so single values may differ by one step of 255.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

__all__ = ["PhiImageProcessor"]

_LEAST = 10
"""Sides that the photo keeps at least, pixels."""


class PhiImageProcessor:
    """Photos -> crops.

    Args:
        size: side of a crop, pixels.
        patch: side of a patch.
        most: crops of a photo, without the one that shows all of it.
        mean, deviation: of each colour, on 0-1.
    """

    def __init__(
        self,
        *,
        size: int = 448,
        patch: int = 14,
        most: int = 36,
        mean: Sequence[float] = (0.5, 0.5, 0.5),
        deviation: Sequence[float] = (0.5, 0.5, 0.5),
    ) -> None:
        self.size = size
        self.patch = patch
        self.most = most
        self.mean = torch.tensor(mean)[:, None, None]
        self.deviation = torch.tensor(deviation)[:, None, None]

    @classmethod
    def from_folder(cls, folder: Path) -> "PhiImageProcessor":
        """With the settings of a model's preprocessor_config.json.

        Raises:
            OSError, ValueError: it is not there, or no JSON.
        """
        path = folder / "preprocessor_config.json"
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            size=int(told.get("size", {}).get("height", 448)),
            patch=int(told.get("patch_size", 14)),
            most=int(told.get("dynamic_hd", 36)),
            mean=told.get("image_mean", (0.5, 0.5, 0.5)),
            deviation=told.get("image_std", (0.5, 0.5, 0.5)),
        )

    def __call__(self, *, images: Sequence[Image.Image], return_tensors: str) -> Mapping[str, Any]:
        """Prepare photos.

        Returns:
            "image_pixel_values" (photos, 1 + crops, 3, size, size) float32; "image_sizes" (photos,
            2) height and width of the grid, pixels; "image_attention_mask" (photos, 1 + crops,
            patches, patches), 0 where a patch is filled up; "num_img_tokens" of each photo.
            Photos with fewer crops get empty ones at the end.
        """
        made = [self._one(image) for image in images]
        most = max(len(crops) for crops, *_ in made)
        pixels = [F.pad(one, (0, 0) * 3 + (0, most - len(one))) for one, *_ in made]
        masks = [F.pad(one, (0, 0) * 2 + (0, most - len(one)), value=1.0) for _, one, *_ in made]
        return {
            "image_pixel_values": torch.stack(pixels),
            "image_sizes": torch.tensor([size for *_, size, _ in made]),
            "image_attention_mask": torch.stack(masks),
            "num_img_tokens": [count for *_, count in made],
        }

    def _one(self, image: Image.Image) -> tuple[Tensor, Tensor, tuple[int, int], int]:
        """Crops, masks, size of the grid, tokens of a photo."""
        side, patches = self.size, self.size // self.patch
        across, down = self._grid(*image.size)
        width, height = across * side, down * side
        scale = min(width / image.width, height / image.height)
        inner = (
            min(width, max(_LEAST, int(image.width * scale))),
            min(height, max(_LEAST, int(image.height * scale))),
        )
        # One side fills the grid, whatever its product with a fraction rounds to.
        if width / image.width < height / image.height:
            inner = (width, inner[1])
        else:
            inner = (inner[0], height)
        filled = Image.new("RGB", (width, height), "white")
        filled.paste(image.convert("RGB").resize(inner, Image.Resampling.BILINEAR))
        pixels = (
            torch.from_numpy(np.asarray(filled, dtype=np.float32).copy()).permute(2, 0, 1) / 255
        )
        pixels = (pixels - self.mean) / self.deviation  # (3, height, width)
        whole = F.interpolate(pixels[None], (side, side), mode="bicubic", align_corners=False)
        crops = pixels.reshape(3, down, side, across, side).permute(1, 3, 0, 2, 4)
        crops = crops.reshape(-1, 3, side, side)
        seen = torch.ones(down * patches, across * patches)
        empty = ((height - inner[1]) // self.patch, (width - inner[0]) // self.patch)
        seen[seen.shape[0] - empty[0] :] = 0
        seen[:, seen.shape[1] - empty[1] :] = 0
        masks = seen.reshape(down, patches, across, patches).transpose(1, 2)
        masks = masks.reshape(-1, patches, patches)
        masks = torch.cat([torch.ones(1, patches, patches), masks])
        # Every second patch is one token; a token ends each line, and one stands between the two.
        half = (patches + 1) // 2
        kept = masks[1:, 0::2, 0::2].reshape(down, across, half, half).transpose(1, 2)
        kept = kept.reshape(down * half, across * half)
        tokens = half * half + half + 1 + int(kept.sum()) + int(kept[:, 0].sum())
        return torch.cat([whole, crops]), masks, (height, width), tokens

    def _grid(self, width: int, height: int) -> tuple[int, int]:
        """Crops across and down: as many as the photo fills at its own size, else the grid of at
        most `most` that is nearest to its shape."""
        across, down = math.ceil(width / self.size), math.ceil(height / self.size)
        if across * down <= self.most:
            return across, down
        best, nearest = (1, 1), math.inf
        pairs = [(i, j) for i in range(1, self.most + 1) for j in range(1, self.most // i + 1)]
        for one in sorted(set(pairs), key=lambda pair: (pair[0] * pair[1], pair)):
            off = abs(width / height - one[0] / one[1])
            roomy = width * height > 0.5 * self.size**2 * one[0] * one[1]
            if off < nearest or (off == nearest and roomy):
                best, nearest = one, off
        return best
