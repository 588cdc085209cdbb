"""Settings: read from TOML, refused with the file and the field."""

import dataclasses
from pathlib import Path

import pytest

from spider_cli.errors import UsageError
from trainer.build.config import BuildConfig, read_config, tasks_named


def test_a_file_sets_what_it_names(tmp_path: Path) -> None:
    file = tmp_path / "set.toml"
    file.write_text('size = 5\nclean = 0\n[families]\n"contrast-weaken" = 2\nblur = 1\n', "utf-8")
    config = BuildConfig(**read_config(file))
    assert (config.size, config.clean, config.side) == (5, 0, 512)
    assert config.families == {"contrast weaken": 2, "blur": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sise = 5", "there is no setting 'sise'"),
        ("size = 'many'", "size must be int, not 'many'"),
        ("size = true", "size must be int"),
        ("clean = 2.0", "clean must be from 0 to 1"),
        ("clean = 1.0", "leaves no photo"),
        ("[families]\nblurr = 1", "unknown distortion 'blurr'"),
        ("[severities]\nbad = 1", "severities: there is no 'bad'"),
        ("[tasks]\ndescribe = -1", "tasks.describe is not a share: -1"),
        ("[tasks]\ndescribe = 0", "tasks: all shares are 0"),
        ("[subtasks.refer_short]\nthree = 1", "subtasks.refer_short: there is no 'three'"),
        ("[subtasks.describe_all]\nbox = 1", "subtasks: there is no 'describe_all'"),
        ('[splits]\n"../x" = 1', "splits: '../x' is no name"),
        ("edges = 'sharp'", "edges is 'sharp'"),
        ("size =", "set.toml"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "set.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as raised:
        BuildConfig(**read_config(file))
    assert said in raised.value.message


def test_tasks_by_name_and_by_group() -> None:
    assert tasks_named(["global", "refer-short"]) == ("describe", "refer_short")
    assert tasks_named(["ground"]) == ("ground_hyd", "ground_sid", "ground_dao")
    with pytest.raises(UsageError, match="unknown task 'grund'") as raised:
        tasks_named(["grund"])
    assert "did you mean 'ground'?" in raised.value.hint


def test_fewer_tasks_mean_fewer_questions_but_as_many_of_each() -> None:
    config = BuildConfig().with_tasks(("describe",))
    assert config.tasks == {"describe": 0.125}
    assert config.rows == pytest.approx(1.0)


def test_the_docs_name_every_setting(root: Path) -> None:
    text = (root / "docs" / "dataset.md").read_text(encoding="utf-8")
    for one in dataclasses.fields(BuildConfig):
        assert f"| `{one.name}` |" in text
