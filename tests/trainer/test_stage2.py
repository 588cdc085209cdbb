"""Stage 2 from end to end with a random nano: what it measures, writes, and `ground` obeys."""

import contextlib
import copy
import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from spider_cli.auditor import Auditor
from spider_cli.errors import UsageError
from spider_cli.lmm import GENERATION, Answer, Ask, LanguageModel
from spider_cli.masks import decode_mask
from spider_cli.questions import describe_question
from spider_cli.results import Grounding
from spider_cli.rules import PAPER, rule_named
from spider_cli.weights import bundled_segmenter
from spider_cli.weights.revision import revision_of
from tests.random_nano import save_nano
from tests.trainer.tuning.small_data import (
    SEVERE_NOISE,
    grounding,
    item,
    photo,
    referring,
    write,
)
from trainer import stage2
from trainer.commands.train import app
from trainer.evaluate.table import write as write_report
from trainer.grounding_stage.measured import Measured
from trainer.grounding_stage.trials import GRID
from trainer.metrics import iou
from trainer.package import package_nano
from trainer.rows import QA
from trainer.stage2 import ALTERNATIVES, Settings, Stage2

PLACE = "The region on the top left has noise."
PHOTOS = 4


def absent() -> QA:
    return QA("ground_sid", "Which region shows the most blur?", "No region shows blur.", ())


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four photos to ask about, two of one source; no opinions in "validation"."""
    rows = [grounding(), replace(grounding(), task="ground_sid"), absent(), referring()]
    items = [item(n, rows) for n in range(PHOTOS)]
    items[1] = replace(items[1], group=items[0].group)
    scored = [item(n, rows[:1], mos=(n + 1) / 11) for n in range(6)]
    folder = tmp_path_factory.mktemp("stage2") / "data"
    return write(folder, [item(9, [referring()])], validation=items, scored=scored)


@pytest.fixture(scope="module")
def random_nano(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from trainer.new_nano import new_segmenter

    return save_nano(
        tmp_path_factory.mktemp("models") / "random-nano",
        model=copy.deepcopy(tiny.model),
        tokenizer=tiny.processor.tokenizer,
        segmenter=new_segmenter(width=32, side=128),
        scoring={"temperature": 1.0},
        grounding={"rule": "paper", "temperature": 1.0},
    )


@pytest.fixture
def model(random_nano: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(random_nano, tmp_path / "model"))


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put an answer into every model's mouth, with logits that the question decides."""

    def say(text: str) -> list[int]:
        asked: list[int] = []

        def ask(model: LanguageModel, asks: list[Ask]) -> list[Answer]:
            asked.append(len(asks))
            ids = model.encode(text)
            shape = (len(ids) + 1, len(model.eyes.tokenizer))
            rng = np.random.default_rng(len(asks[0].question))
            logits = rng.normal(0, 3, shape).astype(np.float32)
            return [model._answer([*ids, min(model.end_ids)], logits) for _ in asks]

        monkeypatch.setattr(LanguageModel, "ask", ask)
        return asked

    return say


@contextlib.contextmanager
def silent(label: str, total: int) -> Iterator[Any]:
    yield lambda: None


def measured(model: Path, data: Path, **more: Any) -> Measured:
    return Stage2(Settings(model=str(model), data=data, **more)).run(silent)


