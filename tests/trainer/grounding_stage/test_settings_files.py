"""What is written where: all or nothing, never into the installed package."""

import hashlib
import json
from pathlib import Path

import pytest

from spider_cli.errors import UsageError
from spider_cli.weights import ModelFolder, find_model
from trainer.grounding_stage.settings_files import check_target, write_settings


@pytest.fixture
def model(tmp_path: Path) -> ModelFolder:
    folder = tmp_path / "model"
    (folder / "segmenter").mkdir(parents=True)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    (folder / "segmenter" / "config.json").write_text("{}", encoding="utf-8")
    listed = {"files": {"config.json": {"sha256": "0", "size": 2}}, "more": 1}
    (folder / "MANIFEST.json").write_text(json.dumps(listed), encoding="utf-8")
    return ModelFolder(folder)


def read(path: Path) -> dict[str, object]:
    value: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    return value


def test_into_the_models_own_folder(model: ModelFolder) -> None:
    target = check_target(model, None)
    assert target == model.path
    for number in (1, 2):  # again over the first
        [path] = write_settings(model, target, {"grounding.json": {"temperature": number}})
        assert read(path) == {"temperature": number}
    names = {one.name for one in model.path.iterdir()}
    assert names == {"MANIFEST.json", "config.json", "grounding.json", "segmenter"}
    manifest = read(model.path / "MANIFEST.json")
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    assert manifest["files"] == {
        "config.json": {"sha256": "0", "size": 2},
        "grounding.json": {"sha256": digest, "size": len(data)},
    }
    assert manifest["more"] == 1


def test_a_copy_leaves_the_model_alone(model: ModelFolder, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "copy"
    assert check_target(model, out) == out
    out.parent.mkdir()
    before = {one: one.read_bytes() for one in model.path.rglob("*") if one.is_file()}
    write_settings(model, out, {"grounding.json": {"temperature": 2}, "scoring.json": {}})
    assert {one: one.read_bytes() for one in model.path.rglob("*") if one.is_file()} == before
    assert (out / "segmenter" / "config.json").is_file()
    assert read(out / "grounding.json") == {"temperature": 2}
    assert [one.name for one in out.parent.iterdir()] == ["copy"]


def test_an_out_that_is_there(model: ModelFolder, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    assert check_target(model, out) == out  # empty
    (out / "mine.txt").write_text("x", encoding="utf-8")
    for taken in (out, out / "mine.txt"):
        with pytest.raises(UsageError, match="is there already"):
            check_target(model, taken)


def test_the_bundled_model_is_not_changed_in_place(tmp_path: Path) -> None:
    bundled = find_model("nano")
    for one in (bundled, find_model(str(bundled.path))):
        with pytest.raises(UsageError, match="not changed in place") as caught:
            check_target(one, None)
        assert "--out" in caught.value.hint
    assert check_target(bundled, tmp_path / "copy") == tmp_path / "copy"


def test_nothing_is_written_where_something_cannot_be(model: ModelFolder) -> None:
    (model.path / "MANIFEST.json").write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match=r"MANIFEST\.json is damaged"):
        write_settings(model, model.path, {"grounding.json": {}})
    assert not (model.path / "grounding.json").exists()


def test_a_folder_that_takes_no_files(model: ModelFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("trainer.grounding_stage.settings_files.writable", refuse)
    with pytest.raises(UsageError, match="Permission denied") as caught:
        check_target(model, None)
    assert "--out" in caught.value.hint
