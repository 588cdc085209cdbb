"""What the image processors of chat models make of a photo's size, family by family.

Only sizes: each is told before a pixel is moved, and written into the record as what was seen. A
family's own limits stay; a budget of pixels is one more. Where a processor enlarges photos, as
those that cut tiles do, it goes on doing so within the budget.
"""

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from spider_cli.budget import LEAST, Size, broadened, check_budget, within
from spider_cli.results import View

__all__ = ["Sizes", "kept_within", "sizes_of"]

_THINNEST = 100
"""Slivers are stretched to this ratio of sides; some processors refuse them."""
_LEAST_SIDE = 11
"""Pixels that the short side of a photo keeps in a crop; Phi's processor refuses fewer than 10."""


class Sizes(Protocol):
    """One model's way with sizes, all of them (width, height)."""

    @property
    def least(self) -> int:
        """Pixels that the smallest view of a whole photo takes."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Attributes of the image processor that keep it within the budget."""

    def handed(self, photo: Size) -> Size:
        """The size at which the image processor gets a photo."""

    def views(self, photo: Size) -> tuple[View, ...]:
        """What the model sees: the photo as large as it does, then any smaller look at it."""


@dataclass(frozen=True, slots=True)
class _Cells:
    """Qwen-VL: both sides are multiples of a cell's, and there are limits on their product."""

    cell: int
    low: int
    high: int
    most: int

    @property
    def least(self) -> int:
        return max(self.low, self.cell**2)

    @property
    def settings(self) -> Mapping[str, Any]:
        # Four times as much always holds a grid of the least size, whatever is rounded.
        if self.most >= 4 * self.low:
            return {}
        return {"size": {"shortest_edge": self.cell**2, "longest_edge": self.high}}

    def handed(self, photo: Size) -> Size:
        width, height = broadened(photo, _THINNEST)
        cell, most = self.cell, min(self.most, self.high)
        columns, rows = round(width / cell), round(height / cell)
        if columns * rows * cell**2 > most:
            scale = math.sqrt(width * height / most)
            columns, rows = (max(1, int(side / scale / cell)) for side in (width, height))
        elif columns * rows * cell**2 < self.low:
            scale = math.sqrt(self.low / (width * height))
            columns, rows = (math.ceil(side * scale / cell) for side in (width, height))
        cells = most // cell**2
        if columns * rows > cells:  # a sliver's only row, or what was rounded up
            short = min(columns, rows)
            long = cells // short
            columns, rows = (short, long) if columns <= rows else (long, short)
        return columns * cell, rows * cell

    def views(self, photo: Size) -> tuple[View, ...]:
        return (_whole(photo, self.handed(photo)),)


@dataclass(frozen=True, slots=True)
class _Scaled:
    """Idefics3, SmolVLM: every photo is scaled to one long side and cut into square tiles; beside
    them goes all of it in one."""

    tile: int
    longest: int
    """What the processor's long side is to be, within the budget."""
    own: int
    """What it is."""
    split: bool

    @property
    def least(self) -> int:
        return self.tile**2

    @property
    def settings(self) -> Mapping[str, Any]:
        return {} if self.longest == self.own else {"size": {"longest_edge": self.longest}}

    def handed(self, photo: Size) -> Size:
        width, height = broadened(photo, _THINNEST)
        factor = min(1.0, self.longest / max(width, height))
        least = math.ceil(max(width, height) * factor / _THINNEST)
        return max(least, round(width * factor)), max(least, round(height * factor))

    def views(self, photo: Size) -> tuple[View, ...]:
        small = _whole(photo, (self.tile, self.tile))
        width, height = self._canvas(*self._scaled(*self.handed(photo)))
        if not self.split or max(width, height) <= self.tile:
            return (small,)
        return _whole(photo, (width, height)), small

    def _scaled(self, width: int, height: int) -> Size:
        shape = width / height
        if width >= height:
            short = int(self.longest / shape)
            return self.longest, max(1, short + short % 2)
        short = int(self.longest * shape)
        return max(1, short + short % 2), self.longest

    def _canvas(self, width: int, height: int) -> Size:
        """Multiples of a tile's side, the long one first."""
        shape = width / height
        if width >= height:
            width = self._up(width)
            return width, self._up(int(width / shape))
        height = self._up(height)
        return self._up(int(height * shape)), height

    def _up(self, side: int) -> int:
        return math.ceil(side / self.tile) * self.tile


