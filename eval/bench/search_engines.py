"""Which engines search the same vectors? One small class each, and what all have in common.

What an engine prints while it builds goes nowhere: PISA and Seismic write to standard output from
compiled code, where a result must not be mixed with it.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from lsr.documents import Document, DocumentBatch
from lsr.index import Searcher
from lsr.index.quantization import MAX_IMPACT
from lsr.retrieval import Index
from lsr.sparse import SparseBatch

Hits = list[tuple[int, float]]


class Engine(Protocol):
    """Builds an index and answers one query at a time.

    Attributes:
        name: engine and settings, as printed.
        package: distribution that it comes from.
        module: what is imported of it.
        exact: whether the best documents are all found, whatever the query.
    """

    name: ClassVar[str]
    package: ClassVar[str]
    module: ClassVar[str]
    exact: ClassVar[bool]

    def build(self, vectors: SparseBatch, folder: Path) -> Iterable[Path]:
        """Index integer weights from 1 to 255 below `folder`; return the files search reads."""

    def prepare(self, terms: NDArray[np.uint32], weights: NDArray[np.float32]) -> Any:
        """Return a query of integer weights in the form that `search` takes, off the clock."""

    def search(self, query: Any, k: int) -> Hits:
        """Return the best `k` documents as (document number, score), best first."""


class Lsr:
    """This engine."""

    name: ClassVar[str] = "lsr"
    package: ClassVar[str] = "lsr-engine"
    module: ClassVar[str] = "lsr"
    exact: ClassVar[bool] = True

    def build(self, vectors: SparseBatch, folder: Path) -> Iterator[Path]:
        """Index the vectors; their integers are kept as they are."""
        path = folder / "lsr"
        documents = [Document(str(number)) for number in range(len(vectors))]
        with Index.create(path, max_weight=MAX_IMPACT).writer() as writer:
            writer.add(DocumentBatch(documents, vectors))
            writer.commit()
        self._searcher = Searcher.open(path)
        return (file for file in path.rglob("*") if file.is_file())

    def prepare(self, terms: NDArray[np.uint32], weights: NDArray[np.float32]) -> SparseBatch:
        """Return a batch of one query."""
        n_terms = self._searcher.vocabulary.n_terms
        return SparseBatch(np.array([0, terms.size]), terms, weights, n_terms)

    def search(self, query: SparseBatch, k: int) -> Hits:
        """Search on this thread."""
        return self._searcher.search_batch(query, k).hits(0)


class Pisa:
    """PISA, called below its data-frame interface, which costs more than a query.

    Its fastest algorithm is taken: on 50,000 SPLADE vectors of 164 terms and queries of 17,
    maxscore took 0.67 ms, block_max_maxscore 0.91, ranked_or 1.37, wand 1.38, block_max_wand 1.72.
    The wrapper repeats a query's term as often as its weight says; 8 bits cost it 0.01 ms.
    """

    algorithm = "maxscore"
    name: ClassVar[str] = f"PISA {algorithm}"
    package: ClassVar[str] = "pyterrier-pisa"
    module: ClassVar[str] = "pyterrier_pisa"
    exact: ClassVar[bool] = True

    def build(self, vectors: SparseBatch, folder: Path) -> Iterable[Path]:
        """Index the vectors as pretokenized documents, with block maxima."""
        import pyterrier_pisa

        path = folder / "pisa"
        index = pyterrier_pisa.PisaIndex(str(path), stemmer="none", stops="none")
        documents = (
            {"docno": str(number), "toks": _named(terms, weights)}
            for number, (terms, weights) in enumerate(vectors.rows())
        )
        index.toks_indexer(scale=1.0).index(documents)
        # Making the retriever compresses the lists and computes the maxima.
        self._retriever = index.quantized(threads=1, query_algorithm=self.algorithm, toks_scale=1.0)
        lexicons = [path / "fwd.doclex", path / "fwd.termlex"]
        return [*path.glob("quantized.*"), *lexicons]

    def prepare(self, terms: NDArray[np.uint32], weights: NDArray[np.float32]) -> Any:
        """Return a one-query batch of named terms."""
        return [(0, _named(terms, weights))]

    def search(self, query: Any, k: int) -> Hits:
        """Search with dynamic pruning; document names are the numbers in decimal."""
        from pyterrier_pisa import _pisathon

        names = np.empty(k, dtype=object)
        scores = np.empty(k, dtype=np.float32)
        found = _pisathon.retrieve(
            self._retriever._ctxt,
            self.algorithm,
            query,
            k=k,
            threads=1,
            query_weighted=1,
            pretokenised=True,
            result_qidxs=np.empty(k, dtype=np.int32),
            result_docnos=names,
            result_ranks=np.empty(k, dtype=np.int32),
            result_scores=scores,
        )
        return list(zip(map(int, names[:found]), scores[:found].tolist(), strict=True))


class Seismic:
    """Seismic with the settings of its own documentation."""

    query_cut = 20
    heap_factor = 0.8
    name: ClassVar[str] = f"Seismic, query_cut {query_cut}, heap_factor {heap_factor}"
    package: ClassVar[str] = "pyseismic-lsr"
    module: ClassVar[str] = "seismic"
    exact: ClassVar[bool] = False

    def build(self, vectors: SparseBatch, folder: Path) -> Iterable[Path]:
        """Cluster the lists, with the default settings, and save the index."""
        import seismic

        self._string = seismic.get_seismic_string()
        dataset = seismic.SeismicDataset()
        dataset.add_documents_by_id(
            [str(number) for number in range(len(vectors))],
            vectors.terms.astype(np.int64),
            vectors.weights,
            vectors.indptr,
        )
        self._index = seismic.SeismicIndex.build_from_dataset(dataset, num_threads=1)
        self._index.save(str(folder / "seismic"))
        return folder.glob("seismic*")

    def prepare(self, terms: NDArray[np.uint32], weights: NDArray[np.float32]) -> Any:
        """Return named terms and their weights."""
        return terms.astype(self._string), weights.astype(np.float32)

    def search(self, query: Any, k: int) -> Hits:
        """Search the heaviest terms' clusters."""
        terms, weights = query
        found = self._index.search("", terms, weights, k, self.query_cut, self.heap_factor)
        return [(int(number), score) for _, score, number in found]


PEERS: dict[str, type[Engine]] = {"pisa": Pisa, "seismic": Seismic}


def _named(terms: NDArray[np.uint32], weights: NDArray[np.float32]) -> dict[str, float]:
    return dict(zip(map(str, terms.tolist()), weights.tolist(), strict=True))


@contextmanager
def muted() -> Iterator[None]:
    """Discard what libraries print, log and warn, from compiled code as well."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(descriptor) for descriptor in (1, 2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    disabled = logging.root.manager.disable
    try:
        for descriptor in (1, 2):
            os.dup2(nowhere, descriptor)
        logging.disable()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, descriptor)
            os.close(copy)
        os.close(nowhere)
