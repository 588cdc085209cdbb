"""The pictures as arrays."""

import io
from dataclasses import replace

import numpy as np
from PIL import Image

from spider_cli.outputs import heatmap as pictures
from spider_cli.results import Grounding, Record

SIZE = (480, 640)


def grounding(records: dict[str, Record], kind: str) -> Grounding:
    outcome = records[kind].outcome
    assert isinstance(outcome, Grounding)
    return outcome


def test_colours_grow_brighter() -> None:
    table = pictures.colours()
    assert table.shape == (256, 3)
    assert table.dtype == np.uint8
    light = table @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(light) > -0.5).all()
    assert light[0] < 5
    assert light[255] > 230


def test_heatmap_is_the_probability(records: dict[str, Record]) -> None:
    probability = np.linspace(0, 1, 480 * 640, dtype=np.float32).reshape(SIZE)
    heat = pictures.heatmap(replace(grounding(records, "region"), probability=probability), SIZE)
    assert heat.dtype == np.uint8
    assert np.abs(heat / 255.0 - probability).max() <= 0.5 / 255 + 1e-6


def test_whole_is_full_and_nothing_is_empty(records: dict[str, Record]) -> None:
    for kind, value in (("whole", 255), ("nothing", 0)):
        assert (pictures.heatmap(grounding(records, kind), SIZE) == value).all()
        assert (pictures.mask_picture(grounding(records, kind), SIZE) == value).all()


def test_mask_is_the_records_own(records: dict[str, Record]) -> None:
    mask = pictures.mask_picture(grounding(records, "region"), SIZE)
    assert sorted(np.unique(mask)) == [0, 255]
    assert (mask[100:200, 300:500] == 255).all()
    assert mask.astype(int).sum() == 255 * 100 * 200


def test_overlay_of_nothing_is_the_photo() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8)
    flat = np.zeros((90, 70), np.uint8)
    assert (pictures.overlay(pixels, flat, flat > 0, None) == pixels).all()


def test_overlay_colours_outlines_and_crosses() -> None:
    pixels = np.full((600, 900, 3), 90, np.uint8)
    inside = np.zeros((600, 900), bool)
    inside[200:400, 300:600] = True
    heat = np.where(inside, 255, 0).astype(np.uint8)
    before = pixels.copy()
    over = pictures.overlay(pixels, heat, inside, (450.0, 300.0))
    assert (pixels == before).all()
    assert (over[10, 10] == 90).all()  # probability 0: untouched
    assert (over[200, 300] == 255).all()  # the rim, inside
    assert (over[199, 300] == 0).all()  # and its dark side, outside
    hot = over[230, 330].astype(int)
    assert np.abs(hot - (0.3 * 90 + 0.7 * pictures.colours()[255].astype(int))).max() <= 1
    assert (over[300, 450] == 255).all()  # the point
    assert (over[300, 450 + 13] == 0).all()


def test_points_on_the_edge_do_not_leave_the_picture() -> None:
    pixels = np.full((40, 30, 3), 90, np.uint8)
    flat = np.zeros((40, 30), np.uint8)
    for point in ((0.0, 0.0), (30.0, 40.0), (29.9, 0.0)):
        over = pictures.overlay(pixels, flat, flat > 0, point)
        assert over.shape == pixels.shape
        assert (over == 255).any()


def test_one_pixel() -> None:
    one = np.full((1, 1, 3), 90, np.uint8)
    over = pictures.overlay(one, np.full((1, 1), 255, np.uint8), np.ones((1, 1), bool), (0.5, 0.5))
    assert over.shape == (1, 1, 3)


def test_png() -> None:
    for picture, mode in (
        (np.zeros((4, 5), np.uint8), "L"),
        (np.zeros((4, 5, 3), np.uint8), "RGB"),
    ):
        stream = io.BytesIO()
        pictures.write_png(picture, stream)
        image = Image.open(stream)
        assert (image.format, image.mode, image.size) == ("PNG", mode, (5, 4))
