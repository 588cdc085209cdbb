"""What goes wrong with the hub: one line each, the next step, and a cache that never pretends."""

import errno
from pathlib import Path

import pytest

from spider_cli.errors import UsageError
from spider_cli.weights import find_model
from spider_cli.weights.cached import cached
from spider_cli.weights.catalogue import Reference
from spider_cli.weights.download import fetch
from spider_cli.weights.hub import Report, look_up
from spider_cli.weights.verifying import verify_model
from tests.hub_server import Fault, HubServer, vision_model, weights

NAME = Reference("owner/name", "owner/name")
SHARD = "model-00001-of-00002.safetensors"


def refused(wanted: Reference = NAME) -> UsageError:
    """The error of a download; nothing counts as here after it."""
    with pytest.raises(UsageError) as raised:
        fetch(look_up(wanted))
    error = raised.value
    assert "\n" not in error.message and "\n" not in error.hint
    assert error.hint
    assert cached(wanted.repository) is None
    with pytest.raises(UsageError):
        find_model(wanted.repository)
    return error


def recovers() -> None:
    """The same command again ends well."""
    folder = fetch(look_up(NAME))
    assert find_model("owner/name").path == folder
    assert not verify_model("owner/name").faults
    assert not list(folder.parent.parent.rglob("*.incomplete"))


def test_no_such_repository(hub: HubServer, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error = refused()
    assert error.code == "repository_missing"
    assert error.message.startswith(f"{hub.url} has no repository owner/name")
    assert "HF_TOKEN" in error.hint
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    assert "HF_TOKEN" not in refused().hint
    assert not here.exists()


def test_a_gated_one(hub: HubServer, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("owner/name", vision_model())
    repository = hub.repositories["owner/name"]
    repository.gated, repository.token = True, "hf_let_in"
    error = refused()
    assert error.code == "gated"
    assert f"{hub.url}/owner/name" in error.hint and "HF_TOKEN" in error.hint
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    assert "not the owner of this token" in refused().message
    monkeypatch.setenv("HF_TOKEN", "hf_let_in")
    recovers()


def test_gated_files_of_an_open_list(hub: HubServer, here: Path) -> None:
    hub.add("owner/name", vision_model())
    fault = Fault(status=403, error_code="GatedRepo", method="HEAD")
    hub.fail("model-0000", fault)
    assert refused().code == "gated"
    hub.mend()
    recovers()


def test_a_revision_that_is_gone(hub: HubServer, here: Path) -> None:
    hub.add("owner/name", vision_model())
    for revision in ("v9", "0123456789abcdef0123456789abcdef01234567"):
        error = refused(Reference("owner/name", "owner/name", revision))
        assert error.code == "revision_missing"
        assert f"has no revision {revision}" in error.message


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "unauthorised"), (403, "forbidden"), (404, "hub_refused"), (418, "hub_refused")],
)
@pytest.mark.parametrize("where", ["/tree/", "model-00002"])
def test_a_refusal(hub: HubServer, here: Path, status: int, code: str, where: str) -> None:
    hub.add("owner/name", vision_model())
    # As a proxy or a gateway says it: without the hub's own words.
    told = {"X-Error-Message": "Invalid credentials in Authorization header"}
    hub.fail(where, Fault(status=status, headers=told))
    error = refused()
    assert error.code == code
    assert where == "/tree/" or status in (401, 403) or str(status) in error.message
    hub.mend()
    recovers()


@pytest.mark.parametrize(
    ("status", "code"), [(429, "rate_limited"), (500, "hub_down"), (503, "hub_down")]
)
@pytest.mark.parametrize(
    ("where", "method"),
    [
        ("/api/models/owner/name", "GET"),
        ("/tree/", "GET"),
        ("config.json", "HEAD"),
        ("model-00002", "HEAD"),
        ("model-00002", "GET"),
    ],
)
def test_a_hub_out_of_order(
    hub: HubServer, here: Path, status: int, code: str, where: str, method: str
) -> None:
    hub.add("owner/name", vision_model())
    hub.fail(where, Fault(status=status, method=method))
    error = refused()
    assert error.code == code
    assert str(status) in error.message
    assert "same command again" in error.hint
    hub.mend()
    recovers()


def test_a_moment_out_of_order_is_waited_for(hub: HubServer, here: Path) -> None:
    hub.add("owner/name", vision_model())
    hub.fail("/api/models/owner/name", Fault(status=503, times=2))
    hub.fail("model-00001", Fault(status=429, times=1, headers={"Retry-After": "1"}))
    hub.fail("/cdn/", Fault(status=500, times=1))
    told: list[str] = []
    report = Report(told=told.append)
    fetch(look_up(NAME, report=report), report=report)
    assert told[0] == "the hub answers 503; trying again in 1 s"
    assert told[-1] == "the hub answers 500; going on"
    assert find_model("owner/name")


def test_a_long_wait_is_left_to_the_user(hub: HubServer, here: Path) -> None:
    hub.add("owner/name", vision_model())
    fault = Fault(status=429, headers={"Retry-After": "3600"})
    hub.fail("/api/models/owner/name", fault)
    assert refused().code == "rate_limited"
    assert len(hub.requests("/api/models/owner/name")) == 1


