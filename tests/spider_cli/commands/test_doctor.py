"""spider doctor: on this machine, and on broken ones."""

import importlib.metadata
import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from spider_cli.commands import checks
from spider_cli.config.applying import apply
from spider_cli.errors import UsageError
from spider_cli.extras import EXTRAS


def named(findings: Any, name: str) -> checks.Finding:
    [found] = [finding for finding in findings if finding.name.startswith(name)]
    return found


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Pretend that other versions are installed."""

    def pretend(requires: tuple[str, ...] = (), **installed: str) -> None:
        monkeypatch.setattr(checks, "_version", installed.get)
        monkeypatch.setattr(importlib.metadata, "requires", lambda _: list(requires))

    return pretend


def test_this_installation(spider: Any, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    run = spider("doctor", env={"SPIDER_CACHE": str(cache)})
    assert run.err == ""
    for word in ("spider", "python", "torch", "transformers", "device", str(cache), "nano"):
        assert word in run.out
    assert not cache.exists()


def test_json(inside: Any) -> None:
    run = inside("doctor", "--json")
    said = json.loads(run.out)
    assert said["schema"] == "spider-doctor/1"
    assert said["ok"] == (run.code == 0)
    statuses = {check["status"] for check in said["checks"]}
    assert statuses <= {"ok", "warning", "problem"}
    assert said["ok"] == ("problem" not in statuses)
    [device] = [check for check in said["checks"] if check["name"] == "device"]
    assert device["detail"].startswith(("cpu (", "cuda (", "mps ("))


def test_another_trainer(spider: Any, tmp_path: Path) -> None:
    (tmp_path / "trainer").mkdir()
    (tmp_path / "trainer" / "__init__.py").touch()
    root = Path(checks.__file__).parents[2]
    run = spider("doctor", "--json", env={"PYTHONPATH": f"{tmp_path}:{root}"}, cwd=tmp_path)
    assert run.code == 1
    [found] = [c for c in json.loads(run.out)["checks"] if c["name"] == "import name trainer"]
    assert found["status"] == "problem"
    assert str(tmp_path) in found["detail"]


def test_another_distribution_with_a_trainer(monkeypatch: pytest.MonkeyPatch) -> None:
    owners = {"trainer": ["spider-iqa", "trainer"]}
    monkeypatch.setattr(importlib.metadata, "packages_distributions", lambda: owners)
    found = checks.trainer()
    assert found.status == "problem"
    assert found.hint == "pip uninstall trainer"


@pytest.mark.parametrize(
    ("torch", "vision", "wants", "status"),
    [
        ("2.13.0", "0.28.0", "torch==2.13.0", "ok"),
        ("2.13.0+cpu", "0.28.0+cpu", "torch (==2.13.0)", "ok"),
        ("2.13.0", "0.27.0", "torch==2.12.0", "problem"),
        ("2.13.0+cpu", "0.28.0", "torch==2.13.0", "problem"),
        ("2.13.0+cpu", "0.28.0+cu130", "torch==2.13.0", "problem"),
        ("2.13.0", "0.28.0", "torch", "ok"),
    ],
)
def test_torchvision(versions: Any, torch: str, vision: str, wants: str, status: str) -> None:
    versions(("numpy", wants, 'scipy; extra == "scipy"'), torch=torch, torchvision=vision)
    found = checks.torchvision()
    assert found.status == status
    if status == "problem":
        assert torch in found.detail
        assert vision in found.detail


def test_no_torchvision_is_fine(versions: Any) -> None:
    versions(torch="2.13.0")
    assert checks.torchvision().status == "ok"


def test_something_missing(versions: Any) -> None:
    versions(torch="2.13.0")
    found = list(checks.installed())
    assert named(found, "torch").status == "ok"
    assert named(found, "transformers").status == "problem"


def test_extras_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for extra in EXTRAS:
        monkeypatch.setitem(sys.modules, extra.module, sys)
    monkeypatch.setattr(checks, "_version", {"rawpy": "1.2.3"}.get)
    found = list(checks.formats())
    assert [finding.status for finding in found] == ["ok"] * 3
    assert named(found, "camera RAW").detail == "read by rawpy 1.2.3"


def test_extras_that_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for extra in EXTRAS:
        monkeypatch.setitem(sys.modules, extra.module, None)
    found = list(checks.formats())
    assert [finding.status for finding in found] == ["ok"] * 3
    assert named(found, "HEIC").detail == "not read; for them: pip install 'spider-iqa[heic]'"


def test_an_extra_that_does_not_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delitem(sys.modules, "rawpy", raising=False)
    (tmp_path / "rawpy.py").write_text("raise ImportError('libraw.so.99 is missing here')")
    monkeypatch.syspath_prepend(tmp_path)
    found = named(checks.formats(), "camera RAW")
    assert found.status == "warning"
    assert "libraw.so.99" in found.detail
    assert "rawpy" in found.hint


@pytest.fixture
def nano(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the bundled model that may be broken."""
    from spider_cli import weights

    folder = tmp_path / "nano"
    shutil.copytree(weights.find_model("nano").path, folder)
    monkeypatch.setattr(weights, "find_model", lambda _: weights.ModelFolder(folder))
    return folder


