"""What is written comes back the same, here and through `datasets`; what is broken is said."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage import data

from spider_cli.errors import UsageError
from trainer.annotate import compose
from trainer.answers import questions_and_answers
from trainer.datasets.card import data_card
from trainer.datasets.rowbytes import pack_row, unpack_row
from trainer.datasets.schema import Item, encode_png, from_row, to_row
from trainer.datasets.store import CHECKSUMS, open_data, sha256_of, write_data
from trainer.regions import superpixel_regions


def items(count: int = 3) -> list[Item]:
    photo = np.ascontiguousarray(data.coffee()[::3, ::3])
    made = []
    for number in range(count):
        rng = np.random.default_rng(number)
        masks = superpixel_regions(photo, rng, 2)
        sample = compose(photo, masks, rng, whole_share=0, clean_share=0)
        rows = tuple(questions_and_answers(sample, rng))
        made.append(
            Item(f"{number:06d}", "a/coffee.png", "a/coffee.png", "regions", sample, rows, mos=0.5)
        )
    return made


def write(folder: Path, made: list[Item]) -> None:
    reference = encode_png(np.ascontiguousarray(data.coffee()[::3, ::3]))
    write_data(
        folder,
        {"train": (to_row(item) for item in made[:-1]), "test": [to_row(made[-1])]},
        references=[{"id": "r000000", "image": {"bytes": reference}, "source": "a/coffee.png"}],
        rejects=[{"photo": "x.jpg", "reason": "not a photo"}],
        finish=lambda: (
            {"seed": 3},
            data_card(
                title="t",
                splits={"train": len(made) - 1, "test": 1},
                references=True,
                made_by="x",
                origin="y",
            ),
        ),
    )


def same(one: Item, two: Item) -> None:
    assert np.array_equal(one.sample.pixels, two.sample.pixels)
    assert one.rows == two.rows
    for a, b in zip(one.sample.regions, two.sample.regions, strict=True):
        assert np.array_equal(a.mask, b.mask)
        assert replace(a, mask=b.mask) == b
    assert (one.id, one.scene, one.mos, one.mos_std) == (two.id, two.scene, two.mos, two.mos_std)


def test_there_and_back(tmp_path: Path) -> None:
    made = items()
    write(tmp_path / "set", made)
    opened = open_data(tmp_path / "set")
    assert opened.splits == ("train", "test")
    assert (opened.count("train"), opened.count("test")) == (2, 1)
    assert opened.config["seed"] == 3
    back = [*opened.items("train"), *opened.items("test")]
    for one, two in zip(made, back, strict=True):
        same(one, two)
    ((name, source, pixels),) = opened.references()
    assert (name, source, pixels.shape) == ("r000000", "a/coffee.png", (134, 200, 3))


def test_datasets_loads_it_without_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    made = items()
    write(tmp_path / "set", made)
    loaded = datasets.load_dataset(str(tmp_path / "set"), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in loaded.items()} == {"train": 2, "test": 1}
    photo = loaded["test"][0]
    assert np.array_equal(np.asarray(photo["image"]), made[-1].sample.pixels)
    region = photo["regions"][0]
    assert np.array_equal(np.asarray(region["mask"]) > 0, made[-1].sample.regions[0].mask)
    assert photo["rows"][0]["answer"] == made[-1].rows[0].answer
    untouched = datasets.load_dataset(
        str(tmp_path / "set"), "references", cache_dir=str(tmp_path / "cache")
    )
    assert len(untouched["references"]) == 1


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / name, items())
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.*"))
    assert len(files) == 7
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    sums = json.loads((tmp_path / "one" / CHECKSUMS).read_text(encoding="utf-8"))["files"]
    assert len(sums) == 6
    for name, entry in sums.items():
        assert sha256_of(tmp_path / "one" / name) == entry["sha256"]


def test_a_shorter_set_leaves_no_stale_shard(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("trainer.datasets.store.SHARD", 1)
    write(tmp_path / "set", items(4))
    write(tmp_path / "set", items(2))
    assert open_data(tmp_path / "set").count("train") == 1


def test_packed_rows_come_back() -> None:
    item = items(1)[0]
    row = unpack_row(pack_row(to_row(item)))
    same(item, from_row(row))
    assert pack_row(to_row(item)) == pack_row(to_row(item))


def test_what_is_no_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        open_data(tmp_path)
    assert raised.value.code == "no_data"
    (tmp_path / "config.json").write_text('{"schema": "other/1"}', encoding="utf-8")
    with pytest.raises(UsageError, match="schema is 'other/1'"):
        open_data(tmp_path)
    write(tmp_path, items(2))
    (tmp_path / CHECKSUMS).unlink()
    with pytest.raises(UsageError, match="is not finished") as raised:
        open_data(tmp_path)
    assert raised.value.code == "unfinished_data"


def test_damage_is_named(tmp_path: Path) -> None:
    write(tmp_path, items(2))
    shard = tmp_path / "data" / "train-00000.parquet"
    shard.write_bytes(shard.read_bytes()[:-50])
    with pytest.raises(UsageError, match=r"train-00000\.parquet cannot be read"):
        list(open_data(tmp_path).items("train"))
    with pytest.raises(UsageError, match="no split 'dev'"):
        list(open_data(tmp_path).items("dev"))
