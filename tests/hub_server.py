"""A hub on this machine: repositories over real HTTP as huggingface_hub asks for them, and faults.

    with HubServer() as hub:
        hub.add("owner/name", {"config.json": b"{}", "model.safetensors": weights(1000)})
        hub.fail("model.safetensors", Fault(status=503, times=1))
        ...  # HF_ENDPOINT=hub.url

Large files (`LARGE`) redirect to another host name, as the hub's do to its store.
"""

import hashlib
import json
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

__all__ = ["LARGE", "Fault", "HubServer", "Repository", "Seen", "vision_model", "weights"]

LARGE = (".safetensors", ".bin")
_PIECE = 1 << 16


def weights(size: int, seed: int = 0) -> bytes:
    """A safetensors file of one tensor with about `size` random bytes."""
    body = np.random.default_rng(seed).integers(0, 256, size, np.uint8).tobytes()
    value = {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}
    header = json.dumps({"w": value, "__metadata__": {"format": "pt"}}).encode()
    return struct.pack("<Q", len(header)) + header + body


def vision_model(size: int = 200_000, seed: int = 0) -> dict[str, bytes]:
    """The files of a repository that looks like an image-text-to-text model in two shards."""
    names = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    config = {"model_type": "qwen3_vl", "vision_config": {"depth": 1}, "dtype": "bfloat16"}
    index = {"metadata": {}, "weight_map": {"a.w": names[0], "b.w": names[1]}}
    card = "---\nlicense: apache-2.0\n---\n# tiny\n"
    return {
        "config.json": json.dumps(config).encode(),
        "model.safetensors.index.json": json.dumps(index).encode(),
        "tokenizer.json": b'{"version": "1.0"}',
        "chat_template.jinja": b"{{ messages }}",
        "README.md": card.encode(),
        names[0]: weights(size // 2, seed),
        names[1]: weights(size - size // 2, seed + 1),
    }


@dataclass
class Fault:
    """What goes wrong with the requests that it is set for."""

    status: int | None = None
    error_code: str = ""
    """The hub's X-Error-Code."""
    headers: Mapping[str, str] = field(default_factory=dict)
    drop_after: int | None = None
    """Hang up after so many bytes of the body."""
    hold_after: int | None = None
    """Send so many bytes, then nothing until the server is released."""
    wrong: bool = False
    """Other bytes, of the right number."""
    meet: int = 0
    """Send nothing before so many such requests are there at once."""
    times: int | None = None
    """So often; None: always."""
    method: str = "GET"

    def takes(self) -> bool:
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0


@dataclass
class Repository:
    """Commits of a repository and the names that lead to them."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    gated: bool = False
    token: str = ""
    """Only with this one may it be read."""
    licence: str = "apache-2.0"
    tags: list[str] = field(default_factory=list)
    """Of its card."""
    claimed: dict[str, int] = field(default_factory=dict)
    """Sizes that the list of files tells instead of the true ones."""

    def files(self, revision: str) -> dict[str, bytes] | None:
        return self.commits.get(self.refs.get(revision, revision))


@dataclass(frozen=True)
class Seen:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]


class HubServer:
    """The server; a context."""

    def __init__(self, page: int = 1000) -> None:
        self.repositories: dict[str, Repository] = {}
        self.seen: list[Seen] = []
        self.page = page
        """Files on a page of a list."""
        self.released = threading.Event()
        self.holding = threading.Event()
        """Set when a request is being held."""
        self.met = False
        """Were they there at once?"""
        self._waiting = 0
        self._all_there = threading.Event()
        self._faults: list[tuple[str, Fault]] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "HubServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def add(self, name: str, files: Mapping[str, bytes], *refs: str) -> str:
        """A further commit of a repository, which `refs` (main) lead to; its hash."""
        repository = self.repositories.setdefault(name, Repository())
        text = json.dumps({path: _git(data) for path, data in sorted(files.items())})
        commit = hashlib.sha1(f"{name}{text}".encode()).hexdigest()
        repository.commits[commit] = dict(files)
        repository.refs |= dict.fromkeys(refs or ("main",), commit)
        return commit

    def fail(self, path: str, fault: Fault) -> None:
        """Let requests whose path holds `path` go wrong."""
        self._faults.append((path, fault))

    def mend(self) -> None:
        """All goes well again."""
        self._faults.clear()
        self.released.set()

    def meet(self, number: int) -> None:
        """Wait for the others."""
        with self._lock:
            self._waiting += 1
            if self._waiting >= number:
                self.met = True
                self._all_there.set()
        self._all_there.wait(60)

    def fault_of(self, method: str, path: str) -> Fault | None:
        with self._lock:
            for part, fault in self._faults:
                if part in path and fault.method == method and fault.takes():
                    return fault
        return None

    def requests(self, part: str, method: str = "GET") -> list[Seen]:
        """Requests whose path holds `part`."""
        return [one for one in self.seen if part in one.path and one.method == method]


def _git(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _handler(hub: HubServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self._answer("HEAD")

        def do_GET(self) -> None:
            self._answer("GET")

        def _answer(self, method: str) -> None:
            url = urlsplit(self.path)
            path = unquote(url.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            hub.seen.append(Seen(method, path, headers))
            fault = hub.fault_of(method, path)
            try:
                if fault is not None and fault.status is not None:
                    extra = {"X-Error-Code": fault.error_code} if fault.error_code else {}
                    self._send(fault.status, b"", extra | dict(fault.headers))
                elif path.startswith("/api/models/"):
                    self._api(path.removeprefix("/api/models/"), parse_qs(url.query))
                elif path.startswith("/cdn/"):
                    self._cdn(path.removeprefix("/cdn/"), fault)
                else:
                    self._resolve(path.strip("/"), fault)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def _repository(self, name: str) -> Repository | None:
            """The repository, if it may be read; else the refusal is sent."""
            found = hub.repositories.get(name)
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            if found is None:
                self._refuse(404 if token else 401, "RepoNotFound")
            elif found.token and token != found.token:
                if found.gated:
                    self._refuse(403 if token else 401, "GatedRepo")
                else:
                    self._refuse(404 if token else 401, "RepoNotFound")
                return None
            return found

        def _api(self, rest: str, query: dict[str, list[str]]) -> None:
            owner, name, *more = rest.split("/", 3)
            repository = self._repository(f"{owner}/{name}")
            if repository is None:
                return
            kind, _, revision = (more[0] if more else "revision").partition("/")
            revision = more[1] if len(more) > 1 else "main"
            files = repository.files(revision)
            if files is None:
                self._refuse(404, "RevisionNotFound")
            elif kind == "revision":
                self._json(
                    {
                        "_id": "1",
                        "id": f"{owner}/{name}",
                        "sha": repository.refs.get(revision, revision),
                        "private": False,
                        "gated": "manual" if repository.gated else False,
                        "tags": [*repository.tags, f"license:{repository.licence}"],
                        "cardData": {"license": repository.licence},
                        "siblings": [{"rfilename": path} for path in files],
                    }
                )
            else:
                self._tree(repository, files, query)

        def _tree(
            self, repository: Repository, files: dict[str, bytes], query: dict[str, list[str]]
        ) -> None:
            start = int(query.get("cursor", ["0"])[0])
            listed = [
                _entry(path, data, repository.claimed.get(path, len(data)))
                for path, data in sorted(files.items())
            ]
            folders = {path.rpartition("/")[0] for path in files} - {""}
            listed += [{"type": "directory", "path": one, "oid": "0" * 40} for one in folders]
            more = {}
            if start + hub.page < len(listed):
                following = f"{hub.url}{urlsplit(self.path).path}?recursive=true&cursor="
                more = {"Link": f'<{following}{start + hub.page}>; rel="next"'}
            self._json(listed[start : start + hub.page], more)

        def _resolve(self, path: str, fault: Fault | None) -> None:
            if path.count("/resolve/") != 1 or path.count("/") < 4:
                self._send(404, b"", {})
                return
            owner, name, _, rest = path.split("/", 3)
            repository = self._repository(f"{owner}/{name}")
            if repository is None:
                return
            for revision in sorted([*repository.refs, *repository.commits], key=len, reverse=True):
                if rest.startswith(f"{revision}/"):
                    break
            else:
                self._refuse(404, "RevisionNotFound")
                return
            commit = repository.refs.get(revision, revision)
            file = rest.removeprefix(f"{revision}/")
            data = repository.commits[commit].get(file)
            if data is None:
                self._refuse(404, "EntryNotFound", {"X-Repo-Commit": commit})
                return
            facts = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
            if file.endswith(LARGE):
                digest = hashlib.sha256(data).hexdigest()
                where = f"http://localhost:{hub.port}/cdn/{owner}/{name}/{commit}/{digest}/{file}"
                facts |= {"X-Linked-Etag": f'"{digest}"', "Location": where}
                size = repository.claimed.get(file, len(data))
                self._send(302, b"", facts | {"X-Linked-Size": str(size)})
                return
            self._body(data, facts | {"ETag": f'"{_git(data)}"'}, fault)

        def _cdn(self, path: str, fault: Fault | None) -> None:
            owner, name, commit, digest, file = path.split("/", 4)
            data = hub.repositories[f"{owner}/{name}"].commits[commit][file]
            self._body(data, {"ETag": f'"{digest}"', "Accept-Ranges": "bytes"}, fault)

        def _body(self, data: bytes, headers: dict[str, str], fault: Fault | None) -> None:
            """A file or the range of it that is asked for."""
            if fault is not None and fault.meet:
                hub.meet(fault.meet)
            if fault is not None and fault.wrong:
                data = bytes(byte ^ 0x55 for byte in data)
            asked = self.headers.get("Range", "")
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            if asked and start >= len(data):
                self._send(416, b"", {"Content-Range": f"bytes */{len(data)}"})
                return
            if asked:
                headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            self._send(206 if asked else 200, data[start:], headers, fault)

        def _refuse(self, status: int, code: str, more: Mapping[str, str] = {}) -> None:
            self._send(status, b"", {"X-Error-Code": code, "X-Error-Message": code} | dict(more))

        def _json(self, value: Any, more: Mapping[str, str] = {}) -> None:
            headers = {"Content-Type": "application/json"} | dict(more)
            self._send(200, json.dumps(value).encode(), headers)

        def _send(
            self, status: int, body: bytes, headers: Mapping[str, str], fault: Fault | None = None
        ) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "HEAD":
                return
            cut = fault.drop_after if fault is not None else None
            hold = fault.hold_after if fault is not None else None
            sent = 0
            while sent < len(body):
                piece = body[sent : sent + _PIECE]
                if cut is not None and sent + len(piece) > cut:
                    self.wfile.write(piece[: cut - sent])
                    self.close_connection = True
                    self.connection.close()
                    return
                if hold is not None and sent >= hold:
                    hub.holding.set()
                    hub.released.wait(120)
                    hold = None
                self.wfile.write(piece)
                self.wfile.flush()
                sent += len(piece)

    return Handler


def _entry(path: str, data: bytes, size: int) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": path, "size": size, "oid": _git(data)}
    if path.endswith(LARGE):
        digest = hashlib.sha256(data).hexdigest()
        entry["lfs"] = {"oid": digest, "size": size, "pointerSize": 134}
    return entry
