"""Packed photos as one batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from trainer.tuning.collate import notes_of, targets_of
from trainer.tuning.encode import IGNORED
from trainer.tuning.nano.encode import PackedPhoto

__all__ = ["PhotoCollator"]

_PHOTO = 100.0
"""As many tokens a photo's patches count, whatever is asked about it."""


@dataclass(frozen=True, slots=True)
class PhotoCollator:
    """Photos -> batch.

    A batch holds "input_ids" and "position_ids" (photos, longest), "attention_mask" (photos, 1,
    longest, longest) bool: who sees whom; "sights", "patches": what `NanoForConditionalGeneration`
    takes; "labels", "targets" and "notes" as `trainer.tuning.collate.Collator`, with "patches" (the
    views' targets) and "patch_tokens" (how many tokens each counts) among the targets; "levels":
    the overviews whose levels are known, and "view_levels" (views, 5) among the targets.
    """

    pad_id: int
    rates: bool = False
    """Are the overviews' levels taught?"""

    def __call__(self, photos: Sequence[PackedPhoto]) -> dict[str, Any]:
        longest = max(len(photo.labels) for photo in photos)

        def right(name: str, fill: int) -> Tensor:
            rows = [photo.inputs[name] for photo in photos]
            return torch.cat([F.pad(row, (0, longest - row.shape[1]), value=fill) for row in rows])

        turns = right("turns", -1)
        causal = torch.ones(longest, longest, dtype=torch.bool).tril()
        own = turns[:, None, :] == turns[:, :, None]  # (photos, asking, asked)
        sees = (own | (turns[:, None, :] == 0)) & causal
        labels = [
            F.pad(photo.labels, (0, longest - len(photo.labels)), value=IGNORED) for photo in photos
        ]
        batch: dict[str, Any] = {
            "input_ids": right("input_ids", self.pad_id),
            "position_ids": right("position_ids", 0),
            "attention_mask": sees[:, None],
            "sights": [photo.sight for photo in photos],
            "labels": torch.stack(labels),
            "targets": targets_of(photos),
            "notes": notes_of(photos),
        }
        numbers, targets, tokens, start = [], [], [], 0
        rated = []
        for photo in photos:
            for number, target in photo.patches:
                numbers.append(start + number)
                targets.append(target)
                tokens.append(_PHOTO / len(photo.patches))
            if photo.rated:
                rated.append((start, photo.rated))
            start += 0 if photo.sight is None else len(photo.sight.views)
        batch["patches"] = numbers
        if targets:
            batch["targets"] |= {"patches": targets, "patch_tokens": torch.tensor(tokens)}
        if rated and self.rates:
            batch["levels"] = [number for number, _ in rated]
            batch["targets"]["view_levels"] = torch.tensor([shares for _, shares in rated])
        return batch
