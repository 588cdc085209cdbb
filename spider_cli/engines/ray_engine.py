"""Ray: joins a cluster or starts a small one, and runs an audit, or any work that comes as numbers,
there by Ray Data."""

import contextlib
import json
import logging
import os
import re
import socket
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spider_cli.engines.sizes import Sizes
from spider_cli.errors import SpiderError, UsageError

if TYPE_CHECKING:
    from spider_cli.engines.dealing import Done
    from spider_cli.engines.listing import Listing
    from spider_cli.engines.numbered import Done as NumberDone
    from spider_cli.engines.numbered import Gang
    from spider_cli.engines.numbered import Work as NumberedWork
    from spider_cli.engines.told import Told
    from spider_cli.results import Record

__all__ = ["Work", "check_ray", "joined", "run", "run_numbers", "stopped"]

_BLOCK = 8 << 10
"""Bytes of a block, beyond which Ray Data closes it: some thirty names, or a batch of photos, which
is a row. It would gather 128 MiB otherwise: half a million names, before the first is decoded."""
_AHEAD = 10.0
"""So many times what a step has in hand may lie before it. Ray's own 2 was measured not to hold
lists back: with 20,000 names the driver grew by 89 MB, with 10 by 2."""
_NICENESS = "RAY_worker_niceness"
_HINT_KEPT = "run the same again: what was committed is kept"


def check_ray() -> None:
    """Is it installed?

    Raises:
        UsageError: no; the hint is the command that installs it.
    """
    from importlib.util import find_spec

    if any(find_spec(name) is None for name in ("ray", "pyarrow", "pandas")):
        raise UsageError(
            "--engine ray needs Ray, which is not installed",
            hint="pip install 'spider-iqa[ray]'",
            code="missing_extra",
        )


@contextlib.contextmanager
def joined(
    address: str | None, *, quiet: bool, debug: bool = False
) -> Iterator[Mapping[str, float]]:
    """Join the cluster at an address, or start one on this machine, for as long as the block lasts.

    What is started here listens on loopback alone, has no dashboard, and reports to nobody.

    Args:
        address: "auto", HOST:PORT; None starts one.
        quiet: no progress on stderr.
        debug: show what Ray says about itself.

    Returns:
        What the cluster has: "CPU", "GPU".

    Raises:
        UsageError: there is no such cluster, or it has another version of Ray or Python.
    """
    _set_up(own=address is None, debug=debug)
    import ray

    level = logging.INFO if debug else logging.ERROR
    if not debug and not sys.warnoptions:
        warnings.filterwarnings("ignore", module=r"ray(\.|$)")  # what it tells its own users
    told: dict[str, Any] = {"logging_level": level, "log_to_driver": debug}
    if address is None:
        told |= {"address": "local", "include_dashboard": False}
    else:
        told |= {"address": address}
    try:
        _knock(address)
        with _alone(address), contextlib.nullcontext() if debug else _hushed():
            ray.init(**told)
    except Exception as error:
        raise _not_joined(address, error) from error
    try:
        if address is None:
            _check_loopback(ray.nodes())
        _set_data_up(quiet=quiet, level=level)
        yield ray.cluster_resources()
    finally:
        ray.shutdown()


@dataclass(frozen=True)
class Work:
    """What is to be done."""

    listing: "Listing"
    done: "Done"
    shard_size: int
    told: "Told"

    def left(self) -> bool:
        """Is there a photo without a record? Lists until one is found."""
        from spider_cli.engines.dealing import dealt

        if not len(self.done):
            return True
        with contextlib.closing(self.listing.photos()) as photos:
            found = dealt(
                photos, size=self.shard_size, repeats=self.listing.repeats, done=self.done
            )
            return next(found, None) is not None


def run(work: Work, sizes: Sizes) -> "Iterator[list[Record]]":
    """The records of each input shard that has any to come, as it is whole.

    Raises:
        UsageError: the engine or a list gave up.
    """
    from spider_cli.engines.batches import as_they_were
    from spider_cli.engines.collecting import Collector

    try:
        photos = _plan(work, sizes)
        collector = Collector()
        for batch in photos.iter_batches(batch_size=None, batch_format="pyarrow"):
            for records in as_they_were(batch):
                yield from collector.add(records.to_pylist())
    except SpiderError:
        raise
    except Exception as error:
        raise stopped(error) from error
    if collector.waiting:
        raise UsageError(
            f"the engine ended without {collector.waiting} records of shards that were begun",
            hint=_HINT_KEPT,
            code="engine",
        )


