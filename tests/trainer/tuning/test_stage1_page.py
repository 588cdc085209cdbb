"""docs/stage1.md: its commands are commands, its recipes the shipped ones, its keys keys."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer

from trainer.commands.train import app
from trainer.datasets.readers import reader_named
from trainer.tuning.recipe import DataPart, Run, load_recipe, shipped_recipes
from trainer.tuning.tables import build

PAGE = (Path(__file__).parents[3] / "docs" / "stage1.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = [
    line.partition("   #")[0]
    for kind, text in BLOCK.findall(PAGE)
    if kind == "sh"
    for line in text.splitlines()
    if "train stage1" in line
]


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 5


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_one(command: str) -> None:
    """Its options are known, and its recipe can be read with what it sets."""
    words = shlex.split(command)
    asked = words[words.index("stage1") + 1 :]
    stage1 = typer.main.get_command(app).commands["stage1"]  # type: ignore[attr-defined]
    given = stage1.make_context("stage1", asked).params
    recipe = load_recipe(given["recipe"], tuple(given["settings"] or ()))
    assert recipe.data[0].path == "data/spider"
    assert given["out"] is not None or given["dry_run"]


def test_the_table_is_of_the_shipped_recipes() -> None:
    rows = re.findall(r"^\| `([\w.-]+)` \| (\S+?),? .*?\| (\d+) \| (\d+) \| (\d+) \|", PAGE, re.M)
    assert {row[0] for row in rows} == set(shipped_recipes()) - {"nano"}
    for name, base, rows_at_once, rank, longest in rows:
        recipe = load_recipe(name)
        found = (recipe.model.base, recipe.run.micro_batch, recipe.lora.rank, recipe.run.max_length)
        assert found == (base, int(rows_at_once), int(rank), int(longest))


def test_the_data_on_the_page_can_be_read() -> None:
    [text] = [text for kind, text in BLOCK.findall(PAGE) if kind == "toml"]
    for table in tomllib.loads(text)["data"]:
        part = build(DataPart, table, file="the page", where="data")
        assert part.format is None or reader_named(part.format)


def test_keys_of_the_page_are_keys() -> None:
    named = set(re.findall(r"`run\.(\w+)", PAGE))
    assert named - {"eval_"} <= set(Run.__dataclass_fields__) and len(named) > 8
