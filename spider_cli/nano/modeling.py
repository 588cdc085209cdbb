"""nano's language half: the encoder's readings as tokens, then a small Llama.

Tokens of a photo: the overview on a grid, what its cells tell of each family, statistics of the
overview, then for a photo larger than the overview each 100% tile in the same way. A boxed region
in a question is a run of tokens too. Every token knows which part of the photo it covers and how
much the photo was shrunk there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import GenerationMixin
from transformers.modeling_outputs import CausalLMOutputWithPast
from transformers.modeling_utils import PreTrainedModel
from transformers.models.llama.modeling_llama import LlamaForCausalLM

from spider_cli.nano.configuration import NanoConfig
from spider_cli.nano.vision import TAPPED, NanoVisionEncoder, Seen, box_statistics, pool_box
from spider_cli.vocabulary import FAMILIES, SEVERITIES

__all__ = ["Glimpse", "NanoForConditionalGeneration", "Readings", "Sight", "ViewTensor"]

_KINDS = {"overview": 0, "tile": 1, "region": 2, "region_tile": 3}
_FOURIER = 6
_READOUT_WIDTH = 192
_MOMENTS = 6
_EPSILON = 1e-6
_FAR = 3.0
"""What the middle of a reading at a photo's edge is told as: most lie far inside."""
_PER_FAMILY = len(SEVERITIES) + 1
READOUTS = len(FAMILIES) * _PER_FAMILY
"""Per cell: each family at each severity, and whether it came last of two."""


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
class Readings:
    """Encoder output of one view or box, before projection: what language training may cache."""

    cells: Tensor
    """(N, vision_width): the fused map on the grid."""
    statistics: Tensor
    """(2 * TAPPED,)"""
    places: Tensor
    """(N + 1, 5): x1, y1, x2, y2 as fractions of the photo and log2 of the shrink; last row is the
    whole view's, for the statistics."""
    kind: int


@dataclass(frozen=True, slots=True)
class Glimpse:
    """A view after the encoder: its maps are kept, so that boxes need no new look."""

    view: ViewTensor
    seen: Seen


@dataclass
class NanoOutput(CausalLMOutputWithPast):
    """As every causal language model's, with what patches tell."""

    patch_logits: tuple[Tensor, ...] | None = None


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


class _Projector(nn.Module):
    """Readings -> token embeddings."""

    def __init__(self, config: NanoConfig) -> None:
        super().__init__()
        hidden = config.text_config.hidden_size
        self.count = config.statistics
        self.cells = nn.Sequential(
            nn.LayerNorm(config.vision_width),
            nn.Linear(config.vision_width, 2 * hidden),
            nn.GELU(),
            nn.Linear(2 * hidden, hidden),
        )
        # What the dense stage taught patches to tell, read again from each cell: a linear step
        # away, where the language model finds it soon.
        self.readout = nn.Sequential(
            nn.Linear(config.vision_width, _READOUT_WIDTH),
            nn.GELU(),
            nn.Linear(_READOUT_WIDTH, READOUTS),
            nn.Sigmoid(),
        )
        self.told = nn.Linear(READOUTS, hidden)
        self.pooled = config.pooled
        self.families = config.families
        if self.families:
            self.family = nn.Sequential(
                nn.Linear(_MOMENTS * _PER_FAMILY, hidden), nn.GELU(), nn.Linear(hidden, hidden)
            )
            self.family_name = nn.Embedding(len(FAMILIES), hidden)
            self.family_kind = nn.Embedding(len(_KINDS), hidden)
            # One scale for all that a token carries: where it lies would drown in what it shows.
            self.cells_scale = nn.LayerNorm(hidden)
            self.statistics_scale = nn.LayerNorm(hidden)
        self.statistics_norm = nn.LayerNorm(2 * TAPPED)
        self.statistics_dropout = nn.Dropout(config.statistics_dropout)
        self.statistics = nn.Linear(2 * TAPPED, config.statistics * hidden)
        self.place = nn.Linear(4 * 2 * _FOURIER + 5, hidden)
        self.kind = nn.Embedding(2 * len(_KINDS), hidden)

    def forward(self, readings: Readings) -> Tensor:
        """(cells + families + statistics, hidden)"""
        return self.many([readings])[0]

    def many(self, readings: Sequence[Readings]) -> Tensor:
        """Readings of one kind and size together: (M, cells + families + statistics, hidden)."""
        kind = readings[0].kind
        where = torch.stack([r.places for r in readings])  # (M, N + 1, 5)
        seen = torch.stack([r.cells for r in readings]).to(self.place.weight.dtype)
        told = self.readout(seen)
        families = []
        if self.families:
            own = self.family(_moments(told, where[:, :-1].to(told.dtype)))
            families = [own + self.family_name.weight + self.family_kind.weight[kind]]
        if self.pooled > 1 and kind == _KINDS["overview"]:
            seen, told = _blocks(seen, self.pooled).mean(-2), _blocks(told, self.pooled).mean(-2)
            where = _block_places(where, self.pooled)
        place = self.place(_fourier(where).to(self.place.weight.dtype))  # (M, cells + 1, D)
        kinds = self.kind.weight[2 * kind : 2 * kind + 2]  # (2, D)
        cells = self.cells(seen)
        statistics = torch.stack([r.statistics for r in readings]).to(place.dtype)
        statistics = self.statistics(self.statistics_dropout(self.statistics_norm(statistics)))
        statistics = statistics.view(len(readings), self.count, -1)
        if self.families:
            cells, statistics = self.cells_scale(cells), self.statistics_scale(statistics)
        tokens = [
            cells + self.told(told) + place[:, :-1] + kinds[0],
            *(one + place[:, -1:] for one in families),
            statistics + place[:, -1:] + kinds[1],
        ]
        return torch.cat(tokens, dim=1)


