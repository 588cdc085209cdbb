"""A photo with two distorted regions and a question of every kind, for tests about chat models."""

from dataclasses import replace

import numpy as np

from spider_cli.results import Distortion
from trainer.datasets.schema import Item
from trainer.regions import box_of, interior_point
from trainer.rows import QA, Span, Task, Text, truth_of
from trainer.truth import Applied, BoolMask, Region, Sample

__all__ = ["BLUR", "HAZE", "NOISE", "item", "row", "rows", "spanned"]

NOISE = Applied("noise", "noise_poisson", 4.5, "severe")
BLUR = Applied("blur", "blur_lens", 1.5, "mild")
HAZE = Applied("contrast weaken", "contrast_weaken_scale", 3.0, "moderate")
BOX = "[0.100, 0.100, 0.400, 0.400]"


def _mask(y: int, x: int) -> BoolMask:
    mask = np.zeros((120, 160), bool)
    mask[y : y + 40, x : x + 50] = True
    return mask


def _region(y: int, x: int, label: str, *distortions: Applied) -> Region:
    mask = _mask(y, x)
    return Region(mask, box_of(mask), interior_point(mask), distortions, label)


def item(*, labels: tuple[str, str] = ("the sky", "the red car")) -> Item:
    """Blur, then noise on the top left; weak contrast on the bottom right. Nine rows."""
    pixels = np.random.default_rng(1).integers(0, 256, (120, 160, 3), np.uint8)
    regions = (_region(10, 12, labels[0], BLUR, NOISE), _region(70, 100, labels[1], HAZE))
    sample = Sample(pixels, regions)
    found = Item("000007", "a/b.jpg", "a/b.jpg", "regions", sample, reference="r000001")
    return found.with_rows(rows(sample))


def rows(sample: Sample) -> tuple[QA, ...]:
    """One of every kind."""
    first, second = sample.regions
    both = f"The region on {{place}} shows {BLUR.severity} blur and severe noise."
    text = Text(sample).write(both, first)
    text.write("The region on {place} shows moderate contrast weakening.", second)
    text.write("The rest of the image is clean.")
    effects = (
        "This region shows mild blur, which softens the edges, and severe noise, which covers the "
        "surfaces with coloured specks."
    )
    asked = "Describe the quality of this region alone:"
    return (
        QA("describe", "Describe the quality of this image.", text.text,
           truth_of([BLUR, NOISE, HAZE]), spans=tuple(text.spans), subtask="regions"),
        QA("describe_region", f"{asked} {first.label}.", effects, truth_of([BLUR, NOISE]), 0,
           subtask="label"),
        QA("describe_region", "Describe the quality of the region on the bottom left.",
           "This region shows no visible distortion.", (), subtask="place"),
        QA("refer_short", f"Which distortions does the region {BOX} show? Answer briefly.",
           "mild blur, severe noise", truth_of([BLUR, NOISE]), 0, (16, 12, 64, 48), subtask="two"),
        QA("refer_long", f"Which distortions does the region {BOX} show, and what do they do?",
           effects, truth_of([BLUR, NOISE]), 0, (16, 12, 64, 48), subtask="two"),
        _grounded(sample, "ground_hyd", "most", "Which region is degraded the most?",
                  "The region on {place} shows the most severe degradation: mild blur and severe "
                  "noise.", 0, BLUR, NOISE),
        _grounded(sample, "ground_sid", "most", "Which region shows the most noise?",
                  "On {place} there is severe noise.", 0, NOISE),
        _grounded(sample, "ground_dao", "both",
                  "Which region was distorted by blur first and then by noise?",
                  "The region on {place} shows mild blur, then severe noise.", 0, BLUR, NOISE),
        QA("ground_sid", "Which region shows the most pixelation?", "No region shows pixelation.",
           (), subtask="most"),
    )  # fmt: skip


def _grounded(
    sample: Sample,
    task: Task,
    subtask: str,
    question: str,
    pattern: str,
    index: int,
    *shown: Applied,
) -> QA:
    region = sample.regions[index]
    text = Text(sample).write(pattern, region)
    found = QA(task, question, text.text, truth_of(shown), index, region.box, region.point)
    return replace(found, spans=tuple(text.spans), subtask=subtask)


def row(task: Task, subtask: str, *truth: Distortion) -> QA:
    """The first of these rows."""
    kinds = [one for one in item().rows if (one.task, one.subtask) == (task, subtask)]
    return next(one for one in kinds if not truth or one.truth == truth)


def spanned(qa: QA) -> list[tuple[str, float]]:
    """What the spans of an answer point at, with their values."""
    spans: tuple[Span, ...] = qa.spans
    assert all(qa.answer[span.start - 1] == " " for span in spans)
    return [(qa.answer[span.start : span.end], span.value) for span in spans]
