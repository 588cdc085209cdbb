"""What several questions about a photo cost beside one, and photos a second: decoding left out.

    python -m tests.encode_once                                  # a small Qwen3-VL, on the CPU
    python -m tests.encode_once --size 8b --device cuda          # the shapes of Qwen3-VL-8B
    python -m tests.encode_once --size 8b --device cuda --rates  # and batches of 1, 8 and 32

The photo is as large as the model is shown any camera's. Weights are random: answers mean nothing,
and take as long as any.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spider_cli.chat import ChatEyes
from spider_cli.chat_processors import load_processor
from spider_cli.lmm import Ask, LanguageModel, Look
from spider_cli.questions import (
    SCORE_PREFIX,
    SCORE_QUESTION,
    describe_question,
    ground_question,
    refer_question,
)
from spider_cli.zero_shot import LEAD, Task, instructed

__all__ = ["asks_of", "cost", "counted", "small_model"]

SIDES = (1280, 960)
BOX = "[0.250, 0.250, 0.750, 0.750]"
TASKS: dict[Task, str] = {
    "describe": describe_question(),
    "score": SCORE_QUESTION,
    "refer_short": refer_question(BOX, long=False),
    "ground": ground_question(extreme="most"),
}


def photo(seed: int = 0, sides: tuple[int, int] = SIDES) -> Any:
    """Noise, (height, width, 3) uint8."""
    width, height = sides
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def small_model(folder: Path, *, layers: int = 4, hidden: int = 256) -> LanguageModel:
    """A Qwen3-VL of random weights, with as many tokens a photo as the true one has.

    Args:
        folder: for its tokenizer and processor.
    """
    from tests.tiny_models import qwen

    qwen(folder, third=True)
    shape = {"hidden_size": hidden, "num_hidden_layers": layers, "intermediate_size": 3 * hidden}
    heads = {"num_attention_heads": hidden // 32, "num_key_value_heads": hidden // 64}
    text = shape | heads | {"head_dim": 32}
    rope = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [6, 5, 5]}
    text |= {"rope_parameters": rope | {"mrope_interleaved": True}}
    vision = {"depth": layers, "hidden_size": hidden, "num_heads": hidden // 32}
    vision |= {"intermediate_size": 3 * hidden, "out_hidden_size": hidden}
    return _model(folder, text, vision, torch.float32, "cpu")


def full_model(folder: Path, size: str, device: str) -> LanguageModel:
    """One of the shapes of `trainer.tuning.sizes`, random, in bfloat16."""
    from tests.tiny_models import qwen
    from trainer.tuning.sizes import FULL_SIZE

    qwen(folder, third=True)
    config = FULL_SIZE[f"qwen3-vl-{size}"].config
    return _model(folder, config["text_config"], config["vision_config"], torch.bfloat16, device)


def _model(
    folder: Path, text: dict[str, Any], vision: dict[str, Any], dtype: torch.dtype, device: str
) -> LanguageModel:
    from transformers import AutoConfig, AutoModelForImageTextToText

    file = folder / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    config["text_config"] |= text
    config["vision_config"] |= vision
    file.write_text(json.dumps(config), encoding="utf-8")
    settings = folder / "preprocessor_config.json"
    told = json.loads(settings.read_text(encoding="utf-8"))
    told["size"] = {"shortest_edge": 65536, "longest_edge": 16777216}  # the hub's
    settings.write_text(json.dumps(told), encoding="utf-8")
    torch.manual_seed(0)
    with torch.device(device):
        model: Any = AutoModelForImageTextToText.from_config(
            AutoConfig.from_pretrained(str(folder)), dtype=dtype
        )
    eyes = ChatEyes(model.eval(), load_processor(folder), lead=LEAD)
    return LanguageModel(model=model, eyes=eyes, folder=folder, revision="random")


def asks_of(look: Look, tasks: Sequence[Task]) -> list[Ask]:
    """Questions as a base model is asked them; scores with their forced start."""
    return [
        Ask(look, instructed(task, TASKS[task]), prefix=SCORE_PREFIX if task == "score" else "")
        for task in tasks
    ]


def cost(model: LanguageModel, tasks: Sequence[Task], *, times: int = 3) -> float:
    """Seconds for looking at a photo and reading these questions about it, to the first token of
    each answer: a median. The image processor's time is left out, as it is any thread's.
    """
    taken = []
    for number in range(times + 1):  # the first one warms up
        ready = model.prepare(photo(number))
        _finish(model)
        started = time.perf_counter()
        [look] = model.look([ready])
        model.next_logits(asks_of(look, tasks))
        _finish(model)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken[1:])


def counted(model: LanguageModel, tasks: Sequence[Task]) -> tuple[int, int]:
    """Runs of the visual encoder, and tokens put through the language model, padding included."""
    seen: list[int] = []
    read: list[int] = []
    inner = model.model.model
    hooks = [
        inner.visual.register_forward_hook(lambda *_: seen.append(1)),
        inner.language_model.register_forward_hook(
            lambda module, given, told: read.append(told.last_hidden_state.shape[:2].numel())
        ),
    ]
    [look] = model.look([photo()])
    model.next_logits(asks_of(look, tasks))
    for hook in hooks:
        hook.remove()
    return len(seen), sum(read)


def rates(model: LanguageModel, batch: int) -> dict[str, float]:
    """Photos a second with score and describe (64 tokens), and the peak of the GPU's memory."""
    from spider_cli import lmm

    lmm.MAX_NEW_TOKENS = 64
    ready = [model.prepare(photo(number)) for number in range(batch)]
    found: dict[str, float] = {}
    for task in ("score", "describe"):
        most = 1 if task == "score" else 64

        def shared(task: Task = task, most: int = most) -> None:
            asks = [one for look in model.look(ready) for one in asks_of(look, [task])]
            model._greedy(asks, most)

        def one_by_one(task: Task = task, most: int = most) -> None:
            for look in model.look(ready):
                with torch.inference_mode():
                    model._afresh(asks_of(look, [task]), most)

        found[f"{task}, photos/s"] = batch / _timed(model, shared)
        if torch.cuda.is_available():
            found[f"{task}, GiB"] = torch.cuda.max_memory_allocated() / 2**30
        found[f"{task}, one by one with generate, photos/s"] = batch / _timed(model, one_by_one)
    return found


def _timed(model: LanguageModel, work: Callable[[], None]) -> float:
    work()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    _finish(model)
    started = time.perf_counter()
    work()
    _finish(model)
    return time.perf_counter() - started


def _finish(model: LanguageModel) -> None:
    if model.model.device.type == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="small", choices=("small", "2b", "8b"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rates", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.size == "small":
            model = small_model(folder, layers=6, hidden=512)
        else:
            model = full_model(folder, given.size, given.device)
        one, four = ["describe"], list(TASKS)
        print(f"photo: {SIDES[0]} x {SIDES[1]}, {model.look([photo()])[0].tokens} tokens")
        for tasks in (one, four):
            print(f"{', '.join(tasks)}: encoder runs, tokens: {counted(model, tasks)}")
        alone, together = cost(model, one), cost(model, four)
        print(f"describe alone: {alone:.3f} s; four tasks: {together:.3f} s")
        print(f"ratio: {together / alone:.3f}")
        for batch in (1, 8, 32) if given.rates else ():
            print(f"batch {batch}: {rates(model, batch)}")


if __name__ == "__main__":
    main()
