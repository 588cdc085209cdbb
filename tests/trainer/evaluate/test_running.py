"""A model is asked as the commands ask it, each photo looked at once; what fails is counted."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spider_cli.auditor import Auditor
from spider_cli.endpoint import Endpoint
from spider_cli.errors import UsageError
from spider_cli.lmm import LanguageModel
from spider_cli.questions import refer_question
from spider_cli.results import Description, Grounding, Score
from spider_cli.segmenter import Segmenter
from tests.openai_server import OpenAIServer, Request
from trainer.datasets.schema import Item, to_row
from trainer.datasets.store import write_data
from trainer.evaluate.asking import FileSystem, ModelSystem, Shown, choice_question
from trainer.evaluate.baselines import Baselines
from trainer.evaluate.benchmark import Benchmark, of_data_set, of_list, of_lists
from trainer.evaluate.outcomes import Prediction, Result
from trainer.evaluate.running import choose, run, tasks_named
from trainer.evaluate.shared_segmenter import SharedSegmenter
from trainer.judge import Judge
from trainer.rows import QA


@pytest.fixture(scope="module")
def segmenter(auditor: Auditor) -> SharedSegmenter:
    return SharedSegmenter(auditor.load_segmenter())


@pytest.fixture(scope="module")
def measured(
    auditor: Auditor, segmenter: SharedSegmenter, benchmark: Benchmark
) -> dict[str, Result]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spider_cli.lmm.MAX_NEW_TOKENS", 6)
        results = run(
            benchmark,
            benchmark.cases,
            ModelSystem(auditor, segmenter),
            segmenter=segmenter,
            baselines=Baselines(benchmark.cases, 3),
        )
    return {one.case.id: one for one in results}


def test_every_case_has_its_result_in_order(
    measured: dict[str, Result], benchmark: Benchmark
) -> None:
    assert list(measured) == [case.id for case in benchmark.cases]
    assert {one.outcome.status for one in measured.values()} <= {"ok", "unparsed"}
    assert set(measured["000000-04"].baselines) == {
        "random", "most_frequent", "centre_point", "random_point", "full_image", "oracle_point",
    }  # fmt: skip
    assert set(measured["000000-02"].baselines) == {"random", "most_frequent"}
    assert set(measured["000003"].baselines) == {"random", "constant"}


def test_photos_are_looked_at_and_embedded_once(
    auditor: Auditor, benchmark: Benchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spider_cli.lmm.MAX_NEW_TOKENS", 6)
    looked: list[int] = []
    embedded: list[int] = []
    look, embed = LanguageModel.look, Segmenter.embed

    def count_looks(model: LanguageModel, photos: Sequence[Any]) -> Any:
        looked.append(len(photos))
        return look(model, photos)

    def count_embeddings(one: Segmenter, pixels: Any) -> Any:
        embedded.append(1)
        return embed(one, pixels)

    monkeypatch.setattr(LanguageModel, "look", count_looks)
    monkeypatch.setattr(Segmenter, "embed", count_embeddings)
    shared = SharedSegmenter(auditor.load_segmenter())
    steps: list[int] = []
    run(
        benchmark,
        benchmark.cases,
        ModelSystem(auditor, shared),
        segmenter=shared,
        baselines=Baselines(benchmark.cases, 3),
        step=lambda: steps.append(1),
    )
    assert looked == [4]
    assert len(embedded) == 2  # the photos with grounding questions
    assert len(steps) == 4


def test_batches_change_nothing(
    auditor: Auditor,
    segmenter: SharedSegmenter,
    benchmark: Benchmark,
    measured: dict[str, Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("spider_cli.lmm.MAX_NEW_TOKENS", 6)
    monkeypatch.setattr("trainer.evaluate.running.PHOTOS", 1)
    single = ModelSystem(Auditor(auditor.model, device="cpu", batch_size=1), segmenter)
    for one in run(benchmark, benchmark.cases, single):
        told = measured[one.case.id].outcome
        assert one.outcome.answer == told.answer, one.case.id
        assert one.outcome.overlap == told.overlap, one.case.id
        if told.score is not None:
            assert one.outcome.score == pytest.approx(told.score, abs=1e-2)


def test_a_broken_photo_is_wrong_with_its_reason(
    benchmark: Benchmark, monkeypatch: pytest.MonkeyPatch, auditor: Auditor
) -> None:
    monkeypatch.setattr("spider_cli.lmm.MAX_NEW_TOKENS", 6)
    look = LanguageModel.look

    def breaks(model: LanguageModel, photos: Sequence[Any]) -> Any:
        if any(np.array_equal(one, broken) for one in photos):
            raise RuntimeError("out of memory\nmore")
        return look(model, photos)

    [opened] = benchmark.photos({"000002"})
    assert opened.item is not None
    broken = opened.item.sample.pixels
    monkeypatch.setattr(LanguageModel, "look", breaks)
    results = {one.case.id: one for one in run(benchmark, benchmark.cases,
               ModelSystem(auditor, SharedSegmenter(auditor.load_segmenter())))}  # fmt: skip
    failed = {name for name, one in results.items() if one.outcome.status == "failed"}
    assert failed == {"000002", "000002-00"}
    assert results["000002"].outcome.reason == "RuntimeError: out of memory"


def test_an_unfit_model_ends_the_run(benchmark: Benchmark) -> None:
    class Unfit:
        def predict(self, shown: Sequence[Shown]) -> Mapping[str, Prediction]:
            raise UsageError("unfit")

    with pytest.raises(UsageError, match="unfit"):
        run(benchmark, benchmark.cases, Unfit())


def test_missing_predictions_are_counted(benchmark: Benchmark) -> None:
    system = FileSystem({"000000-02": Prediction(answer="severe blur, mild noise")})
    results = {one.case.id: one.outcome.status for one in run(benchmark, benchmark.cases, system)}
    assert results.pop("000000-02") == "ok"
    assert set(results.values()) == {"missing"}


def test_a_judge_grades_free_text(benchmark: Benchmark) -> None:
    answers = {
        "000000-00": Prediction(answer="Severe blur."),
        "000000-02": Prediction(answer="Severe blur."),  # referring has a measure of its own
        "000000-07": Prediction(answer="No region shows it."),
        "000001-00": Prediction(answer="The whole image shows darkening."),
        "000002-00": Prediction(answer="A street."),  # unparsed, yet a judge may read it
    }
    asked: list[str] = []

    def reply(request: Request) -> str:
        asked.append(request.last)
        return '{"score": 4}' if len(asked) < 3 else "no idea"

    with OpenAIServer(reply) as server:
        judge = Judge(Endpoint.parse(f"{server.url}#grader"), tries=1)
        results = {one.case.id: one.outcome for one in
                   run(benchmark, benchmark.cases, FileSystem(answers), judge=judge)}  # fmt: skip
    assert len(asked) == 4
    assert ["0 to 10" in one for one in asked] == [True, False, True, True]
    assert results["000000-00"].judged == 4
    assert results["000000-07"].judged == 4
    assert results["000001-00"].judged is None
    assert (judge.graded, judge.unparsed) == (2, 2)


# --- the bundled nano, beside its commands --------------------------------------------------------


def test_the_bundled_model_says_what_its_commands_say(demo_photo: Path, tmp_path: Path) -> None:
    with Image.open(demo_photo) as image:
        pixels = np.asarray(image.convert("RGB"))
    auditor = Auditor()
    box = (300, 200, 600, 400)
    short = refer_question("[0.500, 0.500, 1.000, 1.000]", long=False)
    which = "Which region is degraded the most?"
    from trainer.truth import Sample

    rows = (
        QA("describe", "Describe the quality of this image.", "", ()),
        QA("refer_short", short, "", (), None, box),
        QA("ground_hyd", which, "", ()),
    )
    item = Item("p", "coffee.jpg", "", "unknown", Sample(pixels), rows, mos=0.5)
    write_data(tmp_path / "one", {"test": [to_row(item)]}, finish=lambda: ({}, ""))
    benchmark = of_data_set(tmp_path / "one")
    shared = SharedSegmenter(auditor.load_segmenter())
    results = {one.case.id: one.outcome for one in
               run(benchmark, benchmark.cases, ModelSystem(auditor, shared))}  # fmt: skip
    [described] = auditor.describe([pixels])
    [scored] = auditor.score([pixels])
    [grounded] = auditor.ground([pixels], which)
    assert isinstance(described.outcome, Description)
    assert isinstance(scored.outcome, Score)
    assert isinstance(grounded.outcome, Grounding)
    assert results["p-00"].answer == described.outcome.answer
    assert results["p-00"].distortions == described.outcome.distortions
    assert results["p"].score == pytest.approx(scored.outcome.score, abs=1e-3)
    assert results["p-02"].answer == grounded.outcome.answer
    assert results["p-02"].mask == grounded.outcome.mask
    assert results["p-02"].point == pytest.approx(grounded.outcome.point, abs=1e-2)
    assert "noise" in results["p-01"].answer


# --- which cases ----------------------------------------------------------------------------------


def test_tasks_by_name_and_kind() -> None:
    assert tasks_named(["score", "ground"]) == ("ground_dao", "ground_hyd", "ground_sid", "score")
    assert tasks_named(["refer-short,choice"]) == ("refer_short", "choice")
    assert tasks_named(["describe"]) == ("describe",)
    assert tasks_named([]) == ()
    with pytest.raises(UsageError, match="unknown task 'refer_shrt'") as caught:
        tasks_named(["refer_shrt"])
    assert "did you mean 'refer_short'?" in caught.value.hint


def test_some_tasks_of_some_photos(benchmark: Benchmark) -> None:
    scores = choose(benchmark.cases, tasks=("score",), limit=2)
    assert [case.id for case in scores] == ["000001", "000002"]
    assert len(choose(benchmark.cases, limit=1)) == 9
    assert choose(benchmark.cases, tasks=("describe", "score"))[0].id == "000000-00"


# --- benchmarks -----------------------------------------------------------------------------------


def test_a_data_set_and_its_splits(data_folder: Path, benchmark: Benchmark) -> None:
    assert (benchmark.name, benchmark.split) == ("by-hand", "test")
    assert benchmark.notes == ("1 rows of free conversation have no measure",)
    assert len(benchmark.digest) == 64
    with pytest.raises(UsageError, match="no split 'train'") as caught:
        of_data_set(data_folder, "train")
    assert "test" in caught.value.hint


def test_a_set_without_a_test_split_must_be_told(tmp_path: Path, items: list[Item]) -> None:
    rows = [to_row(item) for item in items]
    write_data(tmp_path / "two", {"train": rows[:2], "validation": rows[2:]},
               finish=lambda: ({}, ""))  # fmt: skip
    with pytest.raises(UsageError, match="no split 'test'") as caught:
        of_data_set(tmp_path / "two")
    assert "train, validation" in caught.value.hint
    assert len({case.photo for case in of_data_set(tmp_path / "two", "train").cases}) == 2


def opinions(folder: Path, names: Sequence[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["file,mos"]
    for index, name in enumerate(names):
        if name != "gone.png":
            pixels = np.random.default_rng(index).integers(0, 256, (80, 90, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name)
        lines.append(f"{name},{0.1 * index + 0.1:.2f}")
    (folder / "labels.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder


def test_a_list_of_opinions(tmp_path: Path, auditor: Auditor) -> None:
    from trainer.datasets.entries import Scale

    folder = opinions(tmp_path / "mine", ["a.png", "gone.png", "b.png"])
    benchmark = of_list(folder / "labels.csv", scale=Scale(0, 1))
    assert [(case.id, case.mos) for case in benchmark.cases] == [
        ("a.png", 0.1), ("gone.png", 0.2), ("b.png", pytest.approx(0.3)),
    ]  # fmt: skip
    results = run(benchmark, benchmark.cases, ModelSystem(auditor, None),
                  baselines=Baselines(benchmark.cases, 0))  # fmt: skip
    assert [one.outcome.status for one in results] == ["ok", "failed", "ok"]
    assert "gone.png" in results[1].outcome.reason
    assert results[0].outcome.score is not None
    assert 0 <= results[0].outcome.score <= 100


def test_lists_together_keep_their_ids_apart(tmp_path: Path) -> None:
    from trainer.datasets.entries import Scale

    parts = [of_list(opinions(tmp_path / name, ["a.png", "b.png"]) / "labels.csv",
                     scale=Scale(0, 1)) for name in ("one", "two")]  # fmt: skip
    both = of_lists("opinion", parts)
    assert [case.id for case in both.cases] == ["1:a.png", "1:b.png", "2:a.png", "2:b.png"]
    [opened] = both.photos({"2:b.png"})
    assert [case.id for case in opened.cases] == ["2:b.png"]
    assert of_lists("opinion", parts[:1]).cases[0].id == "a.png"


def test_multiple_choice_by_letters(tmp_path: Path, auditor: Auditor) -> None:
    opinions(tmp_path / "q", ["a.png", "b.png"])
    (tmp_path / "q" / "dev.json").write_text(
        '[{"img_path": "a.png", "question": "Is it sharp?", "candidates": ["Yes", "No"],'
        ' "correct_ans": "No"},'
        ' {"img_path": "a.png", "question": "How dark?", "candidates": ["Very", "A bit", "Not"],'
        ' "correct_ans": "Not"}]', encoding="utf-8",
    )  # fmt: skip
    (tmp_path / "q" / "labels.csv").unlink()
    benchmark = of_list(tmp_path / "q" / "dev.json")
    assert [(case.id, case.correct) for case in benchmark.cases] == [
        ("a.png-00", 1), ("a.png-01", 2),
    ]  # fmt: skip
    assert choice_question(benchmark.cases[1]) == (
        "How dark?\nA. Very\nB. A bit\nC. Not\n"
        "Answer with the option's letter from the given choices directly."
    )
    results = run(benchmark, benchmark.cases, ModelSystem(auditor, None))
    assert all(one.outcome.choice in (0, 1, 2) for one in results)
    assert results[0].outcome.choice in (0, 1)


def test_nothing_to_measure(tmp_path: Path) -> None:
    (tmp_path / "test.json").write_text(
        '[{"img_path": "a.png", "question": "Is it?", "candidates": ["Yes", "No"]}]',
        encoding="utf-8",
    )
    Image.new("RGB", (70, 70)).save(tmp_path / "a.png")
    with pytest.raises(UsageError, match="nothing that can be measured"):
        of_list(tmp_path / "test.json", split="test")
