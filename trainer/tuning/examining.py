"""The evaluation of a run: which one, and how it is shared out over the processes."""

from typing import TYPE_CHECKING, Any

import torch

from trainer.tuning.measured import Examination, Measured, current, from_text, to_text

if TYPE_CHECKING:
    from trainer.tuning.loop import Examine, Stage1Trainer
    from trainer.tuning.materials import Materials
    from trainer.tuning.recipe import Recipe

__all__ = ["examination_of", "examiner"]


def examination_of(recipe: "Recipe") -> Examination | None:
    """What the recipe wants the run measured on; None for nothing.

    Raises:
        UsageError: it cannot be opened, or nothing in it can be graded.
    """
    if not recipe.run.eval_every:
        return None
    assert recipe.run.eval_data is not None  # the recipe's own check
    return Examination(recipe.run.eval_data, recipe.run.eval_limit)


def examiner(
    trainer: "Stage1Trainer", examination: Examination, materials: "Materials", processor: Any
) -> "Examine":
    """The evaluation, shared out over the processes."""

    def examine(model: Any) -> Measured:
        state = trainer.accelerator.state
        rank, world = int(state.process_index), int(state.num_processes)
        if trainer.spread:  # every forward pass needs all processes
            share, of = 0, 1
        else:
            share, of = rank, world
        model.eval()
        device = trainer.args.device
        dtype = getattr(torch, trainer.recipe.model.dtype)
        lower = dtype != torch.float32
        with torch.no_grad(), torch.autocast(device.type, dtype=dtype, enabled=lower):
            shown = trainer.recipe.model.max_pixels
            asked = current(model, processor, trainer.base, shown)
            spoken = examination.ask(asked, share=share, of=of)
            total, live = materials.eval_loss(model, device, share=share, of=of)
        sums = torch.tensor([total, live], dtype=torch.float64)
        if of > 1:
            sums = sums.to(device)
            torch.distributed.all_reduce(sums)
            texts = _gathered(trainer, to_text(spoken))
            results = examination.ordered([one for text in texts for one in from_text(text)])
        else:
            results = spoken
        measured = examination.sum_up(results)
        if sums[1] > 0:
            measured.figures["loss"] = float(sums[0] / sums[1])
        model.train()
        return measured

    return examine


def _gathered(trainer: "Stage1Trainer", text: str) -> list[str]:
    """Each process's text, in all processes."""
    accelerator = trainer.accelerator
    mine = torch.tensor(list(text.encode()), dtype=torch.uint8, device=trainer.args.device)
    length = torch.tensor([len(mine)], device=trainer.args.device)
    lengths = accelerator.gather(length).tolist()
    padded = accelerator.pad_across_processes(mine, dim=0)
    rows = accelerator.gather(padded).reshape(len(lengths), -1).cpu().numpy()
    return [bytes(row[:count]).decode() for row, count in zip(rows, lengths, strict=True)]
