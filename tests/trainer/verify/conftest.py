"""A small data set made by hand, with every scene and task; and means to spoil it."""

import contextlib
import io
import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from skimage import data

from spider_cli.questions import (
    box_phrase,
    describe_question,
    describe_region_question,
    ground_question,
    refer_question,
)
from spider_cli.results import Box
from trainer.annotate import Canvas
from trainer.commands.data.verify import verify
from trainer.datasets.card import data_card
from trainer.datasets.scales import score_row
from trainer.datasets.schema import Item, encode_png, to_row
from trainer.datasets.store import CHECKSUMS, sha256_of, write_data
from trainer.distortions import AUTHENTIC, severity_of
from trainer.regions import box_of, interior_point
from trainer.rows import QA, Text, truth_of
from trainer.truth import Applied, Pixels, Region, Sample

WIDTH, HEIGHT = 160, 128
TRAIN, TEST = "data/train-00000.parquet", "data/test-00000.parquet"

TOP_LEFT, BOTTOM_RIGHT, TOP_RIGHT = (8, 8, 72, 60), (92, 70, 150, 120), (92, 6, 150, 52)


def fault(kind: str, level: float) -> Applied:
    """A distortion by its type: "blur_gaussian" is of family blur."""
    family, other = AUTHENTIC.get(kind, (kind.split("_")[0], ""))
    if kind.startswith(("contrast", "saturate")):
        family = " ".join(kind.split("_")[:2])
    return Applied(family, kind, level, severity_of(level), other)


def words(applied: Iterable[Applied], joint: str = " and ") -> str:
    return joint.join(f"{one.severity} {one.noun}" for one in applied)


def photo(name: str) -> Pixels:
    whole = {
        "coffee": data.coffee,
        "cat": data.chelsea,
        "woman": data.astronaut,
        "rocket": data.rocket,
    }[name]()
    return np.ascontiguousarray(cv2.resize(whole, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))