def _plan(work: Work, sizes: Sizes) -> Any:
    """Ray's plan of a run, nothing of which is done yet: a row is a batch, from step to step."""
    import ray
    from ray.data import ActorPoolStrategy, read_datasource

    from spider_cli.engines.ray_steps import Decoding, Judging, Named

    told = work.told
    rows = max(1, min(2 * told.batch_size, work.shard_size))
    done = ray.put(work.done) if len(work.done) else None
    source = Named(work.listing, size=work.shard_size, rows=rows, done=done)
    photos = read_datasource(source, override_num_blocks=1, **_beside_driver(sizes))
    photos = photos.map_batches(
        Decoding,
        batch_size=1,
        batch_format="pyarrow",
        fn_constructor_args=(told,),
        compute=ActorPoolStrategy(size=sizes.decoders),
        num_cpus=sizes.decoder_cpus,
    )
    return photos.map_batches(
        Judging,
        batch_size=1,
        batch_format="pyarrow",
        fn_constructor_args=(told,),
        compute=ActorPoolStrategy(size=sizes.workers),
        **_worker(sizes),
    )


def run_numbers(
    gang: "Gang", work: "NumberedWork", count: int, sizes: Sizes
) -> "Iterator[NumberDone]":
    """What comes of the numbers from 0 to `count`, each once, as it is done, in any order.

    Raises:
        UsageError: the engine or the work gave up.
    """
    import ray
    from ray.data import ActorPoolStrategy, DataContext, read_datasource

    from spider_cli.engines.ray_numbers import Numbers, Working

    seen: set[int] = set()
    at_once = work.at_once(count, sizes.workers)
    workers = min(sizes.workers, -(-count // at_once))
    # A handful is a block of its own: blocks are what the engine deals to its actors.
    DataContext.get_current().target_max_block_size = 1
    try:
        numbers = read_datasource(
            Numbers(count, at_once=at_once), override_num_blocks=1, **_beside_driver(sizes)
        )
        done = numbers.map_batches(
            Working,
            batch_size=1,  # a handful; Ray wants to be told where GPUs work
            batch_format="pyarrow",
            fn_constructor_args=(gang, ray.put(work)),
            compute=ActorPoolStrategy(size=workers),
            **_worker(sizes),
        )
        for batch in done.iter_batches(batch_size=None, batch_format="pyarrow"):
            for row in batch.to_pylist():
                if row["number"] not in seen:  # from an actor that died when it was done, too
                    seen.add(row["number"])
                    yield row["number"], json.loads(row["said"]), row["data"]
    except SpiderError:
        raise
    except Exception as error:
        raise stopped(error) from error
    if len(seen) != count:
        raise UsageError(
            f"the engine ended with {len(seen)} of {count} done", hint=_HINT_KEPT, code="engine"
        )


def _beside_driver(sizes: Sizes) -> dict[str, Any]:
    """Where lists are read: on the machine of the command, if that has processors to offer. On
    another one, its death would have the list read again from the start, and by then it might be
    another list."""
    import ray

    here = ray.get_runtime_context().get_node_id()
    mine = [node for node in ray.nodes() if node["NodeID"] == here]
    if mine and mine[0]["Resources"].get("CPU", 0) > 0:
        return {"num_cpus": sizes.listing_cpus, "label_selector": {"ray.io/node-id": here}}
    return {"num_cpus": sizes.listing_cpus}


def _worker(sizes: Sizes) -> dict[str, Any]:
    """What each process that works asks the engine for."""
    if sizes.worker_gpus:
        return {"num_gpus": sizes.worker_gpus}
    return {"num_cpus": sizes.worker_cpus}


def stopped(error: BaseException) -> SpiderError:
    """Why an engine gave up, in one line: what spider said on one of its machines, if it did."""
    seen: set[int] = set()
    chain: list[BaseException | None] = [error]
    while chain:
        one = chain.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, SpiderError):
            return UsageError(one.message, hint=one.hint, code=one.code)
        chain += [one.__context__, getattr(one, "cause", None), one.__cause__]
    text = str(error)
    if words := _SAID.findall(text):  # of an actor that could not begin there is text alone
        return UsageError(str(words[-1]).strip(), code="engine")
    for mark, said in _KINDS.items():
        if mark in type(error).__name__ or mark in text:
            return UsageError(said, hint=_HINT_KEPT, code="engine")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    why = lines[-1] if lines else type(error).__name__
    return UsageError(f"the engine stopped: {why}", hint=_HINT_KEPT, code="engine")


_SAID = re.compile(r"spider_cli\.errors\.(?:Usage|Photo)Error: (.+)")

_KINDS = {
    "OutOfDisk": "the engine stopped: no room on the disk that its object store spills to",
    "ObjectStoreFull": "the engine stopped: no room in its object store",
    "OutOfMemory": "the engine stopped: a machine ran out of memory; fewer --workers or --decoders "
    "take less",
    "Unschedulable": "the engine stopped: no machine of the cluster has what a worker asks for",
}


def _set_up(*, own: bool, debug: bool) -> None:
    """Before Ray is imported, which reads these then."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if not debug:
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # its core writes to stderr, too
    if own:
        # Ray's own switch for machines that are no part of a cluster. With it "this machine" is
        # 127.0.0.1, and servers listen there alone; without, on every interface.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        # As a local run; Ray would let every other program go first.
        os.environ.setdefault(_NICENESS, "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # A step waits once enough lies before the next one (`_AHEAD`). Ray would let half of the object
    # store fill up first; names fill the driver before, which holds small blocks itself.
    os.environ.setdefault("RAY_DATA_DOWNSTREAM_CAPACITY_OBJECT_STORE_BUDGET_UTIL_THRESHOLD", "0")


def _check_loopback(nodes: list[dict[str, Any]]) -> None:
    """Ray had been imported before its switch was set; it does not listen beyond this machine."""
    if any(node["NodeManagerAddress"] not in ("127.0.0.1", "::1") for node in nodes):
        raise UsageError(
            "Ray would listen on the network: it was imported before spider could tell it not to",
            hint="set RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0 before Ray is imported, or start a "
            "cluster yourself and name it with --ray-address",
            code="not_loopback",
        )


def _set_data_up(*, quiet: bool, level: int) -> None:
    from ray.data import DataContext

    from spider_cli.engines.ray_summaries import NoSummaries

    context = DataContext.get_current()
    context.custom_execution_callback_classes = [NoSummaries]
    context.enable_progress_bars = not quiet
    # A bar for each step, where there are bars; as lines they would be a page.
    context.enable_operator_progress_bars = not quiet and sys.stdout.isatty()
    context.execution_options.verbose_progress = False
    context.print_on_execution_start = False
    context.enable_auto_log_stats = False
    context.downstream_capacity_backpressure_ratio = _AHEAD
    context.target_max_block_size = _BLOCK
    logging.getLogger("ray.data").setLevel(level)
    # Where stdout is no terminal, progress comes as lines.
    lines = logging.getLogger("ray.data._internal.progress.logging_progress")
    lines.setLevel(logging.ERROR if quiet else logging.INFO)


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Ray's core writes to the process's stderr that it was told to be silent."""
    kept = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nothing)
        os.close(kept)


@contextlib.contextmanager
def _alone(address: str | None) -> Iterator[None]:
    """An address in the environment must not turn a cluster of our own into somebody else's."""
    named = os.environ.pop("RAY_ADDRESS", None) if address is None else None
    try:
        yield
    finally:
        if named is not None:
            os.environ["RAY_ADDRESS"] = named


def _knock(address: str | None) -> None:
    """Is anybody there? Ray itself would try for minutes.

    Raises:
        OSError: no.
    """
    host, _, port = (address or "").rpartition(":")
    if host and port.isdecimal() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def _not_joined(address: str | None, error: BaseException) -> UsageError:
    text = " ".join(str(error).split())
    if "ersion mismatch" in text:
        return UsageError(
            f"the cluster at {address} has another version than this machine: {text}",
            hint="install the cluster's versions of Ray and Python here",
            code="other_version",
        )
    what = "a cluster cannot be started here" if address is None else f"no cluster at {address}"
    return UsageError(f"{what}: {text}", code="no_cluster")