def test_a_whole_model(nano: Path) -> None:
    found = checks.bundled_model()
    assert found.status == "ok"
    assert "whole" in found.detail


def test_a_model_with_holes(nano: Path) -> None:
    (nano / "tokenizer.json").unlink()
    with (nano / "model.safetensors").open("r+b") as stream:
        stream.seek(-1, 2)
        last = stream.read(1)
        stream.seek(-1, 2)
        stream.write(bytes([last[0] ^ 1]))
    with (nano / "config.json").open("ab") as stream:
        stream.write(b" ")
    found = checks.bundled_model()
    assert found.status == "problem"
    for part in (
        "tokenizer.json is missing",
        "model.safetensors has other bytes than it should",
        "config.json has",
    ):
        assert part in found.detail


@pytest.mark.parametrize("content", ["", "[]", '{"files": 3}', '{"files": {"a": {}}}'])
def test_a_broken_manifest(nano: Path, content: str) -> None:
    (nano / "MANIFEST.json").write_text(content, encoding="utf-8")
    assert checks.bundled_model().status == "problem"
    (nano / "MANIFEST.json").unlink()
    assert checks.bundled_model().detail == "its MANIFEST.json is missing"


def test_a_cache_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SPIDER_CACHE", str(tmp_path / "file" / "cache"))
    found = checks.cache()
    assert found.status == "problem"
    assert "SPIDER_CACHE" in found.hint


def test_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which files count, whose are passed over, and what is wrong in them."""
    folder = tmp_path / "shoot"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SPIDER_NO_CONFIG", raising=False)
    own = tmp_path / "own.toml"
    monkeypatch.setenv("SPIDER_CONFIG", str(own))
    own.write_text("fail-under = 'sixty'\n")
    (folder / "spider.toml").write_text("[audit]\nxmp = true\ntop = 5\n")
    project, user = checks.settings()
    assert (project.name, project.status) == ("settings, project's", "warning")
    assert f"{folder / 'spider.toml'}:2: xmp is ignored" in project.detail
    assert (user.name, user.status) == ("settings, user's", "problem")
    assert user.detail.startswith(f"{own}:1: fail-under takes a number")
    own.write_text("fail-under = 60\n")
    (folder / "spider.toml").unlink()
    [found] = checks.settings()
    assert (found.status, str(own) in found.detail) == ("ok", True)
    monkeypatch.setattr("spider_cli.config.files._owned", lambda candidate, here: False)
    (folder / "spider.toml").touch()
    stranger, found = checks.settings()
    assert (stranger.status, found.status) == ("warning", "ok")
    assert "is not read" in stranger.detail
    monkeypatch.setenv("SPIDER_NO_CONFIG", "1")
    [found] = checks.settings()
    assert "SPIDER_NO_CONFIG" in found.detail


def test_settings_that_stop_other_commands_do_not_stop_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.toml"
    own.write_text("nonsense = [\n")
    monkeypatch.setenv("SPIDER_CONFIG", str(own))
    monkeypatch.delenv("SPIDER_NO_CONFIG", raising=False)
    context = SimpleNamespace(meta={}, default_map=None)
    apply(context, "doctor", [])
    assert context.default_map is None
    with pytest.raises(UsageError, match=r"own\.toml"):
        apply(context, "score", [])
