"""Saved results against floors and bars."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spider_cli.errors import UsageError
from trainer.commands.eval import app
from trainer.evaluate.asking import FileSystem
from trainer.evaluate.benchmark import Benchmark
from trainer.evaluate.figures import AGREEMENTS, FIGURES
from trainer.evaluate.measuring import Measured
from trainer.evaluate.outcomes import Outcome, Prediction
from trainer.evaluate.peers import Peer, Peers
from trainer.evaluate.release import judge_release, read_criteria
from trainer.evaluate.running import choose, run
from trainer.evaluate.saved import Header
from trainer.evaluate.tally import tally

CRITERIA = """
[[criterion]]
name = "accuracy"
on = "photos"
figure = "refer_short.accuracy"
floor = {floor}
bar = {bar}

[[criterion]]
name = "clean"
on = "photos"
figure = "describe.clean"
floor = 0.5
bar = 1.0
needs = "describe.noticed"
least = {least}

[[criterion]]
name = "beside"
on = "photos"
figure = "describe.noticed"

[[criterion]]
name = "seconds"
on = "speed"
figure = "score_12mp.times_pillow"
floor = 2.0
bar = 1.5
higher_is_better = false

[[criterion]]
name = "elsewhere"
on = "outside"
figure = "score.srcc"
floor = 0.5
bar = 0.6
"""

Write = Callable[..., Path]


@pytest.fixture(scope="module")
def folders(benchmark: Benchmark, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Half of the short answers are right; the clean photo is called clean, one fault is missed."""
    answers = {
        "000000-00": Prediction(answer="The image shows no visible distortion."),
        "000000-02": Prediction(answer="severe blur and mild noise"),
        "000000-08": Prediction(answer="mild noise"),
        "000001-00": Prediction(answer="The whole image shows moderate darkening."),
        "000002-00": Prediction(answer="The image shows no visible distortion."),
    }
    top: Path = tmp_path_factory.mktemp("release")
    flag = {"cleanvision": Outcome(other=("dark",))}
    peer = Peer("cleanvision", {"cleanvision": "CleanVision"}, (), "", lambda pixels: flag,
                flags="cleanvision")  # fmt: skip
    # Not the scores: a thousand resampled fits of each take their time.
    cases = choose(benchmark.cases, tasks=["describe", "refer_short", "ground_hyd"])
    results = run(benchmark, cases, FileSystem(answers), peers=Peers([peer]))
    header = Header("by-hand", "test", "d" * 64, "theirs", "r1", 7, made_by="spider 0")
    measured = Measured(header, results, tally(results, rounds=50), benchmark)
    measured.save(top / "photos", force=False)
    (top / "speed").mkdir()
    speed = {"schema": "spider-speed/1", "score_12mp": {"times_pillow": 1.7, "rounds": [1.7]}}
    (top / "speed" / "speed.json").write_text(json.dumps(speed))
    return [top / "photos", top / "speed"]


@pytest.fixture
def criteria(tmp_path: Path) -> Write:
    def write(floor: float = 0.4, bar: float = 0.5, least: float = 0.5) -> Path:
        file = tmp_path / "criteria.toml"
        file.write_text(CRITERIA.format(floor=floor, bar=bar, least=least))
        return file

    return write


def statuses(folders: list[Path], file: Path) -> dict[str, str]:
    return {row.criterion.name: row.status for row in judge_release(folders, file).rows}


def test_floor_bar_and_between(folders: list[Path], criteria: Write) -> None:
    assert statuses(folders, criteria()) == {
        "accuracy": "at bar",
        "clean": "at bar",
        "beside": "",
        "seconds": "between",
        "elsewhere": "not measured",
    }
    assert statuses(folders, criteria(bar=0.51))["accuracy"] == "between"
    assert statuses(folders, criteria(floor=0.51, bar=0.6))["accuracy"] == "below floor"


def test_a_figure_stands_only_with_what_it_needs(folders: list[Path], criteria: Write) -> None:
    # Half of the photos with faults are noticed.
    assert statuses(folders, criteria(least=0.51))["clean"] == "below floor"


def test_the_command_prints_and_writes(
    folders: list[Path], criteria: Write, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    asked = ["release", *map(str, folders), "--criteria", str(criteria()), "--out", str(out)]
    ran = CliRunner().invoke(app, asked)
    assert ran.exit_code == 0, ran.output
    line = next(line for line in ran.stdout.splitlines() if line.strip().startswith("accuracy"))
    assert line.split()[1:3] == ["2", "0.500"] and line.endswith("at bar")
    assert "photos: description: peers on the same photos" in ran.stdout
    assert "CleanVision" in ran.stdout
    told = json.loads((out / "release.json").read_text(encoding="utf-8"))
    assert told["schema"] == "spider-release/1"
    assert told["measured"]["photos"]["revision"] == "r1"
    first = told["criteria"][0]
    assert (first["value"], first["floor"], first["bar"]) == (0.5, 0.4, 0.5)
    assert first["low"] <= 0.5 <= first["high"]
    page = (out / "release.md").read_text(encoding="utf-8")
    for target in [part.partition(")")[0] for part in page.split("](")[1:]]:
        assert (out / target).exists(), target
    assert "worst.png" in page

    again = CliRunner().invoke(app, asked)
    assert isinstance(again.exception, UsageError) and "holds a release" in again.exception.message
    assert json.loads(CliRunner().invoke(app, [*asked[:-2], "--json"]).stdout) == told


def test_every_criterion_names_a_figure_that_there_is() -> None:
    known = {one.name for one in (*FIGURES, *AGREEMENTS)}
    wanted = read_criteria()
    assert {one.on for one in wanted} == {"photos", "opinion", "outside", "camera", "speed"}
    for one in wanted:
        assert one.on == "speed" or one.figure in known, one.name
        assert one.needs is None or one.needs in known
        if one.floor is not None and one.bar is not None:
            assert (one.bar >= one.floor) if one.higher_is_better else (one.bar <= one.floor)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the table 'criterion' is missing"),
        ("[[criterion]]\nname = 'a'\n", r"'on' is missing at \[criterion.0\]"),
        ("[[criterion]]\nname = 'a'\non = 'b'\nfigure = 'c'\nflor = 1\n", "unknown key 'flor'"),
        ("[[criterion]]\nname = 'a'\non = 'b'\nfigure = 'c'\nbar = 1\n", "floor and bar go"),
        (
            "[[criterion]]\nname = 'a'\non = 'b'\nfigure = 'c'\nneeds = 'd'\n",
            r"needs and least go together at \[criterion.0\]",
        ),
        (
            "[[criterion]]\nname = 'a'\non = 'b'\nfigure = 'c'\nfloor = 'low'\nbar = 1\n",
            "floor must be a number, not 'low'",
        ),
        ("[[criterion", "criteria.toml"),
    ],
)
def test_criteria_that_are_wrong_are_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "criteria.toml"
    file.write_text(text)
    with pytest.raises(UsageError, match=said):
        read_criteria(file)


def test_folders_without_results_are_refused(folders: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs folders of saved results") as told:
        judge_release([])
    assert told.value.hint == "called opinion, outside, photos, camera, speed"
    with pytest.raises(UsageError, match=r"holds neither saved results nor speed\.json"):
        judge_release([tmp_path])
    with pytest.raises(UsageError, match="are both called photos"):
        judge_release([folders[0], folders[0]])
