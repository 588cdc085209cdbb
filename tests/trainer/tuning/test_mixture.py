"""The mix: the same row for the same number everywhere, each data set by its weight."""

import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch.utils.data import DataLoader

from spider_cli.errors import UsageError
from tests.trainer.tuning.small_data import (
    grounding,
    item,
    photo,
    referring,
    scored,
    write,
    write_json,
)
from trainer.datasets.store import CHECKSUMS
from trainer.tuning.mixture import Drawn, Mixture
from trainer.tuning.recipe import DataPart


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 photos in two row groups, with 60 rows."""
    folder = tmp_path_factory.mktemp("first")
    test = [item(99, [grounding()])]
    return write(folder, [item(n, [grounding(), referring()]) for n in range(30)], test=test)


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 scored photos, with a row each."""
    folder = tmp_path_factory.mktemp("second")
    return write(folder, [item(n, [scored()], mos=n / 20) for n in range(20)])


def names(mixture: Mixture, start: int, stop: int) -> list[str]:
    return [mixture[index].id for index in range(start, stop)]


def test_a_row_is_that_of_the_data_set(first: Path) -> None:
    mixture = Mixture([DataPart(str(first))], seed=0)
    for index in range(0, 60, 7):
        drawn = mixture[index]
        folder, _, name = drawn.id.rpartition(":")
        assert folder == str(first)
        number, place = name.split("-")
        assert drawn.item.id == number
        assert drawn.qa == drawn.item.rows[int(place)]
        assert drawn.qa == [grounding(), referring()][int(place)]
        assert np.array_equal(drawn.item.sample.pixels, photo(int(number)))


def test_an_epoch_has_every_row_once(first: Path, second: Path) -> None:
    mixture = Mixture([DataPart(str(first)), DataPart(str(second))], seed=0)
    assert len(mixture) == 80
    one, two = names(mixture, 0, 80), names(mixture, 80, 160)
    assert len(set(one)) == 80
    assert set(one) == set(two)
    assert one != two
    assert one != sorted(one)


def test_weights_are_shares_and_repeats(first: Path, second: Path) -> None:
    parts = [DataPart(str(first), weight=0.5), DataPart(str(second), weight=3)]
    mixture = Mixture(parts, seed=1)
    assert len(mixture) == 30 + 60
    told = [(one.rows, one.per_epoch) for one in mixture.counts]
    assert told == [(60, 30), (20, 60)]
    epochs = [Counter(names(mixture, 90 * e, 90 * e + 90)) for e in range(2)]
    for epoch in epochs:
        assert set(epoch.values()) == {1, 3}
        assert sum(count for name, count in epoch.items() if str(second) in name) == 60
    halves = [{name for name in epoch if str(first) in name} for epoch in epochs]
    assert len(halves[0] | halves[1]) == 60  # the other half comes in the next epoch


def test_only_the_tasks_asked_for(first: Path) -> None:
    mixture = Mixture([DataPart(str(first), tasks=("refer_short",))], seed=0)
    assert len(mixture) == 30
    assert {mixture[index].qa.task for index in range(30)} == {"refer_short"}
    with pytest.raises(UsageError, match="has no rows of score") as caught:
        Mixture([DataPart(str(first), tasks=("score",))], seed=0)
    assert "refer_short, ground_hyd" in caught.value.hint


def test_the_seed_alone_decides(first: Path, second: Path) -> None:
    parts = [DataPart(str(first)), DataPart(str(second))]
    wanted = names(Mixture(parts, seed=3), 60, 120)
    again = Mixture(parts, seed=3)
    backwards = [again[index].id for index in reversed(range(60, 120))]
    assert backwards[::-1] == wanted
    assert names(Mixture(parts, seed=4), 60, 120) != wanted


def same(rows: list[Drawn]) -> list[Drawn]:
    return rows


def test_workers_read_the_same(first: Path) -> None:
    mixture = Mixture([DataPart(str(first))], seed=3)
    mixture[5]  # files that are open stay behind
    copy = pickle.loads(pickle.dumps(mixture))
    assert names(copy, 0, 20) == names(mixture, 0, 20)
    loader = DataLoader(
        mixture,
        batch_size=4,
        sampler=range(20),
        num_workers=2,
        collate_fn=same,  # type: ignore[arg-type]
    )
    read = [drawn for batch in loader for drawn in batch]
    assert [drawn.id for drawn in read] == names(mixture, 0, 20)
    for number, drawn in enumerate(read):
        assert np.array_equal(drawn.item.sample.pixels, mixture[number].item.sample.pixels)


