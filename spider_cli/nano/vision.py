"""nano's eyes: an EfficientNet-lite trunk whose every depth is read, patch by patch.

The trunk is the published EfficientNet-lite0 layout (Tan & Le 2019; the "lite" variant without
squeeze-and-excitation, ReLU6) with batch norms folded into the convolutions, so that ImageNet
weights start it and nothing depends on the batch.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spider_cli.nano.fused import fuses

__all__ = ["PATCH", "NanoVisionEncoder", "Seen", "box_statistics", "channels_last", "pool_box"]

PATCH = 16
"""Side of a patch in pixels: the stride of the maps handed on."""

_MULTIPLE = 32
"""Views are padded to a multiple of this: the trunk's deepest stride."""

# (repeats, kernel, stride, expansion, channels out) per stage of EfficientNet-lite0.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM = 32
_PART = 8_000_000
"""Bytes of expanded channels that are there at a time: larger pieces of memory may be fetched from
the system, page by page, each time, which takes as long as the convolution."""
_LANES = 16
"""Channels come in multiples of this, as many as the processor takes in one step."""

# Stages whose texture is finer than a patch give mean and deviation, the others their values.
_FINE = (0, 1, 2)

TAPPED = 2 * (16 + 24 + 40) + 80 + 112 + 192 + 320
"""Channels of the patch map: every stage's output, fine ones twice (mean and deviation)."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the encoder saw in a batch of equally sized views; maps at one value per patch."""

    taps: Tensor
    """(B, TAPPED, H/16, W/16): every depth of the trunk, pooled to the patch, as it comes."""
    scale: Tensor
    """(TAPPED,): what brings the depths to one scale, together with `shift`."""
    shift: Tensor
    """(TAPPED,)"""
    fused: Tensor
    """(B, width, H/16, W/16): the depths projected, summed and put in context."""

    @property
    def patches(self) -> Tensor:
        """(B, TAPPED, H/16, W/16): the taps at one scale."""
        return self.taps * self.scale[:, None, None] + self.shift[:, None, None]


