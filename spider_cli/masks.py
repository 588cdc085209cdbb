"""Binary masks as COCO run-length strings, by pycocotools."""

from typing import Any

import numpy as np
import numpy.typing as npt

from spider_cli.results import Box, Mask

__all__ = ["box_of_mask", "decode_mask", "encode_mask"]


def encode_mask(mask: npt.NDArray[np.bool_]) -> Mask:
    """(height, width) bool -> compressed COCO run lengths."""
    from pycocotools import mask as coco

    rle: dict[str, Any] = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return Mask(size=(mask.shape[0], mask.shape[1]), counts=rle["counts"].decode("ascii"))


def decode_mask(mask: Mask) -> npt.NDArray[np.bool_]:
    """The inverse of `encode_mask`."""
    from pycocotools import mask as coco

    rle = {"size": list(mask.size), "counts": mask.counts.encode("ascii")}
    return np.asarray(coco.decode(rle)).astype(bool)


def box_of_mask(mask: npt.NDArray[np.bool_]) -> Box | None:
    """The tight box around a mask, end-exclusive; None when it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
