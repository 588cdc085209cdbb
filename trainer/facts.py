"""What is true of a photo, told to a chat model."""

from collections.abc import Sequence

from spider_cli.vocabulary import NOUNS
from trainer.datasets.schema import Item
from trainer.regions import position_words
from trainer.rows import QA
from trainer.truth import Applied

__all__ = ["facts_of", "place_of", "truth_in_words"]


def facts_of(item: Item) -> str:
    """Line by line, what is wrong with the photo, and where; "" where nobody knows."""
    sample = item.sample
    if sample.clean:
        known = sample.complete and item.scene != "unknown"
        return "Nothing is wrong with the photo." if known else ""
    if sample.whole:
        ordered = all(one.kind for one in sample.whole)
        return f"The whole photo shows {_listed(sample.whole, ordered=ordered)}."
    lines = []
    for index, region in enumerate(sample.regions):
        name = f" ({region.label})" if region.label else ""
        shown = _listed(region.distortions, ordered=region.ordered)
        lines.append(f"Region {index + 1}{name}, on the {place_of(item, index)}: {shown}.")
    if sample.complete:
        lines.append("Nothing else is wrong with the photo.")
    return "\n".join(lines)


def place_of(item: Item, index: int) -> str:
    """Positional words of a region: "top left"."""
    height, width = item.sample.pixels.shape[:2]
    return " ".join(position_words(item.sample.regions[index].box, width, height))


def truth_in_words(row: QA) -> str:
    """What an answer to the row must name: "severe noise, mild blur"; "no distortion"."""
    words = [f"{one.severity} {NOUNS[one.family]}" for one in row.truth]
    return ", ".join([*words, *row.other]) or "no distortion"


def _listed(applied: Sequence[Applied], *, ordered: bool) -> str:
    words = [one.noun if one.other else f"{one.severity} {one.noun}" for one in applied]
    return (", then " if ordered else " and ").join(words)