def _blocks(cells: Tensor, side: int) -> Tensor:
    """Cells of a square grid, (M, N, C), in blocks of side x side: (M, N / side^2, side^2, C)."""
    count, number, width = cells.shape
    blocks = math.isqrt(number) // side
    apart = cells.view(count, blocks, side, blocks, side, width).transpose(2, 3)
    return apart.reshape(count, blocks**2, side**2, width)


def _block_places(places: Tensor, side: int) -> Tensor:
    """(M, N + 1, 5) of cells -> of their blocks; the last row is the whole view's."""
    blocks = _blocks(places[:, :-1], side)
    low, high, shrink = blocks[..., :2].amin(-2), blocks[..., 2:4].amax(-2), blocks[..., 0, 4:]
    return torch.cat([torch.cat([low, high, shrink], dim=-1), places[:, -1:]], dim=1)


def _fourier(places: Tensor) -> Tensor:
    """(..., 5) -> (..., 4 * 2 * F + 5): sines and cosines of the four sides, then plain values."""
    scale = math.pi * 2.0 ** torch.arange(_FOURIER, device=places.device)
    turns = places[..., :4, None] * scale
    waves = torch.cat([turns.sin(), turns.cos()], dim=-1).flatten(-2)
    return torch.cat([waves, places], dim=-1)


def _moments(told: Tensor, places: Tensor) -> Tensor:
    """What cells tell, family by family: of each reading its mean, its peak, both again as how many
    doublings they are away from even, and how far right and down of the photo's middle it lies,
    which a reading that is nowhere leaves at 0.

    Attention would have to learn these sums; as values they are there from the first step.

    Args:
        told: (M, N, READOUTS), 0-1.
        places: (M, N, 5), of the cells.

    Returns:
        (M, 12, 6 * 4).
    """
    mean, peak = told.mean(dim=1), told.amax(dim=1)
    weight = told.square()  # the middle of what is seen clearly
    total = weight.sum(dim=1).clamp_min(_EPSILON)
    parts = [mean, peak, _doubt(mean), _doubt(peak)]
    for low, high in ((0, 2), (1, 3)):
        middle = places[..., low] + places[..., high] - 1  # (M, N), -1 to 1
        parts.append(_FAR * torch.einsum("mnr,mn->mr", weight, middle) / total * peak)
    moments = torch.stack(parts, dim=-1)  # (M, READOUTS, 6)
    steps = len(FAMILIES) * len(SEVERITIES)  # the order of two comes after these
    severities = moments[:, :steps].reshape(len(told), len(FAMILIES), -1)
    return torch.cat([severities, moments[:, steps:]], dim=-1)


def _doubt(share: Tensor) -> Tensor:
    """A share of 0-1 as its log-odds, about -1 to 1."""
    return torch.logit(share, eps=1e-3) / -math.log(1e-3)


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
        self.projector = _Projector(config)
        self.language_model = LlamaForCausalLM(config.text_config)
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
            parts = zip(members, seen.patches.unbind(), seen.fused.unbind(), strict=True)
            for index, patches, fused in parts:
                glimpses[index] = Glimpse(views[index], Seen(patches=patches, fused=fused))
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
        """(total tokens, hidden), in the order given."""
        return torch.cat([self.projector(one) for one in readings])

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
        return self._embed_alike(readings), glimpses

    def _embed_alike(self, readings: Sequence[Readings]) -> Tensor:
        """As `embed_readings`; those of one kind and size go together."""
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

    def patch_logits(self, glimpse: Glimpse) -> Tensor:
        """What the projector reads of each patch of a view, as logits: (READOUTS, h, w)."""
        told: Tensor = self.projector.readout[:-1](glimpse.seen.fused.permute(1, 2, 0))
        return told.permute(2, 0, 1)

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
        **kwargs: Any,
    ) -> Any:
        """As a causal language model; placeholders in `input_ids` take `image_features` in order.

        Args:
            input_ids: (B, T).
            image_features: (placeholders in the whole batch, hidden), row by row.
            position_ids: (B, T). Named here so that `generate` counts them without the padding.
            sights: photos, row by row, instead of `image_features`.
            patches: numbers of the views, counted over all sights, whose `patch_logits` are wanted.

        Returns:
            The language model's output; with `patches` a `NanoOutput`.

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
        if not patches:
            return out
        told = tuple(self.patch_logits(glimpses[number]) for number in patches)
        return NanoOutput(**out, patch_logits=told)

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
    shrink = math.log2(view.shrink)
    rows = [
        (float(xs[c]), float(ys[r]), float(xs[c + 1]), float(ys[r + 1]), shrink)
        for r in range(grid)
        for c in range(grid)
    ]
    rows.append((float(xs[0]), float(ys[0]), float(xs[-1]), float(ys[-1]), shrink))
    return Readings(
        cells=pool_box(seen.fused, box, grid),
        statistics=box_statistics(seen.patches, box),
        places=torch.tensor(rows, device=seen.fused.device),
        kind=_KINDS[kind],
    )
