"""Recipes: every shipped one reads, and what is wrong is said with file, key and table."""

import ast
import dataclasses
import inspect
import re
import tomllib
from pathlib import Path

import pytest

from spider_cli.errors import UsageError
from trainer.tuning import recipe as module
from trainer.tuning.recipe import DataPart, Lora, Recipe, load_recipe, shipped_recipes

SMALLEST = """
[model]
base = "OWNER/NAME"
[[data]]
path = "data"
[run]
steps = 5
"""
SHIPPED = ("internvl", "phi", "qwen2.5-vl-7b", "qwen3-vl-2b", "qwen3-vl-8b", "smolvlm")


@pytest.fixture
def smallest(tmp_path: Path) -> str:
    return written(tmp_path, SMALLEST)


def written(folder: Path, text: str) -> str:
    file = folder / "mine.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


# --- what ships ---------------------------------------------------------------------------------


def test_which_ship() -> None:
    assert set(shipped_recipes()) == {*SHIPPED, "nano"}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe(name: str) -> None:
    """It reads, tunes what the paper tunes, leaves what is optional off, and is documented."""
    recipe = load_recipe(name)
    assert recipe.name == name
    parts = recipe.parts
    assert (parts.vision, parts.projector, parts.language) == ("full", "full", "lora")
    assert not recipe.model.remote_code
    assert set(dataclasses.astuple(recipe.losses)) == {0.0}
    assert recipe.optim.lr_vision < recipe.optim.lr_projector < recipe.optim.lr_lora
    text = shipped_recipes()[name].read_text(encoding="utf-8")
    assert f"#   spider train stage1 {name} --out " in text.partition("[")[0]


def test_nano_starts_from_nothing_and_learns_whole() -> None:
    recipe = load_recipe("nano")
    assert recipe.model.base == "new:nano"
    parts = recipe.parts
    assert (parts.vision, parts.projector, parts.language) == ("full", "full", "full")
    assert min(recipe.losses.soft_positions, recipe.losses.soft_levels) > 0
    assert recipe.losses.dense_patches > 0


OBVIOUS = {"name", "base", "projector", "language", "split", "lr_projector", "seed"}
"""Keys of recipes whose neighbour's comment, or name, says it."""


@pytest.mark.parametrize("name", [*SHIPPED, "nano"])
def test_every_key_has_its_comment(name: str) -> None:
    text = shipped_recipes()[name].read_text(encoding="utf-8")
    for line in text.partition("[[phases]]")[0].splitlines():
        key = re.match(r"(\w+) = ", line)
        if key and key[1] not in OBVIOUS:
            assert " # " in line, line


def test_every_field_is_documented() -> None:
    """The text under a field, as the module promises."""
    tree = ast.parse(inspect.getsource(module))
    classes = [one for one in tree.body if isinstance(one, ast.ClassDef) and one.name != "Recipe"]
    assert len(classes) == 10
    for one in classes:
        for field, after in zip(one.body, one.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign):
                assert isinstance(after, ast.Expr), (one.name, ast.unparse(field))


# --- reading ------------------------------------------------------------------------------------


def test_defaults_and_types(smallest: str) -> None:
    recipe = load_recipe(smallest)
    assert recipe.name == "mine"
    assert recipe.data == (DataPart(path="data"),)
    assert recipe.lora == Lora()
    assert recipe.run.steps == 5
    assert recipe.run.epochs is None
    assert isinstance(hash(recipe), int)


def test_whole_numbers_are_numbers_and_lists_are_tuples(tmp_path: Path) -> None:
    recipe = load_recipe(
        written(
            tmp_path,
            SMALLEST + "epochs = 2\n[optim]\nlr_lora = 1\nbetas = [0, 0.95]\n"
            '[lora]\ntargets = ["q_proj"]\n[augment]\nsizes = [384, 512]\n',
        ),
        ["run.steps=none"],
    )
    assert recipe.optim.betas == (0.0, 0.95)
    assert isinstance(recipe.optim.lr_lora, float)
    assert isinstance(recipe.run.epochs, float)
    assert recipe.lora.targets == ("q_proj",)
    assert recipe.augment.sizes == (384, 512)


