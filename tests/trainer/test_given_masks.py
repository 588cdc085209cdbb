"""Masks given beside the photos: found, read, resized; what is wrong with them is said."""

import base64
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from spider_cli.errors import UsageError
from trainer.given_masks import GivenRegions, noun_phrase
from trainer.region_filter import Found, RegionFilter
from trainer.regions import AnyRegions, box_of, choose_finder
from trainer.sources import LabelledPhoto, read_collection
from trainer.truth import BoolMask

HEIGHT, WIDTH = 120, 160
SIZE = (HEIGHT, WIDTH)
WORKING = np.zeros((60, 80, 3), np.uint8)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def rectangle(x1: int, y1: int, x2: int, y2: int) -> BoolMask:
    mask = np.zeros(SIZE, bool)
    mask[y1:y2, x1:x2] = True
    return mask


SKY, DOG = rectangle(0, 0, 160, 40), rectangle(30, 60, 90, 110)


def compressed(mask: BoolMask) -> dict[str, Any]:
    rle = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": list(mask.shape), "counts": rle["counts"].decode("ascii")}


def uncompressed(mask: BoolMask) -> dict[str, Any]:
    flat = mask.ravel(order="F").astype(int)
    ends = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff(np.concatenate([[0], ends, [len(flat)]])).tolist()
    return {"size": list(mask.shape), "counts": counts if not flat[0] else [0, *counts]}


def corners(x1: int, y1: int, x2: int, y2: int) -> list[int]:
    return [x1, y1, x2, y1, x2, y2, x1, y2]


def coco_json(**changes: Any) -> dict[str, Any]:
    """A photo with a sky (run lengths) and a dog (a polygon)."""
    value: dict[str, Any] = {
        "images": [{"id": 7, "file_name": "a.png", "height": HEIGHT, "width": WIDTH}],
        "categories": [{"id": 1, "name": "sky-other-merged"}, {"id": 2, "name": "dog"}],
        "annotations": [
            {
                "id": 1,
                "image_id": 7,
                "category_id": 1,
                "segmentation": compressed(SKY),
                "bbox": [0, 0, 160, 40],
            },
            {
                "id": 2,
                "image_id": 7,
                "category_id": 2,
                "segmentation": [corners(30, 60, 90, 110)],
                "bbox": [30, 60, 60, 50],
            },
        ],
    }
    return value | changes


def labelme_json(*shapes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "imagePath": "a.png",
        "imageHeight": HEIGHT,
        "imageWidth": WIDTH,
        "shapes": list(shapes),
    } | changes


def polygon(label: str, *points: tuple[float, float], kind: str = "polygon") -> dict[str, Any]:
    return {"label": label, "points": [list(p) for p in points], "shape_type": kind}


SQUARE = polygon("sky;blur:2", (0, 0), (80, 0), (80, 60), (0, 60))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    Image.new("RGB", (WIDTH, HEIGHT), (90, 120, 150)).save(path)
    return path


