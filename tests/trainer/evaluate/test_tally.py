"""Figures of results: perfect ones, baselines, by hand; two results compared."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from spider_cli.masks import encode_mask
from spider_cli.results import Distortion
from trainer.datasets.schema import Item
from trainer.evaluate.baselines import Baselines
from trainer.evaluate.cases import Case, cases_of
from trainer.evaluate.figures import FIGURES
from trainer.evaluate.grading import grade, target_mask
from trainer.evaluate.outcomes import Outcome, Prediction, Result
from trainer.evaluate.tally import Tally, compare, families_of, tally
from trainer.evaluate.values import SYSTEM, Difference
from trainer.metrics import krcc, plcc, plcc_fitted, srcc
from trainer.truth import BoolMask


def perfect(items: list[Item], *, seed: int = 0) -> list[Result]:
    """The data set's own answers and masks, beside the baselines through a segmenter of squares."""
    cases = [case for item in items for case in cases_of(item)]
    baselines = Baselines(cases, seed)
    found = []
    for item in items:
        masks = tuple(region.mask for region in item.sample.regions)
        for case in cases_of(item):
            target = target_mask(case, masks) if case.grounding else None
            prediction = Prediction(
                answer=case.reference,
                masked=target is not None and case.target != "absent",
                mask=None if target is None else encode_mask(target),
                whole=case.target == "whole",
                point=None
                if case.point is None
                else (case.point[0] * case.size[1], case.point[1] * case.size[0]),
                score=case.mos,
                choice=None if case.correct is None else "AB"[case.correct],
            )
            beside = baselines.outcomes(case, target=target, segment=square)
            found.append(Result(case, grade(case, prediction, target=target), beside))
    return found


def square(point: tuple[float, float]) -> BoolMask:
    mask = np.zeros((96, 128), bool)
    x, y = map(int, point)
    mask[max(0, y - 12) : y + 12, max(0, x - 12) : x + 12] = True
    return mask


def values(found: Tally, system: str = SYSTEM) -> dict[str, float]:
    return {row.name: row.values[system].value for row in found.rows if system in row.values}


# --- the whole table ------------------------------------------------------------------------------


def test_the_data_sets_own_answers_are_perfect(items: list[Item]) -> None:
    found = tally(perfect(items), rounds=50)
    got = values(found)
    assert got.pop("describe.false_alarm") == 0
    assert got.pop("describe_region.false_alarm", 0) == 0
    assert {name: value for name, value in got.items() if not value > 0.9999} == {}
    for name in ("refer_short.accuracy", "refer_long.f1_macro", "ground.miou", "ground.giou",
                 "ground.ciou", "ground.inside", "ground.words", "ground.whole", "ground.absent",
                 "ground_dao.miou", "describe.position", "describe.coverage", "describe.clean",
                 "describe_region.severity", "choice.accuracy", "score.srcc"):  # fmt: skip
        assert name in got, name
    assert "ground.judge" not in got  # nobody judged
    assert (found.photos, found.cases, found.count("ok")) == (4, 16, 16)
    json.dumps(found.to_json(), allow_nan=False)


def test_faults_are_counted_one_by_one(items: list[Item]) -> None:
    """One fault of two is named in a description, a family too many in a box, one too few."""
    said = {
        "000000-00": (Distortion("blur", "severe"), Distortion("pixelate", "mild")),
        "000000-02": (Distortion("blur", "mild"),),
        "000000-03": (Distortion("noise", "mild"), Distortion("blur", "mild")),
    }
    results = [
        replace(one, outcome=Outcome(distortions=said[one.case.id])) if one.case.id in said else one
        for one in perfect(items)
    ]
    got = values(tally(results, rounds=50))
    # Blur, not noise, and the other photo's darkening; no photo is called clean.
    assert got["describe.recall_grave"] == pytest.approx(2 / 3)
    assert got["describe.noticed"] == 1
    assert (got["refer_short.accuracy_faulty"], got["refer_short.accuracy"]) == (0, 0.5)
    assert (got["refer_long.named_one"], got["refer_long.accuracy_one"]) == (1, 0)
    # Six families are named rightly; those of the two boxes with another severity.
    assert got["words.severity"] == pytest.approx(4 / 6)


