"""How does this engine stand in a pipeline of PyTerrier? As an index, its indexers and a retriever.

Shaped as pyterrier-pisa is, so that one takes the place of the other; no Java is started. PyTerrier
comes with pyterrier-pisa in the extra ``bench``. This module is imported by its users alone, and it
imports PyTerrier at once: its classes are PyTerrier's.

>>> from lsr.eval.pyterrier import LsrIndex
>>> import pandas, tempfile
>>> index = LsrIndex(tempfile.mkdtemp() + "/pets")
>>> pets = [{"docno": "a", "toks": {"cat": 2, "milk": 1}}, {"docno": "b", "toks": {"cat": 1}}]
>>> index = index.index(pets)
>>> topics = pandas.DataFrame([{"qid": "1", "query_toks": {"cat": 3.0}}])
>>> index.quantized(num_results=10)(topics)[["qid", "docno", "score", "rank"]].values.tolist()
[['1', 'a', 6.0, 0], ['1', 'b', 3.0, 1]]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lsr.documents import QueryBatch
from lsr.encoders import load_encoder
from lsr.errors import ConfigError, InvalidInputError, MissingDependencyError
from lsr.index import is_index
from lsr.retrieval import Index
from lsr.sparse import SparseBatch, batch_of_named_terms

try:
    import pyterrier as pt
except ImportError:
    raise MissingDependencyError("PyTerrier", "bench") from None

MODES = ("create", "overwrite")


class LsrIndex(pt.Indexer):
    """An index on disk, that makes indexers and retrievers.

    Args:
        path: its folder.
        model: encodes texts, as `lsr.load_encoder` takes it; None for documents of tokens.
        threads: queries scored at the same time.
        overwrite: whether `index` may take the place of an index that is there.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        model: str | None = None,
        threads: int = 1,
        overwrite: bool = False,
    ) -> None:
        self.path = Path(path)
        self.model = model
        self.threads = threads
        self.overwrite = overwrite

    def built(self) -> bool:
        """Say whether there is an index at the path."""
        return is_index(self.path)

    def index_inputs(self) -> list[list[str]]:
        """Return the columns that documents need."""
        return [["docno", "toks" if self.model is None else "text"]]

    def index(self, documents: Iterable[Mapping[str, Any]], **_: Any) -> LsrIndex:
        """Index texts with the model; without one, tokens."""
        mode = "overwrite" if self.overwrite else "create"
        make = self.toks_indexer if self.model is None else self.indexer
        return make(mode=mode).index(documents)

    def indexer(self, text_field: str = "text", mode: str = "create") -> LsrIndexer:
        """Return an indexer of texts, which the model encodes.

        Raises:
            ConfigError: no model was named.
        """
        if self.model is None:
            raise ConfigError("Texts need a model; name one with model=, or use toks_indexer.")
        return LsrIndexer(self, text_field, mode)

    def toks_indexer(self, text_field: str = "toks", mode: str = "create") -> LsrIndexer:
        """Return an indexer of ``{token: weight}``; whole weights up to 255 stay as they are."""
        return LsrIndexer(self, text_field, mode, is_text=False)

    def quantized(self, num_results: int = 1000, threads: int | None = None) -> LsrRetrieve:
        """Return a transformer that ranks documents by dot products with queries."""
        return LsrRetrieve(self, num_results, threads or self.threads)

    def __repr__(self) -> str:
        return f"LsrIndex({str(self.path)!r})"


class LsrIndexer(pt.Indexer):
    """Indexes dictionaries with ``docno`` and one other field; see `LsrIndex`."""

    def __init__(
        self, target: LsrIndex, text_field: str, mode: str = "create", *, is_text: bool = True
    ) -> None:
        if mode not in MODES:
            raise ConfigError(f"The mode {mode!r} is unknown; choose {' or '.join(MODES)}.")
        self.target = target
        self.text_field = text_field
        self.mode = mode
        self.is_text = is_text

    def index_inputs(self) -> list[list[str]]:
        """Return the columns that documents need."""
        return [["docno", self.text_field]]

    def index(self, documents: Iterable[Mapping[str, Any]], **_: Any) -> LsrIndex:
        """Index all documents in one commit.

        Raises:
            IndexExistsError: there is an index, and the mode is not ``overwrite``.
            InvalidInputError: a document lacks a field, or it is malformed.
        """
        encoder = load_encoder(str(self.target.model)) if self.is_text else None
        Index.build(
            self.target.path,
            self._documents(documents),
            encoder=encoder,
            replace=self.mode == "overwrite",
        )
        return self.target

    def _documents(self, documents: Iterable[Mapping[str, Any]]) -> Iterator[Any]:
        for number, document in enumerate(documents, start=1):
            try:
                doc_id, content = str(document["docno"]), document[self.text_field]
            except KeyError as error:
                raise InvalidInputError(
                    f"Document {number} has no {error}; it has {', '.join(map(str, document))}."
                ) from None
            if self.is_text:
                yield {"id": doc_id, "text": content}
            else:
                yield doc_id, {str(term): weight for term, weight in content.items()}


class LsrRetrieve(pt.Transformer):
    """Ranks documents for queries: ``query_toks`` where the frame has them, else ``query``."""

    def __init__(self, index: LsrIndex, num_results: int = 1000, threads: int = 1) -> None:
        self.index = index
        self.num_results = num_results
        self.threads = threads
        self._opened = Index.open(index.path)

    def fuse_rank_cutoff(self, k: int) -> LsrRetrieve | None:
        """Return a transformer of fewer results, for ``retriever % k``."""
        if k >= self.num_results:
            return None
        return LsrRetrieve(self.index, k, self.threads)

    def transform(self, queries: Any) -> Any:
        """Return a row for each hit: the query's columns, docno, score and rank from 0.

        Raises:
            InvalidInputError: a query is malformed.
        """
        with pt.validate.any(queries) as valid:
            valid.query_frame(extra_columns=["query_toks"], mode="toks")
            valid.query_frame(extra_columns=["query"], mode="text")
        rows: list[int] = []
        hits: list[tuple[str, float]] = []
        ranks: list[int] = []
        if len(queries):
            rankings = self._opened.rank(self._vectors(queries), self.num_results, self.threads)
            for row in range(len(queries)):
                found = self._opened.searcher.named_hits(rankings, row)
                rows += [row] * len(found)
                ranks += range(len(found))
                hits += found
        taken = [one for one in queries.columns if one not in ("docno", "score", "rank")]
        result = queries[taken].iloc[rows].reset_index(drop=True)
        result["docno"] = np.array([doc_id for doc_id, _ in hits], dtype=object)
        result["score"] = np.array([score for _, score in hits], dtype=np.float64)
        result["rank"] = np.array(ranks, dtype=np.int64)
        return result

    def _vectors(self, queries: Any) -> SparseBatch:
        query_ids = list(map(str, queries["qid"]))
        if "query_toks" not in queries.columns:
            return self._opened.vectors_of(QueryBatch(query_ids, list(queries["query"])))
        named = [{str(term): one for term, one in toks.items()} for toks in queries["query_toks"]]
        vectors = batch_of_named_terms(named, place=lambda row: f"the query {query_ids[row]!r}")
        return self._opened.vectors_of(QueryBatch(query_ids, [""] * len(named), *vectors))

    def __repr__(self) -> str:
        return f"LsrRetrieve({self.index!r}, {self.num_results})"
