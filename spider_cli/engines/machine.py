"""What a step of a run asks of the machine that it finds itself on: is it as the others are?"""

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from spider_cli import __version__
from spider_cli.errors import UsageError

if TYPE_CHECKING:
    from spider_cli.auditor import Auditor

__all__ = ["go_to", "processors", "same_folders", "same_packages", "same_release", "same_weights"]


def processors() -> int:
    """Threads for a model: the processors that Ray gave to this actor, one at least."""
    import ray

    given = ray.get_runtime_context().get_assigned_resources()
    return max(1, int(given.get("CPU", 1)))


def go_to(base: str) -> None:
    """Work in the folder from which the run was started, so that what it names is found from
    there; where there is none, nothing can be named from it."""
    try:
        os.chdir(base)
    except OSError:
        return


def same_release(version: str) -> None:
    """Has this machine the release of spider that the run was started with?

    Raises:
        UsageError: no.
    """
    if version != __version__:
        raise UsageError(
            f"a machine of the cluster has spider {__version__}, and this one {version}",
            hint="install the same release everywhere",
            code="other_release",
        )


def same_packages(releases: Mapping[str, str]) -> None:
    """Has it the packages that the run's bytes depend on, in the same releases?

    Args:
        releases: package -> release, where the run was started.

    Raises:
        UsageError: no; the first that differs is named.
    """
    from importlib.metadata import PackageNotFoundError, version

    for package, wanted in releases.items():
        try:
            found = version(package)
        except PackageNotFoundError:
            found = "none"
        if found != wanted:
            raise UsageError(
                f"a machine of the cluster has {package} {found}, and this one {wanted}",
                hint="what comes out depends on it: install the same releases everywhere",
                code="other_release",
            )


def same_folders(folders: Iterable[str]) -> None:
    """Are there the folders that the run reads?

    Raises:
        UsageError: one is not; it is named.
    """
    for folder in folders:
        if not os.path.exists(folder):  # noqa: PTH110 - a value that was told
            raise UsageError(
                f"a machine of the cluster does not have {folder}",
                hint="name a folder on a disk that all its machines share",
                code="other_disk",
            )


def same_weights(auditor: "Auditor", revision: str, *, alike: bool = True) -> None:
    """Has it the weights that the run was started with?

    Args:
        revision: of the model, where the run was started.
        alike: what else answers depend on is the same.

    Raises:
        UsageError: no.
    """
    if auditor.revision != revision or not alike:
        raise UsageError(
            f"a machine of the cluster has other weights as {auditor.model}: {auditor.revision}",
            hint=f"here they are {revision}; download the same ones everywhere",
            code="other_weights",
        )
