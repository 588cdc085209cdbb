"""A base is told how to answer, and a tuned model is not."""

import re
import shutil
from pathlib import Path
from typing import Any, get_args

import pytest
import torch

from spider_cli.auditor import Auditor
from spider_cli.boxes import BoxSpec
from spider_cli.evidence import Asked, evidence_of
from spider_cli.lmm import Ask
from spider_cli.questions import (
    SCORE_PREFIX,
    SCORE_QUESTION,
    describe_question,
    describe_region_question,
    ground_question,
    refer_question,
)
from spider_cli.reading import parse_distortions, says_nothing, says_whole
from spider_cli.results import Description, Grounding, Score
from spider_cli.rules import PAPER
from spider_cli.scoring import LevelReader
from spider_cli.vocabulary import FAMILIES, LEVELS, NOUNS, SEVERITIES
from spider_cli.weights import BUNDLED, find_model
from spider_cli.zero_shot import MEANINGS, NAMES, Task, instructed
from tests.tiny_models import llava

TASKS: tuple[Task, ...] = get_args(Task)
CARD = "---\ntags:\n- spider-iqa\n- iqa\n---\n# Tuned\n"

# --- the words ----------------------------------------------------------------------------------


def test_every_family_and_severity_is_explained_once() -> None:
    assert tuple(MEANINGS) == FAMILIES
    for start in (
        *(f"- {noun}: " for noun in NOUNS.values()),
        *(f" {one} (" for one in SEVERITIES),
    ):
        assert NAMES.count(start) == 1, start
    assert len(NAMES.split()) <= 115


@pytest.mark.parametrize("task", TASKS)
def test_the_question_stays_word_for_word(task: Task) -> None:
    question = "Which region, if any, shows <noise> at 10:30?"
    text = instructed(task, question)
    assert text.count(question) == 1
    assert len(text.split()) <= 185
    assert text.startswith(question if task == "score" else NAMES)
    assert not re.search(r"[<>|{}]", text.replace(question, ""))  # no mark of any template
    if task == "score":
        assert SCORE_PREFIX in text and all(level in text for level in LEVELS)


def test_boxes_are_explained_where_there_are_some() -> None:
    box = "[0.100, 0.200, 0.300, 0.400]"
    with_box = instructed("refer_long", refer_question(box, long=True))
    assert "brackets" in with_box and box in with_box
    assert "brackets" not in instructed("describe", describe_question())


def test_the_examples_read_as_what_they_stand_for() -> None:
    quoted = re.findall(r'"([^"]+)"', instructed("ground", ""))
    left, right, whole, none = quoted
    for text, family, severity in ((left, "blur", "mild"), (right, "noise", "severe")):
        [found] = parse_distortions(text)[0]
        assert (found.family, found.severity) == (family, severity)
        assert not says_whole(text)
    assert says_whole(whole) and says_nothing(none)
    # Each word of both axes stands there as often: none is suggested.
    counts = [len(re.findall(rf"\b{word}\b", " ".join(quoted))) for word in
              ("top", "bottom", "left", "right")]  # fmt: skip
    assert len(set(counts)) == 1
    for task in ("describe", "refer_short", "refer_long"):
        listed, empty = re.findall(r'"([^"]+)"', instructed(task, ""))[-2:]
        for start in ("", "Distortions: "):
            read = [(one.severity, one.family) for one in parse_distortions(start + listed)[0]]
            assert read == [("severe", "noise"), ("mild", "blur")]
            assert says_nothing(start + empty)


# --- who is told --------------------------------------------------------------------------------


def test_what_was_tuned(tmp_path: Path, nano_folder: Path) -> None:
    assert find_model(BUNDLED).tuned() and find_model(str(nano_folder)).tuned()
    (tmp_path / "config.json").write_text('{"model_type": "llava"}', encoding="utf-8")
    assert not find_model(str(tmp_path)).tuned()
    for card in (
        "---\ntags: [image-quality-assessment]\n---\n# Another's model of quality\n",
        "# A base\n\n- spider-iqa\n",
        "---\ntags: spider-iqa: no YAML\n---\n",
    ):
        (tmp_path / "README.md").write_text(card, encoding="utf-8")
        assert not find_model(str(tmp_path)).tuned()
    for name in ("grounding.json", "scoring.json"):  # the second stage, of a base
        (tmp_path / name).write_text('{"temperature": 2}', encoding="utf-8")
    assert not find_model(str(tmp_path)).tuned()
    (tmp_path / "README.md").write_text(CARD, encoding="utf-8")
    assert find_model(str(tmp_path)).tuned()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, nano_folder: Path) -> Path:
    made = tmp_path_factory.mktemp("base") / "llava"
    torch.manual_seed(0)
    llava(made)
    shutil.copytree(nano_folder / "segmenter", made / "segmenter")
    return made