def test_photos_with_several_regions_have_figures_of_their_own(items: list[Item]) -> None:
    results = perfect(items)
    missed = [
        replace(one, outcome=Outcome(said="region", overlap=(1, 4)))
        if one.case.task == "ground_hyd" and one.case.target == "region"
        else one
        for one in results
    ]
    assert values(tally(missed, rounds=50))["ground_hyd.miou_several"] == 0.25
    alone = [replace(one, case=replace(one.case, regions=1)) for one in missed]
    got = values(tally(alone, rounds=50))
    assert got["ground_hyd.miou"] == 0.25 and "ground_hyd.miou_several" not in got


def test_every_figure_is_a_share_between_its_interval(items: list[Item]) -> None:
    for row in tally(perfect(items), rounds=50).rows:
        for value in row.values.values():
            if row.section != "scoring":
                assert -1e-9 <= value.value <= row.top + 1e-9, row.name
            if not math.isnan(value.low):
                assert value.low - 1e-9 <= value.value <= value.high + 1e-9, row.name


def test_baselines_by_hand(items: list[Item]) -> None:
    found = tally(perfect(items), rounds=50)
    full = values(found, "full_image")
    share = 1280 / (96 * 128)
    assert full["ground_hyd.miou"] == pytest.approx(share)
    assert full["ground.whole"] == 1
    assert full["ground.absent"] == 0
    assert "ground.inside" not in full  # it has no point
    # The photo's middle, 64,48: a square of 24 that touches neither region.
    centre = values(found, "centre_point")
    assert centre["ground.miou"] == 0
    assert centre["ground.inside"] == 0
    oracle = values(found, "oracle_point")
    assert oracle["ground.inside"] == oracle["ground.whole"] == oracle["ground.absent"] == 1
    assert oracle["ground_hyd.miou"] == pytest.approx(24 * 24 / 1280)
    assert "ground.words" not in oracle
    frequent = values(found, "most_frequent")
    assert frequent["choice.accuracy"] == 1
    constant = values(found, "constant")
    assert constant["score.srcc"] == constant["score.plcc"] == 0


def test_random_draws_from_what_is_true(items: list[Item]) -> None:
    cases = [case for item in items for case in cases_of(item)]
    [short, *_] = [case for case in cases if case.task == "refer_short"]
    drawn = {Baselines(cases, seed).outcomes(short)["random"].answer for seed in range(20)}
    assert drawn == {"severe blur, mild noise", "no visible distortion"}
    scores = {Baselines(cases, seed).outcomes(cases[-1])["random"].score for seed in range(40)}
    assert scores == {0.2, 0.6, 0.9}
    # The same case draws the same whatever else is asked in whatever order.
    again = Baselines(cases[::-1], 3).pools
    assert {task: len(pool) for task, pool in again.items()}["refer_short"] == 2


def test_the_order_of_results_changes_nothing(items: list[Item]) -> None:
    results = perfect(items)
    mixed = [results[i] for i in np.random.default_rng(0).permutation(len(results))]
    assert values(tally(mixed, rounds=50)) == pytest.approx(
        values(tally(results, rounds=50)), nan_ok=True
    )
    assert values(tally(mixed, rounds=50), "random") == pytest.approx(
        values(tally(results, rounds=50), "random")
    )