@dataclass(frozen=True, slots=True)
class _Tiles:
    """InternVL: a photo is stretched to the grid of tiles nearest to its shape, and cut; beside
    them goes all of it in one."""

    tile: Size
    fewest: int
    many: int
    """Tiles within the budget."""
    own: int
    """Tiles that the processor makes at most."""

    @property
    def least(self) -> int:
        return self.tile[0] * self.tile[1] * self.fewest

    @property
    def settings(self) -> Mapping[str, Any]:
        return {} if self.many == self.own else {"max_patches": self.many}

    def handed(self, photo: Size) -> Size:
        return within(photo, self.many * self.tile[0] * self.tile[1], _THINNEST)

    def views(self, photo: Size) -> tuple[View, ...]:
        columns, rows = self._grid(*self.handed(photo))
        small = _whole(photo, self.tile)
        if columns * rows == 1:
            return (small,)
        return _whole(photo, (columns * self.tile[0], rows * self.tile[1])), small

    def _grid(self, width: int, height: int) -> Size:
        """Columns and rows, as transformers' `get_optimal_tiled_canvas` chooses them."""
        best, nearest = (1, 1), math.inf
        sides = range(1, self.many + 1)
        pairs = [(i, j) for i in sides for j in sides if self.fewest <= i * j <= self.many]
        for one in sorted(pairs, key=lambda pair: pair[0] * pair[1]):
            off = abs(width / height - one[0] / one[1])
            roomy = width * height > 0.5 * self.tile[0] * self.tile[1] * one[0] * one[1]
            if off < nearest or (off == nearest and roomy):
                best, nearest = one, off
        return best


