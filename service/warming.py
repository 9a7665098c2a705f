"""Is the service ready to answer at once? Kernels and models are loaded before they are needed."""

from __future__ import annotations

import logging
import threading

from lsr.errors import LsrError
from lsr.service.catalog import Catalog

logger = logging.getLogger(__name__)


class Warming:
    """Asks every index a question, on a thread, so that the first client waits for nothing.

    Args:
        catalog: the indexes.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._is_done = threading.Event()

    @property
    def is_done(self) -> bool:
        """Whether everything is loaded."""
        return self._is_done.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Wait until it is done, and say whether it is."""
        return self._is_done.wait(timeout_s)

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, name="warming", daemon=True).start()

    def _run(self) -> None:
        try:
            for served in self._catalog:
                index = served.opened
                if index is None:
                    continue
                try:
                    names = index.searcher.vocabulary.names
                    index.search({names[0] if names else "0": 1.0})
                    if index.has_encoder:
                        index.search("warm up")
                except LsrError as error:
                    served.fault = error
                    logger.error("The index %r cannot be searched: %s", served.name, error)
        finally:
            self._is_done.set()
