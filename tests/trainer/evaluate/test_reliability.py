"""How sure the words were: read from logits, held against the truth, drawn; and the worst page."""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spider_cli.auditor import Auditor
from spider_cli.evidence import Asked
from spider_cli.lmm import Answer, Ask, Look
from spider_cli.next_words import words_at
from spider_cli.photos import photo_from_array
from spider_cli.questions import describe_question, ground_question
from spider_cli.reading import parse_distortions
from spider_cli.results import Distortion
from spider_cli.rules import PAPER
from spider_cli.text_to_point import Emitted
from spider_cli.vocabulary import SEVERITIES
from trainer.evaluate.asking import FileSystem, ModelSystem, Shown
from trainer.evaluate.benchmark import Benchmark
from trainer.evaluate.bins import error_of
from trainer.evaluate.cases import Case, Target
from trainer.evaluate.confidence import axes_of, odds_of
from trainer.evaluate.measures import AXES, binned, severity_odds
from trainer.evaluate.outcomes import Odds, Outcome, Prediction, Result
from trainer.evaluate.reliability import diagram, panels_of
from trainer.evaluate.running import run
from trainer.evaluate.shared_segmenter import SharedSegmenter
from trainer.evaluate.sheet import contact_sheet
from trainer.evaluate.tally import tally
from trainer.evaluate.worst import pictures
from trainer.rows import Task
from trainer.sources import load_pixels

WORDS = ["The", " top", " bottom", " left", " right", " mild", " moderate", " severe", " noise",
         " blur", " and", ".", " has", ","]  # fmt: skip


class Toy:
    """A vocabulary of whole words."""

    def encode_after(self, text: str, before: str, ids: tuple[int, ...]) -> list[int]:
        return [WORDS.index(text)]

    def words_at(self, asked: Asked, emitted: Emitted, words: Sequence[str]) -> tuple[float, ...]:
        return words_at(self, asked, emitted, words)  # type: ignore[arg-type]

    def words_after(
        self, asks: Sequence[Ask], words: Sequence[str], batch_size: int
    ) -> list[tuple[float, ...]]:
        assert not asks, "nothing is to be asked again"
        return []


def answer(text: str, chances: dict[int, dict[str, float]]) -> Asked:
    """`text` in words, and at some steps the probabilities of some words."""
    pieces = [f" {word}" if word not in ".," else word for word in
              text.replace(".", " .").replace(",", " ,").split()]  # fmt: skip
    pieces[0] = pieces[0].strip()
    logits = np.full((len(pieces), len(WORDS)), -20.0, np.float32)
    for step, words in chances.items():
        for word, chance in words.items():
            logits[step, WORDS.index(word)] = np.log(chance)
    ids = tuple(WORDS.index(piece) for piece in pieces)
    said = Answer("".join(pieces), ids, tuple(pieces), logits)
    return Asked(Look((9, 9), (), None), "Where?", said)


def test_severities_are_read_at_their_own_steps() -> None:
    said = answer(
        "The left has severe noise and mild blur.",
        {
            3: {" mild": 0.1, " moderate": 0.3, " severe": 0.6},
            6: {" mild": 0.5, " moderate": 0.25, " severe": 0.25},
        },
    )
    noise, blur = odds_of(Toy(), said)
    assert (noise.family, noise.said) == ("noise", "severe")
    assert noise.probabilities == pytest.approx((0.1, 0.3, 0.6), abs=1e-4)
    assert (blur.family, blur.said) == ("blur", "mild")
    assert blur.probabilities == pytest.approx((0.5, 0.25, 0.25), abs=1e-4)


def test_answers_without_severities_have_no_odds() -> None:
    assert odds_of(Toy(), answer("The noise.", {})) == ()
    assert odds_of(Toy(), answer(".", {})) == ()
    # A severity of nothing.
    assert odds_of(Toy(), answer("The left has severe.", {})) == ()


def test_positions_are_read_at_a_temperature() -> None:
    said = answer(
        "The top right.",
        {1: {" top": 0.8, " bottom": 0.2}, 2: {" left": 0.1, " right": 0.9}},
    )
    assert axes_of(Toy(), said, 1.0) == pytest.approx((0.9, 0.2))
    right, bottom = axes_of(Toy(), said, 0.5) or (0, 0)
    assert (right, bottom) == pytest.approx((0.81 / 0.82, 0.04 / 0.68), abs=1e-4)
    assert axes_of(Toy(), answer("The left.", {}), 1.0) is None
    # A word that belongs to no place is no axis of the place that is meant.
    assert axes_of(Toy(), answer("The top has noise, right.", {}), 1.0) is None


@pytest.fixture(scope="module")
def results(benchmark: Benchmark) -> list[Result]:
    """Right about noise with 0.8, wrong about blur with 0.6; a place each."""
    sure = (
        Odds("blur", "mild", (0.6, 0.2, 0.2)),
        Odds("noise", "severe", (0.1, 0.1, 0.8)),
        Odds("darken", "severe", (0.0, 0.0, 1.0)),
    )
    found = []
    for case in benchmark.cases:
        outcome = Outcome("missing")
        if case.id == "000000-00":  # blur severe and noise severe are true
            outcome = Outcome(distortions=(Distortion("noise", "severe"),), odds=sure)
        elif case.target == "region":
            outcome = Outcome(said="region", overlap=(0, 1), axes=(0.25, 0.9))
        found.append(Result(case, outcome))
    return found


