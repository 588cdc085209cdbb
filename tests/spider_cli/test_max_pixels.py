"""Whatever a model is shown: boxes, points and masks are of the upright photo at its full size."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from spider_cli.auditor import Auditor
from spider_cli.boxes import BoxSpec
from spider_cli.budget import LEAST
from spider_cli.errors import UsageError
from spider_cli.lmm import LanguageModel
from spider_cli.masks import box_of_mask, decode_mask
from spider_cli.nano.eyes import _pixels_of
from spider_cli.nano.processing import NanoProcessor
from spider_cli.photos import named_source, open_photo
from spider_cli.prompts import expected_point
from spider_cli.questions import box_fractions, box_phrase, ground_question, refer_question

pytestmark = pytest.mark.usefixtures("short_answers")

BUDGETS = (None, 60_000, LEAST)
ORIENTATIONS = range(1, 9)
TURNS: dict[int, Image.Transpose | None] = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""Orientation -> how an upright photo is stored under it."""
QUESTION = ground_question(extreme="most")
REGION = "The region on the top left shows severe noise."


@pytest.fixture(scope="module")
def auditors(nano_folder: Path) -> dict[int | None, Auditor]:
    """One a budget."""
    return {most: Auditor(str(nano_folder), device="cpu", max_pixels=most) for most in BUDGETS}


@pytest.fixture(scope="module")
def processor(nano_model: LanguageModel) -> NanoProcessor:
    eyes: Any = nano_model.eyes
    found: NanoProcessor = eyes.processor
    return found


def stored(pixels: np.ndarray, orientation: int, file: Path) -> str:
    """A file whose pixels, turned upright, are these."""
    image, turn = Image.fromarray(pixels), TURNS[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95, "subsampling": 0} if file.suffix == ".jpg" else {}
    (image if turn is None else image.transpose(turn)).save(file, exif=exif, **options)
    return str(file)


# --- files, orientations, budgets ---------------------------------------------------------------


@pytest.mark.parametrize("most", BUDGETS)
@pytest.mark.parametrize("name", ["odd", "large"])
def test_orientations(
    auditors: dict[int | None, Auditor],
    scenes: dict[str, Any],
    tmp_path: Path,
    valid_record: Callable[[Any], dict[str, Any]],
    most: int | None,
    name: str,
) -> None:
    """The same photo, however it is stored, has the same boxes, points and masks."""
    auditor, pixels = auditors[most], scenes[name]
    height, width = pixels.shape[:2]
    kinds = ORIENTATIONS if name == "odd" else (1, 6, 7)
    files = [stored(pixels, one, tmp_path / f"{one}.png") for one in kinds]
    assert all(np.array_equal(open_photo(named_source(one)).pixels, pixels) for one in files)
    regions = list(auditor.ground(files, QUESTION))
    box = BoxSpec.parse("10,20,60,70")
    boxed = list(auditor.refer(files, [box]))
    for record in (*regions, *boxed):
        said = valid_record(record)
        assert said["max_pixels"] == most
        assert said["looked_at"] == [view.to_json() for view in regions[0].looked_at]
        assert said["looked_at"][0]["box"] == [0, 0, width, height]
    first = regions[0].outcome
    assert all(record.outcome == first for record in regions)
    assert first.mask.size == (height, width)
    mask = decode_mask(first.mask)
    assert mask.shape == (height, width)
    assert box_of_mask(mask) == first.box
    assert 0 <= first.point[0] <= width
    assert 0 <= first.point[1] <= height
    assert all(record.outcome == boxed[0].outcome for record in boxed)
    assert boxed[0].outcome.box == (10, 20, 60, 70)
    assert boxed[0].outcome.question == refer_question(
        box_phrase((10, 20, 60, 70), width, height), long=False
    )


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    orientation=st.sampled_from(ORIENTATIONS),
    kind=st.sampled_from([".jpg", ".png"]),
    most=st.sampled_from(BUDGETS),
    corner=st.tuples(st.floats(0, 0.99), st.floats(0, 0.99)),
)
def test_any_file(
    auditors: dict[int | None, Auditor],
    tmp_path: Path,
    size: tuple[int, int],
    orientation: int,
    kind: str,
    most: int | None,
    corner: tuple[float, float],
) -> None:
    width, height = size
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)
    file = stored(pixels, orientation, tmp_path / f"photo{kind}")
    x, y = int(corner[0] * width), int(corner[1] * height)
    [record] = auditors[most].refer([file], [BoxSpec(x, y, width, height, fractional=False)])
    assert record.outcome.box == (x, y, width, height)
    assert record.max_pixels == most
    [record] = auditors[most].ground([file], QUESTION)
    assert record.outcome.mask.size == (height, width)
    assert sum(one.size[0] * one.size[1] for one in record.looked_at) <= (most or width * height)


@pytest.mark.parametrize("name", ["odd", "large", "thin"])
def test_one_answer_means_one_region(
    auditors: dict[int | None, Auditor], scenes: dict[str, Any], say: Any, name: str
) -> None:
    """A mask is made on the photo, not on what the model was shown of it."""
    outcomes = []
    for auditor in auditors.values():
        say(auditor.load(), REGION)
        [record] = auditor.ground([scenes[name]], QUESTION)
        outcomes.append(record.outcome)
    assert outcomes[1:] == outcomes[:-1]
    assert decode_mask(outcomes[0].mask).shape == scenes[name].shape[:2]


