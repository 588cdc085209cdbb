"""`spider eval smoke`: a quick look at a model, on any photos."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spider_cli.devices import Wanted

__all__ = ["run_smoke"]


def run_smoke(
    photos: list[Path],
    model: str,
    size: int,
    seed: int,
    out: Path | None,
    wanted: "Wanted",
    *,
    max_pixels: int | None,
    as_json: bool,
    force: bool,
) -> None:
    """Seeded distortions of photos: family named, score against level, grounding with baselines.

    Raises:
        UsageError: no photos, or `out` is there already.
    """
    from spider_cli.auditor import Auditor
    from spider_cli.commands.downloading import or_download
    from spider_cli.errors import UsageError
    from spider_cli.outputs import messages
    from trainer.evaluate import smoke

    if not photos:
        raise UsageError("smoke needs --photos DIR", hint="photos the model never learned from")
    if out is not None and out.exists() and (not force or out.is_dir()):
        hint = "give --force to overwrite it" if out.is_file() else "smoke writes one file"
        raise UsageError(f"{out} exists", hint=hint, code="exists")
    auditor = or_download(
        lambda: Auditor(
            model,
            device=wanted.device,
            dtype=wanted.dtype,
            quantize=wanted.quantize,
            device_map=wanted.device_map,
            max_pixels=max_pixels,
        )
    )
    for notice in auditor.notices:
        messages.plain(notice)
    figures = smoke(auditor, photos, size=size, seed=seed, progress=messages.plain)
    if out is not None:
        temporary = out.with_name(f".{out.name}.tmp")
        temporary.write_text(json.dumps(figures.to_json(), indent=1) + "\n", encoding="utf-8")
        temporary.replace(out)
    summary = (
        {"schema": "spider-smoke/1"}
        | figures.summary
        | {"model": auditor.model, "revision": auditor.revision}
        | ({} if auditor.quantize is None else {"quantize": auditor.quantize})
        | ({} if max_pixels is None else {"max_pixels": max_pixels})
    )
    print(json.dumps(summary, indent=1) if as_json else _table(summary))


def _table(summary: dict[str, Any]) -> str:
    """smoke's figures, a line each."""

    def told(value: Any) -> str:
        if isinstance(value, float):
            return f"{value:.3f}"
        if isinstance(value, list | tuple):
            return " to ".join(told(one) for one in value)
        return str(value)

    rows: list[tuple[str, str]] = []
    for name, value in summary.items():
        if name == "schema":
            continue
        if isinstance(value, dict):
            rows += [(f"{name}: {key}", told(one)) for key, one in value.items()]
        else:
            rows.append((name, told(value)))
    wide = max(len(name) for name, _ in rows)
    return "\n".join(f"{name.replace('_', ' '):<{wide}}  {value}" for name, value in rows)
