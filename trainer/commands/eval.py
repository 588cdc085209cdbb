"""`spider eval`: measure a model."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(no_args_is_help=True, help="Measure models.")


@app.callback()
def main() -> None:
    """Measure models."""


@app.command()
def smoke(
    photos: Annotated[
        list[Path],
        typer.Option(
            help="Folder of photos the model never learned from (repeatable).", exists=True
        ),
    ],
    model: Annotated[
        str, typer.Option(help="Model name or folder.", envvar="SPIDER_MODEL")
    ] = "nano",
    size: Annotated[int, typer.Option(help="How many distorted photos.")] = 300,
    seed: Annotated[int, typer.Option(help="The same seed gives the same photos.")] = 7,
    out: Annotated[Path | None, typer.Option(help="Write figures and every item as JSON.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    device: Annotated[str, typer.Option(envvar="SPIDER_DEVICE")] = "auto",
    force: Annotated[bool, typer.Option(help="Overwrite --out.")] = False,
) -> None:
    """Seeded distortions of PHOTOS: family named, score against level, grounding with baselines."""
    from spider_cli.auditor import Auditor
    from spider_cli.errors import UsageError
    from trainer.evaluate import smoke as run

    if out is not None and out.exists() and not force:
        raise UsageError(f"{out} exists", hint="give --force to overwrite it", code="exists")
    auditor = Auditor(model, device=device)
    for notice in auditor.notices:
        print(f"spider: {notice}", file=sys.stderr)
    figures = run(
        auditor,
        photos,
        size=size,
        seed=seed,
        progress=lambda part: print(f"spider: {part}", file=sys.stderr),
    )
    if out is not None:
        temporary = out.with_name(f".{out.name}.tmp")
        temporary.write_text(json.dumps(figures.to_json(), indent=1) + "\n", encoding="utf-8")
        temporary.replace(out)
    summary = figures.summary | {"model": auditor.model, "revision": auditor.revision}
    print(json.dumps(summary, indent=1) if as_json else _table(summary))


def _table(summary: dict[str, Any]) -> str:
    """The figures, a line each."""

    def told(value: Any) -> str:
        if isinstance(value, float):
            return f"{value:.3f}"
        if isinstance(value, list | tuple):
            return " to ".join(told(one) for one in value)
        return str(value)

    rows: list[tuple[str, str]] = []
    for name, value in summary.items():
        if isinstance(value, dict):
            rows += [(f"{name}: {key}", told(one)) for key, one in value.items()]
        else:
            rows.append((name, told(value)))
    wide = max(len(name) for name, _ in rows)
    return "\n".join(f"{name.replace('_', ' '):<{wide}}  {value}" for name, value in rows)
