"""SAM 2's way with a photo, without torchvision: squeezed to a square, nothing padded."""

from typing import Any

from transformers.image_processing_backends import PilBackend
from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

__all__ = ["SquareProcessor"]


class SquareProcessor(SamImageProcessorPil):
    """SAM's image processor for models whose photos have no longest edge but a height and width.

    Normalisation and size come from the model's own preprocessor_config.json.
    """

    do_pad = False

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # Where SAM's masks are enlarged to: here the square is all photo.
        self.pad_size = self.size

    def resize(  # type: ignore[override]  # SAM's own differs from its base in the same way
        self, image: Any, size: Any, resample: Any = None, **options: Any
    ) -> Any:
        """(channels, height, width) -> the square."""
        return PilBackend.resize(self, image, size=size, resample=resample, **options)
