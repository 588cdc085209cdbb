"""transformers' Trainer with our loss, our optimizer's groups and our checkpoints.

The loop itself, mixed precision, accumulation and distribution are the Trainer's and accelerate's.
What is overridden: the order of rows (by step alone), the loss, what is logged, how a checkpoint is
written and read (no pickle, atomic), and the evaluation (spider's own).
"""

import contextlib
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import PrinterCallback, Trainer, TrainingArguments
from transformers.trainer_callback import ProgressCallback

from spider_cli.errors import UsageError
from trainer.tuning import checkpoints, states
from trainer.tuning.callbacks import Reporter
from trainer.tuning.export import read_weights, save_settings, write_weights
from trainer.tuning.files import disk_explained, read_json, write_json
from trainer.tuning.guard import Guard, Ledger
from trainer.tuning.losses import AnswerLoss, counted_besides, mean_terms
from trainer.tuning.measured import Measured
from trainer.tuning.muon import MuonAdamW
from trainer.tuning.parts import parameter_groups
from trainer.tuning.signals import Deaf, Signals

if TYPE_CHECKING:
    from trainer.tuning.base import Base
    from trainer.tuning.recipe import Recipe

__all__ = ["Examine", "Stage1Trainer"]

Examine = Callable[[Any], Measured]
"""Model -> what an evaluation of it finds; called by all processes at once."""

_STATE = "state.json"


