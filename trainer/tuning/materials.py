"""What a run learns from: its rows, how they become batches, and the loss on them."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spider_cli.budget import chat_budget
from spider_cli.chat_processors import load_processor as load_from
from spider_cli.errors import UsageError
from spider_cli.text_to_point import AXES
from spider_cli.weights.loading import explained
from trainer.tuning.base import NANO
from trainer.tuning.collate import Collator
from trainer.tuning.encode import ChatEncoder
from trainer.tuning.losses import AnswerLoss, check_losses
from trainer.tuning.mixture import Mixture
from trainer.tuning.recipe import Augment, DataPart, Losses, Recipe
from trainer.tuning.rows import TrainingRows

if TYPE_CHECKING:
    import torch

    from trainer.tuning.base import Base
    from trainer.tuning.nano.collate import PhotoCollator
    from trainer.tuning.photo_rows import TrainingPhotos

__all__ = ["Materials", "end_ids", "gather_materials", "load_processor"]

_EVAL_ROWS = 256
"""Rows whose loss an evaluation takes."""
_EVAL_PHOTOS = 32
"""The same, of a model that is asked photo by photo."""


@dataclass(frozen=True)
class Materials:
    """See the module."""

    rows: "TrainingRows | TrainingPhotos"
    steps: int
    counts: list[dict[str, Any]]
    """Of each data set: path, split, rows, per_epoch."""
    collate: "Collator | PhotoCollator"
    loss_of: AnswerLoss
    examined: "TrainingRows | TrainingPhotos | None"
    """Rows of the evaluation's data."""
    micro_batch: int
    longest: int
    """Tokens a row may have: the recipe's max_length, or the model's context where that is less."""

    def batch(self, rows: Any, numbers: list[int]) -> dict[str, Any]:
        """These rows as a batch."""
        return self.collate([rows[number] for number in numbers])

    def eval_loss(
        self, model: Any, device: "torch.device", *, share: int = 0, of: int = 1
    ) -> tuple[float, int]:
        """Sum of the loss over the live tokens of every `of`-th row of the evaluation's data, from
        number `share` on; and how many tokens those are."""
        total, live = 0.0, 0
        plain = AnswerLoss(Losses())
        for numbers in self._shares(share, of):
            assert self.examined is not None
            batch = self.batch(self.examined, numbers)
            labels = batch["labels"]
            live += int((labels[:, 1:] != -100).sum())
            moved = {k: v.to(device) if hasattr(v, "to") else v for k, v in batch.items()}
            total += float(plain(model, moved, 1.0))
        return total, live

    def _shares(self, share: int, of: int) -> Iterator[list[int]]:
        mine = [] if self.examined is None else list(range(len(self.examined)))[share::of]
        for start in range(0, len(mine), self.micro_batch):
            yield mine[start : start + self.micro_batch]


def gather_materials(recipe: Recipe, processor: Any, base: "Base") -> Materials:
    """Open the recipe's data and set up what turns it into batches.

    Raises:
        UsageError: data, tokenizer or losses are not as they should be.
    """
    if base.kind == NANO:
        return _nano_materials(recipe, processor)
    if recipe.augment.crop:
        raise UsageError(
            "augment.crop: only nano's encoder is taught from crops",
            hint="--set augment.crop=0",
            code="bad_recipe",
        )
    if recipe.run.questions > 1:
        raise UsageError(
            "run.questions: chat models are asked one question at a time",
            hint="--set run.questions=1",
            code="bad_recipe",
        )
    if recipe.run.settle:
        raise UsageError(
            "run.settle: chat models read no statistics of a photo",
            hint="--set run.settle=0",
            code="bad_recipe",
        )
    check_losses(recipe.losses, recipe.run.micro_batch)
    together = recipe.run.micro_batch if recipe.losses.fidelity else 1
    mixture = Mixture(recipe.data, recipe.run.seed, together=together)
    tokenizer = processor.tokenizer
    _check_places(tokenizer, recipe)
    run = recipe.run
    longest = min(run.max_length, _context(base) or run.max_length)
    encoder = _chat_encoder(recipe, processor, base, longest)
    steps = run.steps or max(1, math.ceil((run.epochs or 1) * len(mixture) / run.batch))

    def rows(mix: Mixture, total: int, augment: Augment, losses: Losses) -> TrainingRows:
        return TrainingRows(
            mix, encoder, augment=augment, losses=losses, seed=run.seed, total=total
        )

    return Materials(
        rows=rows(mixture, steps * run.batch, recipe.augment, recipe.losses),
        steps=steps,
        counts=_counts(mixture),
        collate=Collator(encoder.pad_id),
        loss_of=AnswerLoss(recipe.losses),
        examined=_examined(recipe, rows),
        micro_batch=run.micro_batch,
        longest=longest,
    )


