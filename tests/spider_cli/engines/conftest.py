"""An S3 server on loopback, with a bucket, and what the world says about who asks."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """Its address; the variables of the process name it, so that children of it find it too."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "who-asks")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "never-to-be-seen")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def s3(s3_server: str) -> Any:
    """A client of boto3's own, to see what spider did."""
    import boto3

    client = boto3.client("s3")
    client.create_bucket(Bucket="photos")
    return client
