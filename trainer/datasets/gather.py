"""Entries of the same photo put together: what becomes one photo of our data set."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from spider_cli.errors import UsageError
from trainer.datasets.entries import Entry
from trainer.rows import QA

__all__ = ["Gathered", "gather"]

_SAME_SCORE = 1e-6


@dataclass(slots=True)
class Gathered:
    """What entries come to."""

    photos: list[Entry] = field(default_factory=list)
    """One entry for each photo and truth, in the order of first mention."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Reason -> entries that have no place in our data set."""
    notes: Counter[str] = field(default_factory=Counter)
    """What of kept entries is not kept -> how many entries."""
    entries: int = 0


def gather(entries: Iterable[Entry], bad: Callable[[UsageError], None] | None = None) -> Gathered:
    """Put together what is said of one photo.

    Questions, scores and what was done to the whole photo come together; two records that mark its
    regions stay apart, as what two people saw.

    Args:
        entries: as a reader gives them.
        bad: told of entries that contradict others, which are then left out; None: raise.

    Raises:
        UsageError: two records contradict each other, or put a photo into two splits.
    """
    out = Gathered()
    plain: dict[str, Entry] = {}
    marked: list[Entry] = []
    splits: dict[str, Entry] = {}
    for entry in entries:
        out.entries += 1
        out.notes.update(entry.notes)
        if entry.pair:
            out.left_out["compares photos; ours are questions about one"] += 1
            continue
        if entry.repeat > 1:
            out.notes["repeats that a mixing list asks for"] += 1
        try:
            first = splits.setdefault(entry.photo, entry)
            if not first.split and entry.split:
                splits[entry.photo] = entry
            elif entry.split and first.split != entry.split:
                raise entry.where.error(
                    "split",
                    f"{entry.photo} is in {entry.split}, and in {first.split} by {first.where}",
                    code="two_splits",
                )
            if entry.regions:
                marked.append(entry)
            elif entry.photo in plain:
                plain[entry.photo] = _together(plain[entry.photo], entry)
            else:
                plain[entry.photo] = entry
        except UsageError as error:
            if bad is None:
                raise
            bad(error)
    for entry in marked:
        other = plain.get(entry.photo)
        if other is not None and not other.whole and not other.clean:
            # Before the region's own rows, whose region numbers stay as they are.
            del plain[entry.photo]
            entry = replace(
                _together(other, entry),
                id=entry.id,
                where=entry.where,
                regions=entry.regions,
                size=entry.size,
            )
        out.photos.append(entry)
    for entry in plain.values():
        if entry.rows or entry.whole or entry.clean or entry.mos is not None:
            out.photos.append(entry)
        else:
            out.left_out["says nothing that ours could hold"] += 1
    order = {photo: number for number, photo in enumerate(splits)}
    out.photos = [
        replace(entry, split=splits[entry.photo].split)
        for entry in sorted(out.photos, key=lambda entry: order[entry.photo])
    ]
    return out


def _together(one: Entry, two: Entry) -> Entry:
    """Two entries of one photo as one, at the first one's place."""
    both = (two.whole or two.clean) and (one.whole or one.clean)
    if both and (one.whole, one.clean) != (two.whole, two.clean):
        raise two.where.error(
                "", f"says {_said(two)} of {two.photo}, {one.where} says {_said(one)}",
                code="contradiction",
            )  # fmt: skip
    if one.mos is not None and two.mos is not None and abs(one.mos - two.mos) > _SAME_SCORE:
        raise two.where.error(
            "", f"scores {two.photo} {two.mos:.4f} of 1, {one.where} {one.mos:.4f}",
            code="contradiction",
        )  # fmt: skip
    rows: dict[QA, None] = dict.fromkeys((*one.rows, *two.rows))
    return replace(
        one,
        rows=tuple(rows),
        whole=one.whole or two.whole,
        clean=one.clean or two.clean,
        mos=two.mos if one.mos is None else one.mos,
        mos_std=two.mos_std if one.mos_std is None else one.mos_std,
        scale=one.scale or two.scale,
        level_probs=one.level_probs or two.level_probs,
        group=one.group or two.group,
    )


def _said(entry: Entry) -> str:
    if entry.clean:
        return "that nothing was done"
    return " and ".join(f"{one.kind or one.noun} at {one.level:g}" for one in entry.whole)
