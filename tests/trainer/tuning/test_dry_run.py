"""A rehearsal: parameters, steps, memory and one batch, without any weights."""

import shutil
from pathlib import Path

import pytest

from spider_cli.errors import UsageError
from tests.trainer.tuning.small_runs import recipe_for, sixteen_rows
from trainer.tuning.dry_run import dry_run


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sixteen_rows(tmp_path_factory.mktemp("data") / "sixteen")


def bare(checkpoint: Path, folder: Path) -> Path:
    """The folder without its weights."""
    shutil.copytree(checkpoint, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    return folder


def test_it_tells_what_a_run_would_do(tiny_qwen3vl: Path, data: Path, tmp_path: Path) -> None:
    base = bare(tiny_qwen3vl, tmp_path / "base")
    told = dry_run(recipe_for(base, data, "run.epochs=3", "parts.vision=frozen"))
    lines = told.splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.split()}
    assert rows["vision"][0] == "frozen" and rows["vision"][2:] == ["0", "0.00%"]
    assert rows["projector"][0] == "full" and rows["projector"][-1] == "100.00%"
    assert 0 < float(rows["language"][-1].rstrip("%")) < 100
    assert rows["all"][0].replace(",", "").isdigit()
    assert "12 steps of 4 rows, 2 at a time in a process: 48 rows, 3.00 epochs" in told
    assert f"{data} (train)" in told
    assert "learnt of the first row: '" in told and "<|im_end|>'" in told
    assert "pixel_values" in told and "estimated" in told
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("family", ["smolvlm", "internvl", "qwen2_5_vl", "phi"])
def test_it_works_for_all_families(
    family: str, tiny_checkpoint: object, data: Path, tmp_path: Path
) -> None:
    assert callable(tiny_checkpoint)
    told = dry_run(recipe_for(bare(tiny_checkpoint(family), tmp_path / "base"), data))
    assert "6 steps of 4 rows" in told


def test_it_raises_what_a_run_would(tiny_qwen3vl: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no split"):
        dry_run(recipe_for(tiny_qwen3vl, data, "data.0.split=nope"))
    with pytest.raises(UsageError, match="no base model"):
        dry_run(recipe_for(tmp_path / "nowhere", data))


def test_rows_too_long_are_counted(tiny_qwen3vl: Path, data: Path, tmp_path: Path) -> None:
    settings = ["run.max_length=66", "run.long_rows=truncate", "run.batch=16", "run.micro_batch=16"]
    told = dry_run(recipe_for(tiny_qwen3vl, data, *settings))
    assert "too long: 0 left out, " in told
