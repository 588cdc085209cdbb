"""OpenCV with types: the values are OpenCV's own."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from trainer.opencv import read_labels, resized


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3)])
@pytest.mark.parametrize("method", [cv2.INTER_AREA, cv2.INTER_CUBIC, cv2.INTER_NEAREST])
def test_size_is_width_then_height_and_bytes_stay_bytes(
    shape: tuple[int, ...], method: int
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    small = resized(pixels, (12, 7), method)
    assert small.shape == (7, 12, *shape[2:])
    assert small.dtype == np.uint8
    assert np.array_equal(small, cv2.resize(pixels, (12, 7), interpolation=method))


def test_nearest_invents_no_label() -> None:
    labels = np.array([[0, 9], [200, 255]], np.uint8)
    large = resized(labels, (6, 4), cv2.INTER_NEAREST)
    assert np.array_equal(large, labels.repeat(2, axis=0).repeat(3, axis=1))


def test_a_map_of_labels_comes_back_as_it_was_written(tmp_path: Path) -> None:
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    cv2.imwrite(str(tmp_path / "a.labels.png"), labels)
    read = read_labels(tmp_path / "a.labels.png")
    assert read is not None
    assert read.dtype == np.uint8
    assert np.array_equal(read, labels)


def test_a_missing_or_broken_map_is_none(tmp_path: Path) -> None:
    assert read_labels(tmp_path / "none.png") is None
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    assert read_labels(tmp_path / "broken.png") is None