def write(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def labelled(photo: Path) -> LabelledPhoto:
    (found,) = [one for one in read_collection([photo.parent]) if one.path == photo]
    return found


def find(photo: Path, count: int = 9, finder: GivenRegions | None = None) -> list[Found]:
    found = (finder or GivenRegions()).find(labelled(photo), WORKING, rng(), count)
    for one in found:
        assert one.mask.shape == (60, 80) and one.mask.dtype == bool and one.mask.any()
    assert not found or np.sum([one.mask for one in found], axis=0).max() == 1
    return sorted(found, key=lambda one: box_of(one.mask)[1])


def refused(photo: Path, words: str, code: str, finder: GivenRegions | None = None) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        (finder or GivenRegions()).check(labelled(photo))
    assert caught.value.code == code, caught.value.code
    assert "\n" not in caught.value.message


def test_nothing_given(photo: Path) -> None:
    write(photo.with_suffix(".json"), {"camera": "x"})
    write(photo.with_name("notes.json"), [1, 2])
    photo.with_name("lines.json").write_text('{"a": 1}\n{"a": 2}\n', encoding="utf-8")
    assert find(photo) == []
    assert GivenRegions().check(labelled(photo)) == 0


@pytest.mark.parametrize("form", [compressed, uncompressed])
def test_coco_beside_the_photos(photo: Path, form: Callable[[BoolMask], dict[str, Any]]) -> None:
    value = coco_json()
    value["annotations"][0]["segmentation"] = form(SKY)
    write(photo.with_name("instances.json"), value)
    sky, dog = find(photo)
    assert (sky.label, dog.label) == ("the sky", "the dog")
    # Every second pixel of a mask whose edges are even.
    assert np.array_equal(sky.mask, SKY[::2, ::2]) and np.array_equal(dog.mask, DOG[::2, ::2])
    assert len(find(photo, 1)) == 1
    assert GivenRegions().check(labelled(photo)) == 2


@pytest.mark.parametrize("name", ["a.png", "x/a.png"])
def test_coco_that_is_named(photo: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "photos" / "x"
    folder.mkdir(parents=True)
    moved = photo.rename(folder / "a.png")
    value = coco_json()
    value["images"][0]["file_name"] = name
    finder = GivenRegions(write(tmp_path / "masks.json", value))
    assert [one.label for one in find(moved, finder=finder)] == ["the sky", "the dog"]
    assert find(moved) == []
    assert finder.name().startswith("given masks of masks.json (")
    assert pickle.loads(pickle.dumps(finder)) == finder
    other = moved.with_name("ba.png")
    Image.new("RGB", (WIDTH, HEIGHT)).save(other)
    assert find(other, finder=finder) == []


def test_of_two_names_that_fit_the_longer_is_meant(photo: Path, tmp_path: Path) -> None:
    value = coco_json()
    long = f"{tmp_path.name}/a.png"
    value["images"].append({"id": 8, "file_name": long})
    value["annotations"][1]["image_id"] = 8
    finder = GivenRegions(write(tmp_path / "masks.json", value))
    assert [one.label for one in find(photo, finder=finder)] == ["the dog"]


def test_a_label_of_two_masks_names_neither(photo: Path) -> None:
    value = coco_json()
    value["annotations"][0]["category_id"] = 2
    write(photo.with_name("c.json"), value)
    assert [one.label for one in find(photo)] == ["", ""]


def test_crowds_and_unnamed_categories_have_no_label(photo: Path) -> None:
    value = coco_json()
    value["annotations"][0]["iscrowd"] = 1
    write(photo.with_name("c.json"), value)
    assert [one.label for one in find(photo)] == ["", "the dog"]
    value = coco_json(categories=[])
    for annotation in value["annotations"]:
        del annotation["category_id"]
    finder = GivenRegions(write(photo.parent / "d.json", value))
    assert [one.label for one in find(photo, finder=finder)] == ["", ""]


def test_labelme_beside_the_photo(photo: Path) -> None:
    shapes = [
        SQUARE,
        polygon("sky", (80, 0), (160, 40), kind="rectangle"),
        polygon("a ball on the left; noise:3", (40, 90), (40, 110), kind="circle"),
    ]
    write(photo.with_suffix(".json"), labelme_json(*shapes))
    sky, ball = find(photo)
    assert (sky.label, ball.label) == ("the sky", "a ball on the left")
    both = rectangle(0, 0, 80, 60) | rectangle(80, 0, 160, 40)
    assert np.array_equal(sky.mask, both[::2, ::2])
    assert box_of(ball.mask) == (10, 35, 30, 55)
    assert ball.mask.mean() == pytest.approx(np.pi * 400 / (HEIGHT * WIDTH), rel=0.03)


def test_a_label_map_beside_the_photo(photo: Path) -> None:
    labels = np.zeros(SIZE, np.uint16)
    labels[:, 80:] = 700
    labels[60:] += 900
    for image in (
        Image.fromarray(labels),
        Image.fromarray((labels // 100).astype(np.uint8)),
        Image.fromarray((labels // 100).astype(np.uint8)).convert("P"),
    ):
        image.save(photo.with_name("a.labels.png"))
        found = find(photo, 3)
        assert 2 <= len(found) <= 3 and {one.label for one in found} == {""}


def test_the_order_of_what_is_given(photo: Path, tmp_path: Path) -> None:
    Image.fromarray(SKY.astype(np.uint8)).save(photo.with_name("a.labels.png"))
    write(photo.with_name("c.json"), coco_json())
    assert {one.label for one in find(photo)} == {"the sky", "the dog"}
    write(photo.with_suffix(".json"), labelme_json(SQUARE))
    assert [one.label for one in find(photo)] == ["the sky"]
    named = coco_json(categories=[{"id": 1, "name": "roof"}, {"id": 2, "name": "cat"}])
    named["images"][0]["file_name"] = "a.png"
    (tmp_path / "elsewhere").mkdir()
    finder = GivenRegions(write(tmp_path / "elsewhere" / "n.json", named))
    assert [one.label for one in find(photo, finder=finder)] == ["the roof", "the cat"]


def test_a_photo_on_its_side_has_upright_masks(photo: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (HEIGHT, WIDTH)).save(photo, exif=exif)
    write(photo.with_suffix(".json"), labelme_json(SQUARE))
    assert len(find(photo)) == 1
    lying = labelme_json(SQUARE, imageHeight=WIDTH, imageWidth=HEIGHT)
    write(photo.with_suffix(".json"), lying)
    refused(photo, r"a\.json, imageHeight: is 160, but the photo is 160 x 120", "mask_size")


def test_labelme_that_is_cut(photo: Path) -> None:
    text = json.dumps(labelme_json(SQUARE))
    photo.with_suffix(".json").write_text(text[:-20], encoding="utf-8")
    refused(photo, r"a\.json: ", "bad_json")


def test_bad_label_maps(photo: Path) -> None:
    labels = photo.with_name("a.labels.png")
    Image.new("L", (WIDTH, HEIGHT + 1)).save(labels)
    refused(photo, r"a\.labels\.png is 160 x 121, but .*a\.png is 160 x 120", "mask_size")
    Image.new("RGB", (WIDTH, HEIGHT)).save(labels)
    refused(photo, r"a\.labels\.png has 3 channels", "bad_mask")
    labels.write_bytes(base64.b64decode("iVBORw0KGgo="))
    refused(photo, r"cannot read .*a\.labels\.png", "bad_mask")
    Image.fromarray(np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(SIZE)).save(labels)
    refused(photo, r"has 19,200 regions", "bad_mask")


@pytest.mark.parametrize(
    ("label", "phrase"),
    [
        ("dog", "the dog"),
        ("Dog", "the dog"),
        ("traffic light", "the traffic light"),
        ("traffic_light", "the traffic light"),
        ("Eiffel Tower", "the Eiffel Tower"),
        ("TV", "the TV"),
        ("a boy on the left", "a boy on the left"),
        ("The sky.", "The sky"),
        ("sky-other-merged", "the sky"),
        ("  wet \n grass ", "the wet grass"),
        ("", ""),
        (" ; ", ""),
        ("x" * 200, ""),
        ("blurred wall", ""),
        ("noise", ""),
        ("the lens flare", ""),
        ("a\x00b", ""),
    ],
)
def test_labels_are_noun_phrases(label: str, phrase: str) -> None:
    assert noun_phrase(label) == phrase


def test_small_masks_are_no_regions(photo: Path) -> None:
    value = coco_json()
    value["annotations"][1] |= {"segmentation": [corners(30, 60, 40, 70)], "bbox": [30, 60, 10, 10]}
    write(photo.with_name("c.json"), value)
    assert [one.label for one in find(photo)] == ["the sky"]
    lax = GivenRegions(rule=RegionFilter(min_share=0.001))
    assert [one.label for one in find(photo, finder=lax)] == ["the sky", "the dog"]


def test_superpixels_fill_what_is_not_given(photo: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    pixels = np.asarray(cv2.GaussianBlur(noise, (0, 0), 9), dtype=np.uint8)
    write(photo.with_suffix(".json"), labelme_json(SQUARE))
    finder, name = choose_finder("auto")
    assert name == "given masks, else superpixels" and isinstance(finder, AnyRegions)
    found = finder.find(labelled(photo), pixels, rng(), 2)
    assert [one.label for one in found] == ["the sky", ""]
    assert not (found[0].mask & found[1].mask).any()
    given, name = choose_finder("given")
    assert name == "given masks" and len(given.find(labelled(photo), pixels, rng(), 2)) == 1


@pytest.mark.parametrize(
    ("source", "options", "words"),
    [
        ("clouds", {}, "no regions from 'clouds'"),
        ("superpixels", {"segmenter": "nano"}, "no use of --segmenter nano"),
        ("given", {"segmenter": "nano"}, "no use of --segmenter nano"),
        ("blobs", {"masks": Path("m.json")}, r"no use of --masks m\.json"),
    ],
)
def test_options_that_do_not_go_together(source: str, options: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        choose_finder(source, **options)


def test_the_other_finders() -> None:
    assert choose_finder("superpixels")[1] == "superpixels"
    assert choose_finder("blobs")[1] == "blobs"
    assert choose_finder("segmenter")[1].startswith("segmenter nano (")
    name = choose_finder("auto", segmenter="nano")[1]
    assert name.startswith("given masks, else segmenter nano (") and name.endswith("superpixels")