def test_scored_photos_come_together(first: Path, second: Path, tmp_path: Path) -> None:
    third = write(tmp_path / "third", [item(n, [scored()], mos=0.5) for n in range(7)])
    parts = [DataPart(str(path)) for path in (first, second, third)]
    mixture = Mixture(parts, seed=0, together=4)
    assert len(mixture) == 84  # of 87: whole groups
    kinds = []
    for start in range(0, 168, 4):
        group = [mixture[index] for index in range(start, start + 4)]
        kinds.append({(one.part if one.qa.task == "score" else None) for one in group})
    assert all(len(kind) == 1 for kind in kinds)
    assert [kinds.count({part}) for part in (None, 1, 2)] == [2 * 15, 2 * 5, 2 * 1]
    assert kinds[:15] != [{None}] * 15
    seen = Counter(names(mixture, 0, 84))
    assert set(seen.values()) == {1}


def test_what_is_wrong_is_said_at_the_start(first: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        Mixture([DataPart(str(tmp_path / "none"))], seed=0)
    assert caught.value.code == "no_data"
    with pytest.raises(UsageError, match="has no split 'validation'") as caught:
        Mixture([DataPart(str(first), split="validation")], seed=0)
    assert "train, test" in caught.value.hint
    broken = write(tmp_path / "broken", [item(0, [scored()])])
    (broken / CHECKSUMS).rename(tmp_path / "kept")
    with pytest.raises(UsageError, match="is not finished"):
        Mixture([DataPart(str(broken))], seed=0)
    (tmp_path / "kept").rename(broken / CHECKSUMS)
    shard = broken / "data" / "train-00000.parquet"
    data = shard.read_bytes()
    shard.write_bytes(data[:-10])
    with pytest.raises(UsageError, match=rf"train-00000\.parquet has {len(data) - 10:,} bytes"):
        Mixture([DataPart(str(broken))], seed=0)


def test_a_missing_shard_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.datasets.store.SHARD", 2)
    folder = write(tmp_path / "set", [item(n, [scored()]) for n in range(6)])
    (folder / "data" / "train-00001.parquet").unlink()
    with pytest.raises(UsageError, match=r"train-00001\.parquet is missing"):
        Mixture([DataPart(str(folder))], seed=0)


def test_rows_of_several_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.datasets.store.SHARD", 3)
    monkeypatch.setattr("trainer.datasets.store._ROW_GROUP", 2)
    monkeypatch.setattr("trainer.tuning.sources._OPEN_FILES", 2)
    folder = write(tmp_path / "set", [item(n, [scored()] * (n % 3)) for n in range(11)])
    mixture = Mixture([DataPart(str(folder))], seed=0)
    assert len(mixture) == 10
    seen = Counter(drawn.item.id for drawn in (mixture[index] for index in range(10)))
    assert seen == {f"{n:06d}": n % 3 for n in range(11) if n % 3}


def test_damage_met_on_the_way_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", [item(n, [scored()]) for n in range(2)])
    shard = folder / "data" / "train-00000.parquet"
    data = shard.read_bytes()
    at = data.index(b"IDAT")
    shard.write_bytes(data[:at] + bytes(400) + data[at + 400 :])
    mixture = Mixture([DataPart(str(folder))], seed=0)
    with pytest.raises(UsageError, match=r"train-00000\.parquet: photo \d is damaged"):
        for index in range(2):
            mixture[index]


# --- outside data -------------------------------------------------------------------------------


def outside(folder: Path, photos: int = 5) -> Path:
    """A list of scores, its photos beside it."""
    (folder / "koniq").mkdir(parents=True)
    records = []
    for number in range(photos):
        Image.fromarray(photo(number, 70, 90)).save(folder / "koniq" / f"{number}.png")
        records.append({"image": f"koniq/{number}.png", "gt_score": 1 + number / 2})
    return write_json(folder / "koniq.json", records)


def test_outside_data_are_read_as_they_are(tmp_path: Path, first: Path) -> None:
    file = outside(tmp_path)
    mixture = Mixture([DataPart(str(first)), DataPart(str(file), format="mos")], seed=0)
    assert len(mixture) == 65
    drawn = [one for one in (mixture[index] for index in range(65)) if one.part == 1]
    assert sorted(one.item.source for one in drawn) == [f"koniq/{n}.png" for n in range(5)]
    for one in drawn:
        number = int(Path(one.item.source).stem)
        assert one.qa.task == "score"
        assert one.item.mos == pytest.approx(number / 8)
        assert np.array_equal(one.item.sample.pixels, photo(number, 70, 90))
        assert one.id.startswith(f"{file}:")
    pickle.loads(pickle.dumps(mixture))


def test_outside_photos_that_are_not_there(tmp_path: Path) -> None:
    file = outside(tmp_path)
    (tmp_path / "koniq" / "3.png").unlink()
    with pytest.raises(UsageError, match=r"koniq\.json, row 4, photo: there is no koniq/3\.png"):
        Mixture([DataPart(str(file), format="mos")], seed=0)
    with pytest.raises(UsageError, match="split 'test'; it has train"):
        Mixture([DataPart(str(file), format="mos", split="test")], seed=0)
