"""Processes of a Ray cluster for numbered work: building a data set, measuring a model."""

import contextlib
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType

from spider_cli.engines.numbered import Done, Gang, Work

__all__ = ["Cluster", "Crew"]


@dataclass(frozen=True)
class Cluster:
    """Where a crew works, as the command line says it."""

    address: str | None = None
    """Of a cluster to join; None: one starts on this machine."""
    workers: int | None = None
    """Processes; None: as many as the cluster has processors, or GPUs where they are used."""


@dataclass
class Crew:
    """Does one work after the other. The cluster is joined at the first, and left at the end.

    Args:
        cluster: where.
        device: of the work: "auto", "cpu", "cuda" or "mps"; "cpu" leaves GPUs alone.
        folders: which every machine must have.
        packages: package -> release which every machine must have.

    Raises:
        UsageError: Ray is not installed.
    """

    cluster: Cluster
    device: str = "cpu"
    folders: Sequence[str] = ()
    packages: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from spider_cli.engines.ray_engine import check_ray

        check_ray()
        self._stack = contextlib.ExitStack()
        self._resources: Mapping[str, float] | None = None

    def __enter__(self) -> "Crew":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def do(self, work: Work, count: int) -> Iterator[Done]:
        """What comes of the numbers from 0 to `count`, each once, as it is done, in any order.

        Raises:
            UsageError: the cluster cannot be joined, or gave up; or the work did.
        """
        from spider_cli import __version__
        from spider_cli.engines.ray_engine import joined, run_numbers
        from spider_cli.engines.sizes import sizes_for

        if count == 0:
            return
        if self._resources is None:
            here = joined(self.cluster.address, quiet=True)
            self._resources = self._stack.enter_context(here)
        sizes = sizes_for(
            self._resources, device=self.device, workers=self.cluster.workers, decoders=1
        )
        gang = Gang(
            run=secrets.token_hex(8),
            version=__version__,
            base=os.getcwd(),  # noqa: PTH109 - as a value that other machines are told
            folders=tuple(self.folders),
            packages=dict(self.packages),
        )
        yield from run_numbers(gang, work, count, sizes)
