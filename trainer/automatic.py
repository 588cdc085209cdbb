"""A photo -> all that a promptable segmenter finds in it: automatic mask generation.

A grid of points is asked, and the answers are filtered by size, quality and stability and cleared
of duplicates, as transformers' "mask-generation" pipeline does, on the same models and image
processors. The pipeline itself cannot be used: its last step imports torchvision, and it makes
every mask as large as the photo before it looks at it, which takes three quarters of its time.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from spider_cli.weights import find_segmenter
from spider_cli.weights.revision import revision_of
from trainer.region_filter import Found, RegionFilter, choose
from trainer.segments import BoolMask, largest_piece

if TYPE_CHECKING:
    import torch

    from trainer.sources import LabelledPhoto

__all__ = ["AutomaticRegions", "distinct"]

Rle = dict[str, Any]
"""A mask as pycocotools has it."""
_AT_ONCE = 64
"""Points asked in one go."""
_KEPT = 2048
"""Photos whose candidates are remembered: a photo given is often distorted several times."""
_remembered: "OrderedDict[tuple[object, ...], tuple[Rle, ...]]" = OrderedDict()


@dataclass(frozen=True, slots=True)
class AutomaticRegions:
    """A finder that asks a segmenter. It is loaded where it is first used."""

    segmenter: str = "nano"
    "nano, or a folder with a model of the SAM family (or with one in segmenter/)."
    points_per_side: int = 8
    """The grid. A region as compact as a square, and no smaller than 4% of the photo, is hit by at
    least one of 8 x 8 points."""
    quality: float = 0.5
    """Masks are dropped whose quality is below this share of the photo's best. Quality is the
    segmenter's own estimate of the IoU times the mask's stability: how much of the mask stays when
    the cut moves by one either way. Segmenters differ in how sure they are; within a photo the
    order of their masks can be relied on."""
    overlap: float = 0.7
    "Of two masks with a higher IoU, the better one stays."
    rule: RegionFilter = field(default_factory=RegionFilter)
    "What a mask must be to become a region."
    device: str = "cpu"
    "Where the segmenter runs."

    def __post_init__(self) -> None:
        if not 1 <= self.points_per_side <= 64:
            raise ValueError(f"points_per_side must be 1-64, not {self.points_per_side}")

    def name(self) -> str:
        """What the data set's config calls it: it changes when the weights do.

        Raises:
            UsageError: there is no such segmenter.
        """
        return f"segmenter {self.segmenter} ({revision_of(find_segmenter(self.segmenter))})"

    def check(self, photo: "LabelledPhoto") -> int:
        """Nothing is given: 0."""
        return 0

    def find(
        self,
        photo: "LabelledPhoto",
        pixels: npt.NDArray[np.uint8],
        rng: np.random.Generator,
        count: int,
    ) -> list[Found]:
        """As `RegionFinder.find`. `photo` is not looked at."""
        found = [Found(mask) for mask in self.candidates(pixels)]
        return choose(found, rng, count, rule=self.rule)

    def candidates(self, pixels: npt.NDArray[np.uint8]) -> list[BoolMask]:
        """All masks worth choosing from, the best first.

        Args:
            pixels: (height, width, 3) uint8 RGB.

        Returns:
            (height, width) bool, none empty, of the sizes that `rule` allows; they may overlap.

        Raises:
            UsageError: there is no such segmenter, or it does not load.
        """
        from pycocotools import mask as coco

        shown = hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=16).digest()
        key = (self, pixels.shape, shown)
        if key not in _remembered:
            _remembered[key] = self._generate(pixels)
            if len(_remembered) > _KEPT:
                _remembered.popitem(last=False)
        return [np.asarray(coco.decode(rle)).astype(bool) for rle in _remembered[key]]

    def _generate(self, pixels: npt.NDArray[np.uint8]) -> tuple[Rle, ...]:
        import torch
        from pycocotools import mask as coco

        height, width = pixels.shape[:2]
        model, processor = _loaded(find_segmenter(self.segmenter), self.device)
        with torch.inference_mode(), _one_thread(self.device):
            batch = processor(images=pixels, input_data_format="channels_last", return_tensors="pt")
            embedded = _embedded(model, batch["pixel_values"].to(model.device, model.dtype))
            inner = tuple(int(side) for side in batch["reshaped_input_sizes"][0])
            logits, scores = _ask(model, embedded, self._grid(inner))
            logits, quality = self._worth_enlarging(logits, scores, inner, processor)
            if not len(logits):
                return ()
            full = processor.post_process_masks(
                [logits[None]], [(height, width)], [inner], binarize=False
            )[0][0]
            large = (full > 0).cpu().numpy()
        masks = [_tidy(mask) for mask in large]
        rles = [coco.encode(np.asfortranarray(mask.view(np.uint8))) for mask in masks]
        chosen = distinct(rles, quality.cpu().numpy(), self.overlap)
        return tuple(rles[index] for index in chosen if self.rule.passed(masks[index]) is not None)

    def _grid(self, inner: tuple[int, ...]) -> "torch.Tensor":
        """(points, 1, 2) float32: `x, y` in pixels of the segmenter's input."""
        import torch

        steps = (torch.arange(self.points_per_side, dtype=torch.float32) + 0.5) / (
            self.points_per_side
        )
        y, x = torch.meshgrid(steps * inner[0], steps * inner[1], indexing="ij")
        return torch.stack([x, y], dim=-1).reshape(-1, 1, 2)

    def _worth_enlarging(
        self,
        logits: "torch.Tensor",
        scores: "torch.Tensor",
        inner: tuple[int, ...],
        processor: Any,
    ) -> tuple["torch.Tensor", "torch.Tensor"]:
        """Of (masks, h, w) logits and (masks,) scores, those of fair size and quality.

        Returns:
            Their logits, and (masks,) their qualities, all above 0.
        """
        import torch

        rows, columns = logits.shape[-2:]
        seen = logits[
            ...,
            : max(1, round(rows * inner[0] / processor.pad_size["height"])),
            : max(1, round(columns * inner[1] / processor.pad_size["width"])),
        ]
        share = (seen > 0).float().mean(dim=(-2, -1))
        widest = (seen > -1).sum(dim=(-2, -1)).clamp(min=1)
        quality = scores.clamp(min=0) * (seen > 1).sum(dim=(-2, -1)) / widest
        # A mask gains or loses a little when it is tidied up.
        fair = (share >= 0.8 * self.rule.min_share) & (share <= 1.1 * self.rule.max_share)
        fair &= quality > 0
        if fair.any():
            fair &= quality >= self.quality * quality[fair].max()
        index = torch.nonzero(fair).flatten()
        return logits[index], quality[index]