class _Conv(nn.Conv2d):
    """A convolution padded as TensorFlow's "same" for even inputs, which the weights expect."""

    def __init__(self, inp: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(
            inp,
            out,
            kernel,
            stride,
            padding=0 if stride > 1 else kernel // 2,
            groups=groups,
            bias=True,
        )
        self.extra = ((kernel - stride) // 2, (kernel - stride + 1) // 2) if stride > 1 else (0, 0)

    def forward(self, x: Tensor, *, clip: bool = False) -> Tensor:
        """Convolve; with `clip`, ReLU6 of that."""
        if fuses(x):
            return self.fused(x, clip=clip)
        low, high = self.extra
        y = super().forward(F.pad(x, (low, high, low, high)) if high else x)
        return F.relu6(y) if clip else y

    def fused(self, x: Tensor, *, clip: bool, channels: slice = slice(None)) -> Tensor:
        """`forward` in one pass, where `fuses`: these channels of what comes out, for which a
        depthwise convolution needs the same of `x` alone."""
        weight, bias, padding = self.weight[channels], self.bias, self.padding
        assert bias is not None
        if self.extra[1]:
            # The kernel with a row and a column of zeros before it wants the same padding on all
            # sides, which costs nothing; a padded copy of a map takes a tenth of the time.
            weight = F.pad(weight, (1, 0, 1, 0)).contiguous(memory_format=torch.channels_last)
            padding = (self.extra[1], self.extra[1])
        made: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x,
            weight,
            bias[channels],
            padding,
            self.stride,
            self.dilation,
            1 if self.groups == 1 else x.shape[1],
            *(("hardtanh", [0.0, 6.0], "") if clip else ("none", [], "")),
        )
        return made


class _Block(nn.Module):
    """Inverted bottleneck: expand 1x1, depthwise, project 1x1; residual where shapes agree."""

    def __init__(self, inp: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        mid = inp * expansion
        self.expand = _Conv(inp, mid, 1) if expansion > 1 else None
        self.depthwise = _Conv(mid, mid, kernel, stride, groups=mid)
        self.project = _Conv(mid, out, 1)
        self.residual = stride == 1 and inp == out

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = x
        if self.expand is not None and fuses(x):
            h = self._by_parts(self.expand, x)
        else:
            if self.expand is not None:
                h = self.expand(x, clip=True)
            h = self.depthwise(h, clip=True)
        h = self.project(h)
        return x + h if self.residual else h

    def _by_parts(self, expand: _Conv, x: Tensor) -> Tensor:
        """The expanded channels, after their depthwise convolution: so many at a time as `_PART`
        has room for."""
        middle = expand.out_channels
        parts = -(-x.shape[0] * x.shape[2] * x.shape[3] * middle * x.element_size() // _PART)
        step = -(-middle // (_LANES * parts)) * _LANES
        made = []
        for start in range(0, middle, step):
            own = slice(start, min(start + step, middle))
            h = expand.fused(x, clip=True, channels=own)
            made.append(self.depthwise.fused(h, clip=True, channels=own))
        return made[0] if len(made) == 1 else torch.cat(made, dim=1)


class _Context(nn.Module):
    """Depthwise 7x7, then two layers per patch (ConvNeXt's block): patches see their neighbours.

    Args:
        width: channels.
        surroundings: they see the whole view's mean and deviation, too: what is right in a dark
            photo is darkened in a bright one.
    """

    def __init__(self, width: int, *, surroundings: bool) -> None:
        super().__init__()
        self.spread = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.around = nn.Linear(2 * width, width) if surroundings else None
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 3 * width)
        self.down = nn.Linear(3 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = self.spread(x)
        if self.around is not None:
            mean = x.mean(dim=(2, 3))  # (B, width)
            square = x.square().mean(dim=(2, 3))
            deviation = torch.sqrt((square - mean * mean).clamp_min(0) + 1e-4)
            h = h + self.around(torch.cat([mean, deviation], dim=1))[:, :, None, None]
        h = self.norm(h.permute(0, 2, 3, 1))
        h = self.down(F.gelu(self.up(h)))
        return x + h.permute(0, 3, 1, 2)


class NanoVisionEncoder(nn.Module):
    """Trunk, one reading per depth, projection to `width`, two context blocks.

    Args:
        width: channels of the fused map.
        contexts: number of context blocks.
        surroundings: these know the whole view's mean and deviation, too.
    """

    def __init__(self, *, width: int, contexts: int = 2, surroundings: bool = False) -> None:
        super().__init__()
        self.stem = _Conv(3, _STEM, 3, 2)
        stages: list[nn.Module] = []
        channels = _STEM
        for repeats, kernel, stride, expansion, out in _STAGES:
            blocks = []
            for index in range(repeats):
                blocks.append(_Block(channels, out, kernel, stride if not index else 1, expansion))
                channels = out
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.scale = nn.Parameter(torch.ones(TAPPED))
        self.shift = nn.Parameter(torch.zeros(TAPPED))
        self.join = nn.Conv2d(TAPPED, width, 1)
        self.contexts = nn.ModuleList(
            _Context(width, surroundings=surroundings) for _ in range(contexts)
        )

    def blocks(self) -> Iterator[_Block]:
        """The trunk's blocks, from the pixels on."""
        return (module for module in self.stages.modules() if isinstance(module, _Block))

    def _learns(self) -> bool:
        """Does any of the trunk? A frozen one runs as it does after training, in less time."""
        trunk = (self.stem, self.stages)
        return any(one.requires_grad for part in trunk for one in part.parameters())

    def forward(self, pixels: Tensor) -> Seen:
        """Look at equally sized views.

        Args:
            pixels: (B, 3, H, W) float, ``(value - 127) / 128``, H and W multiples of 32.

        Raises:
            ValueError: a side is not a multiple of 32.
        """
        height, width = pixels.shape[-2:]
        if height % _MULTIPLE or width % _MULTIPLE:
            raise ValueError(f"views must be multiples of {_MULTIPLE} px, got {width} x {height}")
        size = (height // PATCH, width // PATCH)
        taps: list[Tensor] = []
        with torch.set_grad_enabled(torch.is_grad_enabled() and self._learns()):
            x = self.stem(pixels, clip=True)  # (B, 32, H/2, W/2)
            for index, stage in enumerate(self.stages):
                x = stage(x)
                taps.extend(_per_patch(x, size, deviation=index in _FINE))
            tapped = torch.cat(taps, dim=1)  # (B, TAPPED, H/16, W/16)
        # Scaled in the weights, not in the map: a frozen trunk's map needs no gradient then.
        weight = self.join.weight * self.scale[:, None, None]
        assert self.join.bias is not None
        bias = self.join.bias + self.join.weight.flatten(1) @ self.shift
        if fuses(tapped):
            fused: Tensor = torch.ops.mkldnn._convolution_pointwise(
                tapped, weight, bias, (0, 0), (1, 1), (1, 1), 1, "none", [], ""
            )
        else:
            fused = F.conv2d(tapped, weight, bias)  # (B, width, H/16, W/16)
        for context in self.contexts:
            fused = context(fused)
        return Seen(taps=tapped, scale=self.scale, shift=self.shift, fused=fused)


def channels_last(encoder: NanoVisionEncoder) -> NanoVisionEncoder:
    """Lay the weights out pixel by pixel, which convolutions on a CPU are fastest with; in place.

    Returns:
        `encoder` itself.
    """
    # A keyword that torch documents and its overloads leave out.
    return encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _per_patch(x: Tensor, size: tuple[int, int], *, deviation: bool) -> list[Tensor]:
    """Values of `x` at one per patch: pooled where finer, repeated where coarser."""
    factor = x.shape[-2] // size[0]
    if x.shape[-2] < size[0]:
        return [F.interpolate(x, size=size, mode="nearest")]
    if factor == 1:
        return [x]
    mean = F.avg_pool2d(x, factor)
    if not deviation:
        return [mean]
    variance = (F.avg_pool2d(x * x, factor) - mean * mean).clamp_min(0)
    return [mean, torch.sqrt(variance + 1e-4)]


@functools.lru_cache(maxsize=256)
def _overlap(start: float, end: float, cells: int, count: int) -> tuple[Tensor, slice]:
    """How much of each of `count` equal parts of [start, end) (in patches) lies on each patch, and
    the patches that have any of it: (count, those), rows sum to 1. Kept: most views are alike."""
    with torch.inference_mode(False), torch.no_grad():  # for training, too
        edges = torch.linspace(start, end, count + 1, dtype=torch.float64)
        low, high = edges[:-1, None], edges[1:, None]
        left = torch.arange(cells, dtype=torch.float64)[None]
        weight = (torch.minimum(high, left + 1) - torch.maximum(low, left)).clamp_min(0)
        weight = (weight / weight.sum(dim=1, keepdim=True).clamp_min(1e-9)).float()
        (found,) = weight.any(dim=0).nonzero(as_tuple=True)
        touched = slice(int(found[0]), int(found[-1]) + 1) if len(found) else slice(0, 0)
        return weight[:, touched].contiguous(), touched


def pool_box(values: Tensor, box: tuple[float, float, float, float], grid: int) -> Tensor:
    """Area-average of a map inside a box, on a grid of `grid` x `grid` equal parts.

    Args:
        values: (C, h, w), one value per patch.
        box: ``x1, y1, x2, y2`` in pixels of the view.

    Returns:
        (grid * grid, C), row by row from the top left.
    """
    inside, rows, columns = _inside(values, box, grid)
    pooled = torch.einsum("gh,chw,kw->gkc", rows, inside, columns)
    return pooled.reshape(grid * grid, -1)


def box_statistics(seen: Seen, box: tuple[float, float, float, float]) -> Tensor:
    """Mean and deviation of every channel of one view's `patches` inside a box: (2 * TAPPED,).

    Args:
        seen: of one view, its maps without the first dimension.
        box: ``x1, y1, x2, y2`` in pixels of the view.
    """
    inside, rows, columns = _inside(seen.taps, box, 1)
    values = inside.flatten(1)  # (C, n)
    weight = torch.outer(rows[0], columns[0]).flatten()  # (n,), sums to 1
    mean = values @ weight
    variance = (values - mean[:, None]).square() @ weight
    deviation = torch.sqrt(variance * seen.scale.square() + 1e-4)
    return torch.cat([mean * seen.scale + seen.shift, deviation])


def _inside(
    values: Tensor, box: tuple[float, float, float, float], grid: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The part of a map (C, h, w) that a box touches, (C, h', w'), and how much of each of
    `grid` equal parts of the box lies on its rows, (grid, h'), and columns, (grid, w')."""
    x1, y1, x2, y2 = (side / PATCH for side in box)
    rows, down = _overlap(y1, y2, values.shape[1], grid)
    columns, across = _overlap(x1, x2, values.shape[2], grid)
    return values[:, down, across], rows.to(values), columns.to(values)
