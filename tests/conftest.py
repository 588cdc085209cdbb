"""What all tests share: a clean environment, no network, outside tools by name, real photos."""

import os
import shutil
import socket
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from tests.hub_server import HubServer

ROOT = Path(__file__).parents[1]

REQUIRE_ALL = os.environ.get("SPIDER_REQUIRE_ALL") == "1"

TOOLS = {
    "chromium": "apt-get install chromium",
    "exiftool": "apt-get install libimage-exiftool-perl",
    "groff": "apt-get install groff-base",
    "jq": "apt-get install jq",
    "make": "apt-get install make",
    "man": "apt-get install man-db",
}
"""Programs that tests call, and the line that installs each."""

# Here, not in a fixture: libraries read these when they are imported, and child processes too.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
for _name in [name for name in os.environ if name.startswith("SPIDER_")]:
    # A developer's own settings must not change what the tests see.
    del os.environ[_name]
os.environ["SPIDER_NO_CONFIG"] = "1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where all tools are due, a test skipped for want of a Python package fails too."""
    report = yield
    if REQUIRE_ALL and report.skipped and "could not import" in str(report.longrepr):
        report.outcome = "failed"
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on a Ray cluster side by side: each worker that runs one starts its own."""
    items.sort(key=lambda item: "cluster" not in getattr(item, "fixturenames", ()))


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Refuse connections to other machines, in this process."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else None
        if host is not None and host not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test opens a connection to {address}")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """``tool("jq")``: the program's path; without it the test is skipped (see `lacking`)."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            lacking(name, TOOLS[name])
        return str(path)

    return find


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Name of a family (`tests.tiny_models.FAMILIES`) -> its folder, built when first asked for."""
    made: dict[str, Path] = {}

    def build(family: str) -> Path:
        import torch

        from tests.tiny_models import FAMILIES

        if family not in made:
            folder = tmp_path_factory.mktemp("tiny") / family
            with torch.random.fork_rng():
                torch.manual_seed(0)
                FAMILIES[family](folder)
            made[family] = folder
        return made[family]

    return build


def lacking(name: str, install: str) -> NoReturn:
    """End the test for want of `name`: a failure under SPIDER_REQUIRE_ALL=1, else a skip."""
    said = f"{name} is not here; to run this test: {install}"
    if REQUIRE_ALL:
        pytest.fail(said, pytrace=False)
    pytest.skip(said)


@pytest.fixture(scope="session")
def lack() -> Callable[[str, str], NoReturn]:
    """`lacking`, for what is no program: what is missing, and how to get it."""
    return lacking


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def photos() -> Path:
    """The folder of the photos that ship: coffee.jpg (noise at the bottom right), chelsea.jpg (blur
    at the top left) and rocket.jpg (untouched)."""
    return ROOT / "docs" / "photos"


@pytest.fixture(scope="session")
def demo_photo(photos: Path) -> Path:
    """The photo of `make demo`: 600 x 400, severe noise in an ellipse at the bottom right."""
    return photos / "coffee.jpg"


@pytest.fixture
def hub() -> "Iterator[HubServer]":
    """A hub on this machine; other processes find it by HF_ENDPOINT=hub.url."""
    from tests.hub_server import HubServer

    with HubServer() as server:
        yield server


@pytest.fixture
def here(hub: "HubServer", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's client in this process asks the local hub, and its cache is new; its folder."""
    from huggingface_hub import constants

    cache = tmp_path / "home" / "hub"
    url = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("SPIDER_CACHE", str(tmp_path / "spider"))
    # Whoever waits, here or in the client, need not.
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    return cache


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """An S3 server on loopback; see `tests.ray_cluster`."""
    from tests.ray_cluster import s3

    with s3() as address:
        yield address


@pytest.fixture(scope="session")
def cluster(s3_server: str) -> Iterator[Any]:
    """A Ray cluster, started once for all tests, which knows the S3 server's variables."""
    from tests.ray_cluster import ray_cluster

    with ray_cluster() as started:
        yield started
