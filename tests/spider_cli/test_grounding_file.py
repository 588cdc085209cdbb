"""grounding.json: what was written is obeyed; what is damaged or too new is one clear error."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from spider_cli.auditor import Auditor
from spider_cli.errors import UsageError
from spider_cli.grounding_file import VERSION, Recorded, read_plan
from spider_cli.rules import PAPER, rule_named
from spider_cli.weights import BUNDLED, bundled_segmenter, find_model
from spider_cli.weights.revision import revision_of

FILE = Path("model/grounding.json")


def whole(**more: Any) -> dict[str, Any]:
    rule = rule_named("thirds+negative-least")
    value = {"version": VERSION, "rule": rule.to_json(), "temperature": 0.6}
    value["segmenter"] = {"name": "nano", "revision": "abc"}
    value["rules"] = {"paper": {"temperature": 0.4}, rule.name: {"temperature": 0.6}}
    return {**value, **more}


def test_what_is_written_is_read() -> None:
    plan = read_plan(json.loads(json.dumps(whole())), FILE)
    assert plan.rule == rule_named("thirds+negative-least")
    assert plan.temperature == 0.6
    assert plan.segmenter == Recorded("nano", "abc")
    assert plan.with_rule(PAPER).temperature == 0.4  # its own, as measured
    assert plan.with_rule(rule_named("points-3")).temperature == 0.6  # not measured: the file's
    assert plan.with_rule(plan.rule) == plan


def test_nothing_is_the_papers_rule() -> None:
    plan = read_plan({}, FILE)
    assert (plan.rule, plan.temperature, plan.segmenter) == (PAPER, 1.0, None)


def test_files_of_before_there_were_rules() -> None:
    old = {"rule": "paper", "temperature": 0.4, "validation_miou": {"1": 0.3}}
    plan = read_plan(old, FILE)
    assert (plan.rule, plan.temperature, plan.segmenter) == (PAPER, 0.4, None)


def test_the_one_that_ships_is_obeyed() -> None:
    folder = find_model(BUNDLED)
    told = json.loads((folder.path / "grounding.json").read_text(encoding="utf-8"))
    auditor = Auditor(BUNDLED)
    assert auditor.temperature("grounding") == told["temperature"]
    assert auditor.plan.rule == folder.plan().rule
    assert auditor.grounding_notices == ()


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (whole(version="1"), "version"),
        (whole(version=True), "version"),
        (whole(version=-1), "version"),
        ({"version": 1, "rule": "paper"}, "temperature is missing"),
        ({"version": 1, "temperature": 1.0}, "rule is missing"),
        (whole(temperature=0), "temperature"),
        (whole(temperature="1"), "temperature"),
        (whole(temperature=True), "temperature"),
        (whole(temperature=float("inf")), "temperature"),
        (whole(temperature=float("nan")), "temperature"),
        (whole(rule="thirds"), "rule"),
        (whole(rule=["paper"]), "rule"),
        (whole(rule={"points": "many"}), "points"),
        (whole(rule={"colour": 1}), "colour"),
        (whole(rule={"vertical": [["top"], "bottom"]}), "vertical|unhashable"),
        (whole(segmenter="nano"), "segmenter"),
        (whole(segmenter={"name": "nano"}), "segmenter"),
        (whole(segmenter={"name": "", "revision": "a"}), "segmenter"),
        (whole(rules=[1]), "rules"),
        (whole(rules={"paper": {"temperature": -1}}), "rules.paper"),
        (whole(rules={"paper": 1}), "rules.paper"),
    ],
)
def test_damage_is_one_clear_error(value: dict[str, Any], word: str) -> None:
    with pytest.raises(UsageError, match=word) as caught:
        read_plan(value, FILE)
    assert str(FILE) in caught.value.message
    assert "stage2" in caught.value.hint
    assert caught.value.code == "model_unloadable"


def test_a_later_version_is_refused() -> None:
    with pytest.raises(UsageError, match="version 2") as caught:
        read_plan(whole(version=VERSION + 1), FILE)
    assert "newer spider" in caught.value.hint


@pytest.fixture
def model(nano_folder: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(nano_folder, tmp_path / "model"))


def record(model: Path, **segmenter: str) -> Auditor:
    value = whole(segmenter=segmenter)
    (model / "grounding.json").write_text(json.dumps(value), encoding="utf-8")
    return Auditor(str(model), device="cpu")


def test_damage_is_said_when_the_model_is_opened(model: Path) -> None:
    for text in ("{", "[]", json.dumps(whole(rule=7))):
        (model / "grounding.json").write_text(text, encoding="utf-8")
        with pytest.raises(UsageError) as caught:
            Auditor(str(model))
        assert "grounding.json" in caught.value.message


def test_the_recorded_segmenter_is_taken(model: Path, tmp_path: Path) -> None:
    own = model / "segmenter"
    elsewhere = Path(shutil.copytree(own, tmp_path / "elsewhere"))
    for name, folder in (
        ("nano", bundled_segmenter()),
        ("segmenter", own),
        (str(elsewhere), elsewhere),
    ):
        auditor = record(model, name=name, revision=revision_of(folder))
        assert auditor._segmenter_found == (folder, ())


def test_another_revision_is_a_notice(model: Path) -> None:
    auditor = record(model, name="segmenter", revision="0123456789ab")
    [notice] = auditor.grounding_notices
    assert "0123456789ab" in notice
    assert auditor._segmenter_found[0] == model / "segmenter"


def test_a_segmenter_that_is_gone_is_a_notice(model: Path) -> None:
    auditor = record(model, name="/no/such/sam", revision="0123456789ab")
    [notice] = auditor.grounding_notices
    assert "/no/such/sam" in notice
    assert auditor._segmenter_found[0] == model / "segmenter"
    auditor.load_segmenter()
