"""The steps of a run for Ray Data: a source that lists, actors that decode, actors that judge.

They live on the machines of a cluster. What they are told is plain values; models, connections and
credentials are found where they run.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
from ray.data.block import BlockMetadata
from ray.data.datasource import Datasource, ReadTask

from spider_cli.engines.batches import (
    as_one,
    as_they_were,
    decoded,
    judged,
    opened_in,
    table_of,
)
from spider_cli.engines.dealing import Dealt, Done, dealt
from spider_cli.engines.found import Found
from spider_cli.engines.listing import Listing
from spider_cli.engines.machine import go_to, processors, same_release, same_weights
from spider_cli.engines.told import Told
from spider_cli.engines.trials import Trials
from spider_cli.heap import Heap

__all__ = ["Decoding", "Judging", "Named"]

_MOST_BYTES = 16 << 20
"""Of photos that come inside other files, in one block."""


class Named(Datasource):  # type: ignore[misc]
    """The photos of a listing, dealt into shards: tables of shard, index, of, found, data, each as
    one row.

    One task lists them and hands them on block by block; the engine holds it back when the rest is
    slower. Should its machine die, it lists again from the start, to the same blocks.
    """

    def __init__(self, listing: Listing, *, size: int, rows: int, done: Any) -> None:
        super().__init__()
        self._listing = listing
        self._size = size
        self._rows = rows
        self._done = done

    def estimate_inmemory_data_size(self) -> int | None:
        return None

    def get_read_tasks(
        self,
        parallelism: int,
        per_task_row_limit: int | None = None,
        data_context: Any = None,
    ) -> list[ReadTask]:
        listing, size, rows, done = self._listing, self._size, self._rows, self._done

        def read() -> Iterator[pa.Table]:
            known = Done()
            if done is not None:
                import ray

                known = ray.get(done)
            photos = dealt(listing.photos(), size=size, repeats=listing.repeats, done=known)
            yield from _blocks(photos, rows)

        about = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
        return [ReadTask(read, about)]


def _blocks(photos: Iterable[Dealt], rows: int) -> Iterator[pa.Table]:
    block: list[Dealt] = []
    size = 0
    for one in photos:
        block.append(one)
        size += len(one.found.data or b"")
        if len(block) >= rows or size >= _MOST_BYTES:
            yield as_one(_named(block))
            block, size = [], 0
    if block:
        yield as_one(_named(block))


def _named(block: list[Dealt]) -> pa.Table:
    return pa.table(
        {
            "shard": pa.array([one.shard for one in block], pa.int64()),
            "index": pa.array([one.index for one in block], pa.int64()),
            "of": pa.array([one.of for one in block], pa.int64()),
            "found": pa.array([one.found.to_json() for one in block], pa.large_string()),
            "data": pa.array([one.found.data for one in block], pa.large_binary()),
        }
    )


class Decoding:
    """An actor that reads and decodes."""

    def __init__(self, told: Told) -> None:
        same_release(told.version)
        self._heap = Heap()
        self._told = told
        self._trials = Trials(told.run, "decode")

    def __call__(self, block: pa.Table) -> Iterator[pa.Table]:
        for named in as_they_were(block):
            photos = [
                (
                    (row["shard"], row["index"], row["of"]),
                    Found.from_json(row["found"], row["data"]),
                )
                for row in named.to_pylist()
            ]
            for batch in decoded(
                photos,
                max_decode_pixels=self._told.max_decode_pixels,
                batch_size=self._told.batch_size,
                threads=self._told.threads,
                trials=self._trials,
            ):
                yield as_one(table_of(batch))
                self._heap.give_back()
        self._trials.end()


class Judging:
    """An actor that has the model.

    Raises:
        UsageError: the machine has another release of spider, or other weights.
    """

    def __init__(self, told: Told) -> None:
        import torch

        from spider_cli.auditor import Auditor
        from spider_cli.engines.store_pictures import StorePictures

        same_release(told.version)
        go_to(told.base)
        torch.set_num_threads(processors())
        auditor = Auditor(**told.auditor)
        _same_model(told, auditor)
        auditor.open()
        pictures: Any = None
        if told.pictures is not None:
            pictures = StorePictures(told.pictures, share=told.share)
        self._told = told
        self._auditor = auditor
        self._pictures = pictures
        self._trials = Trials(told.run, "judge")

    def __call__(self, block: pa.Table) -> Iterator[pa.Table]:
        for table in as_they_were(block):
            yield as_one(self._records_of(table))

    def _records_of(self, table: pa.Table) -> pa.Table:
        import json
        from dataclasses import replace

        from spider_cli.audit.flags import flagged
        from spider_cli.audit.judging import Judge

        photos = opened_in(table)
        judge = Judge(self._auditor, pictures=self._pictures)  # one for good would keep all plans
        for one in photos:
            if one.facts is not None:  # it was decoded
                judge.refused(one.found.shot)  # plans its pictures; a store refuses none
        records = [
            replace(record, flagged=flagged(record, self._told.flags))
            for record in judged(judge, photos, self._trials)
        ]
        self._trials.end()
        said = [json.dumps(record.to_json()) for record in records]
        return pa.table(
            {
                "shard": pa.array([one.place[0] for one in photos], pa.int64()),
                "index": pa.array([one.place[1] for one in photos], pa.int64()),
                "of": pa.array([one.place[2] for one in photos], pa.int64()),
                "record": pa.array(said, pa.large_string()),
            }
        )


def _same_model(told: Told, auditor: Any) -> None:
    from spider_cli.audit.state_settings import settings_of

    if told.served:
        auditor.open()
    settings = settings_of(auditor, device=told.device, dtype=told.dtype)
    same_weights(auditor, told.revision, alike=settings == told.settings)
