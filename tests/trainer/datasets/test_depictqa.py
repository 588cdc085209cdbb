"""DQ-495K: one distortion, two, none; details, comparisons, mixing lists."""

from collections.abc import Callable
from typing import Any

import pytest

from trainer.datasets.entries import Entry
from trainer.truth import Applied

Entries = Callable[..., list[Entry]]


def said(entry: Entry) -> list[tuple[str, str, str]]:
    return [(row.task, row.question, row.answer) for row in entry.rows]


def test_one_distortion_or_none(entries: Entries) -> None:
    one, two, three = entries("depictqa/test_A_sd_brief.json")
    assert one.photos == ("KADIS700K/ A_sd_brief/sky-1_0.png",)  # the space is in the folder's name
    assert one.whole == (Applied("saturate weaken", "saturate_weaken_ycrcb", 4.0, "severe"),)
    assert said(one) == [("chat", "What ONE distortion stands out?", "Insufficient saturation")]
    assert two.whole == (Applied("brighten", "brighten_shift_hsv", 1.0, "mild"),)
    assert (three.whole, three.clean, one.clean) == ((), True, False)
    assert {e.split for e in (one, two, three)} == {"test"}


def test_two_distortions(entries: Entries) -> None:
    one, two, three = entries("depictqa/train_A_md_detail.json")
    assert one.whole == (
        Applied("saturate strengthen", "saturate_strengthen_hsv", 3.0, "moderate"),
        Applied("blur", "blur_gaussian", 2.0, "mild"),
    )
    assert said(one) == [
        ("chat", "Assess the image's quality.", "Colours are exaggerated; there is a slight blur.")
    ]
    assert [a.kind for a in two.whole] == ["quantization_histogram", "compression_jpeg2000"]
    assert three.clean and not three.whole
    assert one.split == "train"


def test_against_a_reference(entries: Entries) -> None:
    (one,) = entries("depictqa/refA_full_reference.json")
    assert one.photos == ("KADIS700K/refA/r_0.png",)
    assert one.whole == (Applied("noise", "noise_poisson", 5.0, "severe"),)
    assert one.group == "KADIS700K/ref/r.png"
    assert one.rows == ()
    assert one.notes == ("answers that compare with an untouched photo",)


def test_image_b_alone_with_graded_aspects(entries: Entries) -> None:
    (one,) = entries("depictqa/bapps_detail.json")
    assert one.photos == ("BAPPS/p1/001500.png",)
    assert (one.whole, one.clean) == ((), False)
    assert said(one) == [("chat", "Evaluate it.", "It is nearly clean.")]
    assert one.notes == ("graded aspects (texture, distortion, overall)",)


def test_comparisons_have_two_photos(entries: Entries) -> None:
    one, two = entries("depictqa/compare.json")
    assert one.photos == ("KADID10K/I03_17_03.png", "KADID10K/I03_11_03.png")
    assert two.photos == ("BAPPS/p0/0.png", "BAPPS/p1/0.png")
    assert two.group == "BAPPS/ref/0.png"


def test_mixing_lists(entries: Entries) -> None:
    found = entries("depictqa/mix.json")
    assert [e.repeat for e in found] == [2, 2, 2, 1, 1, 1]
    assert found[3].where.file.name == "train_A_md_detail.json"
    assert [e.repeat for e in entries("depictqa/mix_weights.json")] == [1, 1, 1, 3]


