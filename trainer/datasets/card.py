"""The data set's card, README.md: what `datasets.load_dataset` reads, then what people read."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["data_card"]

_COLUMNS = """\
One row per photo. `image` is the photo as PNG, `regions` its distorted regions (each with a PNG
`mask`, `box` x1,y1,x2,y2 end-exclusive, `point` inside, `place` words, `distortions` in the order
applied), `whole` the distortions of the whole photo, `rows` its questions and answers. Every column
is explained in spider's `docs/dataset.md`. Check a copy with `spider data verify DIR`; look at it
with `spider data preview DIR`."""


def data_card(
    *,
    title: str,
    splits: Mapping[str, int],
    references: bool,
    made_by: str,
    origin: str,
    shares: Sequence[Mapping[str, Any]] = (),
    notes: Sequence[str] = (),
) -> str:
    """The card in Markdown, with the header that `datasets` reads.

    Args:
        splits: split -> photos, in order.
        references: there is a table of untouched photos.
        made_by: the command.
        origin: where photos and truth come from, a paragraph.
        shares: lines of `tally.shares_of`.
        notes: further paragraphs.
    """
    lines = ["---", "configs:", "- config_name: default", "  default: true", "  data_files:"]
    for split, count in splits.items():
        if count:
            lines += [f"  - split: {split}", f"    path: data/{split}-*.parquet"]
    if references:
        lines += [
            "- config_name: references",
            "  data_files:",
            "  - split: references",
            "    path: references/references-*.parquet",
        ]
    lines += ["task_categories:", "- visual-question-answering", "- image-segmentation"]
    lines += ["tags:", "- image-quality-assessment", "---", "", f"# {title}", ""]
    counted = ", ".join(f"{count:,} in {split}" for split, count in splits.items())
    lines += [origin, "", f"Photos: {counted}.", "", "```sh", made_by, "```", ""]
    lines += [
        "```python",
        "import datasets",
        "",
        'photos = datasets.load_dataset("DIR")',
    ]
    if references:
        lines += ['untouched = datasets.load_dataset("DIR", "references")']
    lines += ["```", "", _COLUMNS, ""]
    for note in notes:
        lines += [note, ""]
    if shares:
        lines += ["| what | name | count | asked | reached |", "| --- | --- | ---: | ---: | ---: |"]
        lines += [
            f"| {one['what']} | {one['name']} | {one['count']} | {one['asked']:.1%} | "
            f"{one['reached']:.1%} |"
            for one in shares
        ]
        lines += [""]
    return "\n".join(lines)
