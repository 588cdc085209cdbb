"""`spider models`: what it prints, and what it refuses."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from spider_cli.commands.models import app
from spider_cli.errors import UsageError
from spider_cli.weights import bundled_segmenter, find_model
from spider_cli.weights.catalogue import CATALOGUE
from tests.hub_server import Fault, HubServer, vision_model

Models = Callable[..., Result]


@pytest.fixture
def models(here: Path) -> Models:
    """Run `spider models` in this process; exit codes 0 and 1 are fine, errors are raised."""

    def run(*args: str | Path) -> Result:
        result = CliRunner().invoke(app, [str(one) for one in args])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def rows(models: Models) -> dict[tuple[str, str], dict[str, object]]:
    said = json.loads(models("list", "--json").stdout)
    assert said["schema"] == "spider-models/1"
    return {(one["kind"], one["name"]): one for one in said["models"]}


def test_the_list_says_what_is_what(hub: HubServer, models: Models) -> None:
    found = rows(models)
    assert set(found) == {(entry.kind, entry.name) for entry in CATALOGUE}
    nano = found["model", "nano"]
    assert (nano["state"], nano["tuned"], nano["fits"]) == ("bundled", True, True)
    assert nano["folder"] == str(find_model("nano").path)
    assert found["segmenter", "nano"]["folder"] == str(bundled_segmenter())
    for key, one in found.items():
        assert one["licence"] and one["size"] and one["why"], key
        if key[1] != "nano":
            assert (one["state"], one["tuned"], one["folder"]) == ("absent", False, None)
    assert hub.seen == []


def test_the_list_as_people_read_it(models: Models) -> None:
    text = models("list").stdout
    line = next(line for line in text.splitlines() if " qwen3-vl-8b " in line)
    assert line.split()[1:6] == ["17.5", "GB", "apache-2.0", "base", "not"]
    assert "needs" in line
    assert text.splitlines()[1].startswith("* nano ")
    assert "base: nothing taught it spider's tasks" in text
    assert max(map(len, text.splitlines())) < 160


def test_the_list_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv[1:] = ['models', 'list']\n"
        "from spider_cli.__main__ import main\n"
        "try: main()\n"
        "except SystemExit as left: assert not left.code\n"
        "assert not {'torch', 'transformers', 'numpy', 'PIL'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_way_of_a_model(hub: HubServer, here: Path, models: Models, tmp_path: Path) -> None:
    commit = hub.add("owner/name", vision_model())
    folder = here / "models--owner--name" / "snapshots" / commit

    before = json.loads(models("info", "owner/name", "--json").stdout)
    assert (before["state"], before["commit"]) == ("absent", commit)
    assert (before["licence"], before["tuned"]) == ("apache-2.0", False)
    assert before["size"] == sum(map(len, vision_model().values()))

    result = models("download", "owner/name")
    assert result.stdout == f"{folder}\n"
    assert f"downloading owner/name at {commit[:12]}: " in result.stderr
    assert re.search(rf"owner/name is whole: 20\d\.?\d* kB came, commit {commit}", result.stderr)
    assert "\x1b" not in result.stderr
    assert "all of it was here" in models("download", "owner/name").stderr
    quiet = models("download", "owner/name", "--quiet")
    assert (quiet.stdout, quiet.stderr) == (f"{folder}\n", "")

    assert models("path", "owner/name").stdout == f"{folder}\n"
    assert models("path", "owner/name", "--revision", commit).stdout == f"{folder}\n"
    assert rows(models)["model", "owner/name"]["state"] == "cached"
    assert "state:      here" in models("info", "owner/name").stdout
    assert "a base model: nothing taught it spider's tasks" in models("info", "owner/name").stdout

    assert models("verify", "owner/name").stdout.startswith("owner/name: whole; 7 files compared")
    (folder / "config.json").resolve().write_text("{}", encoding="utf-8")
    spoilt = models("verify", "owner/name", "--json")
    assert spoilt.exit_code == 1
    size = len(vision_model()["config.json"])
    assert json.loads(spoilt.stdout)["faults"] == {"config.json": f"has 2 bytes instead of {size}"}
    spoilt = models("verify", "owner/name")
    assert spoilt.exit_code == 1
    assert "spider: error: " in spoilt.stderr and "spider models download" in spoilt.stderr
    with pytest.raises(UsageError, match="only in part"):
        models("path", "owner/name")
    assert rows(models)["model", "owner/name"]["state"] == "partial"
    models("download", "owner/name")
    assert models("verify", "owner/name").exit_code == 0

    with pytest.raises(UsageError, match="nobody can be asked") as raised:
        models("remove", "owner/name")
    assert "--yes" in raised.value.hint
    assert "removed" in models("remove", "owner/name", "--yes").stderr
    with pytest.raises(UsageError, match="is not on this machine"):
        models("path", "owner/name")
    with pytest.raises(UsageError, match="is not on this machine"):
        models("remove", "owner/name", "--yes")
    assert ("model", "owner/name") not in rows(models)


def test_the_default(
    hub: HubServer, models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert models("default").stdout == "nano\n"
    told = models("default", "smolvlm")
    assert told.stdout == "smolvlm\n"
    assert "spider models download smolvlm" in told.stderr
    assert json.loads(models("list", "--json").stdout)["default"] == "smolvlm"
    assert "\n* smolvlm" in models("list").stdout
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "qwen3_vl"}', encoding="utf-8")
    assert models("default", folder).stdout == f"{folder}\n"
    assert models("path", "default").stdout == f"{folder}\n"
    # An adapter whose base is not here is no less a folder, wherever spider is called from.
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    config = {"base_model_name_or_path": "owner/base", "peft_type": "LORA"}
    (adapter / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    (adapter / "adapter_model.safetensors").touch()
    monkeypatch.chdir(tmp_path)
    told = models("default", "adapter")
    assert told.stdout == f"{adapter}\n"
    assert "spider models download owner/base" in told.stderr
    assert models("default", "own").stdout == f"{folder}\n"
    for name in ("sam-b", "no-such", "default", tmp_path):
        with pytest.raises(UsageError):
            models("default", name)
    assert models("default").stdout == f"{folder}\n"
    assert models("default", "nano").stdout == "nano\n"


def test_a_folder_of_ones_own(
    hub: HubServer, models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("owner/name", vision_model())
    monkeypatch.chdir(tmp_path)
    assert models("download", "owner/name", "--dir", "own").stdout == f"{tmp_path / 'own'}\n"
    assert "all of it was here" in models("download", "owner/name", "--dir", "own").stderr
    assert models("verify", "own").exit_code == 0
    assert json.loads(models("info", "own", "--json").stdout)["repository"] == "owner/name"
    hub.add("owner/other", vision_model(seed=4))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_text("mine", encoding="utf-8")
    (tmp_path / "file").touch()
    for folder in ("own", "mine", "file"):
        with pytest.raises(UsageError, match="not from a download of owner/other") as raised:
            models("download", "owner/other", "--dir", folder)
        assert raised.value.code == "exists"
    assert (tmp_path / "mine" / "config.json").read_text(encoding="utf-8") == "mine"


def test_nano_needs_no_download(hub: HubServer, models: Models) -> None:
    folder = find_model("nano").path
    assert models("download", "nano").stdout == f"{folder}\n"
    assert models("path", "nano").stdout == f"{folder}\n"
    assert models("verify", "nano").stdout.startswith("nano: whole")
    assert "tuned" in models("info", "nano").stdout
    for name in ("nano", folder):
        with pytest.raises(UsageError):
            models("remove", name, "--yes")
    assert find_model("nano").path.is_dir()
    assert hub.seen == []


def test_a_name_that_is_nothing(models: Models, hub: HubServer) -> None:
    for command in ("download", "info", "verify", "remove", "path"):
        with pytest.raises(UsageError, match="no model 'qwen3-vl8b'") as raised:
            models(command, "qwen3-vl8b")
        assert "qwen3-vl-8b" in raised.value.hint
    assert hub.seen == []


def test_info_of_a_hub_that_does_not_answer(hub: HubServer, models: Models) -> None:
    hub.fail("/api/", Fault(status=503))
    result = models("info", "qwen3-vl-8b")
    assert result.exit_code == 0
    assert "spider: warning: the hub is out of order (503)" in result.stderr
    assert "about 17.5 GB" in result.stdout
    with pytest.raises(UsageError, match="out of order"):  # nothing is known of it here
        models("info", "owner/name")


def test_revisions_are_named_once(hub: HubServer, models: Models) -> None:
    hub.add("owner/name", vision_model(), "main", "v1")
    models("download", "owner/name@v1")
    for command in ("path", "info", "verify"):
        with pytest.raises(UsageError, match="two revisions"):
            models(command, "owner/name@v1", "--revision", "main")
    with pytest.raises(UsageError, match="all revisions of a model are removed together"):
        models("remove", "owner/name@v1", "--yes")
    assert models("path", "owner/name@v1").exit_code == 0


def test_an_adapter_says_what_else_it_needs(hub: HubServer, models: Models) -> None:
    config = json.dumps({"base_model_name_or_path": "owner/base", "peft_type": "LORA"}).encode()
    weights = vision_model()["model-00001-of-00002.safetensors"]
    hub.add("o/a", {"adapter_config.json": config, "adapter_model.safetensors": weights})
    assert "spider models download owner/base" in models("download", "o/a").stderr
