"""A Ray cluster and an S3 server on this machine, for the tests of what runs on them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest

__all__ = ["actors", "ray_cluster", "s3"]


@contextmanager
def s3() -> Iterator[str]:
    """An S3 server's address; the variables of the process name it, so that children of it find it
    too."""
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


@contextmanager
def ray_cluster() -> Iterator[Any]:
    """One machine with two processors, which has the variables that are set now."""
    os.environ |= {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # or 127.0.0.1 would not stay so
        "RAY_worker_niceness": "0",  # beside other tests they would never end
    }
    from ray.cluster_utils import Cluster

    started = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 2,
            "node_ip_address": "127.0.0.1",
            "object_store_memory": 100_000_000,
            "include_dashboard": False,
        },
    )
    yield started
    started.shutdown()


def actors(step: str) -> list[psutil.Process]:
    """The processes of the actors of a step, by its class."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = " ".join(process.info["cmdline"] or ())
        if words.startswith("ray::") and step in words:
            found.append(process)
    return found
