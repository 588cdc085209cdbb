"""Files that are missing, changed, cut or unexpected are said, and the rest is checked."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.trainer.verify.spoiling import TEST, TRAIN, Check, Rows, region
from trainer.datasets.schema import decode_png, encode_png
from trainer.datasets.store import CHECKSUMS, CONFIG


def test_wrong_sums_are_said_and_the_content_is_checked_all_the_same(
    spoiled: Any, check: Check
) -> None:
    sums = (spoiled.folder / CHECKSUMS).read_bytes()
    spoiled.edit(TRAIN, region(0, 1, place=["top", "right"]))
    (spoiled.folder / CHECKSUMS).write_bytes(sums)
    code, lines = check(spoiled.folder)
    assert code == 1
    assert lines[0].startswith(f"{TRAIN}: has ")
    assert "the file was changed" in lines[0]
    assert lines[1:2] == [
        f"{TRAIN}, photo 000000, regions[1].place: is 'top right', expected 'bottom right' by "
        "the box's centre"
    ]
    assert lines[-2].endswith("7 photos, 3 references, 48 questions: 2 wrong")
    assert lines[-1] == "  1 checksum, 1 wrong_place"


def test_a_byte_changed(spoiled: Any, check: Check) -> None:
    path = spoiled.folder / "README.md"
    path.write_text(path.read_text(encoding="utf-8").replace("By hand", "By head"), "utf-8")
    code, lines = check(spoiled.folder)
    assert code == 1
    assert lines[0].startswith("README.md: has SHA-256 ")
    assert lines[0].endswith("...: the file was changed")


def test_a_shard_cut(spoiled: Any, check: Check) -> None:
    path = spoiled.folder / TRAIN
    path.write_bytes(path.read_bytes()[:-40])
    code, lines = check(spoiled.folder)
    assert code == 1
    assert "the file was changed or cut" in lines[0]
    assert lines[1].startswith(f"{TRAIN}: cannot be read as Parquet: ")
    assert "config.json, photos.train: is 4, the shards hold 0" in lines
    assert "config.json, questions: is 48, the shards hold 16" in lines


def test_bytes_turned_inside_a_shard(spoiled: Any, check: Check) -> None:
    path = spoiled.folder / TRAIN
    data = bytearray(path.read_bytes())
    for at in range(2000, len(data) // 2, 97):
        data[at] ^= 0x5A
    path.write_bytes(bytes(data))
    code, lines = check(spoiled.folder)
    assert code == 1
    assert any(line.startswith(TRAIN) and "cannot be" in line for line in lines)


def test_missing_and_unexpected_files(spoiled: Any, check: Check) -> None:
    (spoiled.folder / TEST).unlink()
    (spoiled.folder / "rejects.jsonl").unlink()
    (spoiled.folder / "data" / "train-00002.parquet").write_bytes(b"PAR1")
    (spoiled.folder / "data" / "notes.txt").write_text("hello", encoding="utf-8")
    (spoiled.folder / ".DS_Store").write_bytes(b"0")
    code, lines = check(spoiled.folder)
    assert code == 1
    said = "checksums.json"
    assert f"{TEST}: is missing: {said} names it" in lines
    assert f"rejects.jsonl: is missing: {said} names it" in lines
    assert f"data/notes.txt: is unexpected: {said} does not name it" in lines
    assert f"data/train-00002.parquet: is unexpected: {said} does not name it" in lines
    assert "data/train-00001.parquet: is missing: there are later shards" in lines
    assert not any("DS_Store" in line for line in lines)


def test_a_lost_shard_with_its_sum_taken_out(spoiled: Any, check: Check) -> None:
    (spoiled.folder / TEST).unlink()
    spoiled.sum_up(TEST)
    code, lines = check(spoiled.folder)
    assert code == 1
    assert lines[0] == "config.json, photos.test: is 3, the shards hold 0"


def test_columns_missing_changed_and_added(spoiled: Any, check: Check) -> None:
    path = spoiled.folder / TRAIN
    table = pq.read_table(path).drop_columns(["group"])
    table = table.set_column(2, "width", pa.array(["160"] * 4))
    pq.write_table(table.append_column("extra", pa.array([1] * 4)), path)
    spoiled.sum_up(TRAIN)
    code, lines = check(spoiled.folder)
    assert code == 1
    assert lines[:3] == [
        f"{TRAIN}, width: is of type 'string', expected 'int32'",
        f"{TRAIN}, group: is missing from the file's columns",
        f"{TRAIN}, extra: is a column that should not be there",
    ]
    assert f"{TRAIN}, photo 000000, group: is missing, expected text" in lines
    assert f"{TRAIN}, photo 000003, width: is '160', expected a whole number" in lines


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "config.json: cannot be read, expected JSON: "),
        ("[1]", "config.json: is [1], expected a record"),
    ],
)
def test_a_broken_config(text: str, said: str, spoiled: Any, check: Check) -> None:
    (spoiled.folder / CONFIG).write_text(text, encoding="utf-8")
    spoiled.sum_up(CONFIG)
    code, lines = check(spoiled.folder)
    assert code == 1
    assert lines[0].startswith(said)
    assert lines[-2].endswith("7 photos, 3 references, 48 questions: 1 wrong")


def test_no_checksums(spoiled: Any, check: Check) -> None:
    (spoiled.folder / CHECKSUMS).unlink()
    code, lines = check(spoiled.folder)
    assert code == 1
    assert lines[0] == ("checksums.json: is missing: the data set was never finished, or is cut")


def test_checksums_that_lead_out_of_the_folder(spoiled: Any, check: Check) -> None:
    path = spoiled.folder / CHECKSUMS
    values = json.loads(path.read_text(encoding="utf-8"))
    values["files"]["../../etc/passwd"] = {"sha256": "0" * 64, "size": 1}
    values["files"]["README.md"] = 7
    path.write_text(json.dumps(values), encoding="utf-8")
    code, lines = check(spoiled.folder)
    assert code == 1
    assert lines[:2] == [
        "checksums.json, files.README.md: is 7, expected a record",
        "checksums.json, files.../../etc/passwd: is a path that leaves the photos' folder",
    ]


def test_a_card_and_rejects_that_are_wrong(spoiled: Any, check: Check) -> None:
    card = spoiled.folder / "README.md"
    card.write_text(card.read_text(encoding="utf-8").replace("data/test-*", "data/t-*"), "utf-8")
    (spoiled.folder / "rejects.jsonl").write_text('{"photo": "a"}\nnonsense\n', encoding="utf-8")
    spoiled.sum_up("README.md")
    spoiled.sum_up("rejects.jsonl")
    code, lines = check(spoiled.folder)
    assert code == 1
    assert lines[:2] == [
        "rejects.jsonl, line 2: is 'nonsense', expected a JSON record",
        "README.md, configs: does not name data/test-*.parquet: datasets.load_dataset would leave "
        "test out",
    ]


def test_references_are_checked(spoiled: Any, check: Check) -> None:
    file = "references/references-00000.parquet"
    spoiled.edit(file, lambda rows: rows[0].update(image={"bytes": b"x", "path": None}))
    code, lines = check(spoiled.folder)
    assert code == 1
    assert lines[0] == (
        f"{file}, photo r000000, image: cannot be decoded, expected a PNG: cannot identify "
        "image file"
    )
    assert lines[-1] == "  1 no_picture"


def test_a_reference_that_looks_like_one_of_another_split(spoiled: Any, check: Check) -> None:
    file = "references/references-00000.parquet"

    def copied(rows: Rows) -> None:
        """The rocket's reference becomes the coffee, a little brighter."""
        pixels = decode_png(rows[0]["image"]["bytes"]).astype(int) + 3
        rows[2]["image"]["bytes"] = encode_png(np.clip(pixels, 0, 255).astype(np.uint8))

    spoiled.edit(file, copied)
    code, lines = check(spoiled.folder)
    assert code == 1
    assert any(
        line == f"{TEST}, photo 000004, reference: 'sky/rocket.png' looks like "
        "'table/coffee.png', of which photo 000000 in split train is made: look-alikes in two "
        "splits"
        for line in lines
    )
