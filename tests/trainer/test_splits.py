"""Neither a photo, nor its look-alikes, nor its source stand in two splits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from trainer.splits import assign_splits, groups_of, look_alikes, perceptual_hash

SHARES = {"train": 0.8, "test": 0.2}


def test_hashes_know_look_alikes_from_others() -> None:
    photo = data.astronaut()
    rng = np.random.default_rng(0)
    noisy = np.clip(photo + rng.normal(0, 8, photo.shape), 0, 255).astype(np.uint8)
    smaller = np.ascontiguousarray(photo[::2, ::2])
    hashes = [perceptual_hash(p) for p in (photo, noisy, smaller, data.coffee(), data.chelsea())]
    assert look_alikes(hashes).tolist() == [0, 0, 0, 1, 2]


def test_likeness_reaches_along_a_chain() -> None:
    # 0 and 12 bits apart are not alike, but a photo between them links the two.
    assert look_alikes([0, (1 << 12) - 1]).tolist() == [0, 1]
    assert look_alikes([0, (1 << 12) - 1, (1 << 6) - 1]).tolist() == [0, 0, 0]
    assert look_alikes([]).tolist() == []


def test_sources_stay_whole_where_they_can() -> None:
    sources = [f"s{i // 10}" for i in range(100)]
    alike = np.arange(100)
    alike[15] = alike[25]  # one look-alike ties s1 and s2 together
    splits, whole = assign_splits(alike, sources, SHARES, np.random.default_rng(1))
    assert whole
    assert splits.count("test") == 20
    of_source = {
        source: {splits[i] for i in range(100) if sources[i] == source} for source in sources
    }
    assert all(len(found) == 1 for found in of_source.values())
    assert of_source["s1"] == of_source["s2"]


def test_one_source_is_split_by_look_alikes() -> None:
    alike = np.repeat(np.arange(25), 4)
    splits, whole = assign_splits(alike, ["all"] * 100, SHARES, np.random.default_rng(1))
    assert not whole
    assert splits.count("test") == 20
    assert all(len({splits[i] for i in range(100) if alike[i] == g}) == 1 for g in range(25))


def test_a_single_photo_goes_to_the_largest_split() -> None:
    splits, _ = assign_splits(np.zeros(1, int), ["a"], SHARES, np.random.default_rng(0))
    assert splits == ["train"]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from("abcd")), min_size=1, max_size=40),
    st.integers(0, 5),
)
@settings(max_examples=60, deadline=None)
def test_no_group_ever_straddles(photos: list[tuple[int, str]], seed: int) -> None:
    alike = np.array([group for group, _ in photos])
    sources = [source for _, source in photos]
    splits, whole = assign_splits(alike, sources, SHARES, np.random.default_rng(seed))
    groups = groups_of(alike, sources) if whole else alike
    for group in set(groups.tolist()):
        assert len({s for s, g in zip(splits, groups, strict=True) if g == group}) == 1


@pytest.mark.parametrize("shares", [{"train": 1.0}, {"train": 1.0, "test": 0.0}])
def test_splits_of_no_share_stay_empty(shares: dict[str, float]) -> None:
    splits, _ = assign_splits(np.arange(5), ["a"] * 5, shares, np.random.default_rng(0))
    assert set(splits) == {"train"}
