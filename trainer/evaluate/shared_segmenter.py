"""A segmenter that looks at each photo once, whoever asks."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spider_cli.prompts import Point
from spider_cli.segmenter import Candidate, Embedding, Segment, Segmenter

__all__ = ["SharedSegmenter"]


class SharedSegmenter(Segmenter):
    """Keeps the embeddings and masks of the photos at hand, until `forget`.

    Args:
        segmenter: the one that does the work.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        super().__init__(segmenter.model, segmenter.image_processor)
        # The arrays are kept beside what was made of them: their ids stay theirs.
        self._seen: dict[int, tuple[npt.NDArray[np.uint8], Embedding]] = {}
        self._masks: dict[tuple[int, Point], tuple[Embedding, Segment]] = {}
        self._regions: dict[tuple[int, tuple[Point, ...]], tuple[Embedding, list[Candidate]]] = {}

    def embed(self, pixels: npt.NDArray[np.uint8]) -> Embedding:
        known = self._seen.get(id(pixels))
        if known is None:
            known = self._seen[id(pixels)] = (pixels, super().embed(pixels))
        return known[1]

    def segment(self, embedding: Embedding, point: tuple[float, float]) -> Segment:
        key = (id(embedding), point)
        known = self._masks.get(key)
        if known is None:
            known = self._masks[key] = (embedding, super().segment(embedding, point))
        return known[1]

    def regions_at(
        self, embedding: Embedding, points: Sequence[tuple[float, float]]
    ) -> list[Candidate]:
        key = (id(embedding), tuple(points))
        known = self._regions.get(key)
        if known is None:
            known = self._regions[key] = (embedding, super().regions_at(embedding, points))
        return known[1]

    def forget(self) -> None:
        """Let go of all photos."""
        self._seen.clear()
        self._masks.clear()
        self._regions.clear()
