"""What stage 1 minimises: next-token cross-entropy on answers, and what a recipe adds to it.

All terms are sums over steps, divided by the number of live tokens of the whole batch: of all its
rows, all micro-batches, all processes. So the loss is the same however a batch is split up. A step
with a soft target is taught by that alone, not by its token besides, and counts as `weight` tokens:
with weight 1 as much as any other.
"""

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from spider_cli.errors import UsageError
from trainer.tuning.encode import IGNORED
from trainer.tuning.opinions import LEVEL_VALUES

if TYPE_CHECKING:
    from trainer.tuning.recipe import Losses

__all__ = [
    "TERMS",
    "AnswerLoss",
    "answer_terms",
    "check_losses",
    "counted_besides",
    "divergence",
    "fidelity",
    "mean_terms",
    "predicting",
]

_EPSILON = 1e-8


TERMS = ("answers", "faults", "places", "ahead", "levels", "order", "patches", "views")
"""Of the loss, in the order of `AnswerLoss.sums`."""


class Term(NamedTuple):
    """A part of the loss of a batch."""

    weight: float
    sum: Tensor
    """Over its steps."""
    steps: float
    """How many those are."""


class AnswerLoss:
    """The loss of a model on a batch of `collate.Collator`.

    Logits are computed only where an answer is predicted, for models that can be asked for some.

    Args:
        weights: of the recipe.
    """

    def __init__(self, weights: "Losses") -> None:
        self.weights = weights
        self.sums = torch.zeros(2, len(TERMS), dtype=torch.float64)
        self._chooses: bool | None = None

    def __call__(self, model: Any, batch: dict[str, Any], live: Tensor | float) -> Tensor:
        """This batch's share of the loss.

        Args:
            model: plain, or wrapped by peft, DDP, FSDP or the like.
            batch: of the collator, on the model's device.
            live: number of live tokens, and what patches and overviews count, of the whole batch
                that a step of the optimizer has.

        Returns:
            A scalar, float32.
        """
        if self._chooses is None:
            self._chooses = _chooses(model)
        inputs = {k: v for k, v in batch.items() if k not in ("labels", "targets", "notes")}
        labels: Tensor = batch["labels"]
        kept = predicting(labels)
        if self._chooses:
            out = model(**inputs, logits_to_keep=kept, use_cache=False)
            logits = out.logits
        else:
            out = model(**inputs, use_cache=False)
            logits = out.logits[:, kept]
        targets = batch["targets"]
        terms = answer_terms(logits, kept, labels, targets, self.weights)
        if self.weights.dense_patches and "patches" in targets:
            from trainer.tuning.nano.patches import patch_loss

            told = zip(out.patch_logits, targets["patches"], strict=True)
            costs = torch.stack([patch_loss(one, wanted.to(one.device)) for one, wanted in told])
            tokens = targets["patch_tokens"]
            weight = self.weights.dense_patches
            terms["patches"] = Term(weight, (costs * tokens).sum(), float(tokens.sum()))
        if self.weights.dense_levels and "view_levels" in targets:
            wanted = targets["view_levels"].to(logits.device)
            costs = divergence(out.level_logits.float().log_softmax(dim=-1), wanted)
            terms["views"] = Term(self.weights.dense_levels, costs.sum(), len(costs))
        for place, name in enumerate(TERMS):
            if name in terms:
                self.sums[0, place] += terms[name].sum.detach().cpu()
                self.sums[1, place] += terms[name].steps
        loss: Tensor = sum((one.weight * one.sum for one in terms.values()), logits.new_zeros(()))
        return loss / live

    def take(self) -> Tensor:
        """What each of TERMS has cost since the last call, without its weight, and how many steps
        of answers that were: (2, terms) float64; sums of processes can be added."""
        found = self.sums.clone()
        self.sums.zero_()
        return found


def counted_besides(targets: dict[str, Any]) -> float:
    """As many tokens as a batch's patches and overviews count, each without its weight."""
    patches: Tensor | None = targets.get("patch_tokens")
    views = targets.get("view_levels", ())
    return (0.0 if patches is None else float(patches.sum())) + len(views)


def predicting(labels: Tensor) -> Tensor:
    """Positions from which some row of a batch predicts a live token.

    Args:
        labels: (rows, length).

    Returns:
        (K,) int64, ascending.
    """
    return (labels[:, 1:] != IGNORED).any(dim=0).nonzero()[:, 0]


