"""`spider eval` from the command line."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result as Ran
from typer.testing import CliRunner

from spider_cli.errors import SpiderError
from tests.hub_server import HubServer, vision_model
from trainer.commands.eval import app

Spider = Callable[..., Ran]


@pytest.fixture
def spider(random_nano: Path, monkeypatch: pytest.MonkeyPatch) -> Spider:
    monkeypatch.setattr("spider_cli.lmm.MAX_NEW_TOKENS", 6)

    def call(*arguments: object, model: bool = True) -> Ran:
        given = [str(one) for one in arguments]
        given += ["--model", str(random_nano), "--device", "cpu"] if model else []
        return CliRunner().invoke(app, given)

    return call


def refusal(ran: Ran) -> SpiderError:
    assert isinstance(ran.exception, SpiderError), (ran.output, ran.exception)
    return ran.exception


def test_a_data_set_from_end_to_end(spider: Spider, data_folder: Path, tmp_path: Path) -> None:
    ran = spider(data_folder, "--out", tmp_path / "out", "--json")
    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.stdout)
    assert told["schema"] == "spider-eval/1"
    assert (told["target"], told["split"], told["photos"], told["cases"]) == (
        "by-hand", "test", 4, 16,
    )  # fmt: skip
    assert "4 photos, 16 cases" in ran.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "results.jsonl", "figures.json", "report.md", "worst", "worst.png",
    }  # fmt: skip
    names = {figure["name"]: figure for figure in told["figures"]}
    assert set(names["ground.miou"]["values"]) == {
        "system", "random", "most_frequent", "centre_point", "random_point", "full_image",
        "oracle_point",
    }  # fmt: skip
    assert names["ground.giou"]["cases"] == 5

    # The table again from what was saved, and beside itself.
    again = spider(tmp_path / "out", "--json", model=False)
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["figures"] == told["figures"]
    table = spider(tmp_path / "out", "--against", tmp_path / "out", "--tasks", "ground")
    assert "Grounding: this against that" in table.stdout
    assert "short: accuracy" not in table.stdout
    refused = spider(data_folder, "--out", tmp_path / "out")
    assert "exists" in refusal(refused).message


def test_predictions_instead_of_the_model(
    spider: Spider, data_folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "theirs.jsonl"
    file.write_text('{"id": "000000-02", "answer": "severe blur, mild noise"}\n', encoding="utf-8")
    ran = spider(data_folder, "--predictions", file, "--tasks", "refer_short", "--json")
    told = json.loads(ran.stdout)
    assert (told["system"], told["revision"], told["missing"]) == ("theirs", "", 1)
    values = {one["name"]: one["values"]["system"]["value"] for one in told["figures"]}
    assert values["refer_short.accuracy"] == 0.5
    assert "1 missing" in ran.stderr
    file.write_text('{"id": "x", "answer": ""}\n', encoding="utf-8")
    assert "line 1, id" in refusal(spider(data_folder, "--predictions", file)).message


def test_photos_that_fail_are_said_with_the_exit_code(spider: Spider, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("file,mos\na.png,0.5\nb.png,0.7\n", encoding="utf-8")
    (tmp_path / "a.png").write_bytes(b"no photo")
    ran = spider("opinion", "--photos", tmp_path)
    assert ran.exit_code == 3
    assert "failed, 1 cases: " in ran.stderr
    assert "SRCC" in ran.stdout


def test_without_baselines(spider: Spider, data_folder: Path) -> None:
    ran = spider(data_folder, "--no-baselines", "--tasks", "score", "--json", "--quiet")
    [first, *_] = json.loads(ran.stdout)["figures"]
    assert list(first["values"]) == ["system"]
    assert "photos" not in ran.stderr


def test_a_model_that_is_not_here_is_offered(
    spider: Spider, data_folder: Path, hub: HubServer, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As to the commands that judge photos."""
    hub.add("owner/name", vision_model())
    asked: list[str] = []
    downloading = "spider_cli.commands.downloading"
    monkeypatch.setattr(f"{downloading}._someone_there", lambda: True)
    monkeypatch.setattr(f"{downloading}.confirmed", lambda question: asked.append(question))
    ran = spider(data_folder, "--model", "owner/name", model=False)
    assert "spider models download owner/name" in refusal(ran).hint
    [question] = asked
    assert "owner/name, 2" in question and "licence apache-2.0" in question
    assert not hub.requests("/cdn/")


