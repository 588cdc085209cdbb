"""Rules and temperatures tried: against a segmenter whose masks are known."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from spider_cli.evidence import Evidence
from spider_cli.grounding import Reading
from spider_cli.masks import encode_mask
from spider_cli.rules import PAPER, Rule, rule_named
from spider_cli.segmenter import Embedding, Segment
from trainer.evaluate.cases import Case
from trainer.grounding_stage.asking import Question, Shot, Store
from trainer.grounding_stage.figures import folds, held_out, measure
from trainer.grounding_stage.trials import GRID, Trials, best_temperature, refined
from trainer.metrics import iou

HEIGHT, WIDTH = 40, 60


def disc(point: tuple[float, float], radius: float) -> Any:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.hypot(x + 0.5 - point[0], y + 0.5 - point[1]) <= radius


class Discs:
    """Proposes three discs around the first point: small, fitting and large; rates the last."""

    model = SimpleNamespace(device="cpu")

    def __init__(self) -> None:
        self.asked: list[tuple[Any, Any]] = []

    def propose_each(self, embedding: Embedding, prompts: Any, labels: Any) -> Any:
        assert embedding.original == (HEIGHT, WIDTH)
        for points in prompts:
            self.asked.append((tuple(points), tuple(labels)))
            yield [
                Segment(disc(points[0], radius), np.zeros((HEIGHT, WIDTH), np.float32), quality)
                for radius, quality in ((3, 0.1), (8, 0.5), (20, 0.9))
            ]


def question(number: int, gap: float, *, said: Any = "place", rules: Any = (PAPER,)) -> Question:
    """The region is a disc at the place that temperature 2 gives."""
    mask = disc((WIDTH * _right(gap, 2.0), HEIGHT * 0.5), 20)
    case = Case(
        id=f"{number:06d}-00",
        photo=f"{number:06d}",
        source=f"{number}.png",
        cluster=f"g{number // 2}",
        task=("ground_hyd", "ground_sid")[number % 2],
        subtask="most",
        question="Where?",
        reference="",
        size=(HEIGHT, WIDTH),
        target="region",
        region=0,
    )
    evidence = {}
    if said == "place":
        for rule in rules:
            chi = (0.0, *[-50.0] * (len(rule.horizontal) - 2), gap)
            evidence[rule.words] = Evidence((0.0,) * len(rule.vertical), chi, False)
    return Question(case, "", said, evidence, encode_mask(mask), (0.5, 0.5))


def _right(gap: float, tau: float) -> float:
    return float(1 / (1 + np.exp(-gap / tau)))


@pytest.fixture
def made(tmp_path: Path) -> Any:
    def make(questions: list[Question], rules: list[Rule]) -> tuple[Trials, Discs]:
        store, segmenter = Store(tmp_path), Discs()
        shots = []
        for one in questions:
            embedding = Embedding(torch.zeros(1, 2, 3, 3), (HEIGHT, WIDTH), (HEIGHT, WIDTH))
            store.put(one.case.photo, embedding)
            shots.append(Shot(one.case.photo, (HEIGHT, WIDTH), (one,)))
        return Trials(shots, rules, segmenter, store), segmenter  # type: ignore[arg-type]

    return make


def test_the_best_temperature_is_found(made: Any) -> None:
    trials, _ = made([question(n, gap) for n, gap in enumerate((3.0, -2.0, 4.0, -5.0))], [PAPER])
    trials.run({"paper": GRID})
    assert best_temperature(trials.means("paper")) == 2.0
    assert trials.means("paper")[2.0] == pytest.approx(1, abs=0.02)
    for tau in GRID:
        for overlap, one in zip(trials.overlaps["paper"][tau], trials.questions, strict=True):
            read = Reading.of(one.evidence[PAPER.words], tau)
            [point] = PAPER.prompt(list(read.vertical), list(read.horizontal), WIDTH, HEIGHT).points
            assert overlap == pytest.approx(iou(disc(point, 20), one.truth()), abs=0.02)


def test_rules_share_the_segmenters_work(made: Any) -> None:
    rules = [PAPER, rule_named("mask-first"), rule_named("mask-agreement"), rule_named("thirds")]
    trials, segmenter = made([question(0, 3.0, rules=rules)], rules)
    trials.run({rule.name: GRID for rule in rules})
    # The middle is as good as impossible, so that the thirds' points are the halves'.
    assert len(segmenter.asked) == len(set(segmenter.asked)) == trials.masks <= len(GRID)
    trials.run({rule.name: GRID for rule in rules})
    assert trials.masks == len(segmenter.asked)
    assert trials.means("thirds") == pytest.approx(trials.means("paper"))
    assert trials.means("mask-first")[2.0] == pytest.approx(9 / 400, abs=0.01)


def test_negative_points_are_asked_with_their_labels(made: Any) -> None:
    rule = rule_named("negative-mirrored")
    trials, segmenter = made([question(0, 3.0)], [PAPER, rule])
    trials.run({"paper": (1.0,), rule.name: (1.0,)})
    assert sorted(labels for _, labels in segmenter.asked) == [(1,), (1, 0)]


def test_answers_without_a_place_count_whatever_the_rule(made: Any) -> None:
    questions = [question(0, 3.0, said="whole"), question(1, 3.0, said="nothing")]
    trials, segmenter = made(questions, [PAPER])
    trials.run({"paper": GRID})
    assert segmenter.asked == []
    area = float(questions[0].truth().mean())
    for tau in GRID:
        assert list(trials.overlaps["paper"][tau]) == [area, 0.0]
    # Nothing speaks for any temperature.
    assert best_temperature(trials.means("paper")) == 1.0


def test_around_the_best() -> None:
    inside = refined({0.5: 0.1, 1.0: 0.3, 2.0: 0.2})
    assert inside == [0.63, 0.794, 1.26, 1.59]
    low = refined({0.5: 0.3, 1.0: 0.2})
    assert low[0] == pytest.approx(0.357, abs=1e-3)
    assert len(low) == 5
    high = refined({0.5: 0.1, 1.0: 0.2})
    assert high[-1] == pytest.approx(1.4)


def test_parts_never_split_a_group() -> None:
    clusters = [f"g{i // 3}" for i in range(30)]
    parts = folds(clusters, 5)
    assert all(len({parts[i] for i in range(30) if clusters[i] == one}) == 1 for one in clusters)
    assert sorted(np.bincount(parts)) == [6] * 5
    assert list(parts) == list(folds(clusters, 5))


def test_held_out_is_chosen_by_the_others() -> None:
    parts = np.array([0, 0, 1, 1])
    tried = {1.0: np.array([0.9, 0.9, 0.1, 0.1]), 2.0: np.array([0.2, 0.2, 0.8, 0.8])}
    assert list(held_out(tried, parts)) == [0.2, 0.2, 0.1, 0.1]
    # One group has no others.
    assert list(held_out(tried, np.zeros(4, int))) == [0.9, 0.9, 0.1, 0.1]


def test_figures_against_the_paper(made: Any) -> None:
    rules = [rule_named("mask-first"), PAPER]
    questions = [question(n, gap) for n, gap in enumerate((3.0, -2.0, 4.0, -5.0, 1.0, -1.5))]
    trials, _ = made(questions, rules)
    trials.run({rule.name: GRID for rule in rules})
    found = measure(trials)
    assert list(found) == ["paper", "mask-first"]
    paper, first = found["paper"], found["mask-first"]
    assert paper.temperature == 2.0
    assert paper.against_paper is None
    assert set(paper.tasks) == {"ground_hyd", "ground_sid"}
    assert paper.miou.low <= paper.miou.value <= paper.miou.high
    against = first.against_paper
    assert against is not None
    assert against.difference < -0.5
    assert against.high < 0
    told = first.to_json()
    assert told["miou"]["value"] == pytest.approx(first.miou.value, abs=1e-5)
    assert told["against_paper"]["high"] < 0
    assert set(told["tried"]) == {f"{tau:g}" for tau in GRID}
