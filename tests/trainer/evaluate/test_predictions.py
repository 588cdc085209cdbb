"""Predictions of other systems: what is taken, and what is refused with line and field."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spider_cli.errors import UsageError
from spider_cli.masks import decode_mask, encode_mask
from spider_cli.results import Description, Distortion, Grounding, Record
from trainer.evaluate.benchmark import Benchmark
from trainer.evaluate.predictions import read_predictions


def written(tmp_path: Path, *records: Any) -> Path:
    file = tmp_path / "theirs.jsonl"
    lines = [one if isinstance(one, str) else json.dumps(one) for one in records]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def mask(height: int = 96, width: int = 128) -> dict[str, Any]:
    one = np.zeros((height, width), bool)
    one[4:20, 6:30] = True
    return encode_mask(one).to_json()


def test_minimal_forms(tmp_path: Path, benchmark: Benchmark) -> None:
    file = written(
        tmp_path,
        {"id": "000000-02", "answer": "severe blur"},
        "",
        {"id": "000000-04", "mask": mask()},
        {"id": "000000-07", "mask": None},
        {"id": "000000-05", "point": [3, 4.5]},
        {"id": "000003", "score": 61.5},
        {"id": "000002", "score": 2, "higher_is_better": False},
        {"id": "000001-02", "choice": "b"},
    )
    found = read_predictions(file, benchmark.cases)
    assert found["000000-02"].answer == "severe blur"
    assert found["000000-02"].distortions is None
    shown = found["000000-04"]
    assert shown.masked
    assert shown.mask is not None
    assert decode_mask(shown.mask).sum() == 16 * 24
    assert found["000000-07"].masked
    assert found["000000-07"].mask is None
    assert found["000000-05"].point == (3, 4.5)
    assert (found["000003"].score, found["000002"].score) == (61.5, -2)
    assert found["000001-02"].choice == "B"


def test_our_own_records_with_an_id(tmp_path: Path, benchmark: Benchmark) -> None:
    grounding = Grounding(
        "Which?", "The region on the top left.", (3.0, 4.0), False, (6, 4, 30, 20), 0.03,
        encode_mask(np.eye(96, 128, dtype=bool)), False,
    )  # fmt: skip
    words = Description("Q", "Noise, a lens flare.", (Distortion("noise", "moderate"),),
                        ("lens flare",))  # fmt: skip
    records = [
        {"id": name} | Record("ground", "x.jpg", "m", "r", 0.1, (), outcome).to_json()
        for name, outcome in (("000000-04", grounding), ("000000-00", words))
    ]
    failed = {"id": "000000-05", "schema": "spider/1", "error": {"code": "x", "message": "broken"}}
    found = read_predictions(written(tmp_path, *records, failed), benchmark.cases)
    assert found["000000-04"].mask == grounding.mask
    assert found["000000-04"].point == (3, 4)
    assert found["000000-00"].distortions == words.distortions
    assert found["000000-00"].other == ("lens flare",)
    assert found["000000-05"].error == "broken"


def test_those_not_asked_are_checked_and_dropped(tmp_path: Path, benchmark: Benchmark) -> None:
    file = written(tmp_path, {"id": "000003", "score": 1}, {"id": "000002", "score": 1})
    asked = [case for case in benchmark.cases if case.id == "000002"]
    assert list(read_predictions(file, benchmark.cases, asked)) == ["000002"]


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"id": "000009", "score": 1}, "line 2, id: '000009' is no row"),
        ({"id": "000000-99", "answer": "blur"}, "line 2, id: '000000-99' is no row"),
        ({"id": "000003", "score": 2}, "line 2, id: '000003' was in line 1"),
        ({"answer": "blur"}, "line 2, id: is missing"),
        ({"id": 7, "answer": "blur"}, "line 2, id: is the number 7, not text"),
        ({"id": "000000-02"}, "line 2, answer: is missing"),
        ({"id": "000000-02", "answer": 3}, "line 2, answer: is the number 3, not text"),
        ({"id": "000000-02", "schema": "x/9", "answer": ""}, "line 2, schema: is 'x/9'"),
        ({"id": "000000-02", "distortions": [{"family": "blurr", "severity": "mild"}]},
         r"line 2, distortions\[0\].family: unknown distortion 'blurr'"),
        ({"id": "000000-02", "distortions": [{"family": "blur", "severity": "huge"}]},
         r"line 2, distortions\[0\].severity: is 'huge'"),
        ({"id": "000000-04", "mask": mask(128, 96)}, "line 2, mask.size: is 96 x 128, the photo"),
        ({"id": "000000-04", "mask": {"size": [96, 128], "counts": "5"}}, "line 2, mask.counts"),
        ({"id": "000000-04", "mask": {"size": [96], "counts": "5"}}, "line 2, mask.size"),
        ({"id": "000000-04", "mask": {"size": [96, 128]}}, "line 2, mask.counts: is missing"),
        ({"id": "000000-04", "mask": "rle"}, "line 2, mask: is text, not an object"),
        ({"id": "000000-05", "point": [3, 97]}, "line 2, point: is "),
        ({"id": "000002", "score": "good"}, "line 2, score: is text, not a number"),
        ('{"id": "000002", "score": NaN}', "line 2, score: is nan"),
        ({"id": "000001-02", "choice": "C"}, "line 2, choice: is 'C'"),
        ("{", "line 2: not JSON"),
        ("[]", "line 2: is a list, not an object"),
    ],
)  # fmt: skip
def test_refused_with_line_and_field(
    tmp_path: Path, benchmark: Benchmark, record: Any, said: str
) -> None:
    file = written(tmp_path, {"id": "000003", "score": 1}, record)
    with pytest.raises(UsageError, match=said) as caught:
        read_predictions(file, benchmark.cases)
    assert caught.value.message.startswith(str(file))


def test_lines_are_counted_as_an_editor_does(tmp_path: Path, benchmark: Benchmark) -> None:
    file = written(tmp_path, "", "", {"id": "x", "score": 1})
    with pytest.raises(UsageError, match="line 3, id"):
        read_predictions(file, benchmark.cases)


def test_nothing_and_no_text(tmp_path: Path, benchmark: Benchmark) -> None:
    with pytest.raises(UsageError, match="holds no prediction"):
        read_predictions(written(tmp_path), benchmark.cases)
    (tmp_path / "bytes.jsonl").write_bytes(b'{"id": "\xff"}')
    with pytest.raises(UsageError, match="not UTF-8"):
        read_predictions(tmp_path / "bytes.jsonl", benchmark.cases)
    with pytest.raises(UsageError, match="cannot be read"):
        read_predictions(tmp_path / "none.jsonl", benchmark.cases)


def test_a_hint_names_what_is_near(tmp_path: Path, benchmark: Benchmark) -> None:
    with pytest.raises(UsageError) as caught:
        read_predictions(written(tmp_path, {"id": "00003", "score": 1}), benchmark.cases)
    assert "000003" in caught.value.hint
