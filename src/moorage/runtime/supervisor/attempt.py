"""Tries something in a child of its own, so that what it changes of namespaces and mounts ends with it."""

import os
from collections.abc import Callable


def trouble(trial: Callable[[], None], failures: tuple[type[Exception], ...] = (OSError,)) -> str | None:
    """Why `trial` failed in a forked child, by what it raised of `failures`; None when it did not."""
    source, sink = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            trial()
            status = 0
        except failures as error:
            os.write(sink, str(error).encode())
        finally:
            os._exit(status)
    os.close(sink)
    with os.fdopen(source, "rb") as told:
        heard = told.read().decode()
    failed = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0
    return heard or ("the attempt ended without a word" if failed else None)
