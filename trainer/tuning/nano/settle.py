"""nano's statistics of whole views at one scale, before they teach anything."""

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from spider_cli.nano.modeling import NanoForConditionalGeneration
    from spider_cli.nano.projector import NanoProjector
    from trainer.tuning.photo_rows import TrainingPhotos

__all__ = ["settle"]

_TRIES = 8
"""Photos looked through for each that is wanted: few may have a score."""
_FEWEST = 2
_LEAST = 0.01
"""Deviation of a statistic that hardly varies: its noise is not blown up."""


def settle(model: "NanoForConditionalGeneration", rows: "TrainingPhotos", count: int) -> int:
    """Bring each statistic to mean 0 and deviation 1 over the run's first photos with a score.

    What reads them is changed along, so that the model gives the same as before; it only learns
    from all of them alike then. As they come some vary thirty times as much as others.

    Args:
        rows: the run's, with `Losses.dense_levels` or `Losses.soft_levels`.
        count: photos to look at.

    Returns:
        How many there were; 0, and nothing is changed, where they are too few to tell a deviation.
    """
    with torch.no_grad():
        seen = list(itertools.islice(_statistics(model, rows, count * _TRIES), count))
        if len(seen) < _FEWEST:
            return 0
        _rescale(model.projector, torch.stack(seen))
    return len(seen)


def _statistics(
    model: "NanoForConditionalGeneration", rows: "TrainingPhotos", tries: int
) -> Iterator[Tensor]:
    """Of the overviews of photos with a score: (2 * TAPPED,) each."""
    for number in range(min(tries, len(rows))):
        photo = rows[number]
        if photo.rated and photo.sight is not None:
            (glimpse,) = model.look(photo.sight.views[:1])
            yield model.read_view(glimpse).statistics


def _rescale(projector: "NanoProjector", statistics: Tensor) -> None:
    """To what the statistics, (photos, 2 * TAPPED), show."""
    norm = projector.statistics_norm
    readers = [projector.statistics]
    levels = projector.levels
    if levels is not None:
        first = levels[0] if isinstance(levels, nn.Sequential) else levels
        assert isinstance(first, nn.Linear)
        readers.append(first)
    plain = F.layer_norm(statistics, list(norm.normalized_shape), eps=norm.eps)
    deviation, mean = torch.std_mean(plain, dim=0)
    deviation = deviation.clamp_min(_LEAST)
    # Before: weight * plain + bias. After: (plain - mean) / deviation.
    slope, offset = norm.weight * deviation, norm.weight * mean + norm.bias
    for reader in readers:
        reader.bias.add_(reader.weight @ offset)
        reader.weight.mul_(slope)
    norm.weight.copy_(1 / deviation)
    norm.bias.copy_(-mean / deviation)
