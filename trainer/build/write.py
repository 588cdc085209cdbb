"""The last stages: regions named, questions chosen and reworded, rows handed to the shards."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from trainer.build.choose import RowChooser, subtask_shares
from trainer.build.config import BuildConfig
from trainer.build.plan import PhotoPlan
from trainer.build.realise import candidate_rows
from trainer.build.staging import Staging
from trainer.build.tally import Tally
from trainer.datasets.rowbytes import pack_row, unpack_row
from trainer.datasets.schema import Item, decode_png, from_row, row_id, to_row

if TYPE_CHECKING:
    from trainer.labeller import Labeller
    from trainer.rewrite import Reject

__all__ = ["Progress", "Rewriter", "RowWriter", "label_regions"]

Progress = Callable[[str, int, int], None]
"""Told of every finished task: stage, done, total."""


class Rewriter(Protocol):
    """Puts an item's answers into other words; see trainer.rewrite."""

    name: str

    def rewrite(self, item: Item) -> tuple[Item, "list[Reject]"]:
        """The item with what could be rewritten, and what was rejected."""


def label_regions(
    staging: Staging,
    labeller: "Labeller",
    config: BuildConfig,
    indices: Sequence[int],
    progress: Progress,
) -> None:
    """Ask the labeller about every region without a label, and draw the questions anew."""
    done = staging.done("labels")
    for count, index in enumerate(indices, 1):
        data = staging.data("photos", index)
        if index in done or not data:
            continue
        item = from_row(unpack_row(data))
        labelled = _labelled(item, staging, labeller)
        rows = candidate_rows(labelled.sample, [config.seed, index, 1])
        staging.put("labels", index, {}, pack_row(to_row(labelled.with_rows(rows))))
        progress("labels", count, len(indices))


def _labelled(item: Item, staging: Staging, labeller: "Labeller") -> Item:
    """The item with labels from its untouched photo."""
    if not item.sample.regions:
        return item
    data = staging.data("references", int(item.reference[1:]))
    assert data is not None, item.reference
    reference = decode_png(data)
    regions = tuple(
        region if region.label else replace(region, label=labeller.label(reference, region.mask))
        for region in item.sample.regions
    )
    return replace(item, sample=replace(item.sample, regions=regions))


class RowWriter:
    """Turns staged photos into the data set's rows: questions chosen, numbered, reworded."""

    def __init__(
        self,
        staging: Staging,
        config: BuildConfig,
        plans: Sequence[PhotoPlan],
        tally: Tally,
        rewriter: Rewriter | None,
        progress: Progress,
    ) -> None:
        self.staging = staging
        self.config = config
        self.plans = plans
        self.tally = tally
        self.rewriter = rewriter
        self.progress = progress
        self.rejects: list[dict[str, Any]] = []
        self.shares = subtask_shares(config, labels=self._labelled())
        self.count = 0

    def _labelled(self) -> bool:
        """Most regions have labels."""
        if self.staging.done("labels"):
            return True
        some = [plan for plan in self.plans if plan.scene == "regions"][:25]
        found = 0
        for plan in some:
            data = self.staging.data("photos", plan.index)
            if data:
                regions = unpack_row(data)["regions"]
                found += bool(regions) and all(region["label"] for region in regions)
        return found > len(some) / 2

    def rows(self, split: str) -> Iterator[dict[str, Any]]:
        """The split's rows in order."""
        rng = np.random.default_rng([self.config.seed, 41])
        chooser = RowChooser(self.shares, self.config.rows, rng)
        for plan in self.plans:
            if plan.split != split:
                continue
            self.count += 1
            data = self.staging.data("labels", plan.index)
            data = data or self.staging.data("photos", plan.index)
            if not data:
                continue
            row = unpack_row(data)
            chosen = [row["rows"][number] for number in chooser.choose(row["rows"])]
            row["rows"] = [qa | {"id": row_id(row["id"], i)} for i, qa in enumerate(chosen)]
            if self.rewriter is not None:
                row = self._reworded(plan.index, row)
            self.tally.add(split, row)
            yield row
            self.progress("writing", self.count, len(self.plans))

    def _reworded(self, index: int, row: dict[str, Any]) -> dict[str, Any]:
        assert self.rewriter is not None
        kept = self.staging.data("rewritten", index)
        if kept is None:
            item, rejects = self.rewriter.rewrite(from_row(row))
            image = row["image"]["bytes"]
            kept = pack_row(to_row(item, image=image))
            note = [asdict(reject) for reject in rejects]
            self.staging.put("rewritten", index, note, kept)
        else:
            note = self.staging.note("rewritten", index)
        self.rejects += note
        return unpack_row(kept)
