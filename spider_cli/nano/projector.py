"""What nano's encoder reads as token embeddings."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from spider_cli.nano.configuration import NanoConfig
from spider_cli.nano.vision import TAPPED
from spider_cli.vocabulary import FAMILIES, LEVELS, SEVERITIES

__all__ = ["KINDS", "READOUTS", "NanoProjector", "Readings"]

KINDS = {"overview": 0, "tile": 1, "region": 2, "region_tile": 3}
_FOURIER = 6
_READOUT_WIDTH = 192
_MOMENTS = 6
_EPSILON = 1e-6
_FAR = 15.0
"""What the middle of a reading at a photo's edge is told as: most lie far inside, and a language
model hears late of what is told softly (docs/training.md)."""
_PER_FAMILY = len(SEVERITIES) + 1
READOUTS = len(FAMILIES) * _PER_FAMILY
"""Per cell: each family at each severity, and whether it came last of two."""


@dataclass(frozen=True, slots=True)
class Readings:
    """Encoder output of one view or box, before projection: what language training may cache."""

    cells: Tensor
    """(N, vision_width): the fused map on the grid."""
    statistics: Tensor
    """(2 * TAPPED,)"""
    places: Tensor
    """(N + 1, 5): x1, y1, x2, y2 as fractions of the photo and log2 of the shrink; last row is the
    whole view's, for the statistics."""
    kind: int


class NanoProjector(nn.Module):
    """Readings -> token embeddings."""

    def __init__(self, config: NanoConfig) -> None:
        super().__init__()
        hidden = config.text_config.hidden_size
        self.count = config.statistics
        self.cells = nn.Sequential(
            nn.LayerNorm(config.vision_width),
            nn.Linear(config.vision_width, 2 * hidden),
            nn.GELU(),
            nn.Linear(2 * hidden, hidden),
        )
        # What the dense stage taught patches to tell, read again from each cell: a linear step
        # away, where the language model finds it soon.
        self.readout = nn.Sequential(
            nn.Linear(config.vision_width, _READOUT_WIDTH),
            nn.GELU(),
            nn.Linear(_READOUT_WIDTH, READOUTS),
            nn.Sigmoid(),
        )
        self.told = nn.Linear(READOUTS, hidden)
        self.pooled = config.pooled
        self.families = config.families
        if self.families:
            self.family = nn.Sequential(
                nn.Linear(_MOMENTS * _PER_FAMILY, hidden), nn.GELU(), nn.Linear(hidden, hidden)
            )
            self.family_name = nn.Embedding(len(FAMILIES), hidden)
            self.family_kind = nn.Embedding(len(KINDS), hidden)
            # One scale for all that a token carries: where it lies would drown in what it shows.
            self.cells_scale = nn.LayerNorm(hidden)
            self.statistics_scale = nn.LayerNorm(hidden)
        self.statistics_norm = nn.LayerNorm(2 * TAPPED)
        self.statistics_dropout = nn.Dropout(config.statistics_dropout)
        self.statistics = nn.Linear(2 * TAPPED, config.statistics * hidden)
        self.levels = _levels(config.levels_hidden) if config.levels else None
        self.told_levels = nn.Linear(len(LEVELS), hidden) if config.levels else None
        self.place = nn.Linear(4 * 2 * _FOURIER + 5, hidden)
        self.kind = nn.Embedding(2 * len(KINDS), hidden)

    def forward(self, readings: Readings) -> Tensor:
        """(cells + families + statistics, hidden)"""
        return self.many([readings])[0]

    def many(self, readings: Sequence[Readings]) -> Tensor:
        """Readings of one kind and size together: (M, cells + families + statistics, hidden)."""
        kind = readings[0].kind
        where = torch.stack([r.places for r in readings])  # (M, N + 1, 5)
        seen = torch.stack([r.cells for r in readings]).to(self.place.weight.dtype)
        told = self.readout(seen)
        families = []
        if self.families:
            own = self.family(_moments(told, where[:, :-1].to(told.dtype)))
            families = [own + self.family_name.weight + self.family_kind.weight[kind]]
        if self.pooled > 1 and kind == KINDS["overview"]:
            seen, told = _blocks(seen, self.pooled).mean(-2), _blocks(told, self.pooled).mean(-2)
            where = _block_places(where, self.pooled)
        place = self.place(_fourier(where).to(self.place.weight.dtype))  # (M, cells + 1, D)
        kinds = self.kind.weight[2 * kind : 2 * kind + 2]  # (2, D)
        cells = self.cells(seen)
        known = self._known(torch.stack([r.statistics for r in readings]).to(place.dtype))
        statistics = self.statistics(known).view(len(readings), self.count, -1)
        if self.families:
            cells, statistics = self.cells_scale(cells), self.statistics_scale(statistics)
        if self.levels is not None and self.told_levels is not None:
            statistics = statistics + self.told_levels(self.levels(known).softmax(-1))[:, None]
        tokens = [
            cells + self.told(told) + place[:, :-1] + kinds[0],
            *(one + place[:, -1:] for one in families),
            statistics + place[:, -1:] + kinds[1],
        ]
        return torch.cat(tokens, dim=1)

    def level_logits(self, statistics: Tensor) -> Tensor:
        """What statistics tell of the levels: (M, 2 * TAPPED) -> (M, 5), in the order of LEVELS.

        Raises:
            ValueError: they tell nothing of them (`NanoConfig.levels`).
        """
        if self.levels is None:
            raise ValueError("the statistics of this nano tell nothing of levels")
        told: Tensor = self.levels(self._known(statistics.to(self.place.weight.dtype)))
        return told

    def _known(self, statistics: Tensor) -> Tensor:
        known: Tensor = self.statistics_dropout(self.statistics_norm(statistics))
        return known