def ellipse(box: Box) -> Any:
    x1, y1, x2, y2 = box
    canvas = np.zeros((HEIGHT, WIDTH), np.uint8)
    middle, half = ((x1 + x2) // 2, (y1 + y2) // 2), ((x2 - x1) // 2, (y2 - y1) // 2)
    cv2.ellipse(canvas, middle, half, 0, 0, 360, 1, -1)
    return canvas.astype(bool)


def rectangle(box: Box) -> Any:
    canvas = np.zeros((HEIGHT, WIDTH), bool)
    canvas[box[1] : box[3], box[0] : box[2]] = True
    return canvas


# --- rows ---------------------------------------------------------------------------------------


def describe(sample: Sample) -> QA:
    text = Text(sample)
    regions = sorted(sample.regions, key=lambda region: -region.total)
    for region in regions:
        text.write(f"The region on {{place}} shows {words(region.distortions)}.", region)
    if sample.whole:
        text.write(f"The whole image shows {words(sample.whole)}.")
    if sample.clean:
        text.write("The image shows no visible distortion.")
    applied = [*sample.whole, *(a for region in regions for a in region.distortions)]
    return qa(
        "describe",
        "regions" if regions else "whole" if sample.whole else "clean",
        describe_question(),
        text.text,
        applied,
        spans=tuple(text.spans),
    )


def qa(
    task: Any,
    subtask: str,
    question: str,
    answer: str,
    shown: Iterable[Applied] = (),
    **more: Any,
) -> QA:
    listed = tuple(shown)
    return QA(
        task,
        question,
        answer,
        truth_of([one for one in listed if one.family]),
        subtask=subtask,
        other=tuple(one.other for one in listed if one.other),
        **more,
    )


def about(sample: Sample, index: int, place: str) -> list[QA]:
    """The rows about one region that its place or box asks for."""
    region = sample.regions[index]
    shown = region.distortions
    phrase = box_phrase(region.box, WIDTH, HEIGHT)
    many = "one" if len(shown) == 1 else "two"
    text = f"This region shows {words(shown)}."
    rows = [
        qa("describe_region", "place", describe_region_question(place), text, shown, region=index),
        qa(
            "describe_region",
            "box",
            describe_region_question(phrase),
            text,
            shown,
            region=index,
            box=region.box,
        ),
        qa(
            "refer_short",
            many,
            refer_question(phrase, long=False),
            words(shown, ", "),
            shown,
            region=index,
            box=region.box,
        ),
        qa(
            "refer_long",
            many,
            refer_question(phrase, long=True),
            text,
            shown,
            region=index,
            box=region.box,
        ),
    ]
    if region.label:
        question = f"Describe the quality of {region.label}."
        rows.append(qa("describe_region", "label", question, text, shown, region=index))
    return rows


def grounded(sample: Sample, index: int, task: str, subtask: str, question: str, shown: Any) -> QA:
    region = sample.regions[index]
    text = Text(sample).write(f"The region on {{place}} shows {words(shown, ', then ')}.", region)
    return qa(
        task,
        subtask,
        question,
        text.text,
        shown,
        region=index,
        box=region.box,
        point=region.point,
        spans=tuple(text.spans),
    )


def nowhere(task: str, subtask: str, question: str, what: str) -> QA:
    return qa(task, subtask, question, f"No region shows {what}.")


# --- photos -------------------------------------------------------------------------------------


def two_regions(seed: int) -> Item:
    """Blur, then noise on the top left; milder noise on the bottom right."""
    canvas = Canvas(photo("coffee"), seed)
    assert canvas.distort_region(
        ellipse(TOP_LEFT), (fault("blur_gaussian", 4.5), fault("noise_gaussian_rgb", 4.0)), 0.0
    )
    soft = fault("noise_speckle", 2.0)
    assert canvas.distort_region(rectangle(BOTTOM_RIGHT), (soft,), 3.0, "the saucer")
    sample = canvas.sample()
    both = sample.regions[0].distortions
    rows = [
        describe(sample),
        *about(sample, 0, "top left"),
        *about(sample, 1, "bottom right"),
        grounded(sample, 0, "ground_hyd", "most", ground_question(extreme="most"), both),
        grounded(sample, 1, "ground_hyd", "least", ground_question(extreme="least"), (soft,)),
        grounded(
            sample,
            0,
            "ground_sid",
            "most",
            ground_question(extreme="most", family="noise"),
            both[1:],
        ),
        grounded(
            sample,
            1,
            "ground_sid",
            "least",
            ground_question(extreme="least", family="noise"),
            (soft,),
        ),
        grounded(sample, 0, "ground_dao", "both", ground_question(order=("blur", "noise")), both),
        grounded(sample, 0, "ground_dao", "first", ground_question(first="blur"), both),
        nowhere(
            "ground_sid", "most", ground_question(extreme="most", family="darken"), "darkening"
        ),
        nowhere(
            "ground_dao",
            "both",
            ground_question(order=("pixelate", "noise")),
            "pixelation, then noise",
        ),
    ]
    clean = (8, 80, 72, 120)
    rows.append(
        qa(
            "refer_short",
            "clean",
            refer_question(box_phrase(clean, WIDTH, HEIGHT), long=False),
            "no visible distortion",
            box=clean,
        )
    )
    rows.append(
        qa(
            "describe_region",
            "place",
            describe_region_question("bottom left"),
            "This region shows no visible distortion.",
        )
    )
    return item(0, "table/coffee.png", "regions", sample, rows, seed)


def all_over(seed: int) -> Item:
    canvas = Canvas(photo("cat"), seed)
    plan = (fault("contrast_weaken_scale", 3.0), fault("noise_gaussian_rgb", 3.0))
    assert canvas.distort_whole(plan)
    sample = canvas.sample()
    told = f"The whole image shows {words(plan, ', then ')}."
    box = (20, 20, 100, 100)
    phrase = box_phrase(box, WIDTH, HEIGHT)
    rows = [
        describe(sample),
        qa("ground_hyd", "most", ground_question(extreme="most"), told, plan),
        qa(
            "ground_sid",
            "most",
            ground_question(extreme="most", family="noise"),
            f"The whole image shows {words(plan[1:])}.",
            plan[1:],
        ),
        qa("ground_dao", "last", ground_question(last="noise"), told, plan),
        qa("refer_short", "two", refer_question(phrase, long=False), words(plan), plan, box=box),
    ]
    return item(1, "animals/cat.png", "whole", sample, rows, seed)


def untouched() -> Item:
    sample = Sample(photo("coffee"))
    rows = [
        describe(sample),
        nowhere("ground_hyd", "most", ground_question(extreme="most"), "visible distortion"),
    ]
    return item(2, "table/coffee.png", "clean", sample, rows, 0)


def one_region(seed: int) -> Item:
    canvas = Canvas(photo("cat"), seed)
    plan = (fault("compression_jpeg", 5.0),)
    assert canvas.distort_region(ellipse(TOP_LEFT), plan, 0.0)
    sample = canvas.sample()
    rows = [describe(sample), *about(sample, 0, "top left")]
    return item(3, "animals/cat.png", "regions", sample, rows, seed)


def three_regions(seed: int) -> Item:
    canvas = Canvas(photo("rocket"), seed)
    assert canvas.distort_region(rectangle(TOP_RIGHT), (fault("blur_motion", 4.0),), 0.0)
    assert canvas.distort_region(rectangle(BOTTOM_RIGHT), (fault("blur_lens", 1.8),), 0.0)
    assert canvas.distort_region(ellipse(TOP_LEFT), (fault("brighten_gamma_rgb", 3.0),), 0.0)
    sample = canvas.sample()
    plan = sample.regions[0].distortions
    question = ground_question(extreme="most", family="blur")
    rows = [
        describe(sample),
        *about(sample, 0, "top right"),
        grounded(sample, 0, "ground_sid", "most", question, plan),
        grounded(sample, 0, "ground_hyd", "most", ground_question(extreme="most"), plan),
    ]
    return item(4, "sky/rocket.png", "regions", sample, rows, seed)


def as_taken() -> Item:
    """Marked by people: no types, no reference, no order."""
    mask = ellipse(TOP_LEFT)
    marked = (Applied("blur", "", 3.0, "moderate"), Applied("", "", 2.0, "mild", "lens flare"))
    region = Region(mask, box_of(mask), interior_point(mask), marked, "the sky", ordered=False)
    sample = Sample(photo("woman"), (region,))
    rows = [describe(sample), *about(sample, 0, "top left")]
    return item(5, "people/woman.png", "authentic", sample, rows, 0, mos=0.61, mos_std=0.1)


def from_outside() -> Item:
    sample = Sample(np.ascontiguousarray(photo("woman")[:, ::-1]))
    rows = [
        score_row(0.9),
        qa("choice", "letters", "Is it sharp?", "B", options=("no", "yes"), correct=1),
        qa("chat", "free", "What do you think {of it}?", "I like it."),
    ]
    return item(6, "people/mirrored.png", "unknown", sample, rows, 0, mos=0.9)


REFERENCES = {
    "table/coffee.png": "r000000",
    "animals/cat.png": "r000001",
    "sky/rocket.png": "r000002",
}


def item(
    number: int, source: str, scene: Any, sample: Sample, rows: list[QA], seed: int, **more: Any
) -> Item:
    reference = REFERENCES.get(source, "")
    return Item(
        f"{number:06d}", source, source, scene, sample, tuple(rows), reference, seed, **more
    )


def write_set(folder: Path) -> None:
    train = [two_regions(11), all_over(12), untouched(), one_region(13)]
    test = [three_regions(14), as_taken(), from_outside()]
    names = {source: source.split("/")[1].removesuffix(".png") for source in REFERENCES}
    card = data_card(
        title="By hand",
        splits={"train": len(train), "test": len(test)},
        references=True,
        made_by="a test",
        origin="From sample photos.",
    )
    everything = [*train, *test]
    scenes = [one.scene for one in everything]
    config = {
        "photos": {"train": len(train), "test": len(test)},
        "questions": sum(len(one.rows) for one in everything),
        "scenes": {scene: scenes.count(scene) for scene in sorted(set(scenes))},
    }
    write_data(
        folder,
        {"train": map(to_row, train), "test": map(to_row, test)},
        references=[
            {"id": name, "image": {"bytes": encode_png(photo(names[source]))}, "source": source}
            for source, name in REFERENCES.items()
        ],
        rejects=[{"photo": "broken.jpg", "code": "unreadable", "reason": "cut"}],
        finish=lambda: (config, card),
    )


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set as it was written; not to be changed."""
    folder: Path = tmp_path_factory.mktemp("data") / "set"
    write_set(folder)
    return folder


class Spoiled:
    """A copy of the data set to break.

    Args:
        folder: the copy.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def edit(self, file: str, change: Callable[[list[dict[str, Any]]], object]) -> None:
        """Change the rows of a shard in Python, and set its checksum right again."""
        path = self.folder / file
        with pq.ParquetFile(path) as opened:
            table = opened.read()
        rows = table.to_pylist()
        change(rows)
        changed = pa.Table.from_pylist(rows, schema=table.schema)
        pq.write_table(changed, path, row_group_size=25, compression="zstd")
        self.sum_up(file)

    def sum_up(self, file: str) -> None:
        """Write the file's true checksum down."""
        sums = self.folder / CHECKSUMS
        values = json.loads(sums.read_text(encoding="utf-8"))
        path = self.folder / file
        if path.exists():
            values["files"][file] = {"sha256": sha256_of(path), "size": path.stat().st_size}
        else:
            del values["files"][file]
        sums.write_text(json.dumps(values), encoding="utf-8")


@pytest.fixture
def spoiled(pristine: Path, tmp_path: Path) -> Spoiled:
    """A fresh copy of the data set."""
    shutil.copytree(pristine, tmp_path / "set")
    return Spoiled(tmp_path / "set")


def run_verify(folder: Path, **options: Any) -> tuple[int, list[str]]:
    """Exit code of `spider data verify`, and what it printed."""
    out = io.StringIO()
    code = 0
    with contextlib.redirect_stdout(out):
        try:
            verify(folder, **{"workers": 1, "limit": 100, "as_json": False} | options)
        except typer.Exit as end:
            code = end.exit_code
    return code, out.getvalue().splitlines()


@pytest.fixture
def check() -> Callable[..., tuple[int, list[str]]]:
    """`spider data verify` in this process."""
    return run_verify
