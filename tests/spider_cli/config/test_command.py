"""spider config: show, path, init."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from spider_cli.app import load
from spider_cli.config.files import File
from spider_cli.config.known import leaves, names
from spider_cli.config.settings import check
from spider_cli.config.shown import toml_value
from spider_cli.config.starter import example
from spider_cli.config.trust import ALLOWED

ROOT = Path(__file__).parents[3]


def test_init_show_path(place: Any, spider: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    place.user.unlink()
    folder = place.home / "new" / "folder"
    file = folder / "mine.toml"
    monkeypatch.setenv("SPIDER_CONFIG", str(file))
    assert spider("config", "path").out == f"{file}\n"
    assert not folder.exists()
    run = spider("config", "init")
    assert (run.code, run.out) == (0, f"{file}\n")
    before = file.read_bytes()
    # All of it is commented out: nothing changes.
    shown = spider("config", "show")
    assert f"# user: {file}\n" in shown.out
    assert {line.partition("  # ")[2] for line in shown.out.splitlines()[1:]} == {"default"}

    file.write_text("device = 'cpu'", encoding="utf-8")
    monkeypatch.setenv("SPIDER_FORCE", "1")  # meant for photos
    again = spider("config", "init")
    assert again.code == 2
    assert again.error == f"{file} is there already"
    assert file.read_text(encoding="utf-8") == "device = 'cpu'"
    assert spider("config", "init", "--force").code == 0
    assert file.read_bytes() == before
    assert [one.name for one in folder.iterdir()] == ["mine.toml"]


def test_a_broken_file_is_no_hindrance(place: Any, spider: Any) -> None:
    place.write(user="device = ")
    assert spider("config", "path").out == f"{place.user}\n"
    assert spider("config", "show").code == 2
    assert spider("config", "init", "--force").code == 0
    assert spider("config", "show").code == 0


def test_the_projects_file(place: Any, spider: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert spider("config", "path", "--project").code == 1
    run = spider("config", "init", "--project")
    assert run.out == f"{place.project / 'spider.toml'}\n"
    inside = place.project / "inside"
    inside.mkdir()
    monkeypatch.chdir(inside)
    assert spider("config", "path", "--project").out == run.out
    assert spider("config", "init", "--project").out == f"{inside / 'spider.toml'}\n"


def test_a_folder_that_takes_no_files(
    place: Any, spider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPIDER_CONFIG", str(place.user / "below" / "a-file.toml"))
    run = spider("config", "init")
    assert run.code == 2
    assert run.error.startswith(f"cannot write {place.user / 'below' / 'a-file.toml'}: ")


@pytest.mark.parametrize("layer", ["user", "project"])
def test_the_example_uncommented_is_valid_and_whole(layer: Any, tmp_path: Path) -> None:
    text = example(layer)
    assert all(len(line) <= 100 for line in text.splitlines())
    assert tomllib.loads(text).keys() <= {"all", "ratings", *names()}
    real = re.sub(r"^#(?=[^ ])", "", text, flags=re.MULTILINE)
    file = File(layer, tmp_path / "x.toml", real, tomllib.loads(real))
    check(file)
    shared = file.values["all"]
    for name in names():
        for command, options in leaves(name).items():
            table: Any = file.values
            for part in command:
                table = table.get(part, {})
            for key in options:
                there = key in table or key in shared
                assert there == (layer == "user" or key in ALLOWED), (command, key)


def test_show_says_where_each_value_comes_from(
    place: Any, spider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write(
        project="device = 'cpu'\n[score]\nfail-under = 40\nforce = true\n",
        user="[all]\ndevice = 'cuda'\nbatch-size = 2\noutput = \"a\\nb\\u001b.csv\"\n"
        "[ratings.labels]\nfive = 'Blue'\n",
    )
    for name, value in {"DTYPE": "float32", "QUIET": "1", "BOX": "1,2,3,4 5,6,7,8"}.items():
        monkeypatch.setenv(f"SPIDER_{name}", value)
    run = spider("config", "show", "score", "refer", "ratings")
    project, own = place.project / "spider.toml", place.user
    assert run.code == 0
    lines = set(run.out.splitlines())
    assert lines >= {
        f"# project: {project}",
        f"# user: {own}",
        f'score.device = "cpu"  # project {project}:1: device',
        f"score.fail-under = 40  # project {project}:3: score.fail-under",
        f"score.batch-size = 2  # user {own}:3: all.batch-size",
        f'score.output = "a\\U0000000Ab\\U0000001B.csv"  # user {own}:4: all.output',
        'score.dtype = "float32"  # variable SPIDER_DTYPE',
        "score.quiet = true  # variable SPIDER_QUIET",
        'refer.box = ["1,2,3,4", "5,6,7,8"]  # variable SPIDER_BOX',
        "score.force = false  # default",
        "# score.quantize =  # default",
        f'ratings.labels.five = "Blue"  # user {own}:6: ratings.labels.five',
        'ratings.labels.unrated = "none"  # default',
        "ratings.thresholds.five = 75.0  # default",
    }
    [warning] = run.warnings
    assert f"{project}:4: force is ignored in a project's file: it lets files be" in warning
    # Every option has its line, and all of it is TOML.
    for key in leaves("score")["score",]:
        assert any(line.lstrip("# ").startswith(f"score.{key} =") for line in lines)
    assert tomllib.loads(run.out)["score"]["output"] == "a\nb\x1b.csv"


def test_show_as_json(place: Any, spider: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write(project="device = 'cpu'\nforce = true", user="[all]\nbatch-size = 2\n")
    monkeypatch.setenv("SPIDER_DTYPE", "float32")
    project = place.project / "spider.toml"
    said = json.loads(spider("config", "show", "--json", "--changed").out)
    assert said["schema"] == "spider-config/1"
    assert said["files"] == [
        {"kind": "project", "path": str(project)},
        {"kind": "user", "path": str(place.user)},
    ]
    values = {one["name"]: one for one in said["values"]}
    assert values["ground.device"] == {
        "name": "ground.device",
        "value": "cpu",
        "source": "project",
        "place": f"{project}:1",
        "table": "device",
    }
    assert values["train.stage2.device"]["source"] == "project"
    assert values["score.dtype"]["place"] == "SPIDER_DTYPE"
    assert values["score.batch-size"]["value"] == 2
    assert not any(one["source"] == "default" for one in values.values())
    assert said["ignored"] == [
        {"place": f"{project}:2", "table": "force", "why": "it lets files be replaced or removed"}
    ]
    everything = json.loads(spider("config", "show", "--json").out)["values"]
    wanted = {".".join((*c, key)) for n in names() for c, o in leaves(n).items() for key in o}
    told = {one["name"] for one in everything}
    assert {name for name in told if not name.startswith("ratings.")} == wanted


def test_show_of_no_command(place: Any, spider: Any) -> None:
    run = spider("config", "show", "scoer")
    assert run.code == 2
    assert "did you mean 'score'?" in run.err


@pytest.mark.parametrize(
    "value", ["plain", 'a"b\\c', "\x00\x1b\n\u2028", "é 日 🦋", True, 3, 0.5, ("a",)]
)
def test_values_are_toml(value: Any) -> None:
    found = tomllib.loads(f"x = {toml_value(value)}")["x"]
    assert found == (list(value) if isinstance(value, tuple) else value)
    assert toml_value(value).isprintable()


def test_the_command_itself_takes_nothing_from_files() -> None:
    assert "config" not in names()
    for command in load("config").commands.values():
        for option in command.params:
            if option.name in ("force", "project"):
                assert option.envvar is None


def test_files_cost_no_heavy_import(place: Any) -> None:
    """The program itself, with a file for all commands."""
    place.write(project="device = 'cpu'\nrule = 'none'\n")
    code = (
        "import atexit, sys\n"
        "heavy = {'torch', 'transformers', 'numpy', 'PIL', 'lxml'}\n"
        "atexit.register(lambda: print('read' if 'spider_cli.config.files' in sys.modules else '',"
        " sorted(heavy & set(sys.modules))))\n"
        "from spider_cli.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "models", "list", "--nonsense"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert done.stdout == "read []\n", done.stderr


def test_the_page_shows_what_can_be(tmp_path: Path) -> None:
    """docs/configuration.md and docs/photographers.md: their files are valid, and what the page
    says of a project's file is so."""
    from spider_cli.config.rating_table import read_ratings
    from spider_cli.config.trust import REFUSED

    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    more = (ROOT / "docs" / "photographers.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```toml\n(.*?)^```$", page + more, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for text in blocks:
        file = File("user", tmp_path / "x.toml", text, tomllib.loads(text))
        check(file)
        read_ratings([file])
    table = page.partition("What a project's file may not do")[2]
    named = {key for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
             for key in re.findall(r"`([a-z0-9-]+)`", row)}  # fmt: skip
    assert len(named) > 15
    assert named - {"model"} <= set(REFUSED)
    assert set(ALLOWED).isdisjoint(named - {"model"})
