"""A bucket on the S3 server of the tests."""

from typing import Any

import pytest


@pytest.fixture(scope="session")
def s3(s3_server: str) -> Any:
    """A client of boto3's own, to see what spider did."""
    import boto3

    client = boto3.client("s3")
    client.create_bucket(Bucket="photos")
    return client
