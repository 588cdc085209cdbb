"""A small fixed set of distorted photos, and what nano's figures on it must not fall below.

    python -m tests.regression      # after a new nano ships: measures it, writes regression.json

The photos are the untouched parts of those in docs/photos. Figures on so few say nothing about how
good a model is; they say that it is still as good as it was.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from spider_cli.auditor import Auditor
from trainer.annotate import Canvas, compose
from trainer.answers import questions_and_answers
from trainer.datasets.schema import Item
from trainer.distortions import TYPES, severity_of
from trainer.evaluate.asking import ModelSystem
from trainer.evaluate.benchmark import Benchmark, Opened
from trainer.evaluate.cases import cases_of
from trainer.evaluate.running import run
from trainer.evaluate.shared_segmenter import SharedSegmenter
from trainer.evaluate.tally import Tally, tally
from trainer.evaluate.values import SYSTEM
from trainer.regions import superpixel_regions
from trainer.truth import Applied, Pixels

BOUNDS = Path(__file__).with_name("regression.json")
PHOTOS = Path(__file__).parents[1] / "docs" / "photos"
CLEAN = {
    "rocket.jpg": ((0, 0, 360, 320), (280, 0, 640, 320), (140, 107, 500, 427)),
    "coffee.jpg": ((0, 0, 330, 400), (100, 0, 430, 205)),
    "chelsea.jpg": ((242, 0, 451, 300), (100, 182, 451, 300)),
}
"""Photo -> boxes of it in which nothing is wrong."""
COMPOSED, SCORED = 36, 24
"""Photos with distorted regions (or all over, or clean), and photos at one level each to score."""
ROWS = 5
SEED = 7
HELD = (
    "refer_short.accuracy",
    "refer_short.f1_micro",
    "refer_long.accuracy",
    "refer_long.f1_micro",
    "words.severity",
    "ground.miou_rows",
    "ground.words",
    "describe.f1_micro",
    "describe.position",
    "describe.clean",
    "describe.recall_grave",
    "describe.noticed",
    "describe_region.f1_micro",
    "score.srcc",
)
"""Figures that are held, where there is something to hold; higher is better for all."""
SLACK, CASES = 0.03, 2.5
"""A figure may fall by so much, or by what so many cases make: processors differ in last bits."""


def items() -> Iterator[Item]:
    """The set: the same photos and questions every time."""
    crops = list(_crops())
    for number in range(COMPOSED):
        source, pixels = crops[number % len(crops)]
        rng = np.random.default_rng([SEED, 1, number])
        masks = superpixel_regions(pixels, rng, 1 + number % 2)
        sample = compose(pixels, masks, rng, whole_share=0.2, clean_share=0.2, two_share=0.3)
        rows = questions_and_answers(sample, rng)
        # The description, and some of the others.
        chosen = sorted(rng.permutation(np.arange(1, len(rows)))[: ROWS - 1].tolist())
        kept = (rows[0], *(rows[i] for i in chosen))
        scene = "clean" if sample.clean else "whole" if sample.whole else "regions"
        yield Item(f"{number:03d}", source, f"{number:03d}", scene, sample, kept)
    families = list(TYPES)
    for number in range(SCORED):
        source, pixels = crops[number % len(crops)]
        family, level = families[(number // 2) % len(families)], (1.5, 4.5)[number % 2]
        kinds = TYPES[family]
        plan = Applied(family, kinds[number % len(kinds)], level, severity_of(level))
        canvas = Canvas(pixels, SEED + number)
        canvas.distort_whole((plan,))
        name = f"s{number:03d}"
        yield Item(name, source, name, "whole", canvas.sample(), mos=1 - level / 5)


def benchmark() -> Benchmark:
    """The set as `spider eval` takes it."""
    made = list(items())
    opened = {item.id: Opened(tuple(cases_of(item)), item) for item in made}
    cases = [case for one in opened.values() for case in one.cases]
    return Benchmark(
        "regression", "", "", cases, lambda wanted: (opened[i] for i in opened if i in wanted)
    )


def measure(model: str = "nano") -> Tally:
    """A model's figures on the set."""
    auditor = Auditor(model, device="cpu", batch_size=32)
    segmenter = SharedSegmenter(auditor.load_segmenter())
    found = benchmark()
    results = run(found, found.cases, ModelSystem(auditor, segmenter), segmenter=segmenter)
    failed = {one.outcome.reason for one in results if one.outcome.status == "failed"}
    if failed:
        raise RuntimeError(f"cases failed: {sorted(failed)}")
    return tally(results, rounds=10)


def figures(measured: Tally) -> dict[str, tuple[float, int]]:
    """Held figure -> its value and how many cases it is about."""
    rows = {row.name: row for row in measured.rows}
    return {name: (rows[name].values[SYSTEM].value, rows[name].cases) for name in HELD}


def write(path: Path = BOUNDS) -> None:
    """Measure the bundled nano, and write what it may not fall below."""
    found = figures(measure())
    told = {
        "made_by": "python -m tests.regression",
        "revision": Auditor("nano").revision,
        "figures": {
            name: {
                "value": round(value, 4),
                "cases": cases,
                "least": round(least, 4),
            }
            for name, (value, cases) in found.items()
            if (least := value - max(SLACK, CASES / cases)) > 0
        },
    }
    path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def _crops() -> Iterator[tuple[str, Pixels]]:
    for name, boxes in CLEAN.items():
        with Image.open(PHOTOS / name) as image:
            pixels = np.asarray(image.convert("RGB"))
        for x1, y1, x2, y2 in boxes:
            yield name, np.ascontiguousarray(pixels[y1:y2, x1:x2])


if __name__ == "__main__":
    write()