def _chat_encoder(recipe: Recipe, processor: Any, base: "Base", longest: int) -> ChatEncoder:
    """The encoder, tried on a small photo.

    Raises:
        UsageError: chat template or processor take messages or photos in a form of their own.
    """
    import numpy as np

    try:
        encoder = ChatEncoder(
            processor,
            processor.tokenizer,
            longest,
            recipe.run.long_rows,
            ends=end_ids(base) or None,
            max_pixels=recipe.model.max_pixels or chat_budget(base.kind),
        )
        encoder.prompt.tokens([np.zeros((64, 64, 3), np.uint8)], ["?"])
    except UsageError:
        raise
    except Exception as error:  # templates raise jinja's, processors whatever they like
        raise UsageError(
            f"{base.name} takes photos and questions in a form of its own: "
            f"{type(error).__name__}: {error}",
            hint="take a base model whose chat template knows messages in parts, of type image and "
            "text, as the shipped recipes' do",
            code="model_unfit",
        ) from error
    return encoder


def _nano_materials(recipe: Recipe, processor: Any) -> Materials:
    from trainer.tuning.nano.collate import PhotoCollator
    from trainer.tuning.nano.encode import PhotoEncoder
    from trainer.tuning.photo_mix import PhotoMixture
    from trainer.tuning.photo_rows import TrainingPhotos

    run, losses = recipe.run, recipe.losses
    check_losses(losses, run.micro_batch, dense=True)
    if recipe.model.max_pixels is not None:
        raise UsageError(
            "model.max_pixels: nano's configuration has the sizes of its views",
            hint="leave it out",
            code="bad_recipe",
        )
    if recipe.augment.crop and not losses.dense_patches:
        raise UsageError("augment.crop: nothing is learnt from crops but losses.dense_patches")
    if losses.dense_levels and not processor.config.levels:
        raise UsageError(
            "losses.dense_levels: the statistics of this nano tell nothing of levels",
            hint="--set losses.dense_levels=0",
            code="bad_recipe",
        )
    if run.settle and recipe.model.dtype != "float32":
        raise UsageError(
            "run.settle: photos are looked at before the first step, in float32",
            hint="--set run.settle=0, or model.dtype=float32",
            code="bad_recipe",
        )
    if run.settle and not (losses.dense_levels or losses.soft_levels):
        raise UsageError(
            "run.settle: no score is learnt, and no photo has one",
            hint="--set run.settle=0",
            code="bad_recipe",
        )
    if losses.fidelity:
        raise UsageError("losses.fidelity: nano's photos do not come in comparable pairs")
    mixture = PhotoMixture(recipe.data, run.seed, questions=run.questions)
    longest = min(run.max_length, processor.config.text_config.max_position_embeddings)
    encoder = PhotoEncoder(processor, longest, dense=bool(losses.dense_patches))
    steps = run.steps or max(1, math.ceil((run.epochs or 1) * len(mixture) / run.batch))

    def rows(mix: Any, total: int, augment: Augment, losses: Losses) -> TrainingPhotos:
        return TrainingPhotos(
            mix, encoder, augment=augment, losses=losses, seed=run.seed, total=total
        )

    found = _eval_part(recipe)
    examined = None
    if found is not None:
        measured = PhotoMixture([found], run.seed, questions=run.questions)
        examined = rows(measured, min(len(measured), _EVAL_PHOTOS), Augment(), Losses())
    return Materials(
        rows=rows(mixture, steps * run.batch, recipe.augment, losses),
        steps=steps,
        counts=_counts(mixture),
        collate=PhotoCollator(encoder.pad_id, rates=bool(losses.dense_levels)),
        loss_of=AnswerLoss(losses),
        examined=examined,
        micro_batch=run.micro_batch,
        longest=longest,
    )