def told(model: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((model / "grounding.json").read_text(encoding="utf-8"))
    return value


def test_every_rule_is_measured_and_the_papers_written(model: Path, data: Path, says: Any) -> None:
    asked = says(PLACE)
    found = measured(model, data, rules=ALTERNATIVES)
    assert asked == [2] * PHOTOS  # once a photo, both questions about regions, not the absent one
    assert set(found.figures) == {"paper", *ALTERNATIVES}
    assert [path.name for path in found.write()] == ["grounding.json"]
    value = told(model)
    assert value["rule"] == PAPER.to_json()
    assert value["temperature"] == found.figures["paper"].temperature
    assert value["temperature"] in found.figures["paper"].tried
    assert len(value["rules"]["paper"]["tried"]) > len(GRID)  # refined
    assert value["segmenter"] == {
        "name": "segmenter",
        "revision": revision_of(model / "segmenter"),
    }
    assert value["data"]["split"] == "validation"
    assert (value["data"]["photos"], value["data"]["questions"], value["data"]["groups"]) == (
        PHOTOS, 2 * PHOTOS, PHOTOS - 1
    )  # fmt: skip
    assert value["answers"] == {"place": 8, "whole": 0, "nothing": 0, "probed": 0}
    assert {one["truth"] for one in value["calibration"]["axes"]} == {"place", "side"}
    assert all("low" in one["ece"] for one in value["calibration"]["axes"])
    assert set(value["rules"]["paper"]["tasks"]) == {"ground_hyd", "ground_sid"}
    assert any(one["words"] == [" left", " right"] for one in value["words"])
    assert (value["version"], value["date"][:2]) == (1, "20")
    # The folder's manifest knows.
    manifest = json.loads((model / "MANIFEST.json").read_text(encoding="utf-8"))
    size = (model / "grounding.json").stat().st_size
    assert manifest["files"]["grounding.json"]["size"] == size


@pytest.mark.parametrize(
    "name", ["paper", "negative-least", "centre+mask-agreement", "mask-asked", "thirds+mask-asked"]
)
def test_ground_does_what_was_measured(model: Path, data: Path, says: Any, name: str) -> None:
    """The overlaps of the chosen rule are those of the masks that `spider ground` gives."""
    says(PLACE)
    found = measured(model, data, choose=name)
    found.write()
    auditor = Auditor(str(model), device="cpu")
    assert auditor.plan.rule == rule_named(name)
    assert auditor.grounding_notices == ()
    rows = found.trials.overlaps[name][found.temperature]
    for index, one in enumerate(found.trials.questions):
        photo = int(one.case.photo)
        pixels = item(photo, []).sample.pixels
        [record] = auditor.ground([pixels], one.case.question)
        assert isinstance(record.outcome, Grounding)
        assert record.outcome.mask is not None
        overlap = iou(decode_mask(record.outcome.mask), one.truth())
        assert overlap == pytest.approx(rows[index], abs=0.02)


def test_the_papers_rule_is_still_there(model: Path, data: Path, says: Any) -> None:
    says(PLACE)
    found = measured(model, data, choose="points-3")
    found.write()
    auditor = Auditor(str(model), device="cpu")
    plan = auditor.plan.with_rule(PAPER)
    assert (auditor.plan.rule.points, plan.rule) == (3, PAPER)
    assert plan.temperature == pytest.approx(found.figures["paper"].temperature)


def test_the_best_rule_only_when_asked(model: Path, data: Path, says: Any) -> None:
    says(PLACE)
    found = measured(model, data, rules=("mask-first", "negative-least"), choose="best")
    best = max(one.miou.value for one in found.figures.values())
    assert found.figures[found.rule.name].miou.value == best
    assert found.grounding()["chosen_by"] == "--choose best"


def test_answers_without_a_place(model: Path, data: Path, says: Any) -> None:
    says("No region shows visible distortion.")
    nothing = measured(model, data)
    assert nothing.figures["paper"].miou.value == 0
    assert nothing.trials.masks == 0
    assert nothing.calibration == []
    nothing.write()
    assert told(model)["calibration"] == {"likeliest_temperature": None, "axes": []}
    says("The whole image shows severe noise.")
    whole = measured(model, data)
    assert whole.figures["paper"].miou.value == pytest.approx(160 / 4800)
    assert whole.temperature == 1.0


def test_a_score_temperature_from_opinions(model: Path, data: Path, says: Any) -> None:
    says(PLACE)
    found = measured(model, data, split="scored", limit=3)
    assert found.scores is not None
    assert found.scores.photos == 3
    assert found.scores.nll.value <= found.scores.nll_before.value + 1e-9
    assert [path.name for path in found.write()] == ["grounding.json", "scoring.json"]
    value = json.loads((model / "scoring.json").read_text(encoding="utf-8"))
    assert value["temperature"] == found.scores.temperature
    assert Auditor(str(model)).temperature("scoring") == found.scores.temperature


def test_a_packaged_nano_names_the_segmenter_beside_it(
    model: Path, data: Path, says: Any, tmp_path: Path
) -> None:
    """Not a folder of the machine it was measured on."""
    says(PLACE)
    elsewhere = Path(shutil.copytree(model / "segmenter", tmp_path / "elsewhere"))
    measured(model, data, segmenter=str(elsewhere), limit=1).write()
    assert told(model)["segmenter"]["name"] == str(elsewhere)
    package_nano(model, elsewhere, tmp_path / "packed", "")
    assert told(tmp_path / "packed")["segmenter"]["name"] == "segmenter"
    assert Auditor(str(tmp_path / "packed")).grounding_notices == ()


CLEAN = "The image shows no visible distortion."


@pytest.fixture
def described(tmp_path: Path) -> Path:
    """Four clean photos and four with a severe fault, each with a description."""

    def one(number: int) -> Any:
        faults = SEVERE_NOISE if number % 2 else ()
        asked = "What is wrong with this photo?" if number > 5 else describe_question()
        row = QA("describe", asked, PLACE if faults else CLEAN, faults,
                 subtask="whole" if faults else "clean")  # fmt: skip
        return item(number, [grounding(), row])

    photos = [one(number) for number in range(8)]
    return write(tmp_path / "described", [item(9, [referring()])], validation=photos)


def test_descriptions_call_photos_clean_as_readily_as_faults_allow(
    model: Path, described: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the faulty photos three are further from being called clean than the fourth."""
    sure = {0: 2.0, 1: -5.0, 2: -1.0, 3: -0.5, 4: -1.5, 5: -5.0, 6: 1.0, 7: -5.0}
    numbers = {photo(number).tobytes(): number for number in sure}
    looked: list[int] = []
    look = LanguageModel.look

    def looking(model: LanguageModel, photos: Any) -> Any:
        looked[:] = [numbers[one.tobytes()] for one in photos]
        return look(model, photos)

    def ask(model: LanguageModel, asks: list[Ask]) -> list[Answer]:
        found = []
        for one in asks:
            describing = one.question == describe_question()
            says = CLEAN if describing and sure[looked[0]] > 0 else PLACE
            ids = [*model.encode(says), min(model.end_ids)]
            logits = np.full((len(ids), len(model.eyes.tokenizer)), -20, np.float32)
            logits[range(len(ids)), ids] = 10
            clean, faulty = (model.encode(text) for text in (CLEAN, PLACE))
            at = next(i for i, (a, b) in enumerate(zip(clean, faulty, strict=False)) if a != b)
            logits[at, faulty[at]], logits[at, clean[at]] = 0, sure[looked[0]]
            found.append(model._answer(ids, logits))
        return found

    monkeypatch.setattr(LanguageModel, "look", looking)
    monkeypatch.setattr(LanguageModel, "ask", ask)
    before = json.loads((model / GENERATION).read_text(encoding="utf-8"))
    found = measured(model, described, recall=0.75)
    told = found.describing
    assert told is not None
    assert (told.bias, told.clean, told.faulty) == (1.51, 4, 4)  # no more is needed
    assert (told.clean_found.value, told.clean_found_before.value) == (1.0, 0.5)
    assert (told.faults_found.value, told.faults_found_before.value) == (0.75, 1.0)
    report = io.StringIO()
    write_report(found.grids, report)
    assert '+1.51 at "The image' in report.getvalue()
    names = ["grounding.json", "describing.json", GENERATION]
    assert [path.name for path in found.write()] == names
    after = json.loads((model / GENERATION).read_text(encoding="utf-8"))
    biases = after.pop("sequence_bias")
    assert after == before
    loaded = Auditor(str(model)).load()
    tails = [[*loaded.encode(asked)[1:], 2] for asked in (
        describe_question(), "What is wrong with this photo?")]  # fmt: skip
    opening = list(told.ids)
    assert sorted(bias for _, bias in biases) == [1.51, 1.51]
    for tail in tails:
        assert any(ids[-len(tail) - len(opening) :] == [*tail, *opening] for ids, _ in biases)

    again = measured(model, described, recall=1.0)
    again.write()
    biases = json.loads((model / GENERATION).read_text(encoding="utf-8"))["sequence_bias"]
    assert [bias for _, bias in biases] == [0.5, 0.5]  # in place of those before
    package_nano(model, model / "segmenter", model.parent / "packed", "")
    packed = model.parent / "packed"
    assert json.loads((packed / "describing.json").read_text(encoding="utf-8"))["bias"] == 0.5
    assert json.loads((packed / GENERATION).read_text(encoding="utf-8"))["sequence_bias"] == biases


def test_no_descriptions_to_choose_by(model: Path, data: Path) -> None:
    with pytest.raises(UsageError, match="has no descriptions to choose --recall by"):
        Stage2(Settings(model=str(model), data=data, recall=0.9))


def test_photos_are_limited(model: Path, data: Path) -> None:
    stage = Stage2(Settings(model=str(model), data=data, limit=2), dry=True)
    assert (stage.photos, len(stage.cases)) == (2, 4)


# --- the command --------------------------------------------------------------------------------


def run(*args: str | Path) -> Any:
    return CliRunner().invoke(app, ["stage2", *map(str, args)])


def test_the_command_prints_a_report(model: Path, data: Path, says: Any, tmp_path: Path) -> None:
    says(PLACE)
    before = {one.name: one.read_bytes() for one in model.iterdir() if one.is_file()}
    out = tmp_path / "copy"
    done = run(model, "--data", data, "--mask-choice", "first", "--points", "2", "--limit", "2",
               "--segmenter", "nano", "--out", out)  # fmt: skip
    assert done.exit_code == 0, done.exception
    assert {one.name: one.read_bytes() for one in model.iterdir() if one.is_file()} == before
    for word in ("Positional words", "one token", "paper (chosen)", "mask-first", "points-2",
                 "minus paper", "ECE", "P(bottom) against the place", "HyD-G"):  # fmt: skip
        assert word in done.stdout
    assert f"wrote {out / 'grounding.json'}" in done.stderr
    assert "4 answers: 4 name a place" in done.stderr
    assert told(out)["segmenter"] == {
        "name": "nano",
        "revision": revision_of(bundled_segmenter()),
    }


def test_the_command_speaks_json(model: Path, data: Path, says: Any) -> None:
    says(PLACE)
    done = run(model, "--data", data, "--limit", "1", "--json", "-q")
    assert done.exit_code == 0, done.exception
    assert "spider:" not in done.stderr
    value = json.loads(done.stdout)
    assert value["grounding"] == told(model)
    assert value["scoring"] is None
    assert value["written"] == [str(model / "grounding.json")]


def test_a_rehearsal_asks_and_writes_nothing(
    model: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("no weights are needed")

    monkeypatch.setattr(Auditor, "load", refuse)
    monkeypatch.setattr(stage2, "load_segmenter", refuse)
    before = (model / "grounding.json").read_bytes()
    done = run(model, "--data", data, "--all", "--dry-run")
    assert done.exit_code == 0, done.exception
    assert "Positional words" in done.stdout
    assert "paper, thirds, centre, points-3" in done.stdout
    assert (model / "grounding.json").read_bytes() == before


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (("--split", "valdation"), "valdation"),
        (("--split", "train"), "asks about no region"),
        (("--segmenter", "/no/such"), "no segmenter"),
        (("--choose", "bestest"), "unknown rule"),
        (("--words", "quarters"), "unknown rule"),
        (("--negative", "most"), "unknown rule"),
        (("--mask-choice", "last"), "unknown rule"),
        (("--scores", "/no/such/list.csv"), "/no/such/list.csv"),
    ],
)
def test_bad_input_is_said_before_anything_is_loaded(
    model: Path, data: Path, args: tuple[str, ...], word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("too late")

    monkeypatch.setattr(Auditor, "load", refuse)
    done = run(model, "--data", data, *args)
    assert isinstance(done.exception, UsageError), done.exception
    assert word in done.exception.message


def test_nano_itself_wants_an_out(data: Path) -> None:
    done = run("nano", "--data", data)
    assert isinstance(done.exception, UsageError)
    assert "--out DIR" in done.exception.hint


def test_no_data_set(model: Path, tmp_path: Path) -> None:
    done = run(model, "--data", tmp_path)
    assert isinstance(done.exception, UsageError)
    assert done.exception.code == "no_data"


def test_a_tokenizer_without_the_words(
    model: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.trainer.grounding_stage.test_words import by_words

    monkeypatch.setattr(stage2, "load_tokenizer", lambda _: by_words("on", "the", "top", "left"))
    monkeypatch.setattr(Auditor, "load", lambda _: pytest.fail("too late"))
    done = run(model, "--data", data)
    assert isinstance(done.exception, UsageError)
    assert done.exception.code == "model_unfit"
    assert "positional word 'bottom'" in done.exception.message
