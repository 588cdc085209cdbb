"""nano's language half: the encoder's readings as tokens, then a small Llama.

Tokens of a photo: the overview on a grid, what its cells tell of each family, statistics of the
overview, then for a photo larger than the overview each 100% tile in the same way. A boxed region
in a question is a run of tokens too. Every token knows which part of the photo it covers and how
much the photo was shrunk there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import GenerationMixin
from transformers.modeling_outputs import CausalLMOutputWithPast
from transformers.modeling_utils import PreTrainedModel
from transformers.models.llama.modeling_llama import LlamaForCausalLM

from spider_cli.nano.configuration import NanoConfig
from spider_cli.nano.fused import with_fused_linears
from spider_cli.nano.projector import KINDS, NanoProjector, Readings
from spider_cli.nano.vision import NanoVisionEncoder, Seen, box_statistics, pool_box

__all__ = ["Glimpse", "NanoForConditionalGeneration", "Sight", "ViewTensor"]


@dataclass(frozen=True, slots=True)
class ViewTensor:
    """One view, ready for the encoder.

    `pixels` is (3, H, W) uint8, padded to multiples of 32; `valid` is the (width, height) that is
    photo; `place` the x1, y1, x2, y2 it covers as fractions of the photo; `shrink` how many photo
    pixels one pixel of the view stands for, per side (>= 1).
    """

    kind: str
    pixels: Tensor
    valid: tuple[int, int]
    place: tuple[float, float, float, float]
    shrink: float


@dataclass(frozen=True, slots=True)
class Glimpse:
    """A view after the encoder: its maps are kept, so that boxes need no new look."""

    view: ViewTensor
    seen: Seen


@dataclass
class NanoOutput(CausalLMOutputWithPast):
    """As every causal language model's, with what patches and statistics tell."""

    patch_logits: tuple[Tensor, ...] | None = None
    level_logits: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """A photo and what its placeholders stand for, before the encoder: what training batches hold.

    `views` are the photo's, overview first, then 100% looks at boxes; `reads` says, in the order of
    the placeholders, which view is read whole (its number, None) or in which box of the overview
    (0, the box in fractions of the photo).
    """

    views: tuple[ViewTensor, ...]
    reads: tuple[tuple[int, tuple[float, float, float, float] | None], ...]


def _normalise(pixels: Tensor) -> Tensor:
    return (pixels.float() - 127.0) / 128.0