def test_a_large_model_is_measured_as_it_is_to_be_used(
    spider: Spider, data_folder: Path, tiny_checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    """Quantized, and with a budget of pixels; the results say so."""
    asked = ["--tasks", "score", "--no-baselines", "--device", "cpu", "--max-pixels", "3.2k"]
    asked += ["--quantize", "int8", "--model", str(tiny_checkpoint("smolvlm"))]
    ran = spider(data_folder, *asked, "--json", "--out", tmp_path / "out", model=False)
    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.stdout)
    assert (told["max_pixels"], told["quantize"]) == (3200, "int8")
    assert re.search(r"smolvlm: .* loaded in .* s, on cpu .*, layers in int8", ran.stderr)
    again = spider(tmp_path / "out", "--json", model=False)
    assert json.loads(again.stdout)["quantize"] == "int8"
    report = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "- Its layers in int8 (--quantize)\n" in report
    assert "- Photos shown with 3,200 pixels at most (--max-pixels)\n" in report


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["smok"], "no suite, file or folder 'smok'", "did you mean smoke?"),
        (["opinion"], "opinion needs --photos", "labels.csv"),
        (["smoke"], "smoke needs --photos", ""),
        (["smoke", "--tasks", "ground"], "smoke takes no --tasks", ""),
        (["DATA", "--size", "9"], "takes no --size", ""),
        (["DATA", "--tasks", "grounds"], "unknown task 'grounds'", "did you mean 'ground"),
        (["DATA", "--split", "train"], "no split 'train'", "it has test"),
        (["DATA", "--scale", "1-5"], "--scale 1-5 is not WORST:BEST", ""),
        (["DATA", "--photos", "DATA"], "holds its own photos", ""),
        (["DATA", "--tasks", "refer_long", "--limit", "1", "--against", "DATA"], "no results", ""),
    ],
)
def test_refused_before_anything_is_asked(
    spider: Spider, data_folder: Path, arguments: list[str], message: str, hint: str
) -> None:
    given = [str(data_folder) if one == "DATA" else one for one in arguments]
    error = refusal(spider(*given))
    assert message in error.message
    assert hint in error.hint


def test_a_neighbour_is_suggested(spider: Spider, data_folder: Path) -> None:
    error = refusal(spider(data_folder.parent / "by-hnad"))
    assert str(data_folder) in error.hint


def test_smoke_goes_on_as_it_did(
    spider: Spider, tmp_path: Path, shots: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainer.evaluate import Figures

    asked: dict[str, Any] = {}

    def smoke(auditor: Any, photos: Any, **more: Any) -> Figures:
        asked.update(more, photos=photos)
        return Figures({"items": 30, "grounding_miou": 0.25, "interval": (0.1, 0.4)}, [])

    monkeypatch.setattr("trainer.evaluate.smoke", smoke)
    folder = shots[0].path.parent
    out = tmp_path / "smoke.json"
    ran = spider("smoke", "--photos", folder, "--size", 30, "--seed", 5, "--out", out)
    assert ran.exit_code == 0, ran.output
    assert (asked["photos"], asked["size"], asked["seed"]) == ([folder], 30, 5)
    assert "grounding miou  0.250" in ran.stdout
    assert "0.100 to 0.400" in ran.stdout
    assert json.loads(out.read_text(encoding="utf-8"))["summary"]["items"] == 30
    assert "exists" in refusal(spider("smoke", "--photos", folder, "--out", out)).message
    told = json.loads(spider("smoke", "--photos", folder, "--json").stdout)
    assert told["schema"] == "spider-smoke/1"
    assert asked["size"] == 300
