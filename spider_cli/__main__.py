"""The `spider` program: runs the command line; errors become one line and an exit code."""

import os
import sys
from typing import NoReturn

from spider_cli.commands import interrupt
from spider_cli.commands.startup import hide_torchao
from spider_cli.errors import ExitCode, PhotoError, SpiderError
from spider_cli.outputs import messages

__all__ = ["main"]

INTERNAL = 70
"""spider itself failed (EX_SOFTWARE of sysexits.h)."""


def main() -> NoReturn:
    """Run `spider` with the process's arguments, and end the process."""
    interrupt.install()
    code = INTERNAL
    try:
        code = _run()
    except BaseException as error:
        code = _explain(error)
    if interrupt.received():
        interrupt.leave()
    sys.exit(code)


def _run() -> int:
    from typer.main import get_command

    from spider_cli.app import app

    hide_torchao()
    # prog_name: the same words from `spider`, `python -m spider_cli` and a renamed script.
    result = get_command(app).main(prog_name="spider", standalone_mode=False)
    if sys.stdout is not None:
        sys.stdout.flush()  # here, where a closed pipe can still be handled
    return int(result or 0)


def _explain(error: BaseException) -> int:
    """Say what happened on stderr; the exit code for it."""
    if interrupt.received():
        interrupt.leave()
    if _closed_pipe(error):
        # Whoever read our output has had enough. Flushing again at shutdown would complain.
        os._exit(ExitCode.OK)
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    if isinstance(error, SpiderError):
        messages.trace()
        messages.error(_placed(error, error.message), error.hint)
        failed = isinstance(error, PhotoError)
        return ExitCode.SOME_PHOTOS_FAILED if failed else ExitCode.USAGE
    if hasattr(error, "format_message"):  # typer's own complaints about flags and words
        return _usage(error)
    if messages.trace():
        return INTERNAL
    if isinstance(error, OSError):
        messages.error(str(error))
    else:
        what = f"{type(error).__name__}: {error}".rstrip(": ")
        messages.error(f"unexpected {what}", "run again with --debug to see where")
    return INTERNAL


def _usage(error: BaseException) -> int:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "spider"
    said = error.format_message().strip()  # type: ignore[attr-defined]
    if type(error).__name__ == "NoArgsIsHelpError":  # the help is printed; nothing to add
        return ExitCode.USAGE
    said = said.replace("Value error, ", "").rstrip(".")
    cause = error.__cause__
    # Pydantic's refusal, which leaves out the value.
    if cause is not None and hasattr(cause, "errors"):
        value = cause.errors()[0]["input"]
        said += "" if repr(value) in said else f", not {value!r}"
    messages.error(_placed(error, said), f"see {path} --help")
    return ExitCode.USAGE


def _placed(error: BaseException, said: str) -> str:
    """What is amiss, after the file and line that it comes from, if it comes from one."""
    return ": ".join([*getattr(error, "__notes__", ()), said])


def _closed_pipe(error: BaseException | None) -> bool:
    """Is a write to a closed pipe behind `error`? rich and typer turn it into SystemExit."""
    while error is not None:
        if isinstance(error, BrokenPipeError):
            return True
        error = error.__cause__ or error.__context__
    return False


if __name__ == "__main__":
    main()
