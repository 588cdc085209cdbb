"""Where a model goes, in which numbers, and whether there is memory for it: before it is loaded."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spider_cli.devices import Wanted, choose_device, choose_dtype
from spider_cli.errors import UsageError
from spider_cli.weights.catalogue import BUNDLED, CATALOGUE
from spider_cli.weights.loading import memory_short
from spider_cli.weights.machine import Room, free_memory, memory_text, needed
from spider_cli.weights.memory import Weights, weights_in
from spider_cli.weights.quantizing import QUANTIZE, Quantize, check_installed

if TYPE_CHECKING:
    import torch

__all__ = ["Placement", "place"]

_SMALL = 256_000_000
"""Bytes that are never worth a refusal: nano and its like run wherever Python does."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a model's weights go."""

    device: str
    """As torch spells it: "cpu", "cuda", "cuda:1", "mps"; the first of several."""
    dtype: "torch.dtype"
    why: str
    """ "on cpu (torch sees no GPU) in float32 (exact and fast on CPU)"."""
    size: int
    """Bytes of the weights once they are loaded."""
    quantize: Quantize | None = None
    device_map: Mapping[str, int | str] | None = None
    """Module -> GPU, where the model is spread over several."""


@dataclass(frozen=True, slots=True)
class _Choice:
    """What was decided so far."""

    name: str
    folder: Path
    weights: Weights
    kind: str
    """The kind of device: "cpu", "cuda" or "mps"."""
    dtype: "torch.dtype"
    quantize: Quantize | None

    @property
    def need(self) -> int:
        return self.needs(self.quantize)

    def needs(self, quantize: Quantize | None) -> int:
        return needed(self.weights.size(self.dtype.itemsize, quantize))

    @property
    def numbers(self) -> str:
        own = str(self.dtype).removeprefix("torch.")
        return own if self.quantize is None else f"{own}, its layers in {self.quantize}"


def place(folder: Path, wanted: Wanted, name: str, *, alone: bool = False) -> Placement:
    """Decide where a model goes, and see that there is room.

    Needed are its weights, as the heads of their files tell them, and a fifth on top; that is
    compared with what is free now.

    Args:
        folder: a model's, a segmenter's or an adapter's.
        name: what errors call it.
        alone: it is never spread over GPUs.

    Raises:
        UsageError: ``memory_short``; no such device; a damaged file; or it cannot be quantized.
    """
    kind, why = choose_device(wanted.device)
    weights = weights_in(folder)
    dtype, why_dtype = choose_dtype(wanted.dtype, kind, weights.parameters)
    choice = _Choice(name, folder, weights, kind, dtype, wanted.quantize)
    if wanted.quantize is not None:
        _check_quantizable(choice)
    device: str = kind
    device_map: Mapping[str, int | str] | None = None
    if wanted.device_map is not None and kind != "cuda":
        raise UsageError(
            f"--device-map {wanted.device_map} spreads a model over CUDA GPUs, and torch sees none",
            hint="leave it out, or install a torch build for CUDA",
            code="device_missing",
        )
    if choice.need >= _SMALL or wanted.device_map is not None:
        rooms = free_memory(kind)
        _check_folding(choice, rooms)
        number = _roomiest(rooms, choice.need)
        several = len(rooms) > 1 and not alone
        if several and (wanted.device_map is not None or rooms[number].free < choice.need):
            device_map = _spread(choice, rooms, wanted.device_map or "auto")
            number = min(int(one) for one in device_map.values())
            asked = f"--device-map {wanted.device_map}" if wanted.device_map else "one is too small"
            count = len(set(device_map.values()))
            why = f"{count} GPU{'s' if count > 1 else ''}: {asked}"
        elif rooms[number].free < choice.need:
            raise _short(choice, rooms, wanted)
        elif number:
            why = f"GPU {number} has the room: {rooms[number].name}"
        if number or device_map is not None:
            device = f"{kind}:{number}"
    quantized = f", layers in {wanted.quantize} (--quantize)" if wanted.quantize else ""
    return Placement(
        device,
        dtype,
        f"on {kind} ({why}) in {str(dtype).removeprefix('torch.')} ({why_dtype}){quantized}",
        weights.size(dtype.itemsize, wanted.quantize),
        wanted.quantize,
        device_map,
    )


