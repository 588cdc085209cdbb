"""Photos dealt into shards: the same ones each time, each photo once, what is done left out."""

import hypothesis
from hypothesis import strategies as st

from spider_cli.engines.dealing import Dealt, Done, dealt, digest
from spider_cli.engines.found import Found, remote_source
from spider_cli.shots import Shot


def photo(name: str) -> Found:
    return Found(Shot(remote_source(name)), url=name)


def shards(found: list[Dealt]) -> dict[int, list[str]]:
    """The names of each shard; every shard must say its size on its last shot, and only there."""
    told: dict[int, list[str]] = {}
    for one in found:
        names = told.setdefault(one.shard, [])
        assert one.index == len(names)
        names.append(one.found.shot.photo.name)
        last = [other for other in found if other.shard == one.shard][-1]
        assert one.of == (last.index + 1 if one is last else 0)
    return told


def test_shards_of_a_size() -> None:
    names = [f"s3://b/{number}.jpg" for number in range(7)]
    found = list(dealt(map(photo, names), size=3, repeats=False, done=Done()))
    assert shards(found) == {0: names[:3], 1: names[3:6], 2: names[6:]}


def test_what_is_done_is_left_out_and_moves_no_border() -> None:
    names = [f"s3://b/{number}.jpg" for number in range(9)]
    done = Done.of([digest(photo(names[1]).called), *(digest(n.encode()) for n in names[3:6])])
    found = list(dealt(map(photo, names), size=3, repeats=False, done=done))
    assert shards(found) == {0: [names[0], names[2]], 2: names[6:]}


@hypothesis.given(
    st.lists(st.integers(0, 30)), st.integers(1, 7), st.sets(st.integers(0, 30)), st.booleans()
)
def test_each_photo_once(numbers: list[int], size: int, over: set[int], cut: bool) -> None:
    def name(number: int) -> str:
        return f"s3://b/{number}.jpg"

    done = Done.of(digest(name(number).encode()) for number in over)
    assert len(done) == len(over)
    found = list(dealt((photo(name(n)) for n in numbers), size=size, repeats=True, done=done))
    told = shards(found)
    flat = [one for names in told.values() for one in names]
    assert flat == [name(n) for n in dict.fromkeys(numbers) if n not in over]
    assert all(len(names) <= size for names in told.values())
    again = list(dealt((photo(name(n)) for n in numbers), size=size, repeats=True, done=Done()))
    whole = shards(again)
    assert all(set(names) <= set(whole[shard]) for shard, names in told.items())


def test_two_ways_to_write_a_path_are_one_photo() -> None:
    from spider_cli.sources import named_source

    found = [Found(Shot(named_source(path))) for path in ("a/b.jpg", "a/./b.jpg", "a/c/../b.jpg")]
    assert [one.index for one in dealt(found, size=9, repeats=True, done=Done())] == [0]
