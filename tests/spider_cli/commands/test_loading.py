"""What a user sees of a model's loading: a line on stderr, or an error that says what to do."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.wide_models import save_wide

LOADED = re.compile(
    r"spider: (?P<name>\S+): \d+ kB loaded in \d+\.\d s, on cpu \(asked for\) in float32 "
    r"\(exact and fast on CPU\)(?P<layers>.*)"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_wide("smolvlm", tmp_path_factory.mktemp("wide") / "smolvlm")


def test_the_load_is_told(spider: Any, photo: Path, folder: Path) -> None:
    """With the reasons, and with nothing of libraries' beside it."""
    run = spider("score", photo, "--model", folder, "--device", "cpu", "--quantize", "int8")
    assert run.code == 0
    assert len(run.records) == 1
    untuned, told = run.err.splitlines()
    assert "was never tuned for spider" in untuned
    found = LOADED.fullmatch(told)
    assert found is not None, told
    assert found["name"] == str(folder)
    assert found["layers"] == ", layers in int8 (--quantize)"


def test_not_where_quiet_is_wanted(spider: Any, photo: Path, folder: Path) -> None:
    given = {"SPIDER_QUIET": "1", "SPIDER_QUANTIZE": "int4", "SPIDER_DEVICE": "cpu"}
    run = spider("score", photo, "--model", folder, env=given)
    assert run.code == 0
    assert run.err == ""


def test_nano_s_only_with_debug(inside: Any, photo: Path) -> None:
    args = ("score", photo, "--device", "cpu", "--quantize", "int8")
    plain, debug = inside(*args), inside(*args, "--debug")
    assert plain.code == debug.code == 0
    assert [line for line in plain.err.splitlines() if "never" not in line] == [
        "spider: warning: --quantize: of no account, nano is small, and runs whole on one device"
    ]
    told = [line for line in debug.err.splitlines() if " loaded in " in line]
    assert told[0].startswith("spider: nano: ")
    assert plain.records[0]["levels"] == debug.records[0]["levels"]


def test_a_truncated_file_is_one_line(
    inside: Any, photo: Path, folder: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    data = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(data[: len(data) // 2])
    run = inside("score", photo, "--model", copy)
    assert run.code == 2
    assert run.out == ""
    [error] = run.errors
    assert f"cannot load the model in {copy}: model.safetensors is truncated: " in error
    assert f"spider models verify {copy}" in run.err


def test_too_large_for_this_machine_is_one_line(
    inside: Any, photo: Path, folder: Path, tmp_path: Path
) -> None:
    """Known before a byte of the weights is read: here they are a hole of two terabytes."""
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    end = 2 * 10**12
    name = "model.text_model.layers.0.mlp.up_proj.weight"
    shape = {"dtype": "BF16", "shape": [10**6, 10**6], "data_offsets": [0, end]}
    head = json.dumps({name: shape}).encode()
    with (copy / "model.safetensors").open("wb") as file:
        file.write(len(head).to_bytes(8, "little") + head)
        file.truncate(8 + len(head) + end)
    run = inside("score", photo, "--model", copy, "--device", "cpu", "--dtype", "bfloat16")
    assert run.code == 2
    assert run.out == ""
    [error] = run.errors
    assert f"{copy} needs about 2400 GB in bfloat16 (weights and a fifth on top), and " in error
    assert "hint: --model " in run.err
