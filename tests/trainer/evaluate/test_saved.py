"""Results on disk and back, never over others; the report and its pictures."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spider_cli.errors import UsageError
from spider_cli.masks import encode_mask
from trainer.evaluate.asking import FileSystem
from trainer.evaluate.baselines import Baselines
from trainer.evaluate.benchmark import Benchmark
from trainer.evaluate.measuring import Measured, against, reload
from trainer.evaluate.outcomes import Outcome, Prediction, Result
from trainer.evaluate.running import run
from trainer.evaluate.saved import Header, check_out, is_results, load
from trainer.evaluate.table import escaped, write
from trainer.evaluate.tally import tally
from trainer.evaluate.worst import ANSWER, ASKED, TRUTH, badness, draw, picture_name, worst_of

HEADER = Header("by-hand", "test", "d" * 64, "theirs", "", 7, made_by="spider 0")


@pytest.fixture(scope="module")
def measured(benchmark: Benchmark) -> Measured:
    mask = np.zeros((96, 128), bool)
    mask[40:60, 50:80] = True
    answers = {
        "000000-00": Prediction(answer="The region on the top left shows severe blur."),
        "000000-02": Prediction(answer="severe darkening"),
        "000000-03": Prediction(answer="A | <b>street</b>"),
        "000000-04": Prediction(answer="The top right.", masked=True, mask=encode_mask(mask),
                                point=(64.0, 50.0)),
        "000000-07": Prediction(masked=True),
        "000001-01": Prediction(masked=True, whole=True),
        "000001-02": Prediction(choice="A"),
        "000001": Prediction(score=3.0),
        "000002": Prediction(score=9.0),
        "000003": Prediction(error="it broke"),
    }  # fmt: skip
    results = run(benchmark, benchmark.cases, FileSystem(answers),
                  baselines=Baselines(benchmark.cases, 1))  # fmt: skip
    return Measured(HEADER, results, tally(results, rounds=50), benchmark)


def test_there_and_back(measured: Measured, tmp_path: Path) -> None:
    measured.save(tmp_path / "out", force=False)
    header, results = load(tmp_path / "out")
    assert header == HEADER
    assert results == measured.results
    assert load(tmp_path / "out" / "results.jsonl")[1] == results
    assert is_results(tmp_path / "out")
    assert is_results(tmp_path / "out" / "results.jsonl")
    again = reload(tmp_path / "out")
    assert [(row.name, row.cases, {name: one.value for name, one in row.values.items()})
            for row in again.tally.rows] == [
        (row.name, row.cases, {name: one.value for name, one in row.values.items()})
        for row in measured.tally.rows
    ]  # fmt: skip
    figures = json.loads((tmp_path / "out" / "figures.json").read_text(encoding="utf-8"))
    assert figures["schema"] == "spider-eval/1"
    assert (figures["missing"], figures["failed"], figures["unparsed"]) == (6, 1, 1)
    assert figures["tasks"]["refer_short"] == {
        "cases": 2, "ok": 1, "unparsed": 0, "missing": 1, "failed": 0,
    }  # fmt: skip
    assert not list((tmp_path / "out").rglob("*.tmp"))


def test_zeros_are_kept() -> None:
    outcome = Outcome(choice=0, score=0.0, overlap=(0, 0), inside=False, judged=0.0)
    assert Outcome.from_json(outcome.to_json()) == outcome


def test_nothing_is_overwritten_unasked(measured: Measured, tmp_path: Path) -> None:
    out = tmp_path / "out"
    measured.save(out, force=False)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(UsageError, match="exists") as caught:
        measured.save(out, force=False)
    assert "--force" in caught.value.hint
    assert {path: path.read_bytes() for path in before} == before
    (out / "worst" / "99-old.png").write_bytes(b"")
    measured.save(out, force=True)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_other_files_are_no_results(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"")
    with pytest.raises(UsageError, match="holds other files, such as photo"):
        check_out(tmp_path, force=True)
    with pytest.raises(UsageError, match="is not a folder"):
        check_out(tmp_path / "photo.jpg", force=True)
    check_out(tmp_path / "new", force=False)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: ["{"], "row 1: is no saved result"),
        (lambda lines: ['{"schema": "spider-eval/9"}', *lines[1:]], "row 1, schema"),
        (lambda lines: [*lines, lines[1]], "comes twice"),
        (lambda lines: [*lines, '{"case": {}}'], "row 18: is no saved result"),
        (lambda lines: [lines[0], lines[1].replace('"ok"', '"fine"', 1)], "status is 'fine'"),
        (lambda lines: [lines[0], lines[1].replace("describe", "sing", 1)], "case.task is"),
        (lambda lines: [lines[0], lines[1].replace('"source"', '"sauce"', 1)], "sauce"),
    ],
)
def test_what_is_no_result_is_refused(
    measured: Measured, tmp_path: Path, change: object, said: str
) -> None:
    measured.save(tmp_path / "out", force=False)
    file = tmp_path / "out" / "results.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join(change(lines)), encoding="utf-8")  # type: ignore[operator]
    with pytest.raises(UsageError, match=said):
        load(file)


def test_against_saved_results(measured: Measured, tmp_path: Path) -> None:
    measured.save(tmp_path / "out", force=False)
    compared = against(measured, tmp_path / "out")
    assert compared.against is not None
    assert all(one.comparison.difference == 0 for one in compared.against.differences
               if one.section != "scoring")  # fmt: skip
    told = compared.to_json()["against"]
    assert told["system"] == "theirs"
    assert {"this", "that", "difference", "low", "high", "p", "cases"} <= set(told["figures"][0])
    assert any("this against that" in grid.title for grid in compared.grids())
    other = [replace(one, case=replace(one.case, question="?")) for one in measured.results]
    with pytest.raises(UsageError, match="other data: case 000000-00"):
        against(Measured(HEADER, other, measured.tally), tmp_path / "out")


# --- the report -----------------------------------------------------------------------------------


def test_the_report_shows_the_worst(measured: Measured, tmp_path: Path) -> None:
    measured.save(tmp_path / "out", force=False)
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "# theirs on by-hand" in text
    assert "| short: accuracy | 2 | 0.000 |" in text
    assert "A \\| &lt;b&gt;street&lt;/b&gt;" in text
    assert "Failed: it broke" in text
    names = [line.split("](worst/")[1].rstrip(")") for line in text.splitlines()
             if "](worst/" in line]  # fmt: skip
    assert sorted(names) == sorted(path.name for path in (tmp_path / "out" / "worst").iterdir())
    assert len(names) == len(worst_of(measured.results)) > 8
    for name in names:
        with Image.open(tmp_path / "out" / "worst" / name) as image:
            assert image.size == (128, 96)


def test_the_worst_take_turns(measured: Measured) -> None:
    worst = worst_of(measured.results, 5)
    assert len({one.case.task for one in worst}) == 5
    assert all(badness(one) > 0 or one.case.task == "score" for one in worst)
    assert [one.case.id for one in worst_of(measured.results[7:8])] == []


def test_badness_by_hand(measured: Measured) -> None:
    found = {one.case.id: badness(one) for one in measured.results}
    assert found["000000-07"] == found["000001-02"] == found["000001-01"] == 0
    assert found["000000-02"] == 1  # darkening for blur and noise
    assert found["000000-00"] == pytest.approx(0.5)  # one of two
    assert found["000000-04"] == 1
    assert found["000000-05"] == 1  # missing


def test_outlines(measured: Measured, benchmark: Benchmark) -> None:
    results = {one.case.id: one for one in measured.results}
    [opened] = benchmark.photos({"000000"})
    assert opened.item is not None

    def colours(name: str) -> set[tuple[int, ...]]:
        picture = draw(opened.item, results[name])  # type: ignore[arg-type]
        assert picture.shape == (96, 128, 3)
        return {tuple(map(int, one)) for one in picture.reshape(-1, 3)} & {TRUTH, ANSWER, ASKED}

    before = opened.item.sample.pixels.copy()
    assert colours("000000-04") == {TRUTH, ANSWER}
    assert colours("000000-00") == {TRUTH}
    assert colours("000000-08") == {TRUTH, ASKED}
    assert np.array_equal(opened.item.sample.pixels, before)
    picture = draw(opened.item, results["000000-04"])
    assert tuple(picture[8, 20]) == TRUTH  # the region's upper rim
    assert tuple(picture[59, 60]) == ANSWER


def test_names_of_pictures_are_plain(measured: Measured) -> None:
    one = measured.results[0]
    evil = Result(replace(one.case, id="../../etc/<pass wd>|é"), one.outcome)
    assert picture_name(3, evil) == "03-_etc_pass_wd_.png"


@pytest.mark.parametrize(
    "text", ["a|b", "[x](y)", "<img src=x>", "line\nline", "`c`", "*b*", "\x1b[1m"]
)
def test_markdown_is_left_without_meaning(text: str) -> None:
    import re

    found = escaped(text)
    assert "\n" not in found
    assert "\x1b" not in found
    assert not re.search(r"(?<!\\)[|`*\[\]<>]", found)


def test_tables_in_a_pipe_are_aligned(measured: Measured) -> None:
    import io

    out = io.StringIO()
    write(measured.grids(), out)
    lines = out.getvalue().splitlines()
    start = lines.index("Grounding")
    head, first = lines[start + 1], lines[start + 2]
    assert head.index("theirs") + len("theirs") == first.index("0.000") + len("0.000")
    assert all(line == line.rstrip() for line in lines)
