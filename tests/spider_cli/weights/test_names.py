"""Models by name: the default, short names, folders, the hub's; and what is not here."""

import json
import shutil
from pathlib import Path

import pytest

from spider_cli.errors import UsageError
from spider_cli.weights import (
    NotDownloadedError,
    bundled_segmenter,
    default_name,
    find_model,
    find_segmenter,
)
from spider_cli.weights.catalogue import CATALOGUE, Reference
from spider_cli.weights.download import fetch
from spider_cli.weights.hub import look_up
from spider_cli.weights.places import set_default
from spider_cli.weights.removing import Removal
from spider_cli.weights.status import status_of
from spider_cli.weights.verifying import verify_model
from tests.hub_server import HubServer, vision_model, weights

SAM = {"config.json": b'{"model_type": "sam", "vision_config": {}}'}


def get(repository: str, revision: str | None = None) -> Path:
    return fetch(look_up(Reference(repository, repository, revision)))


@pytest.mark.parametrize(
    "name", [entry.name for entry in CATALOGUE if entry.kind == "model" and entry.repository]
)
def test_a_short_name_that_is_not_here(name: str, here: Path) -> None:
    with pytest.raises(NotDownloadedError, match=name.replace(".", r"\.")) as raised:
        find_model(name)
    assert f"spider models download {name} (about" in raised.value.hint
    assert " GB, " in raised.value.hint


def test_a_short_name_that_is_here(hub: HubServer, here: Path) -> None:
    hub.add("Qwen/Qwen3-VL-2B-Instruct", vision_model())
    folder = get("Qwen/Qwen3-VL-2B-Instruct")
    assert find_model("qwen3-vl-2b").path == folder
    assert find_model("Qwen/Qwen3-VL-2B-Instruct").path == folder
    status = status_of("qwen3-vl-2b")
    assert (status.state, status.tuned, status.folder) == ("cached", False, folder)
    with pytest.raises(NotDownloadedError, match="at revision v3") as raised:
        find_model("qwen3-vl-2b@v3")
    assert "spider models download qwen3-vl-2b --revision v3" in raised.value.hint


def test_a_revision_of_its_own(hub: HubServer, here: Path) -> None:
    """phi's lies on a branch that is no main one."""
    files = vision_model()
    hub.add("microsoft/Phi-4-multimodal-instruct", files, "main")
    commit = hub.add(
        "microsoft/Phi-4-multimodal-instruct", files | {"notes.txt": b"pr"}, "refs/pr/70"
    )
    fetch(look_up(Reference("phi", "microsoft/Phi-4-multimodal-instruct", "refs/pr/70")))
    assert find_model("phi").path.name == commit


def test_segmenters_are_no_models(
    hub: HubServer, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="sam-b is a segmenter"):
        find_model("sam-b")
    with pytest.raises(NotDownloadedError, match="facebook/sam-vit-base"):
        find_segmenter("sam-b")
    hub.add("facebook/sam-vit-base", SAM | {"model.safetensors": weights(100)})
    folder = get("facebook/sam-vit-base")
    assert find_segmenter("sam-b") == folder
    assert find_segmenter("nano") == bundled_segmenter()
    (tmp_path / "own" / "segmenter").mkdir(parents=True)
    (tmp_path / "own" / "segmenter" / "config.json").write_bytes(SAM["config.json"])
    assert find_segmenter(str(tmp_path / "own")) == tmp_path / "own" / "segmenter"
    (tmp_path / "sam-b").mkdir()
    (tmp_path / "sam-b" / "config.json").write_bytes(SAM["config.json"])
    monkeypatch.chdir(tmp_path)
    assert find_segmenter("sam-b") == folder  # a short name comes before a folder
    assert find_segmenter("./sam-b") == Path("sam-b")
    for name in ("facebook/sam-vit-base", "sam-b"):
        assert status_of(name).kind == "segmenter"
    for name in ("qwen3-vl-8b", "sam-x", str(tmp_path)):
        with pytest.raises(UsageError, match="no segmenter"):
            find_segmenter(name)


def test_a_folder_comes_before_the_hub(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "owner" / "name"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert find_model("owner/name").path == Path("owner/name")
    (tmp_path / "nano").mkdir()
    (tmp_path / "nano" / "config.json").write_text("{}", encoding="utf-8")
    assert find_model("nano").path != Path("nano")
    assert find_model("./nano").path == Path("nano")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("qwen3-vl-8", "did you mean 'qwen3-vl-8b'?"),
        ("Qwen3-VL-4B", "did you mean 'qwen3-vl-4b'?"),
        ("smol-vlm", "did you mean 'smolvlm'?"),
        ("/no/such/folder", "use --model nano"),
        ("a/b/c", "use --model nano"),
        ("nano@v1", "use --model nano"),
    ],
)
def test_no_such_name(name: str, hint: str, here: Path) -> None:
    with pytest.raises(UsageError, match="no model") as raised:
        find_model(name)
    assert raised.value.code == "model_missing"
    assert raised.value.hint.startswith((hint, f"did you mean 'nano'? {hint}"))


