"""Tells what a Python finds when it starts, as JSON on stdout; for `tests.test_warm`."""

import gc
import json
import os
import signal
import sys
import threading
from pathlib import Path


def told() -> dict[str, object]:
    mask = os.umask(0)
    os.umask(mask)
    handlers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD)
    return {
        "name": __name__,
        "spec": __spec__.name if __spec__ is not None else None,
        "main": sys.modules["__main__"].__dict__ is globals(),
        "argv": sys.argv,
        "orig_argv": sys.orig_argv,
        "path": sys.path,
        "flags": str(sys.flags),
        "environ": {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"},
        "cwd": str(Path.cwd()),
        "umask": mask,
        "signals": [str(signal.getsignal(number)) for number in handlers],
        "pipe": str(signal.getsignal(signal.SIGPIPE)),
        "wakeup": signal.set_wakeup_fd(-1),
        "masked": sorted(map(str, signal.pthread_sigmask(signal.SIG_BLOCK, []))),
        "streams": [
            {
                "type": type(stream).__name__,
                "name": stream.name,
                "mode": stream.mode,
                "encoding": stream.encoding,
                "errors": stream.errors,
                "newlines": str(stream.newlines),
                "line_buffering": stream.line_buffering,
                "write_through": stream.write_through,
                "number": stream.fileno(),
                "terminal": stream.isatty(),
                "seekable": number == 2 or stream.seekable(),
                "original": stream is original,
            }
            for number, (stream, original) in enumerate(
                (
                    (sys.stdin, sys.__stdin__),
                    (sys.stdout, sys.__stdout__),
                    (sys.stderr, sys.__stderr__),
                )
            )
        ],
        "collecting": (gc.isenabled(), gc.get_threshold()),
        "threads": threading.active_count(),
        "open": len(list(Path("/proc/self/fd").iterdir())),
        "session": os.getsid(0),
        "group": os.getpgid(0),
        "ours": [name for name in sys.modules if name.startswith(("spider_cli", "trainer"))],
        "typed": sys.stdin.read(),
    }


if __name__ == "__main__":
    print(json.dumps(told()))
    sys.stderr.write("é\udcff")
    sys.exit(7)
