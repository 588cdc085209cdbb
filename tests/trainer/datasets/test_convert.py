"""From outside files to a data set of ours, and back out of it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spider_cli.errors import UsageError
from trainer.datasets.convert import convert
from trainer.datasets.gather import gather
from trainer.datasets.readers import read
from trainer.datasets.schema import Item
from trainer.datasets.store import open_data

Photo = Callable[..., Path]


def items(folder: Path) -> dict[str, list[Item]]:
    data = open_data(folder)
    return {split: list(data.items(split)) for split in data.splits}


def write(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def test_marked_photos_become_the_four_tasks(
    tmp_path: Path, files: Path, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """labelme -> our form -> `datasets.load_dataset`, without code."""
    photo("in/cat.png")
    write(tmp_path / "in/cat.json", (files / "labelme/cat.json").read_text("utf-8"))
    done = convert(tmp_path / "in", tmp_path / "out")
    assert (done.format, done.entries, done.photos) == ("labelme", 1, {"train": 1})
    assert done.notes["regions without distortions, beside others with"] == 1

    (item,) = items(tmp_path / "out")["train"]
    assert (item.scene, item.source, item.reference, item.mos) == ("authentic", "cat.png", "", None)
    boy, lamp = item.sample.regions
    assert [one.family for one in boy.distortions] == ["blur", "noise"]
    assert (boy.label, boy.ordered, boy.box) == ("a boy on the left", False, (5, 5, 31, 76))
    assert lamp.distortions[0].other == "lens flare"
    tasks = {row.task for row in item.rows}
    assert {"describe", "describe_region", "ground_hyd", "ground_sid"} <= tasks
    assert "ground_dao" not in {r.task for r in item.rows if r.region == 0}  # no order is known
    chats = [(row.answer, row.region) for row in item.rows if row.task == "chat"]
    assert chats == [("A blurred boy.", 0), ("The lamp flares.", 1)]

    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    (row,) = loaded["train"]
    with Image.open(tmp_path / "in/cat.png") as image:
        assert np.array_equal(np.asarray(row["image"]), np.asarray(image.convert("RGB")))
    assert (row["scene"], row["source"]) == ("authentic", "cat.png")
    assert np.array_equal(np.asarray(row["regions"][0]["mask"]) > 127, boy.mask)
    assert [d["family"] for d in row["regions"][0]["distortions"]] == ["blur", "noise"]
    assert len(row["rows"]) == done.questions == len(item.rows)


def test_project1_keeps_orders_that_can_be_seen(tmp_path: Path, files: Path, photo: Photo) -> None:
    for kind in ("segmenter", "people"):
        photo(f"{kind}/cat.png")
        for file in (files / "project1" / kind).glob("*.json"):
            write(tmp_path / kind / file.name, file.read_text("utf-8"))
    done = convert(tmp_path / "segmenter", tmp_path / "a")
    (item,) = items(tmp_path / "a")["train"]
    assert [region.ordered for region in item.sample.regions] == [True, False]
    assert {row.region for row in item.rows if row.task == "ground_dao"} >= {0}
    assert done.notes["boxes are x,y,w,h"] == 1
    done = convert(tmp_path / "people", tmp_path / "b")
    (item,) = items(tmp_path / "b")["train"]
    assert [region.ordered for region in item.sample.regions] == [False, False]
    assert done.notes["boxes are x1,y1,x2,y2"] == 1


def test_whole_photos_and_clean_ones(tmp_path: Path, files: Path, photo: Photo) -> None:
    for number, of in enumerate(("coffee", "chelsea", "rocket"), 1):
        photo(f"KADIS700K/ A_sd_brief/sky-{number}_0.png", of=of)
    source = write(tmp_path / "m.json", (files / "depictqa/test_A_sd_brief.json").read_text())
    convert(source, tmp_path / "out")
    one, two, three = [i for split in items(tmp_path / "out").values() for i in split]
    assert [i.scene for i in (one, two, three)] == ["whole", "whole", "clean"]
    assert one.sample.whole[0].kind == "saturate_weaken_ycrcb"
    for item, answer in ((one, "Insufficient saturation"), (three, "None")):
        assert item.rows[-1].answer == answer and item.rows[-1].task == "chat"
        assert {"describe", "refer_short", "ground_hyd"} <= {row.task for row in item.rows}
    assert three.sample.clean


def test_scores_and_the_file_s_own_splits(tmp_path: Path, photo: Photo) -> None:
    for name, of in (("a.png", "coffee"), ("b.png", "chelsea"), ("c.png", "rocket")):
        photo(f"pics/{name}", of=of)
    table = "img_name,mos,std,split\na.png,80,10,train\nb.png,20,5,val\nc.png,55,20,test\n"
    done = convert(write(tmp_path / "spaq.csv", table), tmp_path / "out", images=tmp_path / "pics")
    assert done.photos == {"train": 1, "validation": 1, "test": 1}
    found = {split: made[0] for split, made in items(tmp_path / "out").items()}
    assert [(i.source, i.mos, i.mos_std) for i in found.values()] == [
        ("a.png", 0.8, 0.1),
        ("b.png", 0.2, 0.05),
        ("c.png", 0.55, 0.2),
    ]
    (row,) = found["validation"].rows
    assert (row.task, row.answer) == ("score", "The quality of the image is bad.")
    assert {i.scene for i in found.values()} == {"unknown"}


def test_what_is_said_of_one_photo_comes_together(tmp_path: Path, photo: Photo) -> None:
    photo("spaq/1.png")
    photo("spaq/2.png", of="rocket")
    talk = [{"from": "human", "value": "<image>Sharp?"}, {"from": "gpt", "value": "No."}]
    records = [
        {"id": "1", "image": "spaq/1.png", "conversations": talk},
        {"id": "2", "image": "spaq/2.png", "conversations": talk},
        {"id": "1", "image": "spaq/1.png", "gt_score": 40,
         "conversations": [{"from": "human", "value": "Rate."}, {"from": "gpt", "value": "Dull."}]},
        {"id": "3", "image": ["spaq/1.png", "spaq/2.png"], "conversations": talk},
    ]  # fmt: skip
    done = convert(write(tmp_path / "a.json", records), tmp_path / "out")
    assert (done.entries, sum(done.photos.values()), done.questions) == (4, 2, 4)
    assert done.left_out == {"compares photos; ours are questions about one": 1}
    made = {i.source: i for split in items(tmp_path / "out").values() for i in split}
    assert [(r.task, r.answer) for r in made["spaq/1.png"].rows] == [
        ("chat", "No."),
        ("score", "The quality of the image is poor."),
        ("chat", "Dull."),
    ]
    assert made["spaq/1.png"].mos == pytest.approx(0.4)
    config = json.loads((tmp_path / "out/config.json").read_text("utf-8"))
    assert (config["format"], config["entries"], config["left_out"]) == (
        "llava", 4, dict(done.left_out),
    )  # fmt: skip
    assert "Not kept: compares photos" in (tmp_path / "out/README.md").read_text("utf-8")


def test_scores_of_marked_photos(tmp_path: Path, files: Path, photo: Photo) -> None:
    """A list of scores and people's marks, by one folder of lists: still one photo."""
    marks = list(read(files / "project1/people"))
    scores = write(tmp_path / "test_koniq.json", [{"img_path": "cat.jpg", "gt_score": 3}])
    together = gather([*read(scores), *marks]).photos
    (entry,) = together
    assert (entry.mos, entry.split, entry.where) == (0.5, "test", marks[0].where)
    assert entry.regions == marks[0].regions
    assert [(row.task, row.region) for row in entry.rows] == [("score", None), ("chat", 0)]
    twice = gather([*marks, *marks, *read(scores)]).photos
    assert [bool(one.mos) for one in twice] == [True, False]  # what two people saw
    assert [one.split for one in twice] == ["test", "test"]