def distinct(rles: list[Rle], scores: npt.NDArray[np.float32], overlap: float) -> list[int]:
    """Non-maximum suppression by the IoU of the masks themselves.

    Args:
        rles: masks of one size, as pycocotools encodes them.
        scores: (masks,) the higher the better.
        overlap: of two masks with a higher IoU, the one with the lower score goes.

    Returns:
        Indices of the masks that stay, the best first; of equal scores, the earlier is better.
    """
    from pycocotools import mask as coco

    if not rles:
        return []
    iou = np.asarray(coco.iou(rles, rles, [0] * len(rles)))
    alive = np.ones(len(rles), bool)
    chosen: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        if alive[index]:
            chosen.append(int(index))
            alive &= iou[index] <= overlap
    return chosen


def _embedded(model: Any, values: "torch.Tensor") -> dict[str, Any]:
    """What the model takes instead of the photo: the expensive step, once a photo."""
    features = model.get_image_embeddings(values)
    if isinstance(features, tuple):  # SAM-HQ's mask decoder wants the early layers too
        return {"image_embeddings": features[0], "intermediate_embeddings": features[1]}
    return {"image_embeddings": features}


def _ask(
    model: Any, embedded: dict[str, Any], points: "torch.Tensor"
) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Every mask of every point: (masks, h, w) float32 logits, and (masks,) estimated IoUs."""
    import torch

    logits: list[torch.Tensor] = []
    scores: list[torch.Tensor] = []
    for some in points.split(_AT_ONCE):
        out = model(
            **embedded,
            input_points=some[None].to(model.device),
            input_labels=torch.ones((1, len(some), 1), dtype=torch.int64, device=model.device),
            multimask_output=True,
        )
        # Some models answer with the image's dimension, some without.
        logits.append(out.pred_masks.float().flatten(0, -3))
        scores.append(out.iou_scores.float().flatten())
    return torch.cat(logits), torch.cat(scores)


def _tidy(mask: BoolMask) -> BoolMask:
    """The mask's largest piece, its outline smoothed and its small holes filled: a segmenter's
    masks are ragged at the scale of its decoder."""
    sigma = 0.006 * max(mask.shape)
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma)
    smooth = largest_piece(np.asarray(soft > 0.5, dtype=bool))
    number, parts, stats, _ = cv2.connectedComponentsWithStats(
        (~smooth).astype(np.uint8), connectivity=8
    )
    small = stats[:, cv2.CC_STAT_AREA] < 0.01 * mask.size
    small[0] = False  # the mask itself
    return np.asarray(smooth | small[parts], dtype=bool) if number > 1 else smooth


@contextmanager
def _one_thread(device: str) -> Iterator[None]:
    """On the CPU: sums in an order that does not depend on how many cores there are."""
    import torch

    threads = torch.get_num_threads()
    if device == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@lru_cache(maxsize=1)
def _loaded(folder: Path, device: str) -> tuple[Any, Any]:
    """The model, and its image processor; Pillow's, never torchvision's."""
    from spider_cli.devices import Wanted
    from spider_cli.placing import place
    from spider_cli.segmenter import load_segmenter
    from spider_cli.weights.loading import explained

    placed = place(folder, Wanted(device, "float32"), f"the segmenter {folder}", alone=True)
    loaded = load_segmenter(folder, device=placed.device, dtype=placed.dtype)
    if loaded.image_processor.size.longest_edge:
        return loaded.model, loaded.image_processor
    from trainer.square import SquareProcessor

    with explained(folder, "a segmenter of the SAM family"):
        return loaded.model, SquareProcessor.from_pretrained(str(folder), local_files_only=True)
