"""A photo and all its questions as one packed sequence, for nano.

The photo's tokens stand once; every question after them sees the photo and itself only, at the
positions it would have alone. The prompt comes from `NanoProcessor`, as at run time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from spider_cli.errors import UsageError
from spider_cli.nano.modeling import Sight, ViewTensor
from spider_cli.nano.processing import END, NanoProcessor
from spider_cli.questions import SCORE_PREFIX
from spider_cli.text_to_point import AXES
from spider_cli.vocabulary import LEVELS
from trainer.rows import QA
from trainer.truth import Pixels, Sample
from trainer.tuning.encode import FAULT_WORDS, IGNORED, Encoded, Soft, TooLong
from trainer.tuning.nano.patches import PatchTargets, patch_targets

__all__ = ["PackedPhoto", "PhotoEncoder"]

_SHRUNK = 1.25
"""An overview shrunk more than this does not show what its masks say."""


@dataclass(frozen=True, slots=True)
class PackedPhoto(Encoded):
    """One photo with its questions. `inputs` holds "input_ids", "position_ids" and "turns", (1,
    length) each: turn 0 is the photo, every question has its own."""

    sight: Sight | None = None
    patches: tuple[tuple[int, PatchTargets], ...] = ()
    """Number of a view of the sight, and what its patches should tell."""
    rated: tuple[float, ...] = ()
    """What the overview should tell of the levels, in the order of LEVELS; empty: unknown."""


@dataclass(frozen=True, slots=True)
class _Turn:
    ids: list[int]
    answer: int
    """Where in `ids` the answer begins."""
    places: list[Soft]
    level: Soft | None
    faults: list[int]
    views: list[ViewTensor]
    boxes: list[tuple[float, float, float, float]]


class PhotoEncoder:
    """Packs photos.

    Args:
        processor: nano's.
        max_length: tokens that photo and question may have together.
        dense: make the patches' targets too.
    """

    def __init__(self, processor: NanoProcessor, max_length: int, *, dense: bool) -> None:
        self.processor = processor
        self.max_length = max_length
        self.dense = dense
        self.pad_id = int(processor.tokenizer.pad_token_id or 0)

    def encode(
        self,
        pixels: Pixels,
        rows: Sequence[QA],
        *,
        softly: bool = False,
        level_probs: Sequence[float] | None = None,
        sample: Sample | None = None,
    ) -> PackedPhoto:
        """Encode a photo with its rows; those that are too long are left out. Without rows only its
        patches can be taught.

        Args:
            pixels: (height, width, 3) uint8 RGB.
            softly: teach positional words softly.
            level_probs: five probabilities in the order of LEVELS for level words; softly where
                given.
            sample: the truth, for the patches.

        Raises:
            TooLong: no row fits.
        """
        processor, config = self.processor, self.processor.config
        views = processor.views(pixels)
        tile = config.tokens(config.tile_grid)
        count = config.tokens(config.grid) + tile * (len(views) - 1)
        reads: list[tuple[int, tuple[float, float, float, float] | None]] = [
            (number, None) for number in range(len(views))
        ]
        every: list[ViewTensor] = list(views)
        if not rows:  # the patches alone are taught: nothing is read
            count, reads = 1, []
        ids, turns = [config.image_token_id if rows else self.pad_id] * count, [0] * count
        positions, labels = list(range(count)), [IGNORED] * count
        places: list[Soft] = []
        faults: list[int] = []
        level: Soft | None = None
        longest, dropped = 0, 0
        for qa in rows:
            turn = self._turn(pixels, qa, softly=softly, level_probs=level_probs)
            if count + len(turn.ids) > self.max_length:
                longest, dropped = max(longest, count + len(turn.ids)), dropped + 1
                continue
            close = iter(turn.views)
            for box in turn.boxes:
                reads.append((0, box))
                if turn.views:
                    reads.append((len(every), None))
                    every.append(next(close))
            start = len(ids)
            ids += turn.ids
            turns += [turns[-1] + 1] * len(turn.ids)
            positions += range(count, count + len(turn.ids))
            labels += [IGNORED] * turn.answer + turn.ids[turn.answer :]
            faults += [start + at for at in turn.faults]
            places += [Soft(one.at + start, one.tokens, one.shares) for one in turn.places]
            if turn.level is not None:
                level = Soft(turn.level.at + start, turn.level.tokens, turn.level.shares)
        if len(ids) == count and rows:
            raise TooLong(longest)
        patches: tuple[tuple[int, PatchTargets], ...] = ()
        if self.dense and sample is not None and sample.complete:
            shown = [number for number, view in enumerate(views) if view.shrink <= _SHRUNK]
            patches = tuple((number, patch_targets(sample, views[number])) for number in shown)
        return PackedPhoto(
            inputs={
                "input_ids": torch.tensor([ids]),
                "position_ids": torch.tensor([positions]),
                "turns": torch.tensor([turns]),
            },
            labels=torch.tensor(labels),
            places=tuple(places),
            level=level,
            faults=tuple(faults),
            sight=Sight(tuple(every), tuple(reads)),
            patches=patches,
            rated=tuple(map(float, level_probs or ())),
            dropped=("",) * dropped,
        )

    def check_words(self) -> None:
        """See `trainer.tuning.encode.Encoder`."""
        for word in (*LEVELS, *(word for words in AXES.values() for word in words)):
            if self._token(word) is None:
                raise UsageError(
                    f"the model's tokenizer writes {word!r} in several tokens",
                    hint="set soft_positions, soft_levels and fidelity to 0",
                    code="model_unfit",
                )

    def _turn(
        self, pixels: Pixels, qa: QA, *, softly: bool, level_probs: Sequence[float] | None
    ) -> _Turn:
        processor, config = self.processor, self.processor.config
        prompt = processor.prompt(qa.question)
        close = [processor.region_view(pixels, box) for box in prompt.boxes]
        views = [view for view in close if view is not None]
        tokens = config.tokens(config.region_grid)
        if views:
            tokens += config.tokens(config.tile_grid)
        before = processor.token_ids(prompt, 0, [tokens] * len(prompt.boxes))
        told: Mapping[str, Any] = processor.tokenizer(
            qa.answer + END, add_special_tokens=False, return_offsets_mapping=True
        )
        words = list(FAULT_WORDS.finditer(qa.answer))
        starts = {start: index for index, (start, _) in enumerate(told["offset_mapping"])}

        def soft(character: int, words: Sequence[str], shares: Sequence[float]) -> Soft | None:
            index = starts.get(character - 1, starts.get(character))
            known = [self._token(word) for word in words]
            if index is None or None in known:
                return None
            ids = tuple(int(one) for one in known if one is not None)
            if told["input_ids"][index] not in ids:
                return None
            return Soft(len(before) + index, ids, tuple(map(float, shares)))

        places = []
        for span in qa.spans if softly else ():
            found = soft(span.start, AXES[span.axis], (1 - span.value, span.value))
            if found is not None:
                places.append(found)
        level = None
        if level_probs is not None and qa.task == "score":
            level = soft(len(SCORE_PREFIX) + 1, LEVELS, level_probs)
        faults = [
            len(before) + index
            for index, (start, end) in enumerate(told["offset_mapping"])
            if any(start < word.end() and word.start() < end for word in words)
        ]
        ids = [*before, *told["input_ids"]]
        return _Turn(ids, len(before), places, level, faults, views, list(prompt.boxes))

    def _token(self, word: str) -> int | None:
        ids: list[int] = self.processor.tokenizer(f" {word}", add_special_tokens=False)["input_ids"]
        return ids[0] if len(ids) == 1 else None
