"""Work that may not come back, done in a process of its own."""

import os
import signal
import traceback
from collections.abc import Callable

LIMIT_S = 300


def in_child(work: Callable[[int], object]) -> tuple[bytes, int]:
    """Fork, do the work, and return what it wrote to its pipe and how the process ended.

    Args:
        work: gets the descriptor of the pipe. Longer than `LIMIT_S` seconds is a hang, and ends it.

    The end is 0, 1 after an exception, or a signal's number below zero.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(LIMIT_S)
            work(writing)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        written = pipe.read()
    return written, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