def _levels(hidden: int) -> nn.Module:
    if not hidden:
        return nn.Linear(2 * TAPPED, len(LEVELS))
    return nn.Sequential(nn.Linear(2 * TAPPED, hidden), nn.GELU(), nn.Linear(hidden, len(LEVELS)))


def _blocks(cells: Tensor, side: int) -> Tensor:
    """Cells of a square grid, (M, N, C), in blocks of side x side: (M, N / side^2, side^2, C)."""
    count, number, width = cells.shape
    blocks = math.isqrt(number) // side
    apart = cells.view(count, blocks, side, blocks, side, width).transpose(2, 3)
    return apart.reshape(count, blocks**2, side**2, width)


def _block_places(places: Tensor, side: int) -> Tensor:
    """(M, N + 1, 5) of cells -> of their blocks; the last row is the whole view's."""
    blocks = _blocks(places[:, :-1], side)
    low, high, shrink = blocks[..., :2].amin(-2), blocks[..., 2:4].amax(-2), blocks[..., 0, 4:]
    return torch.cat([torch.cat([low, high, shrink], dim=-1), places[:, -1:]], dim=1)


def _fourier(places: Tensor) -> Tensor:
    """(..., 5) -> (..., 4 * 2 * F + 5): sines and cosines of the four sides, then plain values."""
    scale = math.pi * 2.0 ** torch.arange(_FOURIER, device=places.device)
    turns = places[..., :4, None] * scale
    waves = torch.cat([turns.sin(), turns.cos()], dim=-1).flatten(-2)
    return torch.cat([waves, places], dim=-1)


def _moments(told: Tensor, places: Tensor) -> Tensor:
    """What cells tell, family by family: of each reading its mean, its peak, both again as how many
    doublings they are away from even, and how far right and down of the photo's middle it lies,
    which a reading that is nowhere leaves at 0.

    Attention would have to learn these sums; as values they are there from the first step.

    Args:
        told: (M, N, READOUTS), 0-1.
        places: (M, N, 5), of the cells.

    Returns:
        (M, 12, 6 * 4).
    """
    mean, peak = told.mean(dim=1), told.amax(dim=1)
    weight = told.square()  # the middle of what is seen clearly
    total = weight.sum(dim=1).clamp_min(_EPSILON)
    parts = [mean, peak, _doubt(mean), _doubt(peak)]
    for low, high in ((0, 2), (1, 3)):
        middle = places[..., low] + places[..., high] - 1  # (M, N), -1 to 1
        parts.append(_FAR * torch.einsum("mnr,mn->mr", weight, middle) / total * peak)
    moments = torch.stack(parts, dim=-1)  # (M, READOUTS, 6)
    steps = len(FAMILIES) * len(SEVERITIES)  # the order of two comes after these
    severities = moments[:, :steps].reshape(len(told), len(FAMILIES), -1)
    return torch.cat([severities, moments[:, steps:]], dim=-1)


def _doubt(share: Tensor) -> Tensor:
    """A share of 0-1 as its log-odds, about -1 to 1."""
    return torch.logit(share, eps=1e-3) / -math.log(1e-3)
