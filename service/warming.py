"""Is the service ready to answer at once? Kernels and models are loaded before they are needed."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

from lsr.conversations import Question
from lsr.errors import LsrError
from lsr.hit_views import hit_views
from lsr.index import WeightType
from lsr.retrieval import Index
from lsr.service.catalog import Catalog

N_TERMS = 64
"""Terms that an index is asked for, from all over its vocabulary."""

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
                    with served.quarantined_if_damaged():
                        _ask(index)
                except LsrError as error:
                    served.fault = error
                    logger.error("The index %r cannot be searched: %s", served.name, error)
            if not self._catalog.searchers():
                _use_small_indexes()
        finally:
            self._is_done.set()


def _ask(index: Index) -> None:
    """Ask by vector and by text, and look at what is found, as clients will."""
    vocabulary = index.searcher.vocabulary
    spread = range(0, vocabulary.n_terms, max(1, vocabulary.n_terms // N_TERMS))
    questions: list[Question | dict[str, float]] = [{vocabulary.name(term): 1.0 for term in spread}]
    if index.has_encoder:
        questions.append("sparse retrieval")
    for question in questions:
        hit_views(index, question, index.search(question))


def _use_small_indexes() -> None:
    """Make and ask indexes of each kind, so that the first one of a client finds kernels loaded."""
    with TemporaryDirectory() as folder:
        for weights in WeightType:
            documents = [("a", {"sparse": 2.0}), ("b", {"sparse": 1.0, "retrieval": 1.0})]
            _ask(Index.build(Path(folder) / weights, documents, weights=weights))