@dataclass(frozen=True, slots=True)
class _Crops:
    """Phi-4-multimodal: a photo fills a grid of square crops, blank where it does not; before them
    goes all of the grid in one."""

    side: int
    many: int
    own: int
    setting: str
    """What the image processor calls its most crops."""

    @property
    def least(self) -> int:
        return self.side**2

    @property
    def settings(self) -> Mapping[str, Any]:
        return {} if self.many == self.own else {self.setting: self.many}

    def handed(self, photo: Size) -> Size:
        """As large as so many crops hold it. (Of more, the processor takes a grid of the photo's
        shape instead, which may have far fewer.)"""
        width, height = broadened(photo, self.side // _LEAST_SIDE)
        scale = 1.0
        if self._count(width) * self._count(height) > self.many:
            grids = ((across, self.many // across) for across in range(1, self.many + 1))
            scale = max(min(i * self.side / width, j * self.side / height) for i, j in grids)
        return max(1, int(width * scale + 1e-6)), max(1, int(height * scale + 1e-6))

    def views(self, photo: Size) -> tuple[View, ...]:
        width, height = self.handed(photo)
        grid = self._count(width) * self.side, self._count(height) * self.side
        scales = grid[0] / width, grid[1] / height
        if scales[0] < scales[1]:
            size = grid[0], max(1, int(height * scales[0]))
        else:
            size = max(1, int(width * scales[1])), grid[1]
        small = tuple(
            max(1, round(own * self.side / all_)) for own, all_ in zip(size, grid, strict=True)
        )
        return _whole(photo, size), _whole(photo, (small[0], small[1]))

    def _count(self, pixels: int) -> int:
        return math.ceil(pixels / self.side)


@dataclass(frozen=True, slots=True)
class _Fixed:
    """CLIP, SigLIP: one size for all photos, stretched or cut out of the middle."""

    most: int
    short: int | None
    """The short side before the middle is cut out; None where photos are stretched."""
    size: Size

    @property
    def least(self) -> int:
        return self.size[0] * self.size[1]

    @property
    def settings(self) -> Mapping[str, Any]:
        return {}

    def handed(self, photo: Size) -> Size:
        return within(photo, self.most, _THINNEST)

    def views(self, photo: Size) -> tuple[View, ...]:
        if self.short is None:
            return (_whole(photo, self.size),)
        handed = self.handed(photo)
        scaled = [int(side * self.short / min(handed)) for side in handed]
        spans = [_middle(*one) for one in zip(photo, scaled, self.size, strict=True)]
        (x1, x2, width), (y1, y2, height) = spans
        return (View(box=(x1, y1, x2, y2), size=(width, height)),)


@dataclass(frozen=True, slots=True)
class _Unknown:
    """A family that is not known here: what its processor is handed."""

    most: int
    least: int = LEAST

    @property
    def settings(self) -> Mapping[str, Any]:
        return {}

    def handed(self, photo: Size) -> Size:
        return within(photo, self.most, _THINNEST)

    def views(self, photo: Size) -> tuple[View, ...]:
        return (_whole(photo, self.handed(photo)),)


def sizes_of(processor: Any, most: int) -> Sizes:
    """The sizes of a processor's family within a budget.

    Args:
        processor: of `spider_cli.chat_processors.load_processor`.
        most: pixels, width times height, of the largest view of the whole photo.

    Raises:
        UsageError: the family's smallest view takes more.
    """
    images = getattr(processor, "image_processor", None)
    name = type(images).__name__
    sizes = next((make(processor, images, most) for mark, make in _MADE if mark in name), None)
    found = sizes or _Unknown(most)
    check_budget(most, found.least, "this model")
    return found


def kept_within(processor: Any, sizes: Sizes) -> Any:
    """The processor, or a copy of it whose image processor keeps within the budget."""
    if not sizes.settings:
        return processor
    made, images = copy.copy(processor), copy.copy(processor.image_processor)
    for name, value in sizes.settings.items():
        setattr(images, name, value)
    made.image_processor = images
    return made


def _whole(photo: Size, size: Size) -> View:
    return View(box=(0, 0, *photo), size=size)


def _middle(photo: int, scaled: int, cut: int) -> tuple[int, int, int]:
    """One side: the middle `cut` of `scaled` pixels as a span of the photo, and its length."""
    if scaled <= cut:  # the processor fills up what is missing
        return 0, photo, scaled
    start = (scaled - cut) // 2
    first, end = round(start * photo / scaled), round((start + cut) * photo / scaled)
    return first, max(end, first + 1), cut


def _cells(processor: Any, images: Any, most: int) -> Sizes | None:
    low, high = images.size.get("shortest_edge"), images.size.get("longest_edge")
    if not low or not high:
        return None
    return _Cells(images.patch_size * images.merge_size, low, high, most)


def _scaled(processor: Any, images: Any, most: int) -> Sizes | None:
    tile, own = images.max_image_size["longest_edge"], images.size.get("longest_edge")
    if not own:
        return None
    rows = math.isqrt(most) // tile
    longest = own if own <= rows * tile else max(1, rows) * tile
    return _Scaled(tile, longest, own, bool(images.do_image_splitting))


def _tiles(processor: Any, images: Any, most: int) -> Sizes:
    tile = (images.size["width"], images.size["height"])
    asked = getattr(processor, "options", {}).get("crop_to_patches")
    cut = type(processor).__name__ == "InternVLProcessor" or asked or images.crop_to_patches
    if not cut or images.max_patches < 2:
        return _Fixed(most, None, tile)
    many = max(images.min_patches, min(images.max_patches, most // (tile[0] * tile[1])))
    return _Tiles(tile, images.min_patches, many, images.max_patches)


def _crops(processor: Any, images: Any, most: int) -> Sizes:
    if hasattr(images, "dynamic_hd"):
        side, own, setting = images.size["height"], images.dynamic_hd, "dynamic_hd"
    else:
        side, own, setting = images.size, images.most, "most"
    return _Crops(side, max(1, min(own, most // side**2)), own, setting)


def _fixed(processor: Any, images: Any, most: int) -> Sizes | None:
    size, cut = images.size, images.crop_size if images.do_center_crop else None
    short = size.get("shortest_edge")
    if short and cut and not size.get("longest_edge"):
        return _Fixed(most, short, (cut["width"], cut["height"]))
    if size.get("width") and size.get("height") and not cut:
        return _Fixed(most, None, (size["width"], size["height"]))
    return None


_MADE = (
    ("Qwen2VL", _cells),
    ("Idefics3", _scaled),
    ("SmolVLM", _scaled),
    ("GotOcr2", _tiles),
    ("PhiImage", _crops),
    ("Phi4Multimodal", _crops),
    ("CLIPImage", _fixed),
    ("SiglipImage", _fixed),
)
"""Part of an image processor's class name, whatever its backend, and whose it is."""
