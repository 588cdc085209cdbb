"""Large frames: clean ones are soft, faults show at 100% and not in a thumbnail."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from spider_cli.errors import UsageError
from spider_cli.results import Distortion
from trainer.distortions import AUTHENTIC, TYPES, family_of, severity_of
from trainer.evaluate.benchmark import Benchmark
from trainer.evaluate.camera import FAULTS, Frame, camera_frame, of_camera
from trainer.evaluate.outcomes import Outcome, Result
from trainer.evaluate.tally import tally
from trainer.evaluate.targets import open_benchmark
from trainer.evaluate.worst import draw
from trainer.sources import LabelledPhoto
from trainer.truth import Applied

MEGAPIXELS = 2.0


def texture(height: int, width: int, seed: int) -> np.ndarray:
    """Discs of every size over one another: edges and detail as photos have them."""
    rng = np.random.default_rng(seed)
    canvas = np.full((height, width, 3), 120, np.uint8)
    for radius in np.geomspace(height / 3, 2, 2500):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        colour = tuple(int(value) for value in rng.integers(40, 215, 3))
        cv2.circle(canvas, centre, int(radius), colour, -1, cv2.LINE_AA)
    return canvas


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("originals")
    for number in range(3):
        Image.fromarray(texture(1000, 1500, number)).save(folder / f"{number}.png")
    Image.fromarray(np.full((1000, 1500, 3), 90, np.uint8)).save(folder / "plain.png")
    Image.fromarray(texture(200, 300, 9)).save(folder / "small.png")
    return folder


@pytest.fixture(scope="module")
def frames(originals: Path) -> Benchmark:
    return of_camera([originals], size=12, seed=5, megapixels=MEGAPIXELS)


def test_the_plan(frames: Benchmark) -> None:
    assert frames.notes == ("1 photos are too small", "1 photos are too plain")
    assert len(frames.cases) == 12
    kinds = [case.subtask for case in frames.cases]
    assert kinds.count("soft") == kinds.count("fine") == 6
    # Every photo is clean as often as not, and the faults take turns.
    for name in ("0.png", "1.png", "2.png"):
        own = [case.subtask for case in frames.cases if case.source == name]
        assert sorted(own) == ["fine", "fine", "soft", "soft"]
        assert {case.cluster for case in frames.cases if case.source == name} == {name}
    families = [case.distortions[0].family for case in frames.cases if case.distortions]
    assert sorted(families) == ["blur"] * 4 + ["noise"] * 2
    for case in frames.cases:
        height, width = case.size
        assert height * width == pytest.approx(MEGAPIXELS * 1e6, rel=0.01)
        assert width / height == pytest.approx(1.5, rel=0.01)


def test_every_fault_is_a_type_of_its_family() -> None:
    known = {*AUTHENTIC, *(name for names in TYPES.values() for name in names)}
    for fault, kinds in FAULTS.items():
        assert set(kinds) <= known
        assert {family_of(kind) for kind in kinds} == {"noise" if fault == "noise" else "blur"}


def detail(pixels: np.ndarray) -> float:
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """As far as 24 megapixels are shrunk to 640 pixels."""
    size = (round(pixels.shape[1] / 9.4), round(pixels.shape[0] / 9.4))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def test_faults_show_at_full_size_alone() -> None:
    """Every type at its weakest and strongest, beside the same frame without it."""
    sharp = texture(400, 600, 3)
    photo = LabelledPhoto(Path("none.png"), "none")

    def taken(fault: Applied | None) -> np.ndarray:
        return camera_frame(sharp, Frame(1, photo, "none.png", (750, 500), fault, 5))

    good = taken(None)
    for fault, kinds in FAULTS.items():
        for kind, levels in kinds.items():
            for level in levels:
                bad = taken(Applied(family_of(kind), kind, level, severity_of(level)))
                large = detail(bad) / detail(good)
                small = detail(thumbnail(bad)) / detail(thumbnail(good))
                told = (kind, level, large, small)
                assert large > 2 if fault == "noise" else large < 0.7, told
                assert 0.55 < small < 1.1, told


def test_clean_frames_are_softer_than_their_photo(frames: Benchmark, originals: Path) -> None:
    opened = next(iter(frames.photos({"0000"})))
    assert opened.item is not None and opened.item.sample.clean
    with Image.open(originals / opened.item.source) as image:
        sharp = np.asarray(image.convert("RGB"))
    size = opened.cases[0].size
    sharp = cv2.resize(sharp, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
    soft = opened.item.sample.pixels
    blurs = {sigma: cv2.GaussianBlur(sharp, (0, 0), sigma) for sigma in (0.3, 0.8, 1.2, 3.0)}
    # Nearer to a blur of about a pixel than to none, or to a missed focus.
    far = {sigma: float(cv2.absdiff(soft, one).mean()) for sigma, one in blurs.items()}
    assert min(far, key=lambda sigma: far[sigma]) in (0.8, 1.2), far


def test_the_same_frames_every_time(frames: Benchmark, originals: Path) -> None:
    again = of_camera([originals], size=12, seed=5, megapixels=MEGAPIXELS)
    assert (again.cases, again.digest) == (frames.cases, frames.digest)
    one, two = (next(iter(made.photos({"0003"}))).item for made in (frames, again))
    assert one is not None and two is not None
    assert (one.sample.pixels == two.sample.pixels).all()
    other = of_camera([originals], size=12, seed=6, megapixels=MEGAPIXELS)
    assert other.digest != frames.digest and other.cases != frames.cases


def test_what_is_found_and_what_is_left_alone(frames: Benchmark) -> None:
    """One of three faults is named, one is only noticed; one clean frame in two is left alone."""
    results = []
    for number, case in enumerate(frames.cases):
        outcome = Outcome(clean=True)
        if case.subtask == "fine" and number % 3 == 0:
            outcome = Outcome(distortions=case.distortions)
        elif number % 3 == 1 if case.subtask == "fine" else number % 2:
            outcome = Outcome(distortions=(Distortion("pixelate", "mild"),))
        results.append(Result(case, outcome))
    rows = {row.name: row.values["system"].value for row in tally(results, rounds=20).rows
            if "system" in row.values}  # fmt: skip
    fine = [n for n, case in enumerate(frames.cases) if case.subtask == "fine"]
    soft = [n for n, case in enumerate(frames.cases) if case.subtask == "soft"]
    assert rows["describe.fine"] == sum(n % 3 == 0 for n in fine) / 6
    assert rows["describe.fine_noticed"] == sum(n % 3 in (0, 1) for n in fine) / 6
    assert rows["describe.soft"] == rows["describe.clean"] == sum(n % 2 == 0 for n in soft) / 6


def test_the_worst_are_shown_at_full_size(frames: Benchmark) -> None:
    opened = next(iter(frames.photos({"0001"})))
    assert opened.item is not None
    shown = draw(opened.item, Result(opened.cases[0], Outcome(clean=True)))
    assert shown.shape == (270, 360, 3)
    pixels = opened.item.sample.pixels
    top, left = (pixels.shape[0] - 270) // 2, (pixels.shape[1] - 360) // 2
    assert (shown == pixels[top : top + 270, left : left + 360]).all()


def test_photos_that_make_no_frame_are_refused(originals: Path) -> None:
    with pytest.raises(UsageError, match="camera needs --photos"):
        open_benchmark("camera")
    with pytest.raises(UsageError, match=r"none of the 5 photos in .* makes a frame of 24") as told:
        open_benchmark("camera", photos=[originals])
    assert "at least 6 megapixels" in told.value.hint