def test_overrides(smallest: str) -> None:
    recipe = load_recipe(
        smallest,
        [
            "optim.lr_lora=2e-4",
            "data.0.path=C:\\photos",
            "data[0].tasks=describe,ground_hyd",
            "data.1.path=./other set",
            "data.1.weight=2",
            "model.revision=1234567",
            "lora.targets=q_proj, v_proj",
            "run.checkpointing=false",
            'run.long_rows="truncate"',
            "augment.sizes=[384]",
        ],
    )
    assert recipe.optim.lr_lora == 2e-4
    assert recipe.data == (
        DataPart(path="C:\\photos", tasks=("describe", "ground_hyd")),
        DataPart(path="./other set", weight=2.0),
    )
    assert recipe.model.revision == "1234567"
    assert recipe.lora.targets == ("q_proj", "v_proj")
    assert recipe.run.checkpointing is False
    assert recipe.run.long_rows == "truncate"
    assert recipe.augment.sizes == (384,)


def test_lists_that_are_one_word_stay_lists(smallest: str) -> None:
    assert load_recipe(smallest, ["data.0.tasks=score"]).data[0].tasks == ("score",)
    assert load_recipe(smallest, ["lora.targets=auto"]).lora.targets == "auto"
    assert load_recipe(smallest, ["augment.sizes=512"]).augment.sizes == (512,)


def test_steps_and_epochs_take_each_others_place(smallest: str) -> None:
    run = load_recipe("smolvlm", ["run.steps=3"]).run
    assert (run.steps, run.epochs) == (3, None)
    run = load_recipe(smallest, ["run.epochs=0.5"]).run
    assert (run.steps, run.epochs) == (None, 0.5)
    with pytest.raises(UsageError, match="either steps or epochs"):
        load_recipe(smallest, ["run.epochs=1", "run.steps=1"])


# --- what is wrong ------------------------------------------------------------------------------

WRONG = [
    (SMALLEST + "[optim]\nlr_lroa = 1", "unknown key 'lr_lroa' at [optim]", "'lr_lora'"),
    (SMALLEST + "[optm]\n", "unknown key 'optm' at the top level", "'optim'"),
    (SMALLEST + "[optim]\nlr_lora = '1e-4'", "lr_lora must be a number, not '1e-4' at [optim]", ""),
    (SMALLEST + "batch = true", "batch must be a whole number, not True at [run]", ""),
    (SMALLEST + "batch = 1.5", "batch must be a whole number, not 1.5 at [run]", ""),
    (SMALLEST + "checkpointing = 1", "must be true or false, not 1 at [run]", ""),
    (SMALLEST + "batch = 3\nmicro_batch = 2", "no multiple of micro_batch (2) at [run]", ""),
    (SMALLEST + "eval_every = 2", "eval_every needs eval_data at [run]", "eval_every = 0"),
    (SMALLEST + "[parts]\nvision = 'frosen'", "'full', not 'frosen' at [parts]", "'frozen'"),
    (
        SMALLEST + "[parts]\nvision='frozen'\nprojector='frozen'\nlanguage='frozen'",
        "nothing would learn at [parts]",
        "'lora' or 'full'",
    ),
    (SMALLEST + "[optim]\nbetas = [0.9]", "betas must be a list of 2 numbers", ""),
    (SMALLEST + "[optim]\nmuon = -1", "muon must be 0 to 100, not -1.0", ""),
    (SMALLEST + "settle = -1", "settle must be 0 or more, not -1", ""),
    (
        SMALLEST + "[parts]\nlanguage='full'\nvision='lora'\n[optim]\nmuon = 8",
        "optim.muon turns whole matrices",
        "frozen",
    ),
    (
        SMALLEST + "[losses]\npositions_ahead = 1",
        "positions_ahead is beside soft_positions, which is off",
        "",
    ),
    (
        SMALLEST + "[optim]\nmuon = 8",
        "optim.muon is for a language model that learns whole",
        "full",
    ),
    (SMALLEST + "[optim]\nwarmup = 30", "warmup is a share of the steps, 0 to 1: 30.0", ""),
    (SMALLEST + "[augment]\nsizes = [512.5]", "sizes must be a list of whole numbers", ""),
    (SMALLEST + "[[data]]\nsplit = 'test'", "the key 'path' is missing at [data.1]", "text"),
    (SMALLEST + "[[data]]\npath='d'\ntasks=['desribe']", "'desribe' at [data.1]", "'describe'"),
    (SMALLEST.replace("[[data]]", "[data]"), "data must be a list of tables", ""),
    (SMALLEST.replace("[[data]]\npath", "#"), "the table 'data' is missing at the top level", ""),
    (SMALLEST.replace("base", "#"), "the key 'base' is missing at [model]", "text"),
    (SMALLEST.replace("steps", "#"), "either steps or epochs must be set", "epochs = 1"),
    ("data = [1]\n[model]\nbase = 'd'", "data must be a list of tables, not [1]", ""),
    ("[model", "Expected ']'", ""),
]


