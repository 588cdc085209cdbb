"""Whatever JSON a file holds: entries, or an error that names the file; never a traceback."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spider_cli.errors import UsageError
from trainer.datasets.marks import regions_of
from trainer.datasets.readers import READERS, detect, read

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 7)
    | st.integers()
    | st.floats()
    | st.sampled_from(["a.jpg", "../a", "blur", "noise_poisson", "1.5", "Image A", "target", ""])
    | st.text(max_size=6)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
TALK = [{"from": "human", "value": "How?"}, {"from": "gpt", "value": "Fine."}]
GOOD: dict[str, dict[str, Any]] = {
    "llava": {"id": "1", "image": "koniq/a.jpg", "conversations": TALK, "gt_score": 3},
    "deqa": {
        "image": "a.jpg",
        "gt_score_norm": 3,
        "std_norm": 0.5,
        "level_probs": [0, 0, 1, 0, 0],
        "conversations": TALK,
    },
    "depictqa": {
        "id": "1",
        "image_ref": None,
        "image_A": "a.png",
        "image_B": None,
        "task_type": "quality_single_A_noref",
        "distortion_classes": ["blur"],
        "distortion_names": ["blur_lens"],
        "severities": [2],
        "texture": {"texture_type": "x", "texture_damage": "y"},
        "distortion": {"blur": "mild"},
        "query": "What?",
        "answer": "Blur",
    },
    "qground": {
        "id": "1",
        "image": "a.jpg",
        "ann_list": [{"mask": [[1, 1, 9, 1, 9, 9]], "label": "blur", "severity": 2}],
    },
    "llvisionqa": {
        "img_path": "a.jpg",
        "question": "?",
        "candidates": ["a", "b"],
        "correct_ans": "a",
    },
    "mos": {"img_path": "koniq/a.jpg", "gt_score": "3", "std": 0.5, "split": "test"},
    "seagull": {"img": "a.jpg", "rle": "Zb1X1", "points": [1, 2, 3, 4]},
    "reasonseg": {
        "text": ["x"],
        "is_sentence": False,
        "shapes": [{"label": "target", "points": [[1, 1], [9, 1], [9, 9]]}],
    },
    "project1": {
        "annotations": [
            {
                "segmentation": {"size": [8, 10], "counts": "Zb1X1"},
                "area": 3,
                "bbox": [1, 2, 3, 4],
                "class_name": "sky",
                "class_proposals": ["sky"],
                "distortion_type": ["blur"],
                "distortion_name": ["blur_lens"],
                "distortion_level": [2],
                "order_flag": True,
                "brief_description": ["x"],
            }
        ]
    },
    "labelme": {
        "imagePath": "a.jpg",
        "imageHeight": 8,
        "imageWidth": 10,
        "image_text": "x",
        "shapes": [{"label": "sky;blur:1", "points": [[1, 1], [9, 1], [9, 9]]}],
    },
    "qinsight": {"ref_image": None, "ImageA": "a", "ImageB": "b", "result": "Image A"},
    "mix": {"meta_paths_weights": [["a.json", 1]]},
}
QUIET = settings(
    max_examples=50, suppress_health_check=list(HealthCheck), deadline=None, derandomize=True
)


def survive(file: Path, name: str) -> None:
    """Read a file and make its masks: all that may happen is a UsageError that names the file."""
    try:
        for entry in read(file, format=name):
            assert all(
                ".." not in Path(p).parts and not Path(p).is_absolute() for p in entry.photos
            )
            assert entry.mos is None or 0 <= entry.mos <= 1
            assert all(1 <= one.level <= 5 for one in entry.whole)
            json.dumps([row.answer for row in entry.rows]).encode()
            regions_of(entry, 8, 10, lambda name: None)
    except UsageError as error:
        assert str(file.parent) in error.message
        assert error.code != "error"


def test_all_formats_are_tried() -> None:
    assert set(GOOD) == set(READERS)


@pytest.mark.parametrize("name", READERS)
def test_the_good_record_is_good(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.json").write_text('[{"image": "koniq/a.jpg", "gt_score": 3}]', encoding="utf-8")
    file = tmp_path / "b.json"
    file.write_text(json.dumps(GOOD[name]), encoding="utf-8")
    assert len(list(read(file, format=name))) == 1
    assert detect(file) == name


@pytest.mark.parametrize("name", READERS)
@given(values=st.lists(JSON, max_size=3), array=st.booleans())
@QUIET
def test_any_values(tmp_path: Path, name: str, values: list[Any], array: bool) -> None:
    file = tmp_path / "a.json"
    text = json.dumps(values) if array else "".join(json.dumps(one) for one in values)
    file.write_text(text, encoding="utf-8")
    survive(file, name)


@st.composite
def spoilt(draw: st.DrawFn, good: Any) -> Any:
    """`good` with one of its values, at any depth, replaced, taken out or put in twice."""
    if not isinstance(good, dict | list) or not good or draw(st.integers(0, 3)) == 0:
        return draw(JSON)
    keys: list[Any] = list(good) if isinstance(good, dict) else list(range(len(good)))
    key = draw(st.sampled_from(keys))
    what = draw(st.integers(0, 5))
    if isinstance(good, dict):
        if what == 0:
            return {k: v for k, v in good.items() if k != key}
        return good | {key: draw(spoilt(good[key]))}
    if what == 0:
        return good[:key] + good[key + 1 :]
    if what == 1:
        return [*good, good[key]]
    return [*good[:key], draw(spoilt(good[key])), *good[key + 1 :]]


@pytest.mark.parametrize("name", READERS)
@given(data=st.data())
@QUIET
def test_good_records_with_one_thing_wrong(tmp_path: Path, name: str, data: st.DataObject) -> None:
    (tmp_path / "a.json").write_text('[{"image": "koniq/a.jpg", "gt_score": 3}]', encoding="utf-8")
    file = tmp_path / "b.json"
    records = [GOOD[name], data.draw(spoilt(GOOD[name]))]
    file.write_text(json.dumps(records), encoding="utf-8")
    survive(file, name)


@given(
    text=st.text(max_size=60), suffix=st.sampled_from([".csv", ".txt", ".yaml", ".json", ".tsv"])
)
@QUIET
def test_any_text(tmp_path: Path, text: str, suffix: str) -> None:
    file = tmp_path / f"a{suffix}"
    file.write_text(text, encoding="utf-8")
    try:
        name = detect(file)
    except UsageError as error:
        assert str(file) in error.message
    else:
        survive(file, name)


@given(rows=st.lists(st.lists(st.text(max_size=5), min_size=2, max_size=3), max_size=4))
@QUIET
def test_any_table(tmp_path: Path, rows: list[list[str]]) -> None:
    file = tmp_path / "koniq.csv"
    lines = ["name,mos,std", *(",".join(row) for row in rows)]
    file.write_text("\n".join(lines), encoding="utf-8")
    survive(file, "mos")