def answer_terms(
    logits: Tensor, kept: Tensor, labels: Tensor, targets: dict[str, Any], weights: "Losses"
) -> dict[str, Term]:
    """The terms that are on: "answers", "faults", "places", "ahead", "levels", "order".

    Args:
        logits: (rows, K, vocabulary), those at the positions `kept`.
        kept: of `predicting`.
        labels: (rows, length).
        targets: of `collate.targets_of`.
        weights: of the recipe.
    """
    wanted = labels[:, kept + 1]  # (rows, K)
    row, step = (wanted != IGNORED).nonzero(as_tuple=True)
    log_p = logits[row, step].float().log_softmax(dim=-1)  # (N, vocabulary)
    hard = -log_p.gather(1, wanted[row, step][:, None])[:, 0]
    counted = torch.ones_like(hard)
    place = weights.soft_positions if "place_at" in targets else 0.0
    ahead = weights.positions_ahead if "place_at" in targets else 0.0
    level = weights.soft_levels if "level_at" in targets else 0.0
    order = weights.fidelity if "level_at" in targets else 0.0
    fault = weights.fault_words if "fault_at" in targets else 0.0
    terms = {}
    if place or level or order or fault:  # ahead is beside place
        number = torch.full(labels.shape, -1, device=labels.device)
        number[row, kept[step] + 1] = torch.arange(len(row), device=labels.device)
        for name, key, weight in (("places", "place", place), ("levels", "level", level)):
            if weight:
                at = number[tuple(targets[f"{key}_at"].T)]
                counted[at] = 0
                tokens, shares = targets[f"{key}_tokens"], targets[f"{key}_shares"]
                costs = divergence(log_p[at].gather(1, tokens), shares)
                terms[name] = Term(weight, costs.sum(), len(at))
    if ahead:
        first = _followed(targets["place_at"])
        at = number[tuple(targets["place_at"][first].T)]
        tokens, shares = (targets[f"place_{name}"][first + 1] for name in ("tokens", "shares"))
        # Of the two alone: the other word's turn it is, and neither is to be said here.
        closed = log_p[at].gather(1, tokens).log_softmax(dim=1)
        terms["ahead"] = Term(ahead, divergence(closed, shares).sum(), len(at))
    if fault:
        at = number[tuple(targets["fault_at"].T)]
        terms["faults"] = Term(fault, hard[at].sum(), len(at))
    if order:
        at = number[tuple(targets["level_at"].T)]
        closed = log_p[at].gather(1, targets["level_tokens"]).softmax(dim=1)  # (M, 5)
        scores: Tensor = closed @ closed.new_tensor(LEVEL_VALUES)
        cost = fidelity(scores, targets["level_mean"], targets["level_part"])
        terms["order"] = Term(order, cost, len(at))
    return {"answers": Term(1.0, (hard * counted).sum(), int(counted.sum())), **terms}


def _followed(at: Tensor) -> Tensor:
    """Which positional words have another right behind them: (N, 2) rows and indices, in order ->
    (M,) numbers."""
    step = at[1:] - at[:-1]
    return ((step[:, 0] == 0) & (step[:, 1] == 1)).nonzero()[:, 0]


def mean_terms(sums: Sequence[Sequence[float]]) -> dict[str, float]:
    """Mean cost of each term that was on, without its weight.

    Args:
        sums: of `AnswerLoss.take`, added up over processes.
    """
    costs, counts = sums
    found = zip(TERMS, costs, counts, strict=True)
    return {name: round(cost / count, 5) for name, cost, count in found if count}


def divergence(log_p: Tensor, shares: Tensor) -> Tensor:
    """Kullback-Leibler divergence from soft targets to predictions over the full vocabulary.

    Args:
        log_p: (N, K) log-probabilities of the targets' tokens.
        shares: (N, K) target probabilities, which sum to 1.

    Returns:
        (N,), 0 where they agree.
    """
    costs: Tensor = (torch.special.xlogy(shares, shares) - shares * log_p).sum(dim=1)
    return costs


def fidelity(scores: Tensor, means: Tensor, parts: Tensor) -> Tensor:
    """Fidelity loss of pairs (Tsai et al., 2007, as DeQA-Score has it), inside one data set each.

    With p = (1 + erf((s_a - s_b) / 2)) / 2 of predicted scores and g the same of opinions, a pair
    costs 1 - sqrt(p g) - sqrt((1 - p)(1 - g)).

    Args:
        scores: (M,) predicted, 1-5.
        means: (M,) opinions, 1-5.
        parts: (M,) numbers of data sets.

    Returns:
        The mean over all pairs of a data set times its number of photos, summed over data sets;
        0 where there are no pairs.
    """
    a, b = torch.triu_indices(len(scores), len(scores), offset=1, device=scores.device)
    same = parts[a] == parts[b]
    a, b = a[same], b[same]
    p = (1 + torch.erf((scores[a] - scores[b]) / 2)) / 2
    g = (1 + torch.erf((means[a] - means[b]) / 2)) / 2
    costs = 1 - (p * g + _EPSILON).sqrt() - ((1 - p) * (1 - g) + _EPSILON).sqrt()
    # m photos make m (m - 1) / 2 pairs: the mean of those times m.
    photos = (parts[a][:, None] == parts).sum(dim=1)
    total: Tensor = (costs * 2 / (photos - 1).clamp(min=1)).sum()
    return total


def check_losses(weights: "Losses", micro_batch: int, *, dense: bool = False) -> None:
    """Can these be computed?

    Args:
        weights: of the recipe.
        micro_batch: photos whose scores can be compared.
        dense: the model's encoder can be taught by itself.

    Raises:
        UsageError: an encoder cannot be taught by itself in such models, or there are no pairs to
            compare.
    """
    for name, how in (("dense_patches", "patch by patch"), ("dense_levels", "levels")):
        if getattr(weights, name) and not dense:
            raise UsageError(
                f"losses.{name}: the encoders of chat models are not taught {how}",
                hint=f"--set losses.{name}=0",
                code="bad_recipe",
            )
    if weights.fidelity and micro_batch < 2:
        raise UsageError(
            "losses.fidelity compares photos of a micro-batch, and run.micro_batch is "
            f"{micro_batch}",
            hint="--set run.micro_batch=4, or losses.fidelity=0",
            code="bad_recipe",
        )


def _chooses(model: Any) -> bool:
    """Can the model be asked for the logits of some positions only?"""
    while True:
        if hasattr(model, "get_base_model"):
            model = model.get_base_model()
        elif isinstance(getattr(model, "module", None), torch.nn.Module):
            model = model.module
        else:
            break
    return "logits_to_keep" in inspect.signature(model.forward).parameters
