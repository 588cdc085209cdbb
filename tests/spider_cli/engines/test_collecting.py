"""Records in any order, put back into shards."""

import json
import random
from typing import Any

import hypothesis
from hypothesis import strategies as st

from spider_cli.engines.collecting import Collector
from tests.spider_cli.audit.records import audited


def row(shard: int, index: int, of: int) -> dict[str, Any]:
    record = audited(f"{shard}-{index}.jpg")
    return {
        "shard": shard,
        "index": index,
        "of": of,
        "record": json.dumps(record.to_json()),
    }


@hypothesis.given(st.lists(st.integers(1, 5), max_size=6), st.randoms(use_true_random=False))
def test_every_shard_comes_whole_and_in_order(sizes: list[int], chance: random.Random) -> None:
    rows = [
        row(shard, index, size if index == size - 1 else 0)
        for shard, size in enumerate(sizes)
        for index in range(size)
    ]
    chance.shuffle(rows)
    collector = Collector()
    found = [
        [record.photo for record in shard] for one in rows for shard in collector.add([one, one])
    ]
    wanted = [[f"{shard}-{at}.jpg" for at in range(size)] for shard, size in enumerate(sizes)]
    assert sorted(found) == sorted(wanted)


def test_what_is_not_whole_waits() -> None:
    collector = Collector()
    assert list(collector.add([row(0, 1, 3), row(0, 2, 0)])) == []
    assert collector.waiting == 2
