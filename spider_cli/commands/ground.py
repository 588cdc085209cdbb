"""spider ground: where the quality suffers, as words, a point, a mask and pictures."""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spider_cli.commands.options import Common, given, photo_command
from spider_cli.commands.running import finish, run
from spider_cli.errors import PhotoError, UsageError
from spider_cli.outputs import messages
from spider_cli.vocabulary import family_named

if TYPE_CHECKING:
    from spider_cli.auditor import Auditor
    from spider_cli.outputs.pictures import Pictures, Plan
    from spider_cli.photos import Source
    from spider_cli.results import Record
    from spider_cli.rules import Rule

app = typer.Typer(add_completion=False)

_ASK = {"rich_help_panel": "What to look for"}
_QUESTION = ("most", "least", "distortion", "order", "first", "last", "question")


def _option(*flags: str, **more: Any) -> Any:
    variable = f"SPIDER_{flags[0].strip('-').upper()}"
    return typer.Option(*flags, envvar=variable, show_default=False, **more)


@app.command()
@photo_command
def ground(
    common: Common,
    most: Annotated[
        bool,
        _option("--most", help="The most degraded region (the default).", **_ASK),
    ] = False,
    least: Annotated[bool, _option("--least", help="The least degraded region.", **_ASK)] = False,
    distortion: Annotated[
        str | None,
        _option(
            "--distortion",
            metavar="NAME",
            help="Count this one distortion only; with --most or --least.",
            **_ASK,
        ),
    ] = None,
    order: Annotated[
        str | None,
        _option(
            "--order",
            metavar="A,B",
            help="The region where A was added first and then B.",
            **_ASK,
        ),
    ] = None,
    first: Annotated[
        str | None,
        _option(
            "--first",
            metavar="NAME",
            help="The region whose distortions start with NAME.",
            **_ASK,
        ),
    ] = None,
    last: Annotated[
        str | None,
        _option(
            "--last",
            metavar="NAME",
            help="The region whose distortions end with NAME.",
            **_ASK,
        ),
    ] = None,
    question: Annotated[
        str | None,
        _option(
            "--question",
            metavar="TEXT",
            help="A question in your own words, in place of all of these.",
            **_ASK,
        ),
    ] = None,
    rule: Annotated[
        str | None,
        _option(
            "--rule",
            metavar="NAME",
            help="How words become a mask: paper, for the paper's plain rule, or another of "
            "docs/stage2.md, such as thirds or mask-agreement. The one that the model's folder "
            "names when not given.",
            rich_help_panel="Model",
        ),
    ] = None,
    out: Annotated[
        str | None,
        _option(
            "--out",
            metavar="DIR",
            help="Write PATH.overlay.png, PATH.heatmap.png and PATH.mask.png for each photo, in a "
            "tree like that of the photos.",
            rich_help_panel="Output",
        ),
    ] = None,
) -> None:
    """Find the region a question asks for: words, a point, a box and a mask."""
    told = {
        "most": most,
        "least": least,
        "distortion": distortion,
        "order": order,
        "first": first,
        "last": last,
        "question": question,
    }
    asked = _question({name: told[name] for name in given(common.context, _QUESTION)})
    chosen = None if rule is None else _rule(rule)
    pictures = None if out is None else _pictures(out, overwrite=common.force)

    def ask(auditor: "Auditor", photos: "Iterator[Source]") -> "Iterator[Record]":
        if not common.quiet:
            for notice in auditor.grounding_notices:
                messages.warning(notice)
        if pictures is None:
            return auditor.ground(photos, asked, rule=chosen)
        return _with_pictures(auditor, photos, asked, pictures, chosen)

    finish(run(common, "ground", ask))


