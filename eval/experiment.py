"""What does a model retrieve on a dataset, how fast, and what does the index cost in quality?

Index the corpus unless it is indexed already, search every judged query, evaluate. Encoding and
search are timed apart and warm: one query goes through each before the clock starts.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from lsr.corpus import corpus_size, read_documents
from lsr.documents import QueryBatch
from lsr.encoders import Encoder, EncodingListener
from lsr.errors import ConfigError, IndexNotFoundError
from lsr.eval.datasets import Dataset
from lsr.eval.measures import Evaluation, evaluate
from lsr.eval.quantization_cost import FloatScorer
from lsr.eval.run_file import Run
from lsr.retrieval import Index
from lsr.sparse import SparseBatch

logger = logging.getLogger(__name__)

K = 1000
"""Depth of every ranking, enough for all usual measures."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Experiment:
    """What was measured.

    Attributes:
        dataset: name of the dataset.
        model: the model that the index remembers; None if it was made from vectors.
        index: evaluation of the ranking by quantized impacts.
        float_weights: evaluation of the ranking by the encoder's own weights; None when the index
            existed before, because it no longer holds them.
        run: the ranking behind `index`.
        n_docs: documents in the index.
        n_queries: queries searched.
        terms_per_document: mean over the index.
        terms_per_query: mean over the queries.
        k: depth of the rankings.
        threads: threads of the search.
        indexing_s: seconds to read, encode and index the corpus; None when it was indexed before.
        query_encoding_ms: mean per query, in one batch.
        search_ms: mean per query, queries divided among the threads.
        index_bytes: size of the index's files.
    """

    dataset: str
    model: str | None
    index: Evaluation
    float_weights: Evaluation | None
    run: Run
    n_docs: int
    n_queries: int
    terms_per_document: float
    terms_per_query: float
    k: int
    threads: int
    indexing_s: float | None
    query_encoding_ms: float
    search_ms: float
    index_bytes: int

    @property
    def quantization_cost(self) -> dict[str, float] | None:
        """{measure: mean by float weights minus mean by the index}, if both are known."""
        if self.float_weights is None:
            return None
        return {
            measure: exact - self.index.means[measure]
            for measure, exact in self.float_weights.means.items()
        }

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the rankings and the values of single queries as JSON values."""
        facts = {
            name: value
            for name, value in asdict(self).items()
            if name not in ("index", "float_weights", "run")
        }
        return {
            "measures": self.index.means,
            "float_measures": self.float_weights and self.float_weights.means,
            "quantization_cost": self.quantization_cost,
            "n_queries_without_hits": self.index.n_without_hits,
            **facts,
        }


@dataclass(frozen=True, slots=True)
class _Built:
    """What is known only while a corpus is being indexed."""

    float_run: Run
    seconds: float


def run_experiment(
    dataset: Dataset,
    index_path: Path,
    encoder: Encoder | None,
    measures: list[Any],
    *,
    threads: int = 1,
    listener: EncodingListener | None = None,
) -> Experiment:
    """Measure a model on a dataset.

    Args:
        dataset: from `lsr.eval.datasets.load_dataset`.
        index_path: an index of the dataset's corpus, used as it is; made when there is none.
        encoder: encodes corpus and queries; None leaves the queries to the encoder that an
            existing index remembers.
        measures: from `lsr.eval.measures.parse_measures`.
        threads: threads of the search.
        listener: hears of every batch of documents that was encoded.

    Raises:
        ConfigError: there is no index and no encoder to make one with.
    """
    index, built = existing_index(index_path, encoder), None
    if index is not None:
        _warn_of_another_corpus(index, dataset)
    elif encoder is None:
        raise ConfigError(f"There is no index at {index_path} yet; name a model to make one.")
    else:
        index, built = _build(dataset, index_path, encoder, listener)
    vectors, encoding_s = _encode(index, dataset.queries)
    run, search_s = _search(index, dataset, vectors, threads)
    n_queries, info = len(run), index.info()
    return Experiment(
        dataset=dataset.name,
        model=_model_of(index),
        index=evaluate(dataset.qrels, run, measures),
        float_weights=(
            None if built is None else evaluate(dataset.qrels, built.float_run, measures)
        ),
        run=run,
        n_docs=info["n_docs"],
        n_queries=n_queries,
        terms_per_document=info["terms_per_document"],
        terms_per_query=vectors.nnz / n_queries,
        k=K,
        threads=threads,
        indexing_s=None if built is None else built.seconds,
        query_encoding_ms=1000 * encoding_s / n_queries,
        search_ms=1000 * search_s / n_queries,
        index_bytes=info["size_bytes"],
    )


def existing_index(path: Path, encoder: Encoder | None = None) -> Index | None:
    """Open the index at `path`, with `encoder` for the queries; None if there is none."""
    try:
        return Index.open(path, encoder=encoder)
    except IndexNotFoundError:
        return None


def _model_of(index: Index) -> str | None:
    settings = index.info()["encoder"]
    return None if settings is None else settings["model"]


def _warn_of_another_corpus(index: Index, dataset: Dataset) -> None:
    expected, found = corpus_size(dataset.corpus), index.searcher.n_docs
    if expected is not None and expected != found:
        logger.warning(
            "The index at %s holds %d documents, the corpus of %s %d.",
            index.path,
            found,
            dataset.name,
            expected,
        )


def _build(
    dataset: Dataset, path: Path, encoder: Encoder, listener: EncodingListener | None
) -> tuple[Index, _Built]:
    if dataset.queries.vectors is not None:
        raise ConfigError(
            f"The queries of {dataset.name} are vectors, which no model encodes; index the corpus "
            "with `lsr index` and name that index."
        )
    index = Index.create(path, encoder=encoder)
    scorer = FloatScorer(index.vectors_of(dataset.queries), _depth(dataset))
    start, scoring_s = time.perf_counter(), 0.0
    with index.writer() as writer:
        for batch in read_documents(dataset.corpus):
            vectors = writer.add(batch, listener)
            added = time.perf_counter()
            scorer.add([document.doc_id for document in batch.documents], vectors)
            scoring_s += time.perf_counter() - added
        writer.commit()
    seconds = time.perf_counter() - start - scoring_s
    logger.info("Indexed %d documents in %.1f s.", index.searcher.n_docs, seconds)
    float_run = scorer.run(dataset.queries.query_ids)
    return index, _Built(_without_self_matches(float_run, dataset), seconds)


def _encode(index: Index, queries: QueryBatch) -> tuple[SparseBatch, float]:
    first = QueryBatch(
        queries.query_ids[:1],
        queries.questions[:1],
        None if queries.vectors is None else queries.vectors.slice(0, 1),
        queries.vocabulary,
    )
    index.vectors_of(first)
    return _timed(lambda: index.vectors_of(queries))


def _search(
    index: Index, dataset: Dataset, vectors: SparseBatch, threads: int
) -> tuple[Run, float]:
    searcher, k = index.searcher, _depth(dataset)
    searcher.search_batch(vectors.slice(0, 1), k, threads)
    rankings, seconds = _timed(lambda: searcher.search_batch(vectors, k, threads))
    run = {}
    for number, query_id in enumerate(dataset.queries.query_ids):
        hits = rankings.hits(number)
        doc_ids = searcher.doc_ids([doc_number for doc_number, _ in hits])
        run[query_id] = [(doc_id, score) for doc_id, (_, score) in zip(doc_ids, hits, strict=True)]
    return _without_self_matches(run, dataset), seconds


def _depth(dataset: Dataset) -> int:
    return K + 1 if dataset.removes_self_matches else K


def _without_self_matches(run: Run, dataset: Dataset) -> Run:
    """Drop, where the dataset asks for it, the hit that is the query itself, then cut at `K`."""
    if not dataset.removes_self_matches:
        return run
    return {
        query_id: [hit for hit in hits if hit[0] != query_id][:K] for query_id, hits in run.items()
    }


def _timed(work: Callable[[], _T]) -> tuple[_T, float]:
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start
