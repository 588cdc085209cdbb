"""Encoded rows as one batch: tokens padded on the right, pixels in the family's own form."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from trainer.tuning.encode import IGNORED, Encoded, Soft

__all__ = ["Collator", "Notes", "notes_of", "targets_of"]


@dataclass(frozen=True, slots=True)
class Notes:
    """What is known of a batch besides its tensors."""

    ids: tuple[str, ...]
    """Of its rows."""
    tokens: int
    """Of all rows, without padding."""
    dropped: int
    """Rows that were too long, in whose place others came."""
    truncated: int
    """Rows whose answer was cut."""


@dataclass(frozen=True, slots=True)
class Collator:
    """Rows -> batch.

    A batch holds the model's inputs, (rows, longest) where they go with tokens; "labels", the same
    shape; "targets", see `targets_of`; "notes".
    """

    pad_id: int

    def __call__(self, rows: Sequence[Encoded]) -> dict[str, Any]:
        longest = max(len(row.labels) for row in rows)
        batch: dict[str, Any] = {}
        for name in rows[0].inputs:
            values = [row.inputs[name] for row in rows]
            if all(
                value.shape == row.inputs["input_ids"].shape for value, row in _pairs(rows, name)
            ):
                fill = self.pad_id if name == "input_ids" else 0
                batch[name] = torch.cat([_right(value, longest, fill) for value in values])
            else:
                # Attention over nothing at all is not a number (Phi's empty crops).
                batch[name] = _stacked(values, fill=int(name == "image_attention_mask"))
        batch["labels"] = torch.stack([_right(row.labels, longest, IGNORED) for row in rows])
        batch["targets"] = targets_of(rows)
        batch["notes"] = notes_of(rows)
        return batch


def notes_of(rows: Sequence[Encoded]) -> Notes:
    """What is known of a batch besides its tensors."""
    return Notes(
        ids=tuple(row.id for row in rows),
        tokens=sum(len(row.labels) for row in rows),
        dropped=sum(len(row.dropped) for row in rows),
        truncated=sum(row.cut > 0 for row in rows),
    )


def targets_of(rows: Sequence[Encoded]) -> dict[str, Any]:
    """The soft targets of a batch.

    Returns:
        Where there are any: "place_at" (N, 2) row and index of each positional word's token,
        "place_tokens" (N, 2) and "place_shares" (N, 2); "level_at" (M, 2), "level_tokens" (M, 5),
        "level_shares" (M, 5), "level_mean" (M,) the opinion, 1-5, "level_part" (M,) its data set;
        "fault_at" (F, 2) row and index of each token of words that name faults.
    """
    places = [(number, soft) for number, row in enumerate(rows) for soft in row.places]
    levels = [(number, row.level) for number, row in enumerate(rows) if row.level is not None]
    out: dict[str, Any] = {}
    for name, found in (("place", places), ("level", levels)):
        if found:
            out |= {f"{name}_{key}": value for key, value in _together(found).items()}
    faults = [(number, at) for number, row in enumerate(rows) for at in row.faults]
    if faults:
        out["fault_at"] = torch.tensor(faults)
    if levels:
        out["level_mean"] = torch.tensor([rows[number].mean for number, _ in levels])
        out["level_part"] = torch.tensor([rows[number].part for number, _ in levels])
    return out


def _together(found: Sequence[tuple[int, Soft]]) -> dict[str, Tensor]:
    return {
        "at": torch.tensor([(number, soft.at) for number, soft in found]),
        "tokens": torch.tensor([soft.tokens for _, soft in found]),
        "shares": torch.tensor([soft.shares for _, soft in found]),
    }


def _pairs(rows: Sequence[Encoded], name: str) -> list[tuple[Tensor, Encoded]]:
    return [(row.inputs[name], row) for row in rows]


def _right(value: Tensor, length: int, fill: int) -> Tensor:
    return F.pad(value, (0, length - value.shape[-1]), value=fill)


def _stacked(values: Sequence[Tensor], fill: int = 0) -> Tensor:
    """Along the first dimension; where others differ (numbers of tiles), `fill` fills them up."""
    shape = [max(sizes) for sizes in zip(*(value.shape[1:] for value in values), strict=True)]
    filled = []
    for value in values:
        pads: list[int] = []
        for size, wanted in zip(reversed(value.shape[1:]), reversed(shape), strict=True):
            pads += [0, wanted - size]
        filled.append(F.pad(value, pads, value=fill) if any(pads) else value)
    return torch.cat(filled)