def _counts(mixture: Any) -> list[dict[str, Any]]:
    return [
        {"path": one.path, "split": one.split, "rows": one.rows, "per_epoch": one.per_epoch}
        for one in mixture.counts
    ]


def load_processor(base: "Base") -> Any:
    """The base's processor.

    Raises:
        UsageError: it does not load.
    """
    if base.kind == NANO:
        from spider_cli.nano.configuration import NanoConfig
        from spider_cli.nano.processing import NanoProcessor

        with explained(base.folder, "an image-text-to-text model"):
            config = NanoConfig.from_pretrained(str(base.folder), local_files_only=True)
            return NanoProcessor.from_pretrained(base.folder, config)
    with explained(base.folder, "an image-text-to-text model"):
        return load_from(base.folder, remote_code=base.remote_code)


def end_ids(base: "Base") -> tuple[int, ...]:
    """Tokens at which the model stops, as its folder says; empty where it does not."""
    from transformers import GenerationConfig

    try:
        said = GenerationConfig.from_pretrained(str(base.folder), local_files_only=True)
    except (OSError, ValueError):
        said = GenerationConfig.from_model_config(_config(base))
    ends = said.eos_token_id
    return () if ends is None else tuple(ends) if isinstance(ends, list) else (ends,)


def _context(base: "Base") -> int | None:
    """Tokens that the model can have before it; None where its configuration does not say."""
    found = getattr(_config(base).get_text_config(), "max_position_embeddings", None)
    return found if isinstance(found, int) else None


def _config(base: "Base") -> Any:
    from transformers import AutoConfig

    with explained(base.folder, "an image-text-to-text model"):
        return AutoConfig.from_pretrained(
            str(base.folder), local_files_only=True, trust_remote_code=base.remote_code
        )


def _examined(recipe: Recipe, rows: Callable[..., TrainingRows]) -> TrainingRows | None:
    part = _eval_part(recipe)
    if part is None:
        return None
    mixture = Mixture([part], recipe.run.seed)
    return rows(mixture, min(len(mixture), _EVAL_ROWS), Augment(), Losses())


def _eval_part(recipe: Recipe) -> DataPart | None:
    """The rows on which the evaluation takes the loss."""
    from trainer.tuning.measured import eval_split

    if not recipe.run.eval_every or recipe.run.eval_data is None:
        return None
    found = eval_split(recipe.run.eval_data)
    return None if found is None else DataPart(*found)


def _check_places(tokenizer: Any, recipe: Recipe) -> None:
    """Can the tokenizer write the positional words?

    Raises:
        UsageError: it cannot, and the mix may teach them.
    """
    tasks = [task for part in recipe.data for task in part.tasks]
    everything = any(not part.tasks for part in recipe.data)
    if not everything and not any(task.startswith("ground") for task in tasks):
        return
    for words in AXES.values():
        forms = [
            tuple(tokenizer(f" {word}", add_special_tokens=False)["input_ids"]) for word in words
        ]
        for word, form in zip(words, forms, strict=True):
            told = tokenizer.decode(list(form), skip_special_tokens=True).strip()
            if told != word or tokenizer.unk_token_id in form:
                raise UsageError(
                    f"the tokenizer cannot write {word!r}: places in photos are said with "
                    "top, bottom, left and right",
                    hint="take a base model of English, or data without grounding: "
                    "--set data.0.tasks=['describe']",
                    code="model_unfit",
                )
        if len(set(forms)) < len(forms):
            raise UsageError(
                f"the tokenizer writes {' and '.join(words)} with the same tokens",
                code="model_unfit",
            )