def test_multiple_choice(tmp_path: Path, files: Path, photo: Photo) -> None:
    photo("images/00001.jpg")
    source = write(
        tmp_path / "llvisionqa_dev.json", (files / "llvisionqa/llvisionqa_dev.json").read_text()
    )
    convert(source, tmp_path / "out")
    (item,) = items(tmp_path / "out")["validation"]
    assert [(r.task, r.options, r.correct, r.answer) for r in item.rows] == [
        ("choice", ("Yes", "No"), 1, "B"),
        ("choice", ("Noise", "Blur", "Nothing"), 1, "B"),
    ]


def test_photos_are_turned_upright(tmp_path: Path, photo: Photo) -> None:
    path = photo("in/1.png")
    with Image.open(path) as image:
        exif = Image.Exif()
        exif[274] = 6  # to be turned by 90 degrees
        image.save(path, exif=exif)
        upright = np.asarray(image.transpose(Image.Transpose.ROTATE_270))
    convert(write(tmp_path / "in/labels.csv", "file,mos\n1.png,0.5\n"), tmp_path / "out")
    (item,) = items(tmp_path / "out")["train"]
    assert np.array_equal(item.sample.pixels, upright)


def test_marks_are_those_of_the_upright_photo(tmp_path: Path, files: Path, photo: Photo) -> None:
    photo("in/cat.png", size=(80, 100))
    write(tmp_path / "in/cat.json", (files / "labelme/cat.json").read_text("utf-8"))
    with pytest.raises(UsageError, match=r"cat\.json, row 1, size: is 100 x 80, the photo is 80 x"):
        convert(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()  # nothing is written before all is checked


def test_photos_that_cannot_be_used(tmp_path: Path, photo: Photo) -> None:
    photo("in/a.png")
    photo("in/small.png", size=(64, 63))
    (tmp_path / "in/broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    table = "file,mos\na.png,0.5\nsmall.png,0.5\ngone.png,0.5\nbroken.jpg,0.5\n"
    source = write(tmp_path / "in/labels.csv", table)
    done = convert(source, tmp_path / "out")
    assert done.photos == {"train": 1}
    lines = (tmp_path / "out/rejects.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == done.rejects
    told = [(r["row"], r["field"], r["photo"], r["code"]) for r in done.rejects]
    assert told[:2] == [
        (2, "photo", "small.png", "too_small"),
        (3, "photo", "gone.png", "not_found"),
    ]
    assert told[2][:3] == (4, "photo", "broken.jpg")
    assert done.rejects[0]["reason"] == (
        f"{source}, row 2, photo: small.png is too small: 64 x 63 pixels; 64 a side are needed"
    )


def test_no_photo_at_all(tmp_path: Path, photo: Photo) -> None:
    source = write(tmp_path / "in/labels.csv", "file,mos\na.png,0.5\n")
    with pytest.raises(
        UsageError, match=r"labels\.csv, row 1: there is no photo a\.png in"
    ) as caught:
        convert(source, tmp_path / "out")
    assert "--images" in caught.value.hint
    photo("pics/a.png", size=(20, 20))
    with pytest.raises(UsageError, match=r"none of the 1 photos .* a\.png is too small"):
        convert(source, tmp_path / "out", images=tmp_path / "pics")
    with pytest.raises(UsageError, match="is not a folder"):
        convert(source, tmp_path / "out", images=source)
    with pytest.raises(UsageError, match="does not exist"):
        convert(tmp_path / "gone.json", tmp_path / "out")


def test_pairs_alone_are_nothing(tmp_path: Path, files: Path) -> None:
    with pytest.raises(UsageError, match=r"has nothing to convert \(2 entries: compares photos"):
        convert(files / "qinsight/pairs.json", tmp_path / "out")


def test_contradictions(tmp_path: Path, photo: Photo) -> None:
    photo("a.png")
    bench = {"image_ref": None, "image_A": "a.png", "image_B": None, "query": "?", "answer": "x",
             "task_type": "quality_single_A_noref", "distortion_class": "blur",
             "distortion_name": "blur_lens"}  # fmt: skip
    records = [bench | {"id": "1", "severity": 2}, bench | {"id": "2", "severity": 3}]
    with pytest.raises(
        UsageError, match=r"row 2: says blur_lens at 3 of a\.png, .* row 1 says blur_lens at 2"
    ):
        convert(write(tmp_path / "m.json", records), tmp_path / "out")
    for name in ("train", "test"):
        write(tmp_path / f"two/{name}_koniq.json", [{"img_path": "a.png", "gt_score": 3}])
    with pytest.raises(UsageError, match=r"train_koniq\.json, row 1, split: a\.png is in train"):
        convert(tmp_path / "two", tmp_path / "out")


def test_bad_records_may_be_left_out(tmp_path: Path, photo: Photo) -> None:
    photo("a.png")
    photo("b.png", of="rocket")
    source = write(tmp_path / "koniq.csv", "name,mos\na.png,3\n../b.png,3\nb.png,x\nb.png,4\n")
    with pytest.raises(UsageError, match="row 2, name"):
        convert(source, tmp_path / "out")
    done = convert(source, tmp_path / "out", skip_bad=True)
    assert sum(done.photos.values()) == 2
    assert [r["code"] for r in done.rejects] == ["unsafe_path", "bad_field"]
    assert "koniq.csv, row 3, mos: is 'x', not a number" in done.rejects[1]["reason"]


def test_splits_keep_what_belongs_together(tmp_path: Path, photo: Photo) -> None:
    """Photos made from the same untouched one, and look-alikes, are in one split and one group."""
    lines = ["ref_name,dist_name,mos"]
    for number in range(12):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 10, 3), dtype=np.uint8)
        large = Image.fromarray(pixels).resize((100, 80), Image.Resampling.BICUBIC)
        for level in (1, 2):
            name = f"spaq/{number}_{level}.png"
            (tmp_path / "spaq").mkdir(exist_ok=True)
            # The second is turned: no look-alike, but made from the same photo.
            (large if level == 1 else large.rotate(180)).save(tmp_path / name)
            lines.append(f"{number}.png,{name},{number}")
    source = write(tmp_path / "list.csv", "\n".join(lines))
    done = convert(source, tmp_path / "out", seed=3)
    assert set(done.photos) == {"train", "validation", "test"}
    made = items(tmp_path / "out")
    splits = {item.source: split for split, some in made.items() for item in some}
    groups = {item.source: item.group for some in made.values() for item in some}
    for number in range(12):
        one, two = f"spaq/{number}_1.png", f"spaq/{number}_2.png"
        assert splits[one] == splits[two]
        assert groups[one] == groups[two] == one


def test_the_file_s_splits_stay_though_look_alikes_straddle(tmp_path: Path, photo: Photo) -> None:
    photo("a.png")
    photo("b.png", size=(120, 96))
    table = "name,mos,split\na.png,3,train\nb.png,4,test\n"
    done = convert(write(tmp_path / "koniq.csv", table), tmp_path / "out")
    assert done.photos == {"train": 1, "test": 1}
    assert done.notes["groups of look-alikes in two of the file's own splits"] == 1
    groups = [item.group for some in items(tmp_path / "out").values() for item in some]
    assert groups == ["a.png (train)", "a.png (test)"]


def test_the_same_bytes_again(tmp_path: Path, files: Path, photo: Photo) -> None:
    photo("in/cat.png")
    write(tmp_path / "in/cat.json", (files / "labelme/cat.json").read_text("utf-8"))
    for name in ("one", "two"):
        convert(tmp_path / "in", tmp_path / name, seed=5)
    made = {
        p.relative_to(tmp_path / "one"): p.read_bytes() for p in (tmp_path / "one").rglob("*.*")
    }
    assert len(made) >= 5
    assert all((tmp_path / "two" / name).read_bytes() == data for name, data in made.items())


def test_the_folder_to_write_to(tmp_path: Path, photo: Photo) -> None:
    photo("a.png")
    source = write(tmp_path / "labels.csv", "file,mos\na.png,0.5\n")
    out = tmp_path / "out"
    write(out / "diary.txt", "mine")
    with pytest.raises(UsageError, match=r"holds other files, such as diary\.txt"):
        convert(source, out, force=True)
    (out / "diary.txt").unlink()
    convert(source, out)
    with pytest.raises(UsageError, match="holds a finished data set") as caught:
        convert(source, out)
    assert "--force" in caught.value.hint
    convert(source, out, force=True)
    (out / "checksums.json").unlink()  # as after a kill
    convert(source, out)
    with pytest.raises(UsageError, match="is not a folder"):
        convert(source, source)


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spider_cli", "data", "convert", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command(tmp_path: Path, photo: Photo) -> None:
    photo("a.png")
    source = write(tmp_path / "list.csv", "name,mos\na.png,3\ngone.png,4\n")
    done = run(source, "--out", tmp_path / "out", "--scale", "1:5")
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f"spider: warning: {source}, row 2, photo: gone.png does not exist",
        f"spider: mos: 2 entries -> 1 photos (1 train), 1 questions in {tmp_path / 'out'}",
        "spider: could not be used: 1",
    ]
    done = run(source, "--out", tmp_path / "out2")
    assert done.returncode == 2
    assert done.stderr.startswith(f"spider: error: {source}, row 1, mos: is 3, on a scale")
    assert "hint: say it with --scale WORST:BEST" in done.stderr
