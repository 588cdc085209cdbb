"""What the photo commands have in common: find photos, judge them, hand each record on at once."""

import contextlib
import io
import itertools
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import typer

from spider_cli.commands.options import Common, given
from spider_cli.commands.progress import Progress
from spider_cli.commands.startup import BOTO3, SCIPY, loading_first, show_torchao
from spider_cli.errors import ExitCode, UsageError
from spider_cli.extras import Waiting
from spider_cli.heap import Heap
from spider_cli.outputs import messages

if TYPE_CHECKING:
    from spider_cli.auditor import Auditor
    from spider_cli.model_in_use import Loaded
    from spider_cli.outputs.writers import Form, Writer
    from spider_cli.photos import Source
    from spider_cli.results import Command, Record

    Ask: TypeAlias = Callable[[Auditor, Iterator[Source]], Iterator[Record]]

__all__ = [
    "auditor_for",
    "finish",
    "outputs",
    "photos_found",
    "prepare",
    "run",
    "tell_failure",
    "tell_loaded",
]


def run(common: Common, command: "Command", ask: "Ask", *, records_each: int = 1) -> int:
    """Judge the photos and write their records in order, each as soon as it is there.

    Args:
        ask: the command's question, put to an auditor for these photos.
        records_each: records a photo, for the progress bar.

    Returns:
        How many records are failures.

    Raises:
        UsageError: the run cannot start; no photo was opened.
    """
    prepare(common)
    heap = Heap(quick=True)
    failed = 0
    with contextlib.ExitStack() as stack:
        writers = outputs(common, command, stack)
        waiting = Waiting()
        photos = photos_found(common, waiting)
        auditor = auditor_for(common)
        with Progress(_total(common, records_each), shown=not common.quiet) as progress:
            if not common.quiet:
                auditor.told = lambda loaded: tell_loaded(loaded, progress, bundled=common.debug)
            for record in loading_first(ask(auditor, photos), (BOTO3, SCIPY)):
                progress.clear()
                failed += record.failed
                tell_failure(record, quiet=common.quiet)
                for writer in writers:
                    writer.write(record)
                progress.step()
                heap.give_back()
        if waiting and not common.quiet:
            messages.warning(str(waiting))
    return failed


def prepare(common: Common) -> None:
    """What is due before anything heavy is imported.

    Raises:
        UsageError: options that exclude each other.
    """
    if common.offline and common.allow_upload:
        raise UsageError("--offline and --allow-upload exclude each other")
    if not common.debug:
        _hush_libraries()
    if common.quantize is not None:
        show_torchao(quietly=not common.debug)


def auditor_for(common: Common, **more: Any) -> "Auditor":
    """The auditor that the options ask for; what a user should know of it is said.

    Args:
        more: arguments of `Auditor` that not every command has.

    Raises:
        UsageError: see `Auditor`.
    """
    from spider_cli.auditor import Auditor
    from spider_cli.commands.downloading import or_download

    auditor = or_download(
        lambda: Auditor(
            common.model,
            device=common.device,
            dtype=common.dtype,
            batch_size=common.batch_size,
            max_decode_pixels=common.max_decode_pixels,
            allow_upload=common.allow_upload,
            tuned=common.tuned,
            max_pixels=common.max_pixels,
            quantize=common.quantize,
            device_map=common.device_map,
            **more,
        ),
        quiet=common.quiet,
    )
    if not common.quiet:
        for notice in auditor.notices:
            messages.warning(notice)
    return auditor


def tell_loaded(loaded: "Loaded", progress: Progress, *, bundled: bool) -> None:
    """Say that weights were loaded.

    Args:
        bundled: say so of the bundled ones, too, which take no time.
    """
    if bundled or not loaded.bundled:
        progress.clear()
        messages.plain(str(loaded))


def finish(failed: int, *, gate_failed: bool = False) -> None:
    """Leave with the exit code of the run."""
    if failed:
        raise typer.Exit(ExitCode.SOME_PHOTOS_FAILED)
    if gate_failed:
        raise typer.Exit(ExitCode.GATE_FAILED)


def _hush_libraries() -> None:
    """Keep stderr for spider's own lines. Before torch and transformers are imported."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def photos_found(common: Common, waiting: Waiting) -> "Iterator[Source]":
    """The photos that are named; the first is found already.

    Raises:
        UsageError: none is.
    """
    if not common.paths:
        raise UsageError(
            "no photo is named",
            hint="name photos, folders or globs, or - to read a list from stdin",
            code="no_photos",
        )
    from spider_cli.photos import find_photos

    stdin = None
    if "-" in common.paths:
        stdin = sys.stdin.buffer if sys.stdin is not None else io.BytesIO()
    found = find_photos(
        common.paths,
        recursive=common.recursive,
        stdin=stdin,
        null=common.null,
        waiting=waiting,
    )
    # Asking for the first one raises when there is none, before a model is loaded for nothing.
    first = list(itertools.islice(found, 1))
    return itertools.chain(first, found)


def _total(common: Common, records_each: int) -> int | None:
    """Records to come, where every path stands for one photo; nothing is walked twice to count."""
    from spider_cli.patterns import is_folder, is_glob

    paths = common.paths or ()
    if any(path == "-" or is_glob(path) or is_folder(path) for path in paths):
        return None
    return len(paths) * records_each


def tell_failure(record: "Record", *, quiet: bool) -> None:
    """Say on stderr what is worth a warning about a record, and why it failed if it did."""
    from spider_cli.results import Failure

    if not quiet:
        for note in record.notes:
            messages.warning(_about(record.photo, note))
    if isinstance(record.outcome, Failure):
        failure = record.outcome
        hint = f" ({failure.hint})" if failure.hint else ""
        messages.error(_about(record.photo, failure.message) + hint)


def _about(photo: str, text: str) -> str:
    return text if text.startswith((photo, messages.printable(photo))) else f"{photo}: {text}"


def outputs(common: Common, command: "Command", stack: contextlib.ExitStack) -> "list[Writer]":
    """Where the records go; with ``--output`` stdout gets them only if a form is asked for."""
    from spider_cli.outputs.writers import to_file, to_stdout

    asked = {"json": common.json, "csv": common.csv}
    forms: list[Form] = [
        form for form in ("json", "csv") if asked[form] and form in given(common.context, asked)
    ]
    if len(forms) > 1:
        raise UsageError("--json and --csv exclude each other")
    form = forms[0] if forms else None
    writers = []
    if common.output is not None:
        file = to_file(command, common.output, overwrite=common.force)
        writers.append(stack.enter_context(file))
    if form is not None or common.output is None:
        writers.append(stack.enter_context(to_stdout(command, form)))
    return writers
