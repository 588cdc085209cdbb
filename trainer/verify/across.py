"""What only shows between photos: ids given twice, photos in two splits."""

from dataclasses import dataclass, field

from trainer.splits import DISTANCE, look_alikes
from trainer.verify.findings import Finding, Reporter, shown
from trainer.verify.photo import Facts

__all__ = ["Across"]

_SURELY_ALIKE = DISTANCE - 4
"""Bits of 64. Splits were made by hashes of the photos given, these are of shrunken ones: some bits
fall otherwise, but not that many."""


@dataclass
class Across:
    """Takes what is known of one photo after the other.

    Args:
        found: where findings go.
    """

    found: list[Finding]
    ids: dict[str, str] = field(default_factory=dict)
    row_ids: set[str] = field(default_factory=set)
    splits: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """What is shared ("source", its name) -> the split it was first seen in, and in which photo."""
    groups: dict[str, tuple[str, str]] = field(default_factory=dict)
    references: dict[str, Facts] = field(default_factory=dict)
    used: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    """Reference -> split -> file and photo that use it first."""

    def reference(self, facts: Facts) -> None:
        """Take one untouched photo."""
        self._unique(facts, "reference")
        self.references.setdefault(facts.id, facts)

    def photo(self, facts: Facts) -> None:
        """Take one photo."""
        fresh = self._unique(facts, "photo")
        report = Reporter(self.found, facts.file, facts.id)
        for name in facts.rows if fresh else ():
            if name in self.row_ids:
                report.at(row=name).say("id", "duplicate_id", "stands twice in the set")
            self.row_ids.add(name)
        split = split_of(facts.file)
        for what, name in (
            ("source", facts.source),
            ("group", facts.group),
            ("image", facts.digest),
        ):
            first, photo = self.splits.setdefault((what, name), (split, facts.id))
            if name and first != split:
                said = "has the very pixels" if what == "image" else f"is {shown(name)}, as is that"
                report.say(
                    what,
                    "two_splits",
                    f"{said} of photo {photo} in split {first}: one photo in two splits",
                )
                break  # what follows from it needs no words of its own
        else:
            self._same_group(facts, report)
        if facts.reference:
            self.used.setdefault(facts.reference, {}).setdefault(split, (facts.file, facts.id))

    def _same_group(self, facts: Facts, report: Reporter) -> None:
        if not facts.source or not facts.group:
            return
        group, photo = self.groups.setdefault(facts.source, (facts.group, facts.id))
        if group != facts.group:
            report.say(
                "group",
                "wrong_group",
                f"is {shown(facts.group)}, but photo {photo} of the same source has {shown(group)}",
            )

    def finish(self) -> None:
        """Look for look-alikes in two splits, once all photos are known."""
        hashed = [(name, one) for name, one in self.references.items() if one.alike >= 0]
        groups = look_alikes([one.alike for _, one in hashed], _SURELY_ALIKE)
        first: dict[int, tuple[str, str, str]] = {}
        for (name, facts), group in zip(hashed, groups, strict=True):
            for split, (file, photo) in self.used.get(name, {}).items():
                before = first.setdefault(int(group), (split, photo, facts.source))
                if before[0] != split and before[2] != facts.source:
                    Reporter(self.found, file, photo).say(
                        "reference",
                        "two_splits",
                        f"{shown(facts.source)} looks like {shown(before[2])}, of which photo "
                        f"{before[1]} in split {before[0]} is made: look-alikes in two splits",
                    )

    def _unique(self, facts: Facts, kind: str) -> bool:
        """Nothing had this id before."""
        if not facts.id:
            return True
        key = f"{kind} {facts.id}"
        fresh = key not in self.ids
        if not fresh:
            Reporter(self.found, facts.file, facts.id).say(
                "id", "duplicate_id", f"stands twice in the set, first in {self.ids[key]}"
            )
        self.ids.setdefault(key, facts.file)
        return fresh


def split_of(file: str) -> str:
    """Split of a shard: "data/train-00000.parquet" is of train."""
    return file.rpartition("/")[2].rpartition("-")[0]
