"""Configurations of nano's two halves, in the ecosystem's own form."""

from typing import TYPE_CHECKING, Any, ClassVar, cast

from transformers import PretrainedConfig
from transformers.models.llama.configuration_llama import LlamaConfig
from transformers.models.sam.configuration_sam import (
    SamConfig,
    SamPromptEncoderConfig,
    SamVisionConfig,
)

from spider_cli.vocabulary import FAMILIES

__all__ = ["NanoConfig", "NanoSegmenterConfig"]


class NanoConfig(PretrainedConfig):
    """The language model that sees: sizes of its parts and of its views.

    Args:
        text_config: the language model (a Llama configuration or its dict).
        vision_width: channels of the encoder's fused map.
        vision_contexts: context blocks in the encoder.
        vision_surroundings: these blocks know the whole view's mean and deviation, too.
        overview: longest side of the overview in pixels; photos are never enlarged.
        overview_tiled: the same of photos that get tiles too; as `overview` when not given.
        tile: side of the 100% tiles in pixels.
        grid, tile_grid, region_grid: cells per side of the overview, a tile, a boxed region.
        statistics: tokens that carry the mean and deviation of every depth, per view or box.
        statistics_dropout: share of these values that a training step does not see.
        pooled: cells of the overview's grid, per side, that share a token.
        families: a token for each family, per view or box: how much of it there is, and where.
        levels: the statistics tell of each level how likely people would give it, too.
        levels_hidden: units between these two; 0: none, a linear step.
        image_token_id, region_token_id: the placeholders that features replace.
    """

    model_type = "spider_nano"
    sub_configs: ClassVar[dict[str, Any]] = {"text_config": LlamaConfig}

    def __init__(
        self,
        text_config: dict[str, Any] | LlamaConfig | None = None,
        vision_width: int = 160,
        vision_contexts: int = 2,
        vision_surroundings: bool = False,
        overview: int = 640,
        tile: int = 256,
        grid: int = 10,
        tile_grid: int = 2,
        region_grid: int = 3,
        statistics: int = 2,
        statistics_dropout: float = 0.0,
        pooled: int = 1,
        families: bool = False,
        levels: bool = False,
        levels_hidden: int = 0,
        overview_tiled: int | None = None,
        image_token_id: int = 4,
        region_token_id: int = 5,
        **kwargs: Any,
    ) -> None:
        if not isinstance(text_config, LlamaConfig):
            text_config = LlamaConfig(**(text_config or {}))
        self.text_config = text_config
        self.vision_width = vision_width
        self.vision_contexts = vision_contexts
        self.vision_surroundings = vision_surroundings
        self.overview = overview
        self.tile = tile
        self.grid = grid
        self.tile_grid = tile_grid
        self.region_grid = region_grid
        self.statistics = statistics
        self.statistics_dropout = statistics_dropout
        self.pooled = pooled
        self.families = families
        self.levels = levels
        self.levels_hidden = levels_hidden
        self.overview_tiled = overview if overview_tiled is None else overview_tiled
        self.image_token_id = image_token_id
        self.region_token_id = region_token_id
        kwargs.setdefault("tie_word_embeddings", True)
        super().__init__(**kwargs)

    def tokens(self, grid: int) -> int:
        """How many tokens a view or box takes that is read on a grid of `grid` x `grid`."""
        side = grid // self.pooled if grid == self.grid else grid
        return side**2 + len(FAMILIES) * self.families + self.statistics


class NanoSegmenterConfig(SamConfig):
    """A SAM whose image encoder is nano's; prompt encoder and mask decoder are SAM's own.

    `vision_config` keeps SAM's fields (the image size and the width of the embedding are read from
    it); its transformer sizes are unused.
    """

    model_type = "spider_nano_segmenter"

    if TYPE_CHECKING:  # SAM takes dicts or nothing too, and makes these of them
        vision_config: SamVisionConfig
        prompt_encoder_config: SamPromptEncoderConfig

    def __init__(
        self,
        vision_width: int = 160,
        vision_contexts: int = 2,
        vision_surroundings: bool = False,
        **kwargs: Any,
    ) -> None:
        self.vision_width = vision_width
        self.vision_contexts = vision_contexts
        self.vision_surroundings = vision_surroundings
        super().__init__(**kwargs)

    @property
    def side(self) -> int:
        """Side in pixels of the square that photos are fitted into."""
        return cast(int, self.vision_config.image_size)