@pytest.fixture(scope="module")
def base(folder: Path) -> Auditor:
    return Auditor(str(folder), device="cpu")


@pytest.fixture
def photo(scenes: dict[str, Any]) -> Any:
    return scenes["small"]


pytestmark = pytest.mark.usefixtures("short_answers")


def test_a_base_is_said_to_be_one(base: Auditor, photo: Any, valid_record: Any) -> None:
    [notice] = base.notices
    assert "never tuned" in notice
    for records in (
        base.describe([photo]),
        base.score([photo]),
        base.refer([photo], [BoxSpec.parse("0.0,0.0,0.5,1.0")]),
        base.ground([photo], ground_question()),
    ):
        [record] = records
        assert valid_record(record)["untuned"] is True


def test_a_base_is_asked_with_instructions(base: Auditor, photo: Any) -> None:
    """All tasks in words; the record has the question as it was put."""
    model, box = base.load(), BoxSpec.parse("0.0,0.0,0.5,1.0")
    [look] = model.look([photo])
    fractions = "[0.000, 0.000, 0.500, 1.000]"
    short, long = (refer_question(fractions, long=long) for long in (False, True))
    most = ground_question(family="noise")
    cases: list[tuple[Task, str, Any]] = [
        ("describe", describe_question(), base.describe([photo])),
        ("describe", describe_region_question(fractions), base.describe([photo], boxes=[box])),
        (
            "describe",
            describe_region_question("the lamp"),
            base.describe([photo], region="the lamp"),
        ),
        ("refer_short", short, base.refer([photo], [box])),
        ("refer_long", long, base.refer([photo], [box], long=True)),
        ("ground", most, base.ground([photo], most)),
    ]
    for task, question, [record] in cases:
        [told] = model.ask([Ask(look, instructed(task, question))])
        assert record.outcome.question == question
        assert record.outcome.answer == told.text.strip()


def test_forced_starts_follow_the_instructions(base: Auditor, photo: Any) -> None:
    model = base.load()
    [look] = model.look([photo])
    [record] = base.score([photo])
    assert isinstance(record.outcome, Score)
    reader = LevelReader(model, 1.0)
    asks = [
        Ask(look, text, prefix=SCORE_PREFIX)
        for text in (instructed("score", SCORE_QUESTION), SCORE_QUESTION)
    ]
    told, bare = (reader.read(row) for row in model.next_logits(asks))
    assert record.outcome.levels == pytest.approx(told.levels, abs=1e-5)
    assert record.outcome.levels != pytest.approx(bare.levels, abs=1e-5)

    question = ground_question(extreme="most")
    [region] = base.ground([photo], question)
    assert isinstance(region.outcome, Grounding)
    worded = instructed("ground", question)
    [answer] = model.ask([Ask(look, worded)])
    if region.outcome.point is not None:
        reading = base.grounder().read(look, worded, answer)
        [evidence] = evidence_of(model, [Asked(look, worded, answer)], PAPER)
        assert region.outcome.probed == evidence.probed == reading.probed
        height, width = photo.shape[:2]
        expected = (width * reading.horizontal[1], height * reading.vertical[1])
        assert region.outcome.point == pytest.approx(expected, abs=0.05)


def test_what_cannot_be_read_is_noted(base: Auditor, photo: Any) -> None:
    """A random model says nothing that makes sense; that is no clean photo."""
    [record] = base.describe([photo])
    assert isinstance(record.outcome, Description)
    assert record.outcome.distortions == ()
    assert not says_nothing(record.outcome.answer)
    assert any("names no distortion that spider can read" in note for note in record.notes)


def test_a_tuned_model_is_asked_as_ever(folder: Path, photo: Any, tmp_path: Path) -> None:
    tuned = Path(shutil.copytree(folder, tmp_path / "tuned"))
    (tuned / "README.md").write_text(CARD, encoding="utf-8")
    auditor = Auditor(str(tuned), device="cpu")
    assert auditor.notices == ()
    [record] = auditor.describe([photo])
    [look] = auditor.load().look([photo])
    [told] = auditor.load().ask([Ask(look, describe_question())])
    assert isinstance(record.outcome, Description)
    assert record.outcome.answer == told.text.strip()
    assert "untuned" not in record.to_json() and record.notes == ()
