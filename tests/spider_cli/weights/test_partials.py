"""A file that an ended process began is gone on with, unless it is not what it seems."""

import hashlib
from pathlib import Path

import pytest

from spider_cli.weights.catalogue import Reference
from spider_cli.weights.download import fetch
from spider_cli.weights.hub import DownloadPlan, bytes_here, look_up
from tests.hub_server import HubServer, vision_model, weights

SHARD = "model-00001-of-00002.safetensors"
SIZE = 6_000_000
NAME = Reference("owner/name", "owner/name")


@pytest.fixture
def files(hub: HubServer) -> dict[str, bytes]:
    found = vision_model(SIZE)
    hub.add("owner/name", found)
    return found


def partial_of(plan: DownloadPlan, data: bytes, begun: bytes, number: int = 1) -> Path:
    """What huggingface_hub leaves behind when its process is killed."""
    digest = hashlib.sha256(data).hexdigest()
    if plan.record.folder.parent.name == "snapshots":
        folder = plan.record.folder.parent.parent / "blobs"
        name = f"{digest}.{number:08x}.incomplete"
    else:
        folder = plan.record.folder / ".cache" / "huggingface" / "download"
        name = f"abcdefgh=.{digest}.{number:08x}.incomplete"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(begun)
    return path


def ranges(hub: HubServer) -> list[str]:
    return [one.headers["range"] for one in hub.requests("/cdn/") if "range" in one.headers]


@pytest.mark.parametrize("in_folder", [False, True])
def test_it_goes_on_where_it_was(
    hub: HubServer, here: Path, tmp_path: Path, files: dict[str, bytes], in_folder: bool
) -> None:
    plan = look_up(NAME, folder=tmp_path / "mine" if in_folder else None)
    begun = 2_000_000
    partial = partial_of(plan, files[SHARD], files[SHARD][:begun])
    smaller = partial_of(plan, files[SHARD], files[SHARD][:1000], number=2)
    assert bytes_here(plan.record) == begun
    assert plan.missing == plan.record.size - begun
    folder = fetch(plan)
    assert ranges(hub) == [f"bytes={begun}-"]
    assert (folder / SHARD).read_bytes() == files[SHARD]
    assert not partial.exists() and not smaller.exists()
    assert (folder / SHARD).resolve().stat().st_mode & 0o077 == (
        (folder / "config.json").resolve().stat().st_mode & 0o077
    )


@pytest.mark.parametrize(
    "kind", ["other bytes", "with a hole", "zeros at the end", "too long", "next to nothing"]
)
def test_what_is_no_beginning_is_thrown_away(
    hub: HubServer, here: Path, files: dict[str, bytes], kind: str
) -> None:
    data, plan = files[SHARD], look_up(NAME)
    begun = {
        "other bytes": weights(2_000_000, seed=9),
        "with a hole": data[:2_000_000],
        "zeros at the end": data[:1_500_000] + bytes(500_000),
        "too long": data + b"more",
        "next to nothing": data[:1000],
    }[kind]
    partial = partial_of(plan, data, begun)
    if kind == "with a hole":
        with partial.open("wb") as stream:
            stream.write(data[:500_000])
            stream.seek(3_000_000)
            stream.write(data[3_000_000:3_500_000])
    folder = fetch(plan)
    assert (folder / SHARD).read_bytes() == data
    assert not partial.exists()
    assert len(ranges(hub)) == (1 if kind == "other bytes" else 0)


def test_a_file_that_another_process_is_writing_is_left_alone(
    hub: HubServer, here: Path, files: dict[str, bytes]
) -> None:
    from huggingface_hub.utils import WeakFileLock

    from spider_cli.weights.partials import sweep_partials

    plan = look_up(NAME)
    folder = fetch(plan)
    partial = partial_of(plan, files[SHARD], files[SHARD][:1000])
    lock = here / ".locks" / "models--owner--name" / f"{partial.name.partition('.')[0]}.lock"
    with WeakFileLock(lock):
        sweep_partials(plan.record)
        assert partial.exists()
    sweep_partials(plan.record)
    assert not partial.exists()
    assert folder.is_dir()