def test_a_budget_is_in_every_record(
    auditors: dict[int | None, Auditor], valid_record: Callable[[Any], dict[str, Any]]
) -> None:
    for most, auditor in auditors.items():
        [record] = auditor.score(["nowhere.jpg"])
        assert valid_record(record)["max_pixels"] == most


def test_too_small_a_budget(nano_folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        Auditor(str(nano_folder), max_pixels=LEAST - 1)
    assert caught.value.code == "budget_too_small"


# --- geometry -----------------------------------------------------------------------------------

SIDES = st.integers(1, 60_000)


@st.composite
def boxes(draw: Any) -> tuple[tuple[int, int], tuple[int, int, int, int]]:
    """A photo's size and a box on it."""
    width, height = draw(SIDES), draw(SIDES)
    x1, y1 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    x2, y2 = draw(st.integers(x1 + 1, width)), draw(st.integers(y1 + 1, height))
    return (width, height), (x1, y1, x2, y2)


@settings(max_examples=300)
@given(boxes())
def test_a_box_comes_back_from_its_question(
    given_: tuple[tuple[int, int], tuple[int, int, int, int]],
) -> None:
    """Three decimals: to the pixel below 1000 pixels, else to half a thousandth of the side."""
    size, box = given_
    spec = BoxSpec(*box, fractional=False)
    assert spec.resolve(*size) == (box, False)
    fractions = box_fractions(refer_question(box_phrase(box, *size), long=True))
    assert fractions is not None
    for edge, fraction, side in zip(box, fractions, size * 2, strict=True):
        assert 0 <= fraction <= 1
        assert abs(fraction * side - edge) <= 0.0005 * side * (1 + 1e-9)
        if side < 1000:
            assert round(fraction * side) == edge


@settings(max_examples=100)
@given(boxes())
def test_nano_reads_the_box_that_was_asked_about(
    processor: NanoProcessor, given_: tuple[tuple[int, int], tuple[int, int, int, int]]
) -> None:
    size, box = given_
    prompt = processor.prompt(refer_question(box_phrase(box, *size), long=False))
    [read] = prompt.boxes
    for edge, fraction, side in zip(box, read, size * 2, strict=True):
        assert abs(fraction * side - edge) <= 0.0010001 * side  # a sliver is widened by as much
    assert read[0] < read[2]
    assert read[1] < read[3]


@settings(max_examples=100)
@given(SIDES, SIDES, st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_points_are_on_the_photo(width: int, height: int, words: int, seed: int) -> None:
    across, down = np.random.default_rng(seed).dirichlet(np.full(words, 0.3), 2)
    x, y = expected_point(across, down, width, height)
    assert -1e-6 <= x <= width * (1 + 1e-9)
    assert -1e-6 <= y <= height * (1 + 1e-9)


@settings(max_examples=40)
@given(
    width=st.integers(1, 1700),
    height=st.integers(1, 1700),
    most=st.one_of(st.none(), st.integers(LEAST, 700_000)),
)
def test_views_of_nano(processor: NanoProcessor, width: int, height: int, most: int | None) -> None:
    """The overview is the whole photo, never enlarged; each tile its own pixels, all or none."""
    bounded = NanoProcessor(processor.tokenizer, processor.config, most)
    pixels = np.zeros((height, width, 3), np.uint8)
    overview, *tiles = bounded.views(pixels)
    assert overview.place == (0, 0, 1, 1)
    seen = overview.valid
    assert seen[0] <= width
    assert seen[1] <= height
    assert max(seen) <= processor.config.overview
    assert overview.shrink == pytest.approx(max(width, height) / max(seen))
    assert len(tiles) in (0, 5)
    area = sum(one.valid[0] * one.valid[1] for one in (overview, *tiles))
    assert most is None or area <= most
    for tile in tiles:
        x1, y1, x2, y2 = _pixels_of(tile.place, width, height)
        assert (x2 - x1, y2 - y1) == tile.valid
        assert 0 <= x1 < x2 <= width
        assert 0 <= y1 < y2 <= height
    # Where the budget leaves room it changes nothing.
    plain = processor.views(pixels)
    if most is None or sum(one.valid[0] * one.valid[1] for one in plain) <= most:
        assert [one.valid for one in plain] == [one.valid for one in (overview, *tiles)]
    close = bounded.region_view(pixels, (0.2, 0.2, 0.6, 0.5))
    assert (close is not None) == bool(tiles)


def test_the_overview_has_more_where_the_tiles_do_not_fit(processor: NanoProcessor) -> None:
    """One alone may be as large as that of a photo which never had tiles."""
    config = processor.config
    pixels = np.zeros((900, 1600, 3), np.uint8)
    tiled = config.overview_tiled * (config.overview_tiled * 9 // 16) + 5 * config.tile**2
    counts = []
    for most in (tiled, tiled - 1):
        overview, *tiles = NanoProcessor(processor.tokenizer, config, most).views(pixels)
        counts.append(len(tiles))
        longest = config.overview_tiled if tiles else config.overview
        assert max(overview.valid) == longest
    assert counts == [5, 0]
