"""Lists of opinion scores, in every layout; the scale each is on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spider_cli.errors import UsageError
from trainer.datasets.entries import Entry, Scale
from trainer.datasets.reader import Options
from trainer.datasets.readers import detect, read
from trainer.datasets.scales import level_word, parse_scale

Entries = Callable[..., list[Entry]]

KONIQ = 0.527277894 / 4
"""KonIQ's spread is that of votes 1-5, also where the score goes to 100."""
CASES = {
    "qalign_test.json": [
        ("csiq/dst_imgs/awgn/1600.AWGN.1.png", 1 - 0.062, None, "test", ""),
        ("csiq/dst_imgs/awgn/1600.AWGN.5.png", 1 - 0.467, None, "test", ""),
    ],
    "agi_results.json": [
        ("agiqa3k/x.jpg", 0.778016184 / 5, None, "", ""),
        ("agiqa3k/y.jpg", 0.5, None, "", ""),
    ],
    "koniq_lines.jsonl": [
        ("10004473376.jpg", 0.7075, None, "", ""),
        ("2.jpg", 0.125, None, "", ""),
    ],
    "kadid10k/dmos.csv": [
        ("I01_01_01.png", 0.8925, 0.124, "", "I01.png"),  # "dmos", and 5 is the best
        ("I01_01_02.png", 0.0825, 0.175, "", "I01.png"),
    ],
    "koniq10k_scores_and_distributions.csv": [
        ("10004473376.jpg", 2.82857142857143 / 4, KONIQ, "", ""),
    ],
    "koniq10k_distributions_sets.csv": [
        ("10004473376.jpg", 0.7738, KONIQ, "train", ""),
        ("2.jpg", 0.2, 0.2, "test", ""),
    ],
    "tid2013/mos_with_names.txt": [
        ("I01_01_1.bmp", 5.51429 / 9, 0.13013 / 9, "", "i01"),
        ("i01_01_5.bmp", 0.1, 0.02, "", "i01"),
    ],
    "csiq_label.txt": [
        ("1600.AWGN.1.png", 1 - 0.061989406, None, "", ""),
        ("1600.BLUR.5.png", 0.1, None, "", ""),
    ],
    "csiq_table.csv": [
        ("dst_imgs/awgn/1600.AWGN.1.png", 0.938, 0.061, "", "1600"),
        ("dst_imgs/jpeg2000/1600.jpeg2000.2.png", 0.865, 0.08, "", "1600"),
        ("dst_imgs/blur/sunset_sparrow.BLUR.5.png", 0.1, 0.05, "", "sunset_sparrow"),
    ],
    "spaq.csv": [("00001.jpg", 0.325, None, "", "")],
    "biq2021/labels.csv": [("ss01_1000.jpg", 0.8114, None, "", "")],
    "meta_info_KonIQ10kDataset.csv": [
        ("1.jpg", 0.7738, 0.527 / 4, "train", ""),
        ("2.jpg", 0.125, 0.225, "validation", ""),
    ],
    "meta_info_TID2013Dataset.csv": [
        ("i01_01_1.bmp", 5.51429 / 9, 0.13013 / 9, "train", "I01.BMP"),
        ("i02_01_1.bmp", 6 / 9, 0.1 / 9, "test", "I02.BMP"),
    ],
    "meta_info_LIVEIQADataset.csv": [  # called "mos", and it counts damage, from a little below 0
        ("jp2k/img2.bmp", 0.6139, None, "", "refimgs/studentsculpture.bmp"),
        ("jp2k/img3.bmp", 1.0, None, "", "refimgs/studentsculpture.bmp"),
    ],
    "pyiqa_nr_official.csv": [("spaq/1.jpg", 0.5, 0.1, "validation", "")],
}
"""File -> photo, score and spread on 0-1, split, untouched photo."""


@pytest.mark.parametrize("name", CASES)
def test_layouts(entries: Entries, files: Path, name: str) -> None:
    assert detect(files / "mos" / name) == "mos"
    found = entries(f"mos/{name}")
    for number, (entry, (photo, mos, std, split, group)) in enumerate(
        zip(found, CASES[name], strict=True), 1
    ):
        assert (entry.photo, entry.split, entry.group) == (photo, split, group)
        assert entry.mos == pytest.approx(mos)
        assert entry.mos_std == (None if std is None else pytest.approx(std))
        assert entry.where.row == number
        (row,) = entry.rows
        assert (row.task, row.subtask) == ("score", "mos")
        assert row.answer == f"The quality of the image is {level_word(entry.mos or 0)}."