def test_what_is_not_ok_is_wrong_and_counted(items: list[Item]) -> None:
    results = [
        replace(one, outcome=grade(one.case, None, target=np.ones((96, 128), bool)))
        for one in perfect(items)
    ]
    results[0] = replace(results[0], outcome=Outcome("failed", "it broke"))
    found = tally(results, rounds=50)
    got = values(found)
    # No system says anything: no figure at all is better than a row of zeros that looks measured.
    assert got == {} or all(value == 0 for value in got.values() if not math.isnan(value))
    assert (found.count("missing"), found.count("failed")) == (len(results) - 1, 1)
    assert found.reasons == {"it broke": 1}
    one_right = [perfect(items)[2], *results[3:]]
    assert values(tally(one_right, rounds=50))["refer_short.accuracy"] == pytest.approx(1 / 2)


# --- single figures by hand -----------------------------------------------------------------------


def case(name: str, task: str, *families: str, cluster: str = "", **more: object) -> Case:
    named = tuple(Distortion(one, "mild") for one in families)
    return Case(name, name, "", cluster or name, task, "", "", "", (10, 10), named, **more)  # type: ignore[arg-type]


def answered(*families: str) -> Outcome:
    return Outcome(distortions=tuple(Distortion(one, "mild") for one in families))


def test_macro_and_micro_f1_by_hand() -> None:
    results = [
        Result(case("a", "refer_short", "blur"), answered("blur")),
        Result(case("b", "refer_short", "blur", "noise"), answered("blur")),
        Result(case("c", "refer_short", "noise"), answered("darken")),
    ]
    found = tally(results, rounds=50)
    got = values(found)
    # blur 2/0/0, noise 0/0/2, darken 0/1/0.
    assert got["refer_short.f1_macro"] == pytest.approx((1 + 0 + 0) / 3)
    assert got["refer_short.f1_micro"] == pytest.approx(4 / (4 + 1 + 2))
    assert got["refer_short.accuracy"] == pytest.approx(1 / 3)
    assert families_of(found)["blur"] == {"precision": 1, "recall": 1, "f1": 1}
    assert families_of(found)["darken"] == {"precision": 0, "f1": 0}
    assert families_of(found)["noise"] == {"recall": 0, "f1": 0}


def test_grounding_means_by_hand() -> None:
    def region(name: str, task: str, inside: int, union: int) -> Result:
        return Result(case(name, task, target="region"), Outcome(said="region", point=(1, 1),
                      inside=True, overlap=(inside, union)))  # fmt: skip

    nowhere = Result(
        case("n", "ground_sid", target="absent"), Outcome(said="absent", overlap=(0, 0))
    )
    results = [
        region("a", "ground_dao", 10, 20),
        region("b", "ground_hyd", 10, 100),
        region("c", "ground_hyd", 30, 100),
        region("d", "ground_sid", 0, 50),
        nowhere,
    ]
    got = values(tally(results, rounds=50))
    assert got["ground_hyd.miou"] == pytest.approx(0.2)
    assert got["ground.miou"] == pytest.approx((0.5 + 0.2 + 0) / 3)
    assert got["ground.miou_rows"] == pytest.approx((0.5 + 0.1 + 0.3 + 0) / 4)
    assert got["ground.giou"] == pytest.approx((0.5 + 0.1 + 0.3 + 0 + 1) / 5, abs=1e-6)
    assert got["ground.ciou"] == pytest.approx(50 / 270)
    assert got["ground.absent"] == 1


def test_masks_without_points_have_no_share_inside() -> None:
    shown = Outcome(said="region", overlap=(5, 10))
    whole = Outcome(said="whole", overlap=(5, 10))
    results = [Result(case(n, "ground_hyd", target="region"), o) for n, o in
               (("a", shown), ("b", whole))]  # fmt: skip
    got = values(tally(results, rounds=50))
    assert "ground.inside" not in got
    assert got["ground_hyd.miou"] == 0.5


