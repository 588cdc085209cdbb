"""Models come whole, at one commit, with nothing that is not needed."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from spider_cli.weights import find_model
from spider_cli.weights.cached import NotDownloadedError, cached
from spider_cli.weights.catalogue import Reference
from spider_cli.weights.download import fetch
from spider_cli.weights.hub import look_up
from spider_cli.weights.records import read_record
from spider_cli.weights.verifying import verify_model
from tests.hub_server import Fault, HubServer, vision_model, weights

NAME = Reference("owner/name", "owner/name")
OTHERS = {
    "pytorch_model.bin": b"x" * 5000,
    "model.fp16.safetensors": weights(3000),
    "onnx/model.onnx": b"o" * 4000,
    ".gitattributes": b"*",
}


def get(wanted: Reference = NAME, folder: Path | None = None) -> Path:
    return fetch(look_up(wanted, folder=folder))


def test_a_model_comes_whole(hub: HubServer, here: Path) -> None:
    files = vision_model()
    commit = hub.add("owner/name", files | OTHERS)
    folder = get()
    assert folder == here / "models--owner--name" / "snapshots" / commit
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == files
    assert find_model("owner/name").path == folder
    assert find_model("owner/name").revision() == commit
    assert (here / "models--owner--name" / "refs" / "main").read_text() == commit
    for name in OTHERS:
        assert not hub.requests(name) and not hub.requests(name, "HEAD")


def test_the_record_says_what_came(hub: HubServer, here: Path) -> None:
    files = vision_model()
    commit = hub.add("owner/name", files)
    record = read_record(get())
    assert record is not None and record.whole
    assert (record.repository, record.revision, record.commit) == ("owner/name", "main", commit)
    assert record.licence == "apache-2.0"
    assert {name: facts.size for name, facts in record.files.items()} == {
        name: len(data) for name, data in files.items()
    }
    assert all(facts.sha256 for facts in record.files.values())


def test_nothing_is_fetched_twice(hub: HubServer, here: Path) -> None:
    hub.add("owner/name", vision_model())
    folder = get()
    before = len(hub.requests("/cdn/"))
    assert get() == folder
    assert len(hub.requests("/cdn/")) == before == 2


def test_long_lists_of_files_come_in_pages(here: Path, hub: HubServer) -> None:
    hub.page = 3
    files = vision_model() | {f"vocabulary-{number}.txt": b"v" for number in range(8)}
    hub.add("owner/name", files)
    assert {file.name for file in get().iterdir()} == set(files)


def test_a_revision_is_pinned(hub: HubServer, here: Path) -> None:
    old = hub.add("owner/name", vision_model(seed=1), "main", "v1")
    new = hub.add("owner/name", vision_model(seed=5))
    assert get(replace(NAME, revision="v1")).name == old
    assert cached("owner/name", "v1") == cached("owner/name", old) == cached("owner/name")
    assert get().name == new
    assert find_model("owner/name").path.name == new
    assert find_model("owner/name@v1").path.name == old
    # The hub moves on, and another program follows it: what was downloaded stays what is used.
    (here / "models--owner--name" / "refs" / "main").write_text(old)
    assert find_model("owner/name").path.name == new


def test_a_folder_of_ones_own(hub: HubServer, here: Path, tmp_path: Path) -> None:
    files = vision_model()
    commit = hub.add("owner/name", files)
    folder = tmp_path / "mine"
    assert get(folder=folder) == folder
    assert {file.name for file in folder.iterdir()} - {".cache"} == set(files)
    assert cached("owner/name") is None
    assert find_model(str(folder)).path == folder
    record = read_record(folder)
    assert record is not None and record.commit == commit
    moved = folder.rename(tmp_path / "moved")  # the record goes with it
    assert find_model(str(moved)).path == moved


def test_several_files_come_at_once(hub: HubServer, here: Path) -> None:
    hub.add("owner/name", vision_model())
    # Each shard's body waits for the other one: one after the other they would never end.
    hub.fail("/cdn/", Fault(meet=2))
    get()
    assert hub.met


def test_what_another_program_fetched_is_used(hub: HubServer, here: Path) -> None:
    from huggingface_hub import snapshot_download

    hub.add("owner/name", vision_model())
    whole = Path(snapshot_download("owner/name"))
    assert cached("owner/name") == whole
    assert find_model("owner/name").path == whole
    (whole / "model-00002-of-00002.safetensors").unlink()
    assert cached("owner/name") is None
    with pytest.raises(NotDownloadedError, match="only in part"):
        find_model("owner/name")
    get()
    assert cached("owner/name") == whole


def test_shards_without_their_index_are_no_model(hub: HubServer, here: Path) -> None:
    """As another program leaves them that was ended before the index came."""
    from huggingface_hub import snapshot_download

    hub.add("owner/name", vision_model())
    shard = "model-00001-of-00002.safetensors"
    snapshot_download("owner/name", allow_patterns=["config.json", shard])
    assert cached("owner/name") is None


def test_whether_it_is_tuned_its_card_says(hub: HubServer, here: Path) -> None:
    hub.add("owner/name", vision_model())
    assert not look_up(NAME).tuned
    hub.repositories["owner/name"].tags = ["image-quality-assessment"]
    assert not look_up(NAME).tuned
    hub.repositories["owner/name"].tags = ["spider-iqa", "iqa"]
    assert look_up(NAME).tuned


def test_the_token_goes_to_the_hub_and_not_to_its_store(
    hub: HubServer, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("owner/name", vision_model())
    hub.repositories["owner/name"].token = "hf_secret"
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    get()
    asked = hub.requests("/resolve/")
    assert asked and all(one.headers["authorization"] == "Bearer hf_secret" for one in asked)
    stored = hub.requests("/cdn/")
    assert stored and not any("authorization" in one.headers for one in stored)


def test_a_mended_file_is_told_of(
    hub: HubServer, here: Path, fetched: Callable[..., list[str]]
) -> None:
    hub.add("owner/name", vision_model())
    folder = get()
    shard = (folder / "model-00001-of-00002.safetensors").resolve()
    shard.write_bytes(shard.read_bytes()[:-10] + b"0123456789")
    assert set(verify_model("owner/name").faults) == {"model-00001-of-00002.safetensors"}
    assert cached("owner/name") is None
    told = fetched()
    assert any("checksum differs); fetching it again" in line for line in told)
    assert not verify_model("owner/name").faults


def test_an_adapter_names_its_base(hub: HubServer, here: Path) -> None:
    config = {"base_model_name_or_path": "owner/base", "peft_type": "LORA"}
    hub.add(
        "owner/adapter",
        {
            "adapter_config.json": json.dumps(config).encode(),
            "adapter_model.safetensors": weights(100),
        },
    )
    wanted = Reference("owner/adapter", "owner/adapter")
    plan = look_up(wanted)
    assert plan.base == "owner/base"
    folder = fetch(plan)
    with pytest.raises(NotDownloadedError, match="is an adapter of owner/base") as raised:
        find_model("owner/adapter")
    assert raised.value.code == "base_missing"
    assert "spider models download owner/base" in raised.value.hint
    assert raised.value.wanted.repository == "owner/base"
    hub.add("owner/base", vision_model())
    base = get(raised.value.wanted)
    found = find_model("owner/adapter")
    assert (found.path, found.base) == (folder, base)