def test_drops_in_mid_file(hub: HubServer, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client goes on with a range, again and again."""
    # It writes 10 MB at a time, and loses what is less.
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 100_000)
    hub.add("owner/name", vision_model(6_000_000))
    hub.fail(SHARD, Fault(drop_after=700_000, times=3))
    recovers()
    asked = [one.headers.get("range") for one in hub.requests(SHARD) if "/cdn/" in one.path]
    assert asked == [None, "bytes=700000-", "bytes=1400000-", "bytes=2100000-"]


def test_a_way_that_breaks_off_for_good(hub: HubServer, here: Path) -> None:
    hub.add("owner/name", vision_model())
    hub.fail(SHARD, Fault(drop_after=0))
    error = refused()
    assert error.code == "no_network"
    hub.mend()
    recovers()


def test_no_network(here: Path, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    nobody = "http://127.0.0.1:9"  # the discard port: nobody listens
    monkeypatch.setattr(constants, "ENDPOINT", nobody)
    error = refused()
    assert error.code == "no_network"
    assert error.message.startswith(f"cannot reach {nobody} for owner/name")
    assert "HF_ENDPOINT" in error.hint


def test_offline(hub: HubServer, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    error = refused()
    assert error.code == "offline"
    assert "--offline" in error.hint
    assert hub.seen == []


def test_wrong_bytes_once(hub: HubServer, here: Path) -> None:
    hub.add("owner/name", vision_model())
    hub.fail(f"/cdn/owner/name/{hub.repositories['owner/name'].refs['main']}", Fault(times=0))
    hub.fail(SHARD, Fault(wrong=True, times=1))
    told: list[str] = []
    fetch(look_up(NAME), report=Report(told=told.append))
    assert told and told[0].startswith(f"{SHARD} has other bytes than it should")
    recovers()


def test_wrong_bytes_always(hub: HubServer, here: Path) -> None:
    hub.add("owner/name", vision_model())
    hub.fail("/cdn/", Fault(wrong=True))
    error = refused()
    assert error.code == "wrong_bytes"
    assert SHARD in error.message and "(and 1 more)" in error.message
    storage = here / "models--owner--name"
    kept = {file.name for file in storage.rglob("*") if file.is_file() or file.is_symlink()}
    assert not any(name.endswith(".safetensors") for name in kept)
    hub.mend()
    recovers()


def test_a_small_file_with_wrong_bytes(hub: HubServer, here: Path) -> None:
    """Small files have no SHA-256 at the hub, but their git name tells as well."""
    hub.add("owner/name", vision_model())
    hub.fail("tokenizer.json", Fault(wrong=True))
    assert "tokenizer.json" in refused().message
    hub.mend()
    recovers()


def test_no_space_is_said_before_a_byte_comes(hub: HubServer, here: Path) -> None:
    hub.add("owner/name", vision_model())
    hub.repositories["owner/name"].claimed[SHARD] = 10**16
    error = refused()
    assert error.code == "no_space"
    assert "10000000.00 GB are to come" in error.message
    assert "HF_HOME" in error.hint
    assert not hub.requests("/cdn/") and not here.exists()


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "no_space"),
        (errno.EACCES, "cache_unwritable"),
        (errno.EROFS, "cache_unwritable"),
    ],
)
def test_a_disk_that_takes_no_more(
    hub: HubServer, here: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    hub.add("owner/name", vision_model())
    write = Path.open

    def full(self: Path, mode: str = "r", *args: object, **more: object) -> object:
        if self.name.endswith(".incomplete") and "w" in mode:
            raise OSError(number, "as if", str(self))
        return write(self, mode, *args, **more)  # type: ignore[call-overload]

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        assert refused().code == code
    recovers()


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"pytorch_model.bin": b"\x80\x04"}, "pickle_only"),
        ({"model.gguf": b"GGUF"}, "no_weights"),
    ],
)
def test_weights_that_are_not_opened(
    hub: HubServer, here: Path, files: dict[str, bytes], code: str
) -> None:
    config = {"config.json": vision_model()["config.json"]}
    hub.add("owner/name", config | files)
    assert refused().code == code
    assert not here.exists()


def test_code_and_text_are_refused(hub: HubServer, here: Path) -> None:
    own = b'{"model_type": "their_own", "auto_map": {"AutoModel": "modeling.X"}}'
    files = {"model.safetensors": weights(10), "modeling.py": b"print('hello')"}
    hub.add("owner/name", files | {"config.json": own})
    assert refused().code == "remote_code"
    folder = fetch(look_up(NAME, remote_code=True))
    assert (folder / "modeling.py").is_file()
    hub.add("owner/text", files | {"config.json": b'{"model_type": "llama"}'})
    assert refused(Reference("owner/text", "owner/text")).code == "not_image_text"


def test_a_list_that_leads_out_of_the_cache(hub: HubServer, here: Path) -> None:
    hub.add("owner/name", vision_model() | {"../../evil.json": b"{}"})
    assert "list of files is damaged" in refused().message
    assert not list(here.parent.parent.rglob("evil.json"))
