"""Objects of an S3 server: pages, ranges, and what it refuses."""

import io
import tarfile
from collections.abc import Callable
from typing import Any

import pytest

from spider_cli.engines.listing import Listing
from spider_cli.engines.s3 import S3Store
from spider_cli.errors import PhotoError, UsageError

pytestmark = pytest.mark.filterwarnings("ignore")  # boto3's and moto's own


@pytest.fixture
def store(s3: Any) -> S3Store:
    return S3Store()


def refused(call: Callable[[], Any]) -> PhotoError:
    with pytest.raises(PhotoError) as caught:
        call()
    assert "\n" not in caught.value.message
    assert "never-to-be-seen" not in caught.value.message + caught.value.hint
    return caught.value


def answers(monkeypatch: pytest.MonkeyPatch, store: S3Store, code: str, **more: Any) -> None:
    """The server refuses everything so."""
    from botocore.exceptions import ClientError

    def refuse(**asked: Any) -> Any:
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "X")

    class Client:
        get_object = list_objects_v2 = put_object = head_object = staticmethod(refuse)

    monkeypatch.setattr(store, "_made", Client())


def test_pages_of_keys(store: S3Store, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"many/{number:04}.jpg" for number in range(7)]
    for name in names:
        s3.put_object(Bucket="photos", Key=name, Body=b"x")
    s3.put_object(Bucket="photos", Key="many/", Body=b"")
    s3.put_object(Bucket="photos", Key="manyfold.jpg", Body=b"")
    asked = store._client.list_objects_v2
    calls: list[Any] = []

    def paged(**more: Any) -> Any:
        calls.append(more)
        return asked(**more, MaxKeys=3)

    monkeypatch.setattr(store._client, "list_objects_v2", paged)
    assert list(store.listed("s3://photos/many")) == [(f"s3://photos/{name}", 1) for name in names]
    assert len(calls) == 3


def test_whole_objects_and_parts_of_them(store: S3Store, s3: Any) -> None:
    data = bytes(range(256)) * 5000
    store.put("s3://photos/d/x.bin", data)
    assert store.read("s3://photos/d/x.bin") == data
    with store.open("s3://photos/d/x.bin") as stream:
        assert stream.read(3) == data[:3]
        stream.seek(-4, io.SEEK_END)
        assert stream.read() == data[-4:]
        stream.seek(1_100_000)
        assert stream.read(70_000) == data[1_100_000:1_170_000]


def test_an_object_that_changes_while_it_is_read(store: S3Store, s3: Any) -> None:
    store.put("s3://photos/d/y.bin", b"a" * 3_000_000)
    stream = store.open("s3://photos/d/y.bin")
    stream.read(10)
    store.put("s3://photos/d/y.bin", b"b" * 3_000_000)
    assert refused(stream.read).code == "changed"


def test_what_is_not_there(store: S3Store) -> None:
    assert refused(lambda: store.read("s3://photos/none.jpg")).code == "not_found"
    assert refused(lambda: store.open("s3://photos/none.jpg")).code == "not_found"
    assert refused(lambda: list(store.listed("s3://no-such-bucket/x"))).code == "no_bucket"
    with pytest.raises(UsageError, match="there is no such bucket"):
        next(Listing(("s3://no-such-bucket/x",)).photos())


@pytest.mark.parametrize(
    ("said", "code"), [("AccessDenied", "denied"), ("SlowDown", "throttled"), ("Odd", "unreadable")]
)
def test_what_is_refused(
    store: S3Store, monkeypatch: pytest.MonkeyPatch, said: str, code: str
) -> None:
    answers(monkeypatch, store, said)
    for call in (
        lambda: store.read("s3://photos/a.jpg"),
        lambda: store.put("s3://photos/a.jpg", b""),
        lambda: list(store.listed("s3://photos/a")),
    ):
        assert refused(call).code == code


def test_a_body_that_breaks_off_is_asked_for_again(
    store: S3Store, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import IncompleteReadError

    store.put("s3://photos/d/z.bin", b"whole")
    ask, failures = store._client.get_object, [1, 1, 1]

    class Cut:
        def read(self) -> bytes:
            raise IncompleteReadError(actual_bytes=1, expected_bytes=5)

    def cut(**more: Any) -> Any:
        return {"Body": Cut()} if failures and failures.pop() else ask(**more)

    monkeypatch.setattr(store._client, "get_object", cut)
    assert refused(lambda: store.read("s3://photos/d/z.bin")).code == "unreachable"
    assert store.read("s3://photos/d/z.bin") == b"whole"


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch, s3_server: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("spider_cli.engines.s3._TRIES", 1)
    assert refused(lambda: S3Store().read("s3://photos/a.jpg")).code == "unreachable"


def test_a_tar_shard_is_read_where_it_lies(store: S3Store, s3: Any) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name in ("a.jpg", "b.jpg"):
            about = tarfile.TarInfo(name)
            about.size = 4
            archive.addfile(about, io.BytesIO(b"1234"))
    store.put("s3://photos/w/0.tar", stream.getvalue())
    found = list(Listing(("s3://photos/w/*.tar",)).photos())
    assert [one.data for one in found] == [b"1234", b"1234"]