class Stage1Trainer(Trainer):
    """See the module.

    Args:
        model: as `parts.apply_parts` left it.
        args: of `arguments`.
        rows: a dataset of encoded rows; number k is the k-th row of the run.
        collate: rows -> batch; "notes" in it is a `collate.Notes`.
        loss_of: the loss.
        recipe: the recipe.
        base: what the model was made from.
        processor: its settings are written into each checkpoint.
        reporter: tells people and the log.
        signals: SIGTERM and Ctrl-C.
        examine: the evaluation; None for none.
        best_by: the figure that names the best checkpoint, and whether more is better.
    """

    def __init__(
        self,
        *,
        model: Any,
        args: TrainingArguments,
        rows: Any,
        collate: Callable[..., dict[str, Any]],
        loss_of: AnswerLoss,
        recipe: "Recipe",
        base: "Base",
        processor: Any,
        reporter: Reporter,
        signals: Signals,
        examine: Examine | None = None,
        best_by: tuple[str, bool] = ("loss", False),
    ) -> None:
        with _same_use_cache(model.config):
            super().__init__(
                model=model,
                args=args,
                train_dataset=rows,
                data_collator=collate,
                compute_loss_func=_not_called,  # so that live tokens are counted over processes
            )
        self.run = Path(str(args.output_dir))
        self.rows = rows
        self.tuned: torch.nn.Module = model
        self.loss_of = loss_of
        self.recipe = recipe
        self.base = base
        self.processor = processor
        self.reporter = reporter
        self.examine = examine
        self.best_by = best_by
        self.ledger = Ledger()
        scaled = getattr(self.accelerator, "scaler", None) is not None
        self.guard = Guard(
            self.ledger,
            signals,
            self.run,
            self.accelerator,
            eval_every=recipe.run.eval_every,
            scaled=scaled,
        )
        for unwanted in (PrinterCallback, ProgressCallback):
            self.remove_callback(unwanted)
        self.add_callback(self.guard)
        self.add_callback(reporter)

    # -- rows, optimizer, loss -----------------------------------------------------------------

    def _get_train_sampler(self, *_: Any) -> torch.utils.data.Sampler[int]:
        """In order: which rows a step has depends on its number alone."""
        return torch.utils.data.SequentialSampler(self.rows)

    def get_train_dataloader(self) -> Any:
        loader = super().get_train_dataloader()
        own = getattr(loader, "base_dataloader", loader)  # accelerate's has torch's inside
        own.worker_init_fn = Deaf(own.worker_init_fn)
        return loader

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        if self.optimizer is None:
            groups = parameter_groups(self.model if model is None else model, self.recipe)
            betas = self.recipe.optim.betas
            if self.recipe.optim.muon:
                # Not fused: a loss scaler leaves it to fused ones to skip what overflows.
                self.optimizer = MuonAdamW(groups, betas=betas)
            else:
                fused = self.args.device.type == "cuda"
                self.optimizer = torch.optim.AdamW(groups, betas=betas, fused=fused or None)
        found: torch.optim.Optimizer = self.optimizer
        return found

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor:
        """This micro-batch's share of the mean over all live tokens of the step, times the number
        of processes: their gradients are averaged."""
        batch = dict(inputs)
        notes = batch.pop("notes")
        self.ledger.enter(notes.ids, notes.tokens, notes.dropped, notes.truncated)
        live = torch.as_tensor(num_items_in_batch, device=self.args.device).float().clamp(min=1)
        loss: Tensor = self.loss_of(model, batch, live) * self.args.world_size
        self.ledger.losses.append(loss.detach())
        return loss

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: torch.device) -> Any:
        """Live tokens of the step, over all processes, and what is counted besides."""
        live = super()._get_num_items_in_batch(batch_samples, device)
        weights = self.recipe.losses
        if live is None or not (weights.dense_patches or weights.dense_levels):
            return live
        mine = sum(counted_besides(batch["targets"]) for batch in batch_samples)
        return live + self.accelerator.gather(torch.tensor([mine], device=device)).sum()

    # -- log and evaluation --------------------------------------------------------------------

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        if "loss" in logs:
            counts = self.accelerator.reduce(self.ledger.counts().to(self.args.device), "sum")
            step = self.state.global_step
            terms = self.accelerator.reduce(self.loss_of.take().float().to(self.args.device), "sum")
            self.reporter.step(
                step,
                {
                    "loss": logs["loss"],
                    "terms": mean_terms(terms.tolist()),
                    "grad_norm": float(logs.get("grad_norm", 0.0)),
                    "lr": self.ledger.rates,
                    "epoch": round(self.rows.epoch_at(step * self.recipe.run.batch), 4),
                },
                counts.tolist(),
            )
        super().log(logs, start_time)

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Spider's own figures; a new best is saved at once."""
        if self.examine is None:
            return {}
        started = time.monotonic()
        measured = self.examine(self.model)
        name, more = self.best_by
        value = measured.figures.get(name)
        metrics = {f"eval_{key}": figure for key, figure in measured.figures.items()}
        step = self.state.global_step
        super().log(dict(metrics))  # TensorBoard's
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        known = self.state.best_metric
        best = value is not None and (known is None or (value > known if more else value < known))
        if best:
            self.state.best_metric = value
            self.state.best_global_step = step
            self.control.should_save = True
        seconds = time.monotonic() - started
        self.reporter.evaluation(step, measured, seconds, best)
        return metrics

    # -- checkpoints ---------------------------------------------------------------------------

    @property
    def spread(self) -> bool:
        """Are weights or the optimizer's state spread over processes?"""
        return bool(self.is_fsdp_enabled or self.is_deepspeed_enabled)

    @property
    def _schedule(self) -> Any:
        """Of the learning rates; the Trainer makes it before the first step."""
        return self.lr_scheduler

    def _save_checkpoint(self, model: Any, trial: Any = None, *_: Any) -> None:
        run, step = self.run, int(self.state.global_step)
        folder = checkpoints.unfinished(run, step)
        try:
            with disk_explained(folder):
                self._write_checkpoint(model, folder)
                self.accelerator.wait_for_everyone()
                if self.args.should_save:
                    checkpoints.publish(run, step)
                    best = self.state.best_global_step
                    checkpoints.rotate(run, keep=self.recipe.run.keep, best=best)
        except UsageError:
            shutil.rmtree(folder, ignore_errors=True)  # its room may be what the log needs
            raise
        self.accelerator.wait_for_everyone()
        self.reporter.log.add("checkpoint", step, folder=f"checkpoint-{step}")
        self.reporter.restart_clock()

    def _write_checkpoint(self, model: Any, folder: Path) -> None:
        if self.args.should_save:
            shutil.rmtree(folder, ignore_errors=True)
        self.accelerator.wait_for_everyone()
        folder.mkdir(parents=True, exist_ok=True)
        state = self.accelerator.get_state_dict(model) if self.spread else None
        if self.spread:
            self._save_optimizer_and_scheduler(str(folder))
        states.write_rng(folder, self.args.process_index)
        if not self.args.should_save:
            return
        write_weights(self.accelerator.unwrap_model(model), folder, base=self.base, state=state)
        save_settings(self.processor, self.base, folder)
        if not self.spread:
            names = states.parameter_names(self.tuned)
            states.write_optimizer(folder, self.optimizer, names)
        scaler = getattr(self.accelerator, "scaler", None)
        write_json(
            folder / _STATE,
            {
                "schedule": self._schedule.state_dict(),
                "scaler": None if scaler is None else scaler.state_dict(),
                "processes": self.args.world_size,
            },
        )
        self.state.save_to_json(str(folder / "trainer_state.json"))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Weights; those that will be spread are read before that, by `train.tune`."""
        if model is None:
            read_weights(self.model, Path(resume_from_checkpoint))

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is None:
            return
        if self.spread:
            super()._load_optimizer_and_scheduler(checkpoint)
            return
        folder = Path(checkpoint)
        names = states.parameter_names(self.tuned)
        states.read_optimizer(folder, self.optimizer, names)
        self._schedule.load_state_dict(read_json(folder / _STATE)["schedule"])

    def _load_scaler(self, checkpoint: str | None) -> None:
        if checkpoint is None:
            return
        told = read_json(Path(checkpoint) / _STATE)["scaler"]
        scaler = getattr(self.accelerator, "scaler", None)
        if told is not None and scaler is not None:
            scaler.load_state_dict(told)

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if checkpoint is None:
            return
        if not states.read_rng(Path(checkpoint), self.args.process_index):
            self.reporter.say(
                f"process {self.args.process_index} had no part in {Path(checkpoint).name}: its "
                "dropout will not be what it would have been"
            )


def _not_called(*_: Any, **__: Any) -> Tensor:
    raise AssertionError("compute_loss is overridden")


@contextlib.contextmanager
def _same_use_cache(config: Any) -> Any:
    """The Trainer switches the cache off in the configuration, which then would be exported so."""
    before: Mapping[str, Any] = (
        {"use_cache": config.use_cache} if hasattr(config, "use_cache") else {}
    )
    yield
    if before:
        config.use_cache = before["use_cache"]
    elif hasattr(config, "use_cache"):
        del config.use_cache