def _question(told: dict[str, Any]) -> str:
    """One question from the flags that were given.

    Raises:
        UsageError: flags that do not go together, or an unknown distortion.
    """
    from spider_cli.questions import ground_question

    names = [name for name in _QUESTION if told.get(name) not in (None, False)]
    for alone, others in (
        ("question", _QUESTION),
        ("most", ("least",)),
        ("order", _QUESTION),
        ("first", _QUESTION),
        ("last", _QUESTION),
    ):
        clash = [name for name in names if name in others and name != alone]
        if alone in names and clash:
            raise UsageError(
                f"--{alone} and --{clash[0]} exclude each other",
                hint="ask one question a run",
                code="conflicting_question",
            )
    if "question" in names:
        text = str(told["question"])
        if not text.strip():
            raise UsageError("--question is empty")
        return text
    families = {
        name: family_named(told[name]) for name in ("distortion", "first", "last") if name in names
    }
    return ground_question(
        extreme="least" if "least" in names else "most" if "most" in names else None,
        family=families.get("distortion"),
        order=_order(str(told["order"])) if "order" in names else None,
        first=families.get("first"),
        last=families.get("last"),
    )


def _rule(name: str) -> "Rule":
    from spider_cli.rules import rule_named

    return rule_named(name)


def _order(text: str) -> tuple[str, str]:
    parts = text.split(",")
    if len(parts) != 2:
        raise UsageError(
            f"--order takes two distortions, not {text!r}", hint="for example --order blur,noise"
        )
    one, two = family_named(parts[0]), family_named(parts[1])
    if one == two:
        raise UsageError(f"--order takes two different distortions, not {one} twice")
    return one, two


def _pictures(out: str, *, overwrite: bool) -> "Pictures":
    from spider_cli.outputs.files import writable
    from spider_cli.outputs.pictures import Pictures

    folder = Path(out)
    try:
        if not out.strip():
            raise UsageError("--out is empty", code="unwritable")
        writable(folder)
    except OSError as error:
        raise UsageError(
            f"cannot write into --out {out}: {error.strerror or error}", code="unwritable"
        ) from error
    return Pictures(folder, overwrite=overwrite)


def _with_pictures(
    auditor: "Auditor",
    photos: "Iterator[Source]",
    question: str,
    pictures: "Pictures",
    rule: "Rule | None",
) -> "Iterator[Record]":
    """Records in the order of the photos, their pictures written.

    Photos whose pictures may not be written fail before they are judged. The auditor asks for
    photos ahead of its answers, so those failures wait in line for their turn.
    """
    line: deque[Plan | Record] = deque()

    def accepted() -> "Iterator[Source]":
        for source in photos:
            try:
                plan = pictures.plan(source)
            except PhotoError as error:
                line.append(_failure(auditor, source, error))
            else:
                line.append(plan)
                yield source

    for record in auditor.ground(accepted(), question, with_pixels=True, rule=rule):
        yield from _due(line)
        yield _drawn(record, line.popleft(), pictures)
    yield from _due(line)


def _due(line: "deque[Plan | Record]") -> "Iterator[Record]":
    from spider_cli.results import Record

    while line and isinstance(line[0], Record):
        record = line.popleft()
        assert isinstance(record, Record)
        yield record


def _drawn(record: "Record", plan: "Plan | Record", pictures: "Pictures") -> "Record":
    from spider_cli.outputs.pictures import Plan
    from spider_cli.results import Failure, Grounding

    if not isinstance(record.outcome, Grounding):
        return record
    assert isinstance(plan, Plan)
    try:
        return replace(record, outcome=pictures.write(plan, record.outcome))
    except PhotoError as error:
        return replace(record, outcome=Failure(error.code, error.message, error.hint))


def _failure(auditor: "Auditor", source: "Source", error: PhotoError) -> "Record":
    from spider_cli.results import Failure, Record

    return Record(
        command="ground",
        photo=source.name,
        model=auditor.model,
        revision=auditor.revision,
        seconds=0.0,
        max_pixels=auditor.max_pixels,
        looked_at=(),
        outcome=Failure(error.code, error.message, error.hint),
        photo_b64=source.name_b64,
    )
