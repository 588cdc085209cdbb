"""`spider data verify`: exit codes, JSON, limits, workers."""

import json
from pathlib import Path
from typing import Any

import pytest

from spider_cli.errors import UsageError
from tests.program import run_here, run_spider
from tests.trainer.verify.spoiling import TEST, TRAIN, Check, Rows, fault, photo, question, reverse
from trainer.datasets.schema import decode_png, encode_png
from trainer.datasets.store import CONFIG
from trainer.verify import verify_data


def test_what_is_no_data_set_is_refused(tmp_path: Path, check: Check) -> None:
    with pytest.raises(UsageError, match=r"holds no data set of spider's"):
        check(tmp_path)
    (tmp_path / CONFIG).write_text('{"schema": "other/1"}', encoding="utf-8")
    with pytest.raises(UsageError, match=r"schema is 'other/1', not 'spider-data/1'"):
        check(tmp_path)


def test_the_program_s_exit_codes(pristine: Path, spoiled: Any, tmp_path: Path) -> None:
    spoiled.edit(TRAIN, question(0, 1, task="guess"))
    (tmp_path / "nothing").mkdir()
    for folder, code, by in (
        (pristine, 0, run_here),
        (spoiled.folder, 1, run_spider),
        (tmp_path / "nothing", 2, run_here),
    ):
        done = by("data", "verify", folder, "--workers", "1")
        assert done.code == code, done.err
        assert "Traceback" not in done.out + done.err
        assert bool(done.out) == (code < 2)


def test_json(spoiled: Any, check: Check) -> None:
    spoiled.edit(TRAIN, question(0, 1, task="guess"))
    code, lines = check(spoiled.folder, as_json=True)
    report = json.loads("\n".join(lines))
    assert code == 1
    assert (report["ok"], report["photos"], report["wrong"]) == (False, 7, 1)
    assert report["counts"] == {"bad_task": 1}
    (finding,) = report["findings"]
    assert finding["file"] == TRAIN
    assert (finding["photo"], finding["row"], finding["field"]) == ("000000", "000000-01", "task")
    assert finding["code"] == "bad_task"


def test_the_limit(spoiled: Any, check: Check) -> None:
    spoiled.edit(TRAIN, lambda rows: [row.update(scene="odd") for row in rows])
    code, lines = check(spoiled.folder, limit=2)
    assert code == 1
    assert lines[2] == "... and 3 more (--limit 0 shows all)"
    assert len(lines) == 5


def test_control_characters_stay_out_of_the_terminal(spoiled: Any, check: Check) -> None:
    spoiled.edit(TRAIN, photo(0, id="\x1b[31mred\n"))
    _, lines = check(spoiled.folder)
    assert lines
    assert all(line.isprintable() for line in lines)


def test_workers_say_the_same(spoiled: Any) -> None:
    spoiled.edit(TRAIN, reverse)
    spoiled.edit(TEST, question(0, 5, region=2))
    alone: list[Any] = []
    together: list[Any] = []
    one = verify_data(spoiled.folder, workers=1, emit=alone.append)
    two = verify_data(spoiled.folder, workers=2, emit=together.append)
    assert alone == together
    assert one == two
    assert one.wrong == 3


def test_other_libraries_are_said_and_met_with_a_tolerance(spoiled: Any) -> None:
    path = spoiled.folder / CONFIG
    config = json.loads(path.read_text(encoding="utf-8"))
    config["libraries"] = {"numpy": "1.0"}
    path.write_text(json.dumps(config), encoding="utf-8")
    spoiled.sum_up(CONFIG)

    def shade(rows: Rows) -> None:
        pixels = decode_png(rows[0]["image"]["bytes"]) ^ 1
        rows[0]["image"]["bytes"] = encode_png(pixels)

    spoiled.edit(TRAIN, shade)
    verdict = verify_data(spoiled.folder, workers=1, emit=print)
    assert verdict.wrong == 0
    (note,) = verdict.notes
    assert note.startswith("made with numpy 1.0, here ")
    assert note.endswith("pixels are compared with a tolerance of 8 of 255")
    spoiled.edit(TRAIN, fault(0, 0, 0, level=2.0, severity="mild"))
    assert verify_data(spoiled.folder, workers=1, emit=print).counts == {"wrong_level": 1}