def test_a_judge_of_some_is_a_figure_of_those() -> None:
    results = [
        Result(case("a", "describe", "blur"), replace(answered("blur"), judged=8.0)),
        Result(case("b", "describe", "blur"), answered("blur")),
        Result(case("c", "describe", "blur"), Outcome("unparsed")),
    ]
    [row] = [row for row in tally(results, rounds=50).rows if row.name == "describe.judge"]
    assert row.values[SYSTEM].value == 4  # 8 and 0
    assert (row.cases, row.top) == (2, 10)


def test_agreements_with_opinions() -> None:
    rng = np.random.default_rng(2)
    mos = rng.random(60)
    scores = 100 * mos**2 + rng.normal(0, 8, 60)
    results = [
        Result(case(str(i), "score", mos=float(m)), Outcome(score=float(s)))
        for i, (m, s) in enumerate(zip(mos, scores, strict=True))
    ]
    got = values(tally(results, rounds=50))
    for name, figure in (("srcc", srcc), ("krcc", krcc), ("plcc", plcc),
                         ("plcc_fitted", plcc_fitted)):  # fmt: skip
        assert got[f"score.{name}"] == pytest.approx(figure(scores, mos))
    # A photo without a score stands in the middle: it costs agreement, and is not left out.
    lost = [*results[:-20], *(replace(one, outcome=Outcome("missing")) for one in results[-20:])]
    assert values(tally(lost, rounds=50))["score.srcc"] < got["score.srcc"]


def test_names_of_figures_are_unique() -> None:
    names = [figure.name for figure in FIGURES]
    assert len(set(names)) == len(names)


# --- two results ----------------------------------------------------------------------------------


def by_name(found: list[Difference]) -> dict[str, Difference]:
    return {one.name: one for one in found}


def test_a_result_does_not_differ_from_itself(items: list[Item]) -> None:
    results = perfect(items)
    for one in compare(results, results, rounds=50):
        c = one.comparison
        assert c.difference == 0 or math.isnan(c.difference), one.name
        assert c.p in (1, None), one.name


def test_a_better_one_is_told_from_a_worse(items: list[Item]) -> None:
    right = [Result(case(str(i), "refer_short", "blur"), answered("blur")) for i in range(40)]
    worse = [
        replace(one, outcome=answered("noise") if i % 2 else one.outcome)
        for i, one in enumerate(right)
    ]
    found = by_name(compare(right, worse))["refer_short.accuracy"]
    assert (found.cases, found.comparison.this, found.comparison.that) == (40, 1, 0.5)
    assert found.comparison.low > 0.3
    assert found.comparison.p is not None
    assert found.comparison.p < 0.001
    back = by_name(compare(worse, right))["refer_short.accuracy"]
    assert back.comparison.difference == -0.5
    json.dumps([one.to_json() for one in compare(right, worse)], allow_nan=False)


def test_on_what_both_have(items: list[Item]) -> None:
    results = perfect(items)
    some = [one for one in results if one.case.photo != "000000"]
    found = by_name(compare(results, some, rounds=50))
    assert "refer_short.accuracy" not in found
    assert found["choice.accuracy"].cases == 1
    assert compare(results, []) == []


def test_other_data_is_refused(items: list[Item]) -> None:
    results = perfect(items)
    other = [replace(one, case=replace(one.case, reference="else")) for one in results]
    with pytest.raises(ValueError, match="000000-00"):
        compare(results, other)


def test_scores_are_compared_on_any_scales() -> None:
    rng = np.random.default_rng(3)
    mos = rng.random(80)

    def results(noise: float, scale: float) -> list[Result]:
        told = scale * (mos + rng.normal(0, noise, 80))
        return [
            Result(case(str(i), "score", mos=float(m)), Outcome(score=float(s)))
            for i, (m, s) in enumerate(zip(mos, told, strict=True))
        ]

    found = by_name(compare(results(0.1, 100), results(1.0, 5), rounds=100))["score.srcc"]
    assert found.comparison.p is None
    assert 0 < found.comparison.low < found.comparison.difference < found.comparison.high