def _roomiest(rooms: Sequence[Room], need: int) -> int:
    """The first GPU where it has room, else the one with the most."""
    if rooms[0].free >= need:
        return 0
    return max(range(len(rooms)), key=lambda number: rooms[number].free)


def _spread(choice: _Choice, rooms: Sequence[Room], way: str) -> dict[str, int | str]:
    """Module -> GPU.

    Raises:
        UsageError: it does not fit.
    """
    from spider_cli.weights.spreading import spread

    found = None
    if sum(room.free for room in rooms) >= choice.need:
        # What a fifth on top is for lies on all of them.
        weights = {i: int(room.free / needed(1000) * 1000) for i, room in enumerate(rooms)}
        found = spread(choice.folder, way, choice.dtype, weights, choice.quantize)
    if found is None:
        raise _short(choice, rooms, Wanted(device_map=way))
    return dict(found)


def _check_quantizable(choice: _Choice) -> None:
    """See that --quantize means something here.

    Raises:
        UsageError: it does not, or a package is missing.
    """
    weights = choice.weights
    if weights.quantized:
        raise UsageError(
            f"{choice.name} is quantized already ({weights.quantized}): --quantize "
            f"{choice.quantize} does not apply",
            hint="leave --quantize out",
        )
    if weights.tensors and not weights.layers:
        raise UsageError(
            f"no layer of {choice.name} is one that spider knows as a language model's: --quantize "
            "does not apply",
            hint="leave --quantize out",
        )
    check_installed(choice.kind)


def _check_folding(choice: _Choice, rooms: Sequence[Room]) -> None:
    """An adapter is folded into its whole base, in the machine's own memory, before layers shrink.

    Raises:
        UsageError: there is no room for that.
    """
    if choice.quantize is None or not choice.weights.adapter:
        return
    [room] = rooms if choice.kind == "cpu" else free_memory("cpu")
    need = choice.needs(None)
    if room.free < need:
        raise memory_short(
            f"{choice.name} is an adapter: it is folded into its base before that is quantized, "
            f"which needs about {memory_text(need)} of the machine's memory; "
            f"{memory_text(room.free)} are free",
            "merge it where there is room (spider train stage1 --resume --merge), and name the "
            "merged model",
        )


def _short(choice: _Choice, rooms: Sequence[Room], wanted: Wanted) -> UsageError:
    """What is missing, and what would do."""
    free = max(room.free for room in rooms)
    if wanted.device_map is not None and len(rooms) > 1:
        free = sum(room.free for room in rooms)
        has = f"the {len(rooms)} GPUs have {memory_text(free)} free together"
    else:
        room = max(rooms, key=lambda room: room.free)
        has = f"{room.name} has {memory_text(room.free)} free of {memory_text(room.memory)}"
    return memory_short(
        f"{choice.name} needs about {memory_text(choice.need)} in {choice.numbers} (weights and a "
        f"fifth on top), and {has}",
        "; or ".join(_instead(choice, free)),
    )


def _instead(choice: _Choice, free: int) -> Iterator[str]:
    """What fits, the least change first."""
    weights, width = choice.weights, choice.dtype.itemsize
    told = "needs about {}"
    if weights.layers and not weights.quantized and not weights.adapter:
        smaller = QUANTIZE[QUANTIZE.index(choice.quantize) + 1 :] if choice.quantize else QUANTIZE
        for one in smaller:
            if choice.needs(one) <= free:
                yield f"--quantize {one} {told.format(memory_text(choice.needs(one)))}"
                break
    if choice.kind == "cpu" and width > 2:
        half = needed(weights.size(2, choice.quantize))
        if half <= free:
            yield f"--dtype bfloat16 {told.format(memory_text(half))}"
    if choice.kind == "cuda":
        dtype, _ = choose_dtype("auto", "cpu", weights.parameters)
        on_cpu = needed(weights.size(dtype.itemsize, choice.quantize))
        if on_cpu <= free_memory("cpu")[0].free:
            yield f"--device cpu {told.format(memory_text(on_cpu))}, and is slow"
    fitting = [
        entry
        for entry in CATALOGUE
        if entry.kind == "model"
        and entry.parameters < weights.parameters
        and needed(entry.parameters * width) <= free
    ]
    model = max(fitting, key=lambda entry: entry.parameters, default=None)
    if model is None or model.name == BUNDLED:
        yield "--model nano"
    else:
        need = memory_text(needed(model.parameters * width))
        yield f"--model {model.name} {told.format(need)}"