def test_every_file_is_tried(files: Path) -> None:
    there = {p.relative_to(files / "mos").as_posix() for p in (files / "mos").rglob("*.*")}
    assert there - {"tid2013/mos_std.txt"} == set(CASES)


def test_level_words() -> None:
    scores = (0, 0.2, 0.21, 0.4, 0.41, 0.6, 0.61, 0.8, 0.81, 1)
    words = [word for word in ("bad", "poor", "fair", "good", "excellent") for _ in range(2)]
    assert [level_word(score) for score in scores] == words


@pytest.mark.parametrize(
    ("text", "name", "said", "code"),
    [
        ("name,mos\n../a.jpg,1\n", "koniq.csv", "row 1, name: '../a.jpg' climbs", "unsafe_path"),
        ("name,mos\na.jpg,nan\n", "koniq.csv", "row 1, mos: is nan", "bad_field"),
        ("name,mos\na.jpg,\n", "koniq.csv", "row 1, mos: is missing", "bad_field"),
        ("name,mos\n,1\n", "koniq.csv", "row 1, img_path: is missing", "bad_field"),
        ("name,mos\na.jpg,3\nb.jpg,x\n", "koniq.csv", "row 2, mos: is 'x', not a", "bad_field"),
        ("name,mos\na.jpg,3\na.jpg,4\n", "koniq.csv", "row 2, photo: 'a.jpg' repeats row 1",
         "duplicate_id"),
        ("name,mos\na.jpg,3\n", "list.csv", "row 1, mos: is 3, on a scale", "unknown_scale"),
        ("name,dmos\na.jpg,3\n", "list.csv", "row 1, dmos: is 3, on a scale", "unknown_scale"),
        ("name,mos\na.jpg,0.5\n", "koniq.csv", "row 1, mos: is 0.5, outside the scale 1:5",
         "bad_score"),
        ("name,mos\na.jpg,101\n", "spaq.csv", "row 1, mos: is 101, outside", "bad_score"),
        ("ref_name,dist_name,mos\nr.bmp,wn/1.bmp,120\n", "live.csv", "row 1, mos: is 120, outside",
         "bad_score"),
        ("name,mos,std\na.jpg,3,-1\n", "koniq.csv", "row 1, std: is -1, no", "bad_score"),
        ("name,mos,split\na.jpg,3,maybe\n", "koniq.csv", "row 1, split: is 'maybe'", "bad_field"),
        ("image,dst_type,dst_lev,dmos\n1600,fog,1,0.1\n", "c.csv", "row 1, dst_type: is 'fog'",
         "unknown_distortion"),
        ("image,dst_type,dst_lev,dmos\n1600,blur,9,0.1\n", "c.csv", "row 1, dst_lev: is 9",
         "bad_severity"),
        ("1.5 a.jpg\nnonsense\n", "tid2013.txt", "row 2: 'nonsense' is no name with a score",
         "bad_table"),
    ],
)  # fmt: skip
def test_refusals(wrong: Any, text: str, name: str, said: str, code: str) -> None:
    error = wrong(text, name=name)
    assert f"{name}, {said}" in error.message
    assert error.code == code


def test_names_that_contradict_each_other_are_no_scale(tmp_path: Path) -> None:
    """spaq_koniq holds photos of both, on 0-100 and on 1-5; "live" may be just a word."""
    for photo in ("spaq_koniq/1.jpg", "live/concert.jpg"):
        file = tmp_path / "list.json"
        file.write_text(f'[{{"image": "{photo}", "gt_score": 3}}]', encoding="utf-8")
        with pytest.raises(UsageError, match="a scale that nothing names") as caught:
            list(read(file))
        assert "--scale WORST:BEST" in caught.value.hint
        (one,) = read(file, options=Options(scale=parse_scale("10:0")))
        assert one.mos == pytest.approx(0.7)


def test_scales_said() -> None:
    assert parse_scale(" 1 : 5 ") == Scale(1, 5, "--scale")
    assert parse_scale("100:-2.5") == Scale(100, -2.5, "--scale")
    for text in ("5", "1-5", "3:3", "a:b", "nan:1"):
        with pytest.raises(UsageError, match="is not WORST:BEST"):
            parse_scale(text)