class NanoForConditionalGeneration(PreTrainedModel, GenerationMixin):
    """Image and text in, text out."""

    config_class = NanoConfig
    config: NanoConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"
    _supports_sdpa = True
    # Declared, and at times set, on the instance by the base class.
    _no_split_modules = ["LlamaDecoderLayer"]  # noqa: RUF012
    _tied_weights_keys = {  # noqa: RUF012
        "language_model.lm_head.weight": "language_model.model.embed_tokens.weight"
    }

    def __init__(self, config: NanoConfig) -> None:
        super().__init__(config)
        self.vision_encoder = NanoVisionEncoder(
            width=config.vision_width,
            contexts=config.vision_contexts,
            surroundings=config.vision_surroundings,
        )
        self.projector = NanoProjector(config)
        self.language_model = LlamaForCausalLM(config.text_config)
        with_fused_linears(self)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.language_model.get_input_embeddings()

    def get_output_embeddings(self) -> nn.Module:
        head: nn.Module = self.language_model.get_output_embeddings()
        return head

    # -- looking -----------------------------------------------------------------------------

    def look(self, views: Sequence[ViewTensor]) -> list[Glimpse]:
        """Encode views; those of one size go together, each exactly as it would alone."""
        groups: dict[tuple[int, ...], list[int]] = {}
        for index, view in enumerate(views):
            groups.setdefault(tuple(view.pixels.shape), []).append(index)
        glimpses: dict[int, Glimpse] = {}
        for members in groups.values():
            # (B, H, W, 3) in memory: no value moves on the way from the photo.
            pixels = torch.stack([views[i].pixels.permute(1, 2, 0) for i in members])
            batch = _normalise(pixels.to(self.device).permute(0, 3, 1, 2)).to(self.dtype)
            batch = batch.contiguous(memory_format=torch.channels_last)
            seen = self.vision_encoder(batch)
            # Taken apart at once: view by view, each brings back a gradient of the whole batch.
            parts = zip(members, seen.taps.unbind(), seen.fused.unbind(), strict=True)
            for index, taps, fused in parts:
                glimpses[index] = Glimpse(views[index], replace(seen, taps=taps, fused=fused))
        return [glimpses[index] for index in range(len(views))]

    def read_view(self, glimpse: Glimpse) -> Readings:
        """The whole of a view as readings: grid first, statistics last."""
        grid = self.config.grid if glimpse.view.kind == "overview" else self.config.tile_grid
        width, height = glimpse.view.valid
        return _read(glimpse, (0.0, 0.0, float(width), float(height)), grid, glimpse.view.kind)

    def read_box(self, overview: Glimpse, box: tuple[float, float, float, float]) -> Readings:
        """A box (fractions of the photo) read from the overview's maps."""
        width, height = overview.view.valid
        x1, y1, x2, y2 = box
        inside = (x1 * width, y1 * height, x2 * width, y2 * height)
        return _read(overview, inside, self.config.region_grid, "region")

    def embed_readings(self, readings: Sequence[Readings]) -> Tensor:
        """(total tokens, hidden), in the order given; those of one kind and size go together."""
        if not readings:
            return torch.zeros(0, self.config.text_config.hidden_size, device=self.device)
        groups: dict[tuple[int, int], list[int]] = {}
        for index, one in enumerate(readings):
            groups.setdefault((one.kind, len(one.cells)), []).append(index)
        parts: dict[int, Tensor] = {}
        for members in groups.values():
            tokens = self.projector.many([readings[i] for i in members])
            parts.update(zip(members, tokens, strict=True))
        return torch.cat([parts[index] for index in range(len(readings))])

    def see(self, sights: Sequence[Sight]) -> tuple[Tensor, list[Glimpse]]:
        """Encode photos and read them, with gradients.

        Returns:
            (placeholders, hidden) of all photos in order, and the glimpses of all their views.
        """
        glimpses = self.look([view for sight in sights for view in sight.views])
        readings: list[Readings] = []
        start = 0
        for sight in sights:
            own = glimpses[start : start + len(sight.views)]
            start += len(sight.views)
            for number, box in sight.reads:
                if box is None:
                    readings.append(self.read_view(own[number]))
                else:
                    readings.append(self.read_box(own[0], box))
        return self.embed_readings(readings), glimpses

    def patch_logits(self, glimpse: Glimpse) -> Tensor:
        """What the projector reads of each patch of a view, as logits: (READOUTS, h, w)."""
        told: Tensor = self.projector.readout[:-1](glimpse.seen.fused.permute(1, 2, 0))
        return told.permute(2, 0, 1)

    def level_logits(self, glimpses: Sequence[Glimpse]) -> Tensor:
        """What the projector reads of the levels from whole views: (views, 5), as LEVELS.

        Raises:
            ValueError: it reads nothing of them (`NanoConfig.levels`).
        """
        found = []
        for one in glimpses:
            width, height = one.view.valid
            found.append(box_statistics(one.seen, (0.0, 0.0, float(width), float(height))))
        return self.projector.level_logits(torch.stack(found))

    # -- language ----------------------------------------------------------------------------

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        image_features: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        position_ids: Tensor | None = None,
        sights: Sequence[Sight] | None = None,
        patches: Sequence[int] = (),
        levels: Sequence[int] = (),
        **kwargs: Any,
    ) -> Any:
        """As a causal language model; placeholders in `input_ids` take `image_features` in order.

        Args:
            input_ids: (B, T).
            image_features: (placeholders in the whole batch, hidden), row by row.
            position_ids: (B, T). Named here so that `generate` counts them without the padding.
            sights: photos, row by row, instead of `image_features`.
            patches: numbers of the views, counted over all sights, whose `patch_logits` are wanted.
            levels: the same of those whose `level_logits` are wanted.

        Returns:
            The language model's output; with `patches` or `levels` a `NanoOutput`.

        Raises:
            ValueError: as many features as placeholders are needed.
        """
        glimpses: list[Glimpse] = []
        if sights is not None:
            image_features, glimpses = self.see(sights)
        if inputs_embeds is None:
            if input_ids is None:
                raise ValueError("give input_ids or inputs_embeds")
            inputs_embeds = self.get_input_embeddings()(input_ids)
            holes = (input_ids == self.config.image_token_id) | (
                input_ids == self.config.region_token_id
            )
            wanted = int(holes.sum())
            if wanted:
                got = 0 if image_features is None else image_features.shape[0]
                if image_features is None or got != wanted:
                    raise ValueError(f"{wanted} placeholders in the text but {got} image features")
                inputs_embeds = inputs_embeds.clone()
                inputs_embeds[holes] = image_features.to(inputs_embeds.dtype)
        out = self.language_model(
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            position_ids=position_ids,
            **kwargs,
        )
        if not patches and not levels:
            return out
        told = tuple(self.patch_logits(glimpses[number]) for number in patches)
        rated = self.level_logits([glimpses[number] for number in levels]) if levels else None
        return NanoOutput(**out, patch_logits=told, level_logits=rated)

    def prepare_inputs_for_generation(
        self, input_ids: Tensor, is_first_iteration: bool | None = False, **kwargs: Any
    ) -> dict[str, Any]:
        """As every model's; a placeholder that the model itself writes is a word, not a hole."""
        inputs: dict[str, Any] = super().prepare_inputs_for_generation(
            input_ids, is_first_iteration=is_first_iteration, **kwargs
        )
        if not is_first_iteration and kwargs.get("use_cache", True):
            inputs.pop("image_features", None)  # they are in the cache
            inputs["inputs_embeds"] = self.get_input_embeddings()(inputs.pop("input_ids"))
        return inputs


def _read(
    glimpse: Glimpse, box: tuple[float, float, float, float], grid: int, kind: str
) -> Readings:
    """Pool the maps of one look inside `box` (pixels of the view)."""
    seen, view = glimpse.seen, glimpse.view
    width, height = view.valid
    x1, y1, x2, y2 = view.place
    sx, sy = (x2 - x1) / width, (y2 - y1) / height
    xs = torch.linspace(box[0], box[2], grid + 1) * sx + x1
    ys = torch.linspace(box[1], box[3], grid + 1) * sy + y1
    left, top = torch.meshgrid(xs[:-1], ys[:-1], indexing="xy")
    right, bottom = torch.meshgrid(xs[1:], ys[1:], indexing="xy")
    places = torch.stack([side.flatten() for side in (left, top, right, bottom)], dim=1)
    whole = torch.stack([xs[0], ys[0], xs[-1], ys[-1]])
    places = F.pad(torch.cat([places, whole[None]]), (0, 1), value=math.log2(view.shrink))
    return Readings(
        cells=pool_box(seen.fused, box, grid),
        statistics=box_statistics(seen, box),
        places=places.to(seen.fused.device),
        kind=KINDS[kind],
    )
