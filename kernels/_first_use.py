"""When is a kernel compiled? On its first use on a machine; this says so, as it takes a while."""

from __future__ import annotations

import logging
from typing import Any

from numba.core import event

logger = logging.getLogger(__name__)


class CompilationNotice(event.Listener):
    """Logs one warning when the first kernel of this process has to be compiled."""

    def __init__(self) -> None:
        self._is_given = False

    def on_start(self, happening: Any) -> None:
        """Take note that Numba begins to compile a function, which may be anyone's."""
        function = happening.data["dispatcher"].py_func
        if not self._is_given and (function.__module__ or "").startswith(__package__ or ""):
            self._is_given = True
            logger.warning(
                "Compiling kernels for this processor. This happens once and takes up to half a "
                "minute; `lsr warmup` does it ahead."
            )

    def on_end(self, happening: Any) -> None:
        """Take note that it is done."""


def announce_compilation() -> None:
    """Have the first compilation in this process announced."""
    event.register("numba:compile", CompilationNotice())
