"""Formats that mark regions: what is read, and the masks that come of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from spider_cli.errors import UsageError
from trainer.datasets.entries import Entry, Rle, Where
from trainer.datasets.marks import decode_rle, regions_of
from trainer.datasets.readers import detect, read
from trainer.truth import Applied, Region

Entries = Callable[..., list[Entry]]
HEIGHT, WIDTH = 80, 100


def regions(entry: Entry, find: Any = lambda name: None) -> tuple[Region, ...]:
    return regions_of(entry, HEIGHT, WIDTH, find)[0]


def test_seagull(entries: Entries) -> None:
    (one,) = entries("seagull/seagull.json")
    assert (one.photos, one.rows) == (("cat.png",), ())
    (region,) = regions(one)
    assert region.box == (20, 10, 60, 50)
    assert region.mask.sum() == 1600 and region.mask[10, 20] and not region.mask[50, 60]
    assert region.distortions == ()


def test_reasonseg(entries: Entries) -> None:
    (one,) = entries("reasonseg")
    assert one.photos == ("cat.jpg",)
    (region,) = regions(one)
    assert region.label == "the part that is out of focus"
    assert region.box == (10, 10, 61, 61)
    assert region.mask[15, 15] and not region.mask[25, 25]  # a smaller polygon to ignore
    assert not region.mask[0, 0]  # a flag
    assert one.notes == ("instructions without an answer in words",)


def test_reasonseg_in_windows_encoding(entries: Entries, files: Path) -> None:
    assert detect(files / "reasonseg_windows") == "reasonseg"
    (one,) = entries("reasonseg_windows")
    assert regions(one)[0].label == ""  # a sentence is no label
    assert regions(one)[0].box == (10, 10, 61, 61)


def test_project1_of_its_segmenter(entries: Entries) -> None:
    (one,) = entries("project1/segmenter")
    assert one.photos == ("cat.jpg",)
    sky, sea = regions(one)
    assert (sky.label, sea.label) == ("sky", "sea")
    assert sky.distortions == (
        Applied("blur", "blur_lens", 3.0, "moderate"),
        Applied("noise", "noise_poisson", 1.0, "mild"),
    )
    assert sea.distortions == (Applied("contrast weaken", "contrast_weaken_scale", 4.0, "severe"),)
    assert (sky.ordered, sea.ordered) == (True, False)
    assert sky.box == (20, 10, 60, 50)
    assert regions_of(one, HEIGHT, WIDTH, lambda name: None)[1] == ("boxes are x,y,w,h",)
    assert [(r.task, r.question, r.answer, r.region) for r in one.rows] == [
        ("chat", "Describe the quality of this region alone: evening sky.", "A soft sky.", 0),
        ("chat", "Describe the quality of this image.", "A sky over a sea, both damaged.", None),
        ("chat", "What is wrong with the sea?", "Its contrast is low.", 1),
    ]
    assert one.notes == ("spatial relations of regions",)


def test_project1_of_people(entries: Entries) -> None:
    (one,) = entries("project1/people")
    boy, ground = regions(one)
    assert boy.distortions == (
        Applied("blur", "", 1.0, "mild"),
        Applied("noise", "", 2.0, "mild"),
    )
    assert ground.distortions == (Applied("darken", "", 4.0, "severe"),)
    assert not boy.ordered
    assert regions_of(one, HEIGHT, WIDTH, lambda name: None)[1] == ("boxes are x1,y1,x2,y2",)
    assert [(r.question, r.answer, r.region) for r in one.rows] == [
        ("Describe the quality of this region alone: a boy on the left.", "A blurred boy.", 0)
    ]


def test_project1_grounding_answers_are_checked_and_left_out(entries: Entries, wrong: Any) -> None:
    (one,) = entries("project1/grounding")
    assert (one.photos, one.rows, one.regions) == (("cat.png",), (), ())
    assert one.notes == ("grounding answers that number the regions",)
    error = wrong({"cat.png": {"all": ["q"]}})
    assert "row 1, cat.png.all: has 1 items" in error.message


def test_labelme(entries: Entries) -> None:
    (one,) = entries("labelme")
    assert (one.photos, one.size) == (("cat.png",), (80, 100))
    boy, lamp, table = regions(one)
    assert boy.label == "a boy on the left"
    assert boy.distortions == (
        Applied("blur", "", 1.0, "mild"),
        Applied("noise", "", 2.0, "mild"),
    )
    assert boy.box == (5, 5, 31, 76)  # two polygons, one region
    assert not boy.ordered
    assert lamp.distortions == (Applied("", "lens_flare", 5.0, "severe", "lens flare"),)
    assert lamp.box == (60, 5, 96, 31)
    assert (table.label, table.distortions) == ("the table", ())
    assert [(r.answer, r.region) for r in one.rows] == [
        ("A blurred boy.", 0),
        ("The lamp flares.", 1),
    ]


def test_qground_takes_what_it_understands(entries: Entries, tmp_path: Path) -> None:
    (one,) = entries("qground/qground.json")
    assert (one.id, one.photos) == ("07454_zhizheng", ("spaq_koniq/cat.png",))
    assert [(r.question, r.answer) for r in one.rows] == [
        ("Describe the quality of this image.", "The left is blurred.")
    ]
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[:40, :40, 1] = 200
    Image.fromarray(picture).save(tmp_path / "mask.png")
    blur, noise, other = regions(one, lambda name: tmp_path / "mask.png")
    assert (blur.label, blur.distortions, blur.box) == ("blur", (), (0, 0, 40, 40))
    assert noise.distortions == (Applied("noise", "", 4.0, "severe"),)
    assert noise.box == (50, 10, 91, 41)
    assert (other.label, other.distortions) == ("something else", ())


def rle(mask: Any) -> dict[str, Any]:
    found = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": [int(side) for side in found["size"]], "counts": found["counts"].decode()}


def block(x1: int, y1: int, x2: int, y2: int, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Any:
    mask = np.zeros(size, bool)
    mask[y1:y2, x1:x2] = True
    return mask


def mark(mask: Any, box: list[float], **more: Any) -> dict[str, Any]:
    return {
        "segmentation": rle(mask),
        "bbox": box,
        "class_name": "sky",
        "distortion_type": ["blur"],
        "distortion_level": [2],
    } | more


FIRST = mark(block(0, 0, 30, 30), [0, 0, 30, 30])


def test_run_lengths_are_decoded_as_coco_does() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        height, width = (int(n) for n in rng.integers(1, 40, 2))
        mask = rng.random((height, width)) < rng.random()
        found = decode_rle(Rle(rle(mask)["counts"]), Where(Path("a.json"), 1), "rle", height, width)
        assert np.array_equal(found, mask)
    plain = decode_rle(Rle((1, 2, 3)), Where(Path("a.json"), 1), "rle", 3, 2)
    assert plain.tolist() == [[False, False], [True, False], [True, False]]


@pytest.mark.parametrize(
    ("second", "said", "code"),
    [
        (mark(block(40, 40, 60, 70), [40, 40, 33, 77]), "annotations[1].bbox: [40, 40, 33, 77] "
         "contradicts the mask", "box_mismatch"),
        (mark(block(40, 40, 60, 70, (80, 90)), [40, 40, 20, 30]),
         "annotations[1].segmentation.size: is 90 x 80, the photo is 100 x 80", "mask_size"),
        (mark(block(4, 4, 60, 70, (100, 80)), [4, 4, 56, 66]),
         "annotations[1].segmentation.size: is 80 x 100, the photo is 100 x 80", "mask_size"),
        (mark(block(0, 0, 0, 0), [0, 0, 0, 0]), "annotations[1]: its mask is empty", "empty_mask"),
        (mark(block(20, 20, 60, 60), [20, 20, 40, 40]),
         "annotations[1]: its mask lies over that of annotations[0]", "overlapping_masks"),
        (mark(block(40, 40, 60, 70), [40, 40, 20, 30], segmentation={"size": [80, 100],
         "counts": "xyz"}), "annotations[1].segmentation.counts: are no run lengths", "bad_mask"),
        (mark(block(40, 40, 60, 70), [40, 40, 20, 30], segmentation={"size": [80, 100],
         "counts": "12"}), "annotations[1].segmentation.counts: are run lengths of", "bad_mask"),
        (mark(block(40, 40, 60, 70), [40, 40, 20, 30], segmentation={"size": [80, 100],
         "counts": [8001, -1]}), "annotations[1].segmentation.counts: are run lengths", "bad_mask"),
    ],
)  # fmt: skip
def test_masks_that_do_not_fit(tmp_path: Path, second: Any, said: str, code: str) -> None:
    file = tmp_path / "cat_info.json"
    file.write_text(json.dumps({"annotations": [FIRST, second]}), encoding="utf-8")
    (entry,) = read(file)
    with pytest.raises(UsageError) as caught:
        regions(entry)
    assert f"cat_info.json, row 1, {said}" in caught.value.message
    assert caught.value.code == code
    if "80 x 100" in said:
        assert "EXIF" in caught.value.hint


def test_both_kinds_of_boxes_in_one_file(tmp_path: Path) -> None:
    two = [
        mark(block(10, 10, 30, 30), [10, 10, 20, 20]),
        mark(block(40, 40, 60, 70), [40, 40, 59, 69]),
    ]
    file = tmp_path / "cat_info.json"
    file.write_text(json.dumps({"annotations": two}), encoding="utf-8")
    (entry,) = read(file)
    with pytest.raises(UsageError, match=r"annotations\[1\]\.bbox: reads as x1,y1,x2,y2, those"):
        regions(entry)


def test_rims_that_touch_are_parted(tmp_path: Path) -> None:
    two = [
        mark(block(10, 10, 60, 60), [10, 10, 50, 50]),
        mark(block(0, 59, 100, 80), [0, 59, 100, 21]),
    ]
    file = tmp_path / "cat_info.json"
    file.write_text(json.dumps({"annotations": two}), encoding="utf-8")
    (entry,) = read(file)
    one, other = regions(entry)
    assert not (one.mask & other.mask).any()
    assert (int(one.mask.sum()), int(other.mask.sum())) == (2500 - 50, 2100)  # the larger gives way
    assert one.box == (10, 10, 60, 59)


def test_seagull_boxes_are_xywh(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    mask = block(20, 10, 60, 50)
    file.write_text(
        json.dumps([{"img": "a.png", "rle": rle(mask)["counts"], "points": [20, 10, 60, 50]}]),
        encoding="utf-8",
    )
    (entry,) = read(file)
    with pytest.raises(UsageError, match=r"a\.json, row 1, points: \[20, 10, 60, 50\] is x1, y1"):
        regions(entry)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"bbox": [1, 2, 3]}, "annotations[1].bbox: has 3 numbers, not 4"),
        ({"bbox": [1, 2, 3, "4"]}, "annotations[1].bbox[3]: is text, not a number"),
        ({"bbox": None}, "annotations[1].bbox: is null"),
        ({"class_name": 3}, "annotations[1].class_name: is the number 3"),
        ({"class_proposals": [3]}, "annotations[1].class_proposals[0]: is the number 3"),
        ({"distortion_type": ["blurr"]}, "annotations[1].distortion_type[0]: unknown distortion"),
        ({"distortion_name": ["noise_poisson"]}, "annotations[1].distortion_name[0]: 'noise_"),
        ({"distortion_level": [0]}, "annotations[1].distortion_level[0]: is 0, not a level"),
        ({"distortion_level": [1, 2]}, "annotations[1].distortion_level: has 2 items"),
        ({"order_flag": "yes"}, "annotations[1].order_flag: is 'yes', not true or false"),
        ({"segmentation": {"size": [0, 5], "counts": "0"}}, "annotations[1].segmentation.size: is"),
        ({"segmentation": {"size": [5, 5]}}, "annotations[1].segmentation.counts: is missing"),
        ({"segmentation": [1]}, "annotations[1].segmentation: is a list, not an object"),
        ({"brief_description": "x"}, "annotations[1].brief_description: is text, not a list"),
        ({"area": "big"}, "annotations[1].area: is text, not a number"),
    ],
)
def test_refusals_of_project1(wrong: Any, change: dict[str, Any], field: str) -> None:
    error = wrong({"annotations": [FIRST, FIRST | change]})
    assert f"bad.json, row 1, {field}" in error.message


def test_captions_must_speak_of_regions_there_are(tmp_path: Path) -> None:
    (tmp_path / "referring").mkdir()
    (tmp_path / "cat_info.json").write_text(json.dumps({"annotations": [FIRST]}), encoding="utf-8")
    said = {"referring": {"element 2": {"question": "a", "answer": "b"}}}
    (tmp_path / "referring/cat.json").write_text(json.dumps(said), encoding="utf-8")
    with pytest.raises(UsageError, match=r"cat\.json, row 1, referring\.element 2: is none of the"):
        list(read(tmp_path))


SHAPE = {"label": "sky;blur:1", "points": [[5, 5], [30, 5], [30, 40]]}
LABELME = {"imagePath": "cat.png", "imageHeight": 80, "imageWidth": 100, "shapes": [SHAPE]}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"imagePath": "..\\x\\cat.png"}, "imagePath: '..\\\\x\\\\cat.png' climbs out"),
        ({"imageHeight": "80"}, "imageHeight: is text, not a number"),
        ({"imageWidth": 0}, "imageWidth: is 0, no size of a photo"),
        ({"shapes": None}, "shapes: is null"),
        ({"image_text": 3}, "image_text: is the number 3"),
    ],
)
def test_refusals_of_labelme(wrong: Any, change: dict[str, Any], field: str) -> None:
    assert f"row 1, {field}" in wrong(LABELME | change).message


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"label": "sky;blurr:1"}, "label: unknown distortion 'blurr'"),
        ({"label": "sky;blur"}, "label: 'blur' has no level"),
        ({"label": "sky;blur:x"}, "label: is 'x', not a number"),
        ({"label": "sky;blur:nan"}, "label: is nan"),
        ({"label": "sky;blur:6"}, "label: is 6, not a level"),
        ({"label": "sky;blur:1;blur:2"}, "label: names blur twice"),
        ({"label": "sky;blur:1;noise:2;darken:3"}, "label: has 3 distortions"),
        ({"label": 3}, "label: is the number 3"),
        ({"points": [[1, 2], [3, 4]]}, "points: has 2 points; at least 3"),
        ({"points": [[1, 2], [3, 4], [5]]}, "points[2]: is [5], not [x, y]"),
        ({"points": [[1, 2], [3, 4], [5, "6"]]}, "points[2][1]: is text"),
        ({"shape_type": "circle"}, "shape_type: is 'circle'"),
    ],
)
def test_refusals_of_shapes(wrong: Any, change: dict[str, Any], field: str) -> None:
    error = wrong(LABELME | {"shapes": [SHAPE, SHAPE | change]})
    assert f"bad.json, row 1, shapes[1].{field}" in error.message


def test_shapes_beside_the_photo(tmp_path: Path) -> None:
    file = tmp_path / "cat.json"
    outside = SHAPE | {"points": [[5, 5], [130, 5], [30, 40]]}
    file.write_text(json.dumps(LABELME | {"shapes": [outside]}), encoding="utf-8")
    (entry,) = read(file)
    with pytest.raises(
        UsageError, match=r"shapes\[0\]: the point \(130, 5\) lies outside"
    ) as caught:
        regions(entry)
    assert caught.value.code == "mask_size"
    with pytest.raises(UsageError, match="size: is 100 x 80, the photo is 50 x 40"):
        regions_of(entry, 40, 50, lambda name: None)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"is_sentence": 1}, "is_sentence: is 1, not true or false"),
        ({"text": [1]}, "text[0]: is the number 1"),
        ({"shapes": []}, "shapes: hold no target"),
        ({"shapes": [{"label": "cat", "points": []}]}, "shapes[0].label: is 'cat'"),
        ({"shapes": [{"label": "target", "points": []}]}, "shapes[0].points: has 0 points"),
    ],
)
def test_refusals_of_reasonseg(wrong: Any, change: dict[str, Any], field: str) -> None:
    target = {"label": "target", "points": [[1, 1], [9, 1], [9, 9]]}
    good = {"text": ["x"], "is_sentence": True, "shapes": [target]}
    assert f"bad.json, row 1, {field}" in wrong(good | change, format="reasonseg").message


@pytest.mark.parametrize(
    ("annotation", "field"),
    [
        ({}, "ann_list[0]: nothing in it is understood; its fields: none"),
        ({"colour": 3}, "ann_list[0]: nothing in it is understood; its fields: colour"),
        ({"quality": 3}, "ann_list[0].quality: is the number 3"),
        ({"mask": "../x.png"}, "ann_list[0].mask: '../x.png' climbs out"),
        ({"mask": []}, "ann_list[0].mask: is empty"),
        ({"mask": [[1, 2, 3, 4]]}, "ann_list[0].mask[0]: has 4 numbers, no polygon's"),
        ({"mask": "x.png", "distortion": "fog horn", "severity": 2}, "unknown distortion"),
        ({"mask": "x.png", "distortion": "blur", "severity": 9}, "ann_list[0].severity: is 9"),
    ],
)
def test_refusals_of_qground(wrong: Any, annotation: dict[str, Any], field: str) -> None:
    error = wrong([{"id": "a_b", "image": "a.jpg", "ann_list": [annotation]}])
    assert "bad.json, row 1, ann_list[0]" in error.message
    assert field in error.message


def test_mask_pictures_are_checked(entries: Entries, tmp_path: Path) -> None:
    (one,) = entries("qground/qground.json")
    with pytest.raises(UsageError, match=r"there is no mask masks/07454_zhizheng_0\.png"):
        regions(one)
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "small.png")
    with pytest.raises(UsageError, match="is 9 x 9, the photo is 100 x 80"):
        regions(one, lambda name: tmp_path / "small.png")
    (tmp_path / "no.png").write_bytes(b"no picture")
    with pytest.raises(UsageError, match="is no mask picture"):
        regions(one, lambda name: tmp_path / "no.png")