def test_the_default(hub: HubServer, here: Path, tmp_path: Path) -> None:
    assert default_name() == "nano"
    assert find_model("default").path == find_model("nano").path
    hub.add("owner/name", vision_model())
    folder = get("owner/name")
    set_default("owner/name")
    assert find_model("default").path == folder
    (tmp_path / "spider" / "default-model").write_bytes(b"\xff")
    assert default_name() == "nano"


def test_a_download_that_has_not_ended_is_no_model(
    hub: HubServer, here: Path, tmp_path: Path
) -> None:
    hub.add("owner/name", vision_model())
    folder = fetch(look_up(Reference("owner/name", "owner/name"), folder=tmp_path / "own"))
    note = folder / ".cache" / "spider" / "download.json"
    note.write_text(
        json.dumps(json.loads(note.read_text(encoding="utf-8")) | {"whole": False}),
        encoding="utf-8",
    )
    with pytest.raises(NotDownloadedError, match="only in part") as raised:
        find_model(str(folder))
    assert f"--dir {folder}" in raised.value.hint
    assert raised.value.folder == folder
    assert not verify_model(str(folder)).faults  # which notes that it is whole after all
    assert find_model(str(folder)).path == folder


def test_verify_compares_with_the_hub_what_another_program_fetched(
    hub: HubServer, here: Path
) -> None:
    from huggingface_hub import snapshot_download

    hub.add("owner/name", vision_model())
    folder = Path(snapshot_download("owner/name"))
    found = verify_model("owner/name")
    assert (found.faults, found.against) == ({}, "the hub's checksums")
    assert verify_model("owner/name").against.startswith("what the hub said of commit")
    shard_name = "model-00001-of-00002.safetensors"
    shard = (folder / shard_name).resolve()
    shard.write_bytes(shard.read_bytes()[:-1])
    found = verify_model("owner/name")
    size = len(vision_model()[shard_name])
    assert found.faults == {shard_name: f"has {size - 1:,} bytes instead of {size:,}"}
    assert "spider models download owner/name" in found.cure
    with pytest.raises(NotDownloadedError):
        find_model("owner/name")


def test_verify_minds_only_what_another_program_fetched(hub: HubServer, here: Path) -> None:
    """transformers leaves out cards; that makes no model less whole."""
    from huggingface_hub import snapshot_download

    hub.add("owner/name", vision_model())
    folder = Path(snapshot_download("owner/name", allow_patterns=["*.json", "*.safetensors"]))
    assert not (folder / "README.md").exists()
    assert verify_model("owner/name").faults == {}
    assert find_model("owner/name").path == folder
    (folder / "tokenizer.json").unlink()
    assert set(verify_model("owner/name").faults) == {"tokenizer.json"}


def test_verify_does_not_choose_a_revision(hub: HubServer, here: Path) -> None:
    from huggingface_hub import snapshot_download

    hub.add("owner/name", vision_model(seed=1), "v1")
    snapshot_download("owner/name", revision="v1")
    new = hub.add("owner/name", vision_model(seed=5))
    get("owner/name")
    assert verify_model("owner/name", "v1").faults == {}
    assert find_model("owner/name").path.name == new


def test_verify_a_folder_without_a_manifest(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UsageError, match="holds no safetensors"):
        verify_model(str(tmp_path))
    for name, data in {
        "a": weights(100),
        "b": weights(100)[:-1],
        "c": b"\x80\x04pickle",
        "d": b"",
    }.items():
        (tmp_path / f"{name}.safetensors").write_bytes(data)
    faults = verify_model(str(tmp_path)).faults
    assert set(faults) == {"b.safetensors", "c.safetensors", "d.safetensors"}
    assert faults["b.safetensors"].startswith("is truncated: ")
    assert faults["c.safetensors"] == "is no safetensors file"


def test_verify_nano_by_its_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert verify_model("nano").faults == {}
    copy = Path(shutil.copytree(find_model("nano").path, tmp_path / "nano"))
    (copy / "scoring.json").write_text('{"temperature": 2}', encoding="utf-8")
    (copy / "README.md").unlink()
    assert set(verify_model(str(copy)).faults) == {"scoring.json", "README.md"}
    (copy / "MANIFEST.json").write_text("{", encoding="utf-8")
    assert set(verify_model(str(copy)).faults) == {"MANIFEST.json"}


def test_remove_leaves_the_others(hub: HubServer, here: Path) -> None:
    for name in ("owner/name", "owner/other"):
        hub.add(name, vision_model(), "main")
        get(name)
    hub.add("owner/name", vision_model(seed=3), "v2")
    get("owner/name", "v2")
    (here / "models--owner--name" / "blobs" / "ab.12345678.incomplete").write_bytes(b"x")
    removal = Removal(Reference("owner/name", "owner/name"))
    assert removal.there and removal.size > 400_000
    removal.run()
    assert not removal.there
    left = [path for path in here.rglob("*") if "owner--name" in str(path)]
    assert left == []
    assert find_model("owner/other")
    with pytest.raises(NotDownloadedError):
        find_model("owner/name")