UNKNOWN = "unknown_distortion"
SINGLE = {
    "distortion_class": "blur",
    "distortion_name": "blur_glass",
    "severity": 3,
    "id": "1_0",
    "image_ref": None,
    "image_A": "K/1_0.png",
    "image_B": None,
    "task_type": "quality_single_A_noref",
    "query": "What?",
    "answer": "Blur",
}
DOUBLE = {k: v for k, v in SINGLE.items() if not k.startswith(("dist", "sev"))} | {
    "distortion_classes": ["blur", "noise"],
    "distortion_names": ["blur_glass", "noise_poisson"],
    "severities": [1, 2],
}


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"task_type": "quality_single_C"}, "task_type: is 'quality_single_C'", "bad_field"),
        ({"task_type": "quality_compare_noref"}, "image_B: is missing", "bad_field"),
        ({"task_type": "quality_single_B_noref"}, "image_A: is there", "bad_field"),
        ({"task_type": "quality_single_A"}, "image_ref: is missing", "bad_field"),
        ({"image_ref": "K/r.png"}, "image_ref: is there", "bad_field"),
        ({"image_A": "../x.png"}, "image_A: '../x.png' climbs out", "unsafe_path"),
        ({"severity": 0}, "severity: is 0, not a level", "bad_severity"),
        ({"severity": 6}, "severity: is 6, not a level", "bad_severity"),
        ({"severity": "3"}, "severity: is text, not a number", "bad_field"),
        ({"severity": float("nan")}, "severity: is nan", "bad_field"),
        ({"distortion_class": "blurr"}, "distortion_class: unknown distortion 'blurr'", UNKNOWN),
        ({"distortion_name": "blur_galss"}, "distortion_name: unknown distortion", UNKNOWN),
        (
            {"distortion_name": "noise_poisson"},
            "distortion_name: 'noise_poisson' is noise",
            UNKNOWN,
        ),
        ({"distortion_class": None}, "distortion_name: is there, and distortion_", "bad_field"),
        (
            {"distortion_class": None, "distortion_name": None},
            "severity: is 3, and distortion_class is null",
            "bad_severity",
        ),
        ({"distortion_classes": ["blur"]}, "distortion_class: stands beside", "bad_field"),
        ({"query": ""}, "query: asks nothing", "bad_field"),
        ({"answer": 3}, "answer: is the number 3, not text", "bad_field"),
        ({"texture": {"texture_type": "x"}}, "texture.texture_damage: is missing", "bad_field"),
        ({"distortion": {"smell": "bad"}}, "distortion.smell: is unknown", "bad_field"),
        ({"distortion": {"blur": 1}}, "distortion.blur: is the number 1", "bad_field"),
    ],
)
def test_refusals(wrong: Any, change: dict[str, Any], field: str, code: str) -> None:
    error = wrong([SINGLE, SINGLE | {"id": "2_0", "image_A": "K/2_0.png"} | change])
    assert f"bad.json, row 2, {field}" in error.message
    assert error.code == code


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"severities": [1]}, "severities: has 1 items where distortion_classes has 2"),
        ({"severities": [1, 9]}, "severities[1]: is 9, not a level"),
        ({"severities": 2}, "severities: is the number 2, not a list"),
        ({"distortion_names": ["blur_glass"]}, "distortion_names: has 1 items"),
        ({"distortion_classes": ["blur", "nois"]}, "distortion_classes[1]: unknown distortion"),
        (
            {"distortion_classes": ["blur", "blur"], "distortion_names": None},
            "distortion_classes[1]: names blur twice",
        ),
        ({"distortion_classes": None, "distortion_names": None}, "severities: is [1, 2], and"),
        ({"distortion_classes": ["blur", "noise", "darken"]}, "distortion_classes: has 3 "),
    ],
)
def test_refusals_of_lists(wrong: Any, change: dict[str, Any], field: str) -> None:
    error = wrong([DOUBLE, DOUBLE | {"id": "2_0", "image_A": "K/2_0.png"} | change])
    assert f"bad.json, row 2, {field}" in error.message


def test_did_you_mean(wrong: Any) -> None:
    assert "saturate_weaken" in wrong(
        [SINGLE | {"distortion_class": "saturate_weken"}]
    ).hint.replace(" ", "_")
    assert "'blur_glass'" in wrong([SINGLE | {"distortion_name": "blur_glas"}]).hint


def test_refusals_of_mixing_lists(wrong: Any) -> None:
    assert "row 1, path: there is no file gone.json" in wrong([["gone.json", 1]]).message
    assert "row 1, path: '../x.json' climbs out" in wrong([["../x.json", 1]]).message
    assert "row 1, repeat: is 0" in wrong([["bad.json", 0]]).message
    assert "is a list of lists inside another" in wrong([["bad.json", 1]]).message
    error = wrong({"meta_paths_weights": [["bad.json", 1.5]]})
    assert "meta_paths_weights[0].repeat: is 1.5, not a whole number" in error.message