@pytest.mark.parametrize(("text", "message", "hint"), WRONG)
def test_what_a_file_gets_wrong(tmp_path: Path, text: str, message: str, hint: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        load_recipe(file)
    assert caught.value.message.startswith(f"{file}: ")
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.code == "bad_recipe"


@pytest.mark.parametrize(
    ("assignment", "message", "hint"),
    [
        ("optim.lr_lra=1", "there is no 'lr_lra' at [optim]", "did you mean 'optim.lr_lora'?"),
        ("lr_lora=1", "there is no 'lr_lora' at the top level", "did you mean 'optim.lr_lora'?"),
        ("path=DIR", "there is no 'path' at the top level", "did you mean 'data.0.path'?"),
        ("data.2.path=DIR", "'2' is no number from 0 to 1", "has 1 so far"),
        ("data.path=DIR", "'path' is no number from 0 to 1", "has 1 so far"),
        ("model.base.x=1", "there is no 'x' at [model.base]", ""),
        ("optim", "takes KEY=VALUE, not 'optim'", "--set optim.lr_lora=1e-4"),
        ("=1", "takes KEY=VALUE", ""),
        ("optim.lr_lora=fast", "lr_lora must be a number, not 'fast' at [optim]", ""),
        ("data=DIR", "data must be a list of tables", ""),
        ("model.max_pixels=9", "max_pixels must be at least 1024, not 9 at [model]", ""),
        ("optim.lr_lora=-1", "lr_lora must be above 0 and at most 1, not -1.0 at [optim]", ""),
    ],
)
def test_what_an_override_gets_wrong(
    smallest: str, assignment: str, message: str, hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        load_recipe(smallest, [assignment])
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_no_such_recipe(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no recipe 'qwen3-vl-9b'") as caught:
        load_recipe("qwen3-vl-9b")
    assert "did you mean 'qwen3-vl-8b'?" in caught.value.hint
    assert "smolvlm" in caught.value.hint
    with pytest.raises(UsageError, match=r"gone\.toml: "):
        load_recipe(str(tmp_path / "gone.toml"))


def test_a_recipe_survives_being_written_down(smallest: str) -> None:
    """As a dict, such as a run keeps, it holds only what TOML and JSON know."""
    as_dict = dataclasses.asdict(load_recipe(smallest))
    assert as_dict["data"][0]["path"] == "data"
    assert tomllib.loads(SMALLEST)["run"]["steps"] == as_dict["run"]["steps"]
    assert {one.name for one in dataclasses.fields(Recipe)} == set(as_dict)