def test_what_is_sure_is_held_against_what_is_true(results: list[Result]) -> None:
    one = next(one for one in results if one.outcome.odds)
    # What is said of darkening is not counted: it is not there.
    assert severity_odds(one.case, one.outcome) == [(0.6, 0.0), (0.8, 1.0)]
    rows = {row.name: row.values["system"].value for row in tally(results, rounds=20).rows
            if "system" in row.values}  # fmt: skip
    assert rows["words.severity_ece"] == pytest.approx((0.6 + 0.2) / 2)
    regions = [one for one in results if one.case.target == "region"]
    for name, said in (("right", 0.25), ("bottom", 0.9)):
        places = [AXES[name, "place"](one.case, one.outcome)[0][1] for one in regions]
        assert rows[f"ground.ece_{name}_place"] == pytest.approx(abs(said - np.mean(places)))
        sides = [AXES[name, "side"](one.case, one.outcome)[0][1] for one in regions]
        assert set(sides) <= {0.0, 1.0}
        assert sides == [float(place > 0.5) for place in places]
        assert rows[f"ground.ece_{name}_side"] == pytest.approx(abs(said - np.mean(sides)))


def test_one_case_of_several_words_is_binned_in_one_row() -> None:
    row = binned([(0.95, 1.0), (0.95, 0.0), (0.05, 0.0)])
    assert row is not None and len(row) == 30
    assert float(error_of(np.array(row))) == pytest.approx((0.9 + 0.05) / 3)
    assert binned([]) is None


def test_they_are_saved(results: list[Result]) -> None:
    for one in results:
        assert Result.from_json(one.to_json()).outcome == one.outcome


def test_the_diagram_has_a_panel_a_question(results: list[Result]) -> None:
    panels = panels_of(results)
    assert [panel.title for panel in panels] == [
        "Severity word said", "Each severity word", "P(right)", "P(bottom)",
    ]  # fmt: skip
    assert [line.name for line in panels[1].lines] == ["mild", "moderate", "severe"]
    png = diagram(results)
    assert png is not None
    with Image.open(io.BytesIO(png)) as image:
        assert image.size[0] == 4 * 360
        # Something is drawn in every panel.
        pixels = np.asarray(image.convert("RGB"))
    for part in np.array_split(pixels, 4, axis=1):
        assert len(np.unique(part.reshape(-1, 3), axis=0)) > 10
    nothing = [replace(one, outcome=Outcome("missing")) for one in results]
    assert diagram(nothing) is None


def test_the_bundled_model_is_read_while_it_answers(demo_photo: Path) -> None:
    auditor = Auditor("nano", device="cpu")
    auditor.plan = auditor.plan.with_rule(PAPER)
    shown = photo_from_array(load_pixels(demo_photo))
    height, width = shown.pixels.shape[:2]

    def case(name: str, task: Task, question: str, target: Target = "") -> Case:
        return Case(name, "p", "p", "p", task, "", question, "", (height, width), target=target)

    cases = (
        case("d", "describe", describe_question()),
        case("g", "ground_hyd", ground_question(extreme="most"), "region"),
    )
    system = ModelSystem(auditor, SharedSegmenter(auditor.load_segmenter()))
    found = system.predict([Shown(shown, cases)])
    named = parse_distortions(found["d"].answer or "")[0]
    assert named
    said = {(one.family, one.said) for one in found["d"].odds}
    # A family that an answer names twice counts once, as severe as it was ever said to be; each
    # word is read all the same.
    worst = {
        family: max((word for one, word in said if one == family), key=SEVERITIES.index)
        for family, _ in said
    }
    assert worst == {one.family: one.severity for one in named}
    for one in found["d"].odds:
        assert sum(one.probabilities) == pytest.approx(1, abs=1e-4)
        # Greedy answers say the likeliest word.
        assert one.probabilities[SEVERITIES.index(one.said)] == max(one.probabilities)
    # The paper's rule: the point is where the probabilities are.
    axes, point = found["g"].axes, found["g"].point
    assert axes is not None and point is not None
    assert point == pytest.approx((axes[0] * width, axes[1] * height), abs=0.05)


def test_the_worst_on_one_page(benchmark: Benchmark) -> None:
    answers = {"000000-00": Prediction(answer="The region on the top left shows severe blur. " * 9)}
    results = run(benchmark, benchmark.cases, FileSystem(answers))
    worst = results[:6]
    drawn = pictures(benchmark, worst)
    png = contact_sheet(worst, drawn)
    assert png is not None
    with Image.open(io.BytesIO(png)) as image:
        wide, tall = image.size
        pixels = np.asarray(image)
    assert wide == 4 * 384  # four in a row
    # The photos themselves are on it, and ink beside them.
    first = np.asarray(Image.open(io.BytesIO(next(iter(drawn.values())))).convert("RGB"))
    deep, across = first.shape[:2]
    rows = [
        y for y in range(tall - deep) if (pixels[y : y + deep, 12 : 12 + across] == first).all()
    ]
    assert len(rows) == 1
    below = pixels[rows[0] + deep :, :384]
    assert (below.min(axis=2) < 60).sum() > 200
    assert contact_sheet(worst, {}) is None
