"""`lsr warmup`: compile the kernels now instead of on their first use."""

from __future__ import annotations

import time

from lsr.cli.output import emit


def warmup() -> None:
    """Compile all kernels for this processor, which the first use of each does otherwise.

    Takes less than a minute once, and a second or two where it was done before; the result is kept
    beside the installed package. Run it when an image or a machine is set up.

    Example: lsr warmup
    """
    from lsr.retrieval.warming import warm_up

    started = time.perf_counter()
    warm_up()
    emit(f"The kernels are compiled; that took {time.perf_counter() - started:.1f} s.")
