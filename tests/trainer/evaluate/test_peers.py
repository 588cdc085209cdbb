"""Other packages beside a model: their scores point the right way, their flags are their own."""

import sys
import warnings
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from spider_cli.errors import UsageError
from trainer.evaluate.asking import FileSystem
from trainer.evaluate.benchmark import Benchmark
from trainer.evaluate.outcomes import Outcome, Prediction
from trainer.evaluate.peers import PEERS, TITLES, Peer, Peers, peers_named
from trainer.evaluate.running import run
from trainer.evaluate.table import grids
from trainer.evaluate.tally import tally


def photo(photos: Path) -> np.ndarray:
    with Image.open(photos / "rocket.jpg") as image:
        return np.asarray(image.convert("RGB"))


# What the extra dev brings; PIQE's package, which no extra can bring, is measured where it is.
@pytest.mark.parametrize("name", [name for name in PEERS if name != "piqe" or find_spec("pypiqe")])
def test_a_peer_prefers_the_sharp_photo(name: str, photos: Path) -> None:
    [peer] = peers_named([name])
    sharp = photo(photos)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs
        good, bad = peer.judge(sharp), peer.judge(np.asarray(blurred))
    assert set(good) == set(peer.columns)
    column = "cleanvision_blurry" if name == "cleanvision" else next(iter(peer.columns))
    better, worse = good[column].score, bad[column].score
    assert better is not None and worse is not None and better > worse
    if peer.flags:
        assert not good[peer.flags].other and good[peer.flags].clean
        assert bad[peer.flags].other and not bad[peer.flags].clean


@pytest.mark.parametrize("name", [name for name, peer in PEERS.items() if peer.modules])
def test_a_peer_that_is_not_here_says_what_installs_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, PEERS[name].modules[0], None)
    with pytest.raises(UsageError, match=f"the peer {name} is not here") as told:
        peers_named([name])
    assert PEERS[name].install in told.value.hint and "pip install" in told.value.hint


def test_cleanvision_says_what_its_own_interface_says(photos: Path, tmp_path: Path) -> None:
    from cleanvision import Imagelab

    sharp = photo(photos)
    dark = (sharp // 8).astype(np.uint8)
    blurred = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 9))
    shown = {"a": sharp, "b": dark, "c": blurred, "d": 255 - dark}
    for name, pixels in shown.items():
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    lab = Imagelab(filepaths=[str(tmp_path / f"{name}.png") for name in shown])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lab.find_issues({"blurry": {}, "dark": {}, "light": {}}, n_jobs=1, verbose=False)
    for name, pixels in shown.items():
        row = lab.issues.loc[str(tmp_path / f"{name}.png")]
        said = PEERS["cleanvision"].judge(pixels)
        for check in ("blurry", "dark", "light"):
            assert said[f"cleanvision_{check}"].score == pytest.approx(row[f"{check}_score"])
            assert (check in said["cleanvision"].other) == row[f"is_{check}_issue"]


def test_names() -> None:
    assert [peer.name for peer in peers_named(["laplacian"])] == ["laplacian"]
    assert peers_named([]) == []
    with pytest.raises(UsageError, match="unknown peer 'laplace'") as told:
        peers_named(["laplace"])
    assert "did you mean 'laplacian'" in told.value.hint


def fixed(score: float, *, flag: bool) -> Peer:
    outcome = Outcome(score=score, clean=not flag, other=("bad",) if flag else ())
    return Peer("image-quality-ai", {"image_quality_ai": "image-quality-ai"}, (), "",
                lambda pixels: {"image_quality_ai": outcome}, flags="image_quality_ai")  # fmt: skip


def broken() -> Peer:
    def judge(pixels: np.ndarray) -> dict[str, Outcome]:
        raise ZeroDivisionError("by nothing")

    return Peer("piqe", {"piqe": "PIQE"}, (), "", judge)


def test_they_stand_beside_the_system(benchmark: Benchmark) -> None:
    answers = {
        "000001": Prediction(score=3.0),
        "000002": Prediction(score=9.0),
        "000003": Prediction(score=5.0),
    }
    peers = Peers([*peers_named(["laplacian"]), fixed(1.0, flag=True), broken()])
    results = run(benchmark, benchmark.cases, FileSystem(answers), peers=peers)
    beside = {one.case.id: one.baselines for one in results}
    assert set(beside["000001"]) == {"laplacian", "image_quality_ai", "piqe"}
    assert beside["000001"]["piqe"].reason == "ZeroDivisionError: by nothing"
    assert set(beside["000000-00"]) == {"image_quality_ai"}
    assert beside["000000-02"] == {}
    found = tally(results, rounds=50)
    rows = {row.name: row for row in found.rows}
    srcc = rows["score.srcc"].values
    assert srcc["image_quality_ai"].value == srcc["piqe"].value == 0
    assert srcc["laplacian"].low <= srcc["laplacian"].value <= srcc["laplacian"].high
    # It flags everything: no clean photo is called clean, no fault is missed.
    assert rows["describe.clean"].values["image_quality_ai"].value == 0
    assert rows["describe.false_alarm"].values["image_quality_ai"].value == 1
    assert rows["describe.noticed"].values["image_quality_ai"].value == 1
    assert "image_quality_ai" not in rows["describe.f1_micro"].values
    named = [grid for grid in grids(found, "theirs") if "peers" in grid.title]
    assert [grid.title.partition(":")[0] for grid in named] == [
        "Scores against opinions", "Description",
    ]  # fmt: skip
    assert [row[0] for row in named[0].rows] == [
        "theirs", TITLES["laplacian"], TITLES["piqe"], TITLES["image_quality_ai"],
    ]  # fmt: skip
