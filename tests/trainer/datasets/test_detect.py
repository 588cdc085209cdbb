"""Which format a file is in, by its content; lists of lists; what is refused at sight."""

from collections.abc import Callable
from pathlib import Path

import pytest

from spider_cli.errors import UsageError
from trainer.datasets.entries import Entry
from trainer.datasets.reader import Options
from trainer.datasets.readers import READERS, detect, files_of, read

Entries = Callable[..., list[Entry]]

FORMATS = {
    "llava": ("llava/qalign.json", "llava/qinstruct.json", "llava/visualquality_r1.jsonl"),
    "deqa": ("deqa/train_koniq.json", "deqa/test_koniq.json", "deqa/KONIQ/metas/mos.json"),
    "depictqa": ("depictqa/test_A_sd_brief.json", "depictqa/bapps_detail.json"),
    "qground": ("qground/qground.json",),
    "llvisionqa": ("llvisionqa/hf.jsonl", "llvisionqa/qbench2.json"),
    "mos": ("mos/agi_results.json", "mos/csiq_label.txt", "mos/pyiqa_nr_official.csv"),
    "seagull": ("seagull/seagull.json",),
    "reasonseg": ("reasonseg/cat.json", "reasonseg_windows/cat.json", "reasonseg"),
    "project1": ("project1/people/cat.json", "project1/grounding/cat.json", "project1/segmenter"),
    "labelme": ("labelme/cat.json", "labelme"),
    "qinsight": ("qinsight/pairs.json",),
    "mix": ("depictqa/mix.json", "depictqa/mix_weights.json", "qinsight/data.yaml"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_by_content(files: Path, name: str) -> None:
    assert {detect(files / file) for file in FORMATS[name]} == {name}


def test_every_format_is_tried() -> None:
    assert set(FORMATS) == set(READERS)


def test_every_format_is_documented(root: Path) -> None:
    page = (root / "docs/formats.md").read_text(encoding="utf-8")
    for name in READERS:
        assert f"\n## {name}\n" in page
        assert f"| [`{name}`](#{name}) |" in page


def test_every_hand_made_file_is_read(files: Path) -> None:
    """No fixture stands there for nothing; captions and splits belong to files beside them."""
    beside = {"split.json", "mos_std.txt"}
    folders = {"caption1", "caption2", "spatial", "referring"}
    for file in sorted(files.rglob("*.*")):
        if file.name not in beside and file.parent.name not in folders:
            assert list(read(file)), file


def test_q_insight(entries: Entries) -> None:
    one, two = entries("qinsight/pairs.json")
    assert (one.photos, one.group) == (("a/1.png", "b/1.png"), "r/1.png")
    assert (two.photos, two.group) == (("a/2.png", "b/2.png"), "")
    sampled = entries("qinsight/data.yaml")
    assert [e.photo for e in sampled] == ["spaq/1.jpg", "spaq/2.jpg", "a/2.png"]


@pytest.mark.parametrize(
    ("strategy", "photos"),
    [
        ("first:2", [1, 2]),
        ("end:2", [4, 5]),
        ("first:99", [1, 2, 3, 4, 5]),
        ("40%", [1, 2]),
        ("end:30%", [4, 5]),
        ("all", [1, 2, 3, 4, 5]),
    ],
)
def test_sampling(files: Path, tmp_path: Path, strategy: str, photos: list[int]) -> None:
    file = tmp_path / "d.yaml"
    file.write_text(f"- json_path: scores.json\n  sampling_strategy: {strategy}\n", "utf-8")
    found = [e.photo for e in read(file, images=files / "qinsight")]
    assert found == [f"spaq/{number}.jpg" for number in photos]


def test_random_samples_are_seeded(files: Path, tmp_path: Path) -> None:
    file = tmp_path / "d.yaml"
    file.write_text("- json_path: scores.json\n  sampling_strategy: random:3\n", "utf-8")
    once = [e.photo for e in read(file, images=files / "qinsight")]
    assert len(set(once)) == 3
    assert once == [e.photo for e in read(file, images=files / "qinsight")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- json_path: gone.json\n", "row 1, json_path: there is no file gone.json"),
        ("- json_path: /etc/passwd\n", "row 1, json_path: '/etc/passwd' is an absolute path"),
        ("  sampling_strategy: first:2\n", "row 1, sampling_strategy: is 'first:2'"),
        ("- json_path: d.yaml\n  sampling_strategy: some\n", "row 2, sampling_strategy: is 'some'"),
        ("- path: x\n", "row 1: '- path: x' is not understood"),
        ("# nothing\n", "names no json_path"),
    ],
)
def test_refusals_of_lists(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "d.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        list(read(file, format="mix"))
    assert said in caught.value.message
    assert str(file) in caught.value.message


def test_refusals_of_comparisons(wrong: Callable[..., UsageError]) -> None:
    good = {"ImageA": "a.png", "ImageB": "b.png", "result": "Image A"}
    assert "row 2, result: is 'A'" in wrong([good, good | {"result": "A"}]).message
    assert "row 1, ImageB: is a list" in wrong([good | {"ImageB": []}]).message


@pytest.mark.parametrize(
    ("name", "text", "said", "code"),
    [
        ("a.json", "[]", "in no format that is known", "unknown_format"),
        ("a.json", '[{"colour": 1}]', "its records have colour", "unknown_format"),
        ("a.csv", "colour,size\n1,2\n", "its columns are colour, size", "unknown_format"),
        ("a.txt", "one two three\n", "its lines are not understood", "unknown_format"),
        ("a.json", '[{"image": "a", "conversations": [], "ann_list": []}]',
         "may be llava or qground", "ambiguous_format"),
        ("a.json", '{"images": [], "annotations": []}', "its records have images",
         "unknown_format"),
        ("a.pkl", "x", "pickles can run code", "unknown_format"),
        ("a.xlsx", "x", "save it as CSV", "unknown_format"),
        ("a.mat", "x", "save name and score as CSV", "unknown_format"),
        ("a.json", "nonsense", "not JSON: Expecting value (line 1, column 1)", "bad_json"),
    ],
)  # fmt: skip
def test_what_cannot_be_told(tmp_path: Path, name: str, text: str, said: str, code: str) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        detect(file)
    assert said in caught.value.message
    assert str(file) in caught.value.message
    assert caught.value.code == code


def test_unknown_formats_and_empty_folders(tmp_path: Path, files: Path) -> None:
    with pytest.raises(UsageError, match="unknown format 'lava'") as caught:
        list(read(files / "seagull/seagull.json", format="lava"))
    assert "llava" in caught.value.hint
    with pytest.raises(UsageError, match=r"holds no .*\.json"):
        detect(tmp_path)
    (tmp_path / ".hidden.json").write_text("[]", encoding="utf-8")
    with pytest.raises(UsageError, match="holds no"):
        files_of(tmp_path)


def test_bad_records_can_be_told_instead(tmp_path: Path) -> None:
    file = tmp_path / "koniq.csv"
    file.write_text("name,mos\na.jpg,3\nb.jpg,x\nc.jpg,4\n", encoding="utf-8")
    told: list[UsageError] = []
    found = list(read(file, options=Options(bad=told.append)))
    assert [e.photo for e in found] == ["a.jpg", "c.jpg"]
    assert ["row 2, mos" in error.message for error in told] == [True]
