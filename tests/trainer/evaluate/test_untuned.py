"""Figures of a base, which was never tuned for spider: of what its users get."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from spider_cli.auditor import Auditor
from spider_cli.lmm import Ask, LanguageModel
from spider_cli.questions import SCORE_QUESTION
from spider_cli.results import Score
from spider_cli.rules import PAPER
from spider_cli.zero_shot import Task, instructed
from tests.tiny_models import llava
from trainer.evaluate.asking import ModelSystem
from trainer.evaluate.benchmark import Benchmark
from trainer.evaluate.running import run
from trainer.evaluate.shared_segmenter import SharedSegmenter
from trainer.grounding_stage.asking import Store, ask_all
from trainer.grounding_stage.scores import measure_scores

TOLD: dict[str, Task] = {
    "describe": "describe",
    "describe_region": "describe",
    "refer_short": "refer_short",
    "refer_long": "refer_long",
    "ground_hyd": "ground",
    "ground_sid": "ground",
    "ground_dao": "ground",
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Auditor:
    from trainer.new_nano import new_segmenter
    from trainer.package import save_segmenter

    folder = tmp_path_factory.mktemp("base") / "llava"
    folder.mkdir()
    torch.manual_seed(0)
    llava(folder)
    save_segmenter(new_segmenter(width=32, side=128), folder / "segmenter")
    auditor = Auditor(str(folder), device="cpu")
    assert auditor.untuned
    return auditor


@pytest.fixture(autouse=True)
def put(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Questions as they come to the model, whose answers are kept short."""
    monkeypatch.setattr("spider_cli.lmm.MAX_NEW_TOKENS", 8)
    found: set[str] = set()
    greedy = LanguageModel._greedy

    def spy(model: LanguageModel, asks: Sequence[Ask], most: int) -> Any:
        found.update(one.question for one in asks)
        return greedy(model, asks, most)

    monkeypatch.setattr(LanguageModel, "_greedy", spy)
    return found


def pictures(benchmark: Benchmark) -> dict[str, Any]:
    photos = {case.photo for case in benchmark.cases}
    return {
        opened.cases[0].photo: opened.item.sample.pixels
        for opened in benchmark.photos(photos)
        if opened.item is not None
    }


def test_eval_asks_as_the_commands_do(base: Auditor, benchmark: Benchmark, put: set[str]) -> None:
    segmenter = SharedSegmenter(base.load_segmenter())
    system = ModelSystem(base, segmenter)
    measured = {
        one.case.id: one for one in run(benchmark, benchmark.cases, system, segmenter=segmenter)
    }
    cases = [case for case in benchmark.cases if case.task in TOLD]
    assert {case.task for case in cases} == set(TOLD)
    bare = {case.question for case in cases} | {SCORE_QUESTION}
    assert not put & bare
    assert put >= {instructed(TOLD[case.task], case.question) for case in cases}
    assert instructed("score", SCORE_QUESTION) in put

    photos = pictures(benchmark)
    for case in cases:
        outcome = measured[case.id].outcome
        if case.task == "describe":
            [record] = base.describe([photos[case.photo]])
        elif case.grounding:
            [record] = base.ground([photos[case.photo]], case.question)
        else:
            continue
        assert outcome.answer == record.to_json()["answer"]
    for case in benchmark.cases:
        if case.task == "score":
            [record] = base.score([photos[case.photo]])
            assert isinstance(record.outcome, Score)
            assert measured[case.id].outcome.score == pytest.approx(record.outcome.score, abs=1e-3)


def test_stage_2_asks_as_the_commands_do(
    base: Auditor, benchmark: Benchmark, put: set[str], tmp_path: Path
) -> None:
    cases = [case for case in benchmark.cases if case.target == "region"]
    assert len(cases) == 3
    shots = ask_all(benchmark, cases, base, base.load_segmenter(), [PAPER], Store(tmp_path))
    assert put == {instructed("ground", case.question) for case in cases}
    photos = pictures(benchmark)
    for question in (one for shot in shots for one in shot.questions):
        [record] = base.ground([photos[question.case.photo]], question.case.question)
        assert question.answer == record.to_json()["answer"]

    put.clear()
    scored = [case for case in benchmark.cases if case.task == "score"]
    measure_scores(benchmark, scored, base)
    assert put == {instructed("score", SCORE_QUESTION)}
