"""The card of a tuned model, README.md: base, data, mix, recipe, figures, licence, how to load."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spider_cli import __version__

if TYPE_CHECKING:
    from trainer.tuning.base import Base
    from trainer.tuning.recipe import Recipe

__all__ = ["model_card", "recipe_json"]

_ADAPTER = """\
```python
from peft import PeftModel
from transformers import AutoModelForImageTextToText

base = AutoModelForImageTextToText.from_pretrained({base!r}{revision})
model = PeftModel.from_pretrained(base, "DIR")
```

```sh
spider describe photo.jpg --model DIR
```

`spider` looks for the base at the place or in the hub's cache that `adapter_config.json` names, and
answers as the merged model does; tokenizer and processor are the base's.
"""
_WHOLE = """\
```python
from transformers import AutoModelForImageTextToText

model = AutoModelForImageTextToText.from_pretrained("DIR")
```

```sh
spider describe photo.jpg --model DIR
```
"""


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
) -> str:
    """The card in Markdown, with the header that the hub reads.

    Args:
        licence: of the base, as its card names it; "" where it names none.
        adapter: an adapter beside its base, or one whole model.
        step: after which step these weights were taken.
        steps: of the run.
        figures: of the last evaluation of these weights; may be empty.
        counts: of each data set, `materials.Materials.counts`.
    """
    name = Path(base.name).name if base.local else base.name
    head = ["---", f"base_model: {_quoted(name)}", "pipeline_tag: image-text-to-text"]
    head += [f"library_name: {'peft' if adapter else 'transformers'}"]
    head += [f"license: {_quoted(licence)}"] if licence else []
    head += ["tags:", "- image-quality-assessment", "- iqa", *(["- lora"] if adapter else [])]
    lines = [*head, "---", "", f"# {recipe.name}", ""]
    lines += [
        "Describes what is wrong with a photo, names the distortions in a region, and says where "
        f"the quality suffers. Tuned by spider {__version__} (`spider train stage1`): next-token "
        "cross-entropy on answers only.",
        "",
        f"- Base: {name}, revision `{base.revision}`",
        f"- Weights after step {step:,} of {steps:,}, {recipe.run.batch} rows each",
        f"- Visual encoder {recipe.parts.vision}, projector {recipe.parts.projector}, language "
        f"model {recipe.parts.language}"
        + (f" (rank {recipe.lora.rank}, alpha {recipe.lora.alpha:g})" if adapter else ""),
        "",
        "## Load it",
        "",
    ]
    revision = "" if base.local else f", revision={base.revision!r}"
    lines += [_ADAPTER.format(base=base.name, revision=revision) if adapter else _WHOLE]
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
    lines += [
        f"The base model is under {licence}; these weights are made from it."
        if licence
        else "The base model's licence holds; its card does not name one that could be read here."
    ]
    lines += ["The data sets' own licences hold for what was learned from them.", ""]
    lines += ["## Recipe", "", "```json", json.dumps(recipe_json(recipe), indent=1), "```", ""]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """A YAML string."""
    return json.dumps(text, ensure_ascii=False)
