"""Heatmaps in a store, of some photos or of all."""

import io
from dataclasses import replace

from spider_cli.engines.dealing import digest
from spider_cli.engines.found import name_bytes, remote_source
from spider_cli.engines.stores import store_of
from spider_cli.errors import PhotoError
from spider_cli.outputs.heatmap import heatmap, mask_picture, overlay, write_png
from spider_cli.results import Files, Grounding
from spider_cli.sources import Source

__all__ = ["StorePictures"]


class StorePictures:
    """What `outputs.pictures.Pictures` is to a folder of this machine.

    Args:
        folder: its address or path.
        share: of the photos, 0-1; the same ones each time.
    """

    def __init__(self, folder: str, *, share: float) -> None:
        self.folder = folder
        self.share = share

    def plan(self, source: Source) -> Files | None:
        """The files of a photo, by its name in the record; None where it is not in the share."""
        mark = int.from_bytes(digest(name_bytes(source.name, source.name_b64))[:8], "big")
        if mark >= self.share * 2**64:
            return None
        # Not by its path inside a folder: photos of two folders may have the same.
        inner = remote_source(source.name).relative.as_posix()
        inner = inner.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        base = f"{self.folder.rstrip('/')}/{inner}"
        return Files(*(f"{base}.{kind}.png" for kind in ("overlay", "heatmap", "mask")))

    def write(self, plan: Files | None, grounding: Grounding) -> Grounding:
        """Write the three pictures; the grounding with their addresses, and without its arrays.

        Raises:
            PhotoError: they cannot be written.
        """
        if plan is None:
            return replace(grounding, pixels=None, probability=None)
        assert grounding.pixels is not None
        size = grounding.pixels.shape[:2]
        heat, mask = heatmap(grounding, size), mask_picture(grounding, size)
        over = overlay(grounding.pixels, heat, mask > 0, grounding.point)
        for url, picture in ((plan.overlay, over), (plan.heatmap, heat), (plan.mask, mask)):
            stream = io.BytesIO()
            write_png(picture, stream)
            try:
                store_of(self.folder).put(url, stream.getvalue())
            except PhotoError as error:
                raise PhotoError(
                    error.message, hint=error.hint, code="cannot_write"
                ) from error.__cause__
        return replace(grounding, files=plan, pixels=None, probability=None)
