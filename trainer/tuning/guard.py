"""The guard that stops a run in time, and the ledger of what a step was made of."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import TrainerCallback

from spider_cli.errors import UsageError
from trainer.tuning.files import write_json
from trainer.tuning.signals import Signals

__all__ = ["Guard", "Ledger"]


@dataclass(slots=True)
class Ledger:
    """What one process did in the step at hand and since the last line of the log."""

    ids: list[list[str]] = field(default_factory=list)
    """Rows of each micro-batch of this step."""
    losses: list[Tensor] = field(default_factory=list)
    """Their shares of the loss."""
    rows: int = 0
    tokens: int = 0
    dropped: int = 0
    truncated: int = 0
    rates: dict[str, float] = field(default_factory=dict)
    """Learning rate of each part in this step."""

    def enter(self, ids: Sequence[str], tokens: int, dropped: int, truncated: int) -> None:
        """Note a micro-batch."""
        self.ids.append(list(ids))
        self.rows += len(ids)
        self.tokens += tokens
        self.dropped += dropped
        self.truncated += truncated

    def step_done(self) -> None:
        """Forget the step at hand."""
        self.ids.clear()
        self.losses.clear()

    def counts(self) -> Tensor:
        """rows, tokens, dropped, truncated since the last call."""
        found = torch.tensor([self.rows, self.tokens, self.dropped, self.truncated])
        self.rows = self.tokens = self.dropped = self.truncated = 0
        return found


class Guard(TrainerCallback):
    """Before each step of the optimizer, all processes together: is the loss a number, did a
    signal come? A bad loss ends the run before it reaches the weights; a signal saves and ends it.

    Args:
        ledger: of this process.
        signals: of this process.
        run: the run's folder, for the rows at fault.
        accelerator: of the Trainer.
        eval_every: steps between evaluations; 0 for none.
        scaled: a loss scaler is at work; it skips steps whose gradients overflow by itself.
    """

    def __init__(
        self,
        ledger: Ledger,
        signals: Signals,
        run: Path,
        accelerator: Any,
        *,
        eval_every: int,
        scaled: bool,
    ) -> None:
        self.ledger = ledger
        self.signals = signals
        self.run = run
        self.accelerator = accelerator
        self.eval_every = eval_every
        self.scaled = scaled
        self.stopping: int | None = None
        """The signal that ends the run, once all processes know."""

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **known: Any) -> None:
        groups = known["optimizer"].param_groups
        named = {str(group.get("name", index)): group for index, group in enumerate(groups)}
        self.ledger.rates = {
            name: float(group["lr"])
            for name, group in named.items()
            if name.removesuffix("_vectors") == name or name.removesuffix("_vectors") not in named
        }
        losses = torch.stack([loss.float().reshape(()) for loss in self.ledger.losses])
        bad_loss = (~torch.isfinite(losses)).any()
        bad_gradient = torch.zeros((), dtype=torch.bool, device=losses.device)
        if not self.scaled:
            bad_gradient = _not_finite(groups, losses.device)
        signal = torch.tensor(self.signals.received or 0, device=losses.device)
        told = torch.stack([bad_loss.long(), bad_gradient.long(), signal.long()])
        if args.world_size > 1:
            torch.distributed.all_reduce(told, torch.distributed.ReduceOp.MAX)
        lost, overflowed, number = told.tolist()
        if lost or overflowed:
            self._stop(int(state.global_step) + 1, losses.tolist(), gradient=not lost)
        self.stopping = int(number) or None

    def on_step_end(self, args: Any, state: Any, control: Any, **known: Any) -> Any:
        self.ledger.step_done()
        step = state.global_step
        if self.eval_every and (step % self.eval_every == 0 or step >= state.max_steps):
            control.should_evaluate = True
        if control.should_save:
            control.should_log = True  # a resumed run logs from there on
        if self.stopping is not None:
            control.should_save = control.should_log = control.should_training_stop = True
            control.should_evaluate = False
        return control

    def _stop(self, step: int, losses: list[float], *, gradient: bool) -> None:
        """Save the rows at fault of this process, then end the run.

        Raises:
            UsageError: always.
        """
        rank = int(self.accelerator.process_index)
        pairs = list(zip(self.ledger.ids, losses, strict=True))
        bad = [(ids, loss) for ids, loss in pairs if gradient or not math.isfinite(loss)]
        what = "gradient" if gradient else "loss"
        path = self.run / f"not-a-number-step-{step}-process-{rank}.json"
        if bad:
            parts = [{"rows": ids, "loss": str(loss)} for ids, loss in bad]
            write_json(path, {"step": step, "what": what, "micro_batches": parts})
        rows = ", ".join([name for ids, _ in bad for name in ids][:4])
        raise UsageError(
            f"the {what} of step {step} is not a number (rows {rows or 'of another process'}); "
            f"all row ids are in {self.run}/not-a-number-step-{step}-process-*.json",
            hint="the weights are as before that step, and the last checkpoint is whole: lower "
            "optim.lr_lora, lr_vision and lr_projector, set optim.grad_clip = 1, or use bfloat16 "
            "in place of float16; look at those rows with spider data preview",
            code="not_a_number",
        )


def _not_finite(groups: Sequence[dict[str, Any]], device: torch.device) -> Tensor:
    """() bool: is any gradient infinite or not a number?"""
    bad = torch.zeros((), dtype=torch.bool, device=device)
    for group in groups:
        for parameter in group["params"]:
            gradient = parameter.grad
            if gradient is None:
                continue
            if hasattr(gradient, "to_local"):  # a shard
                gradient = gradient.to_local()
            # A sum is one number per tensor; it is finite unless an element is not (or, in
            # float32, unless the gradient has left every useful range anyway).
            bad |= ~torch.isfinite(gradient.sum())
    return bad
