"""What does a model retrieve on a dataset, how fast, and what does the index cost in quality?

Index the corpus unless it is indexed already, search every judged query, evaluate, then time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lsr.corpus import corpus_size, read_documents
from lsr.encoders import Encoder, EncodingListener
from lsr.errors import ConfigError, IndexNotFoundError
from lsr.eval.asking import Asked, ask
from lsr.eval.cost import Cost, measure_cost
from lsr.eval.datasets import Dataset
from lsr.eval.measures import Evaluation, evaluate
from lsr.eval.quantization_cost import FloatScorer
from lsr.eval.run_file import Run
from lsr.retrieval import HybridQueries, Index
from lsr.retrieval.writer import AddedDocuments
from lsr.sparse import SparseBatch

logger = logging.getLogger(__name__)

K = 1000
"""Depth of every ranking, enough for all usual measures."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """What was measured.

    Attributes:
        system: name of what was measured.
        dataset: name of the dataset.
        split: which of its judgments; empty where the name says it.
        encoder: settings of what weighed the terms; None if the index remembers no encoder.
        index: evaluation of the ranking by quantized impacts.
        float_weights: evaluation of the ranking by the encoder's own weights; None when the index
            existed before, because it no longer holds them.
        run: the ranking behind `index`.
        n_docs: documents in the index.
        n_queries: queries searched.
        cost: time, bytes, memory and work.
        retrieval: how documents were found, in words.
    """

    system: str
    dataset: str
    split: str
    encoder: dict[str, Any] | None
    index: Evaluation
    float_weights: Evaluation | None
    run: Run
    n_docs: int
    n_queries: int
    cost: Cost
    retrieval: str

    @property
    def judged_by(self) -> str:
        """Which judgments it was measured by, told from others over the same corpus."""
        return self.split or self.dataset

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
        return {
            "system": self.system,
            "dataset": self.dataset,
            "split": self.split,
            "model": self.encoder and self.encoder["model"],
            "encoder": self.encoder,
            "retrieval": self.retrieval,
            "measures": self.index.means,
            "float_measures": self.float_weights and self.float_weights.means,
            "quantization_cost": self.quantization_cost,
            "n_docs": self.n_docs,
            "n_queries": self.n_queries,
            "n_queries_without_hits": self.index.n_without_hits,
            "cost": self.cost.as_dict(),
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
    system: str | None = None,
    threads: int = 1,
    alpha: float | None = None,
    placed: Callable[[Index], Index] = lambda index: index,
    listener: EncodingListener | None = None,
    on_added: Callable[[AddedDocuments], None] = lambda added: None,
) -> Experiment:
    """Measure a model on a dataset.

    Args:
        dataset: from `lsr.eval.datasets.load_dataset`.
        index_path: an index of the dataset's corpus, used as it is; made when there is none.
        encoder: encodes corpus and queries; None leaves the queries to the encoder that an
            existing index remembers.
        measures: from `lsr.eval.measures.parse_measures`.
        system: name of what is measured; the model's if None.
        threads: threads of the search that the measures are taken of.
        alpha: searches both halves of the index, and is the share of the dense one in scores; None
            for the sparse half alone.
        placed: returns the same index, searched by whoever is to search it.
        listener: hears of every batch of documents that was encoded.
        on_added: hears of every batch of documents that was added.

    Raises:
        ConfigError: there is no index and no encoder to make one with, or `alpha` is given and the
            index has no dense half.
    """
    index, built = existing_index(index_path, encoder), None
    if index is not None:
        _warn_of_another_corpus(index, dataset)
    elif encoder is None:
        raise ConfigError(f"There is no index at {index_path} yet; name a model to make one.")
    else:
        index, built = _build(dataset, index_path, encoder, listener, on_added)
    index = placed(index)
    settings = index.info()["encoder"]
    experiment = measure_ranking(
        *(index, dataset, ask(index, dataset, alpha), measures),
        system=system or (settings["model"] if settings else str(index_path)),
        threads=threads,
        indexing_s=None if built is None else built.seconds,
    )
    if built is None or alpha is not None:
        return experiment
    return replace(experiment, float_weights=evaluate(dataset.qrels, built.float_run, measures))


def measure_ranking(
    index: Index,
    dataset: Dataset,
    asked: Asked,
    measures: list[Any],
    *,
    system: str,
    threads: int,
    indexing_s: float | None,
) -> Experiment:
    """Search an index for the queries of a dataset, evaluate what is found, and time it.

    Args:
        index: of the dataset's corpus.
        dataset: the judgments.
        asked: its queries.
        measures: from `lsr.eval.measures.parse_measures`.
        system: name of what is measured.
        threads: threads of the search that the measures are taken of.
        indexing_s: seconds that the index took; None if nobody knows.
    """
    if not isinstance(asked.vectors, HybridQueries):  # those of one index are named once
        _warn_of_absent_documents(index, dataset, system)
    run = _search(index, dataset, asked.vectors, threads)
    info, questions, encode = index.info(), dataset.queries.questions, asked.encode
    return Experiment(
        system=system,
        dataset=dataset.name,
        split=dataset.split,
        encoder=info["encoder"],
        index=evaluate(dataset.qrels, run, measures),
        float_weights=None,
        run=run,
        n_docs=info["n_docs"],
        n_queries=len(run),
        cost=measure_cost(
            *(index, asked.vectors, K, indexing_s),
            encode=None if encode is None else lambda row: encode(questions[row]),
        ),
        retrieval=asked.retrieval,
    )


def existing_index(path: Path, encoder: Encoder | None = None) -> Index | None:
    """Open the index at `path`, with `encoder` for the queries; None if there is none."""
    try:
        return Index.open(path, encoder=encoder)
    except IndexNotFoundError:
        return None


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


def _warn_of_absent_documents(index: Index, dataset: Dataset, system: str) -> None:
    relevant = {qrel.doc_id for qrel in dataset.qrels if qrel.relevance > 0}
    n_absent = sum(index.searcher.doc_number(doc_id) is None for doc_id in relevant)
    if n_absent:
        logger.warning(
            "%s: the index lacks %d of the %d relevant documents of %s, which nothing can find; "
            "is the corpus complete?",
            system,
            n_absent,
            len(relevant),
            dataset.name,
        )


def _build(
    dataset: Dataset,
    path: Path,
    encoder: Encoder,
    listener: EncodingListener | None,
    on_added: Callable[[AddedDocuments], None],
) -> tuple[Index, _Built]:
    if dataset.queries.vectors is not None:
        raise ConfigError(
            f"The queries of {dataset.name} are vectors, which no model encodes; index the corpus "
            "with `lsr index` and name that index."
        )
    index = Index.create(path, encoder=encoder)
    scorer = FloatScorer(index.vectors_of(dataset.queries), _depth(dataset))
    start, scoring_s = time.perf_counter(), 0.0
    with (
        index.writer() as writer,
        closing(writer.add_batches(read_documents(dataset.corpus), listener)) as stream,
    ):
        for added in stream:
            on_added(added)
            begun = time.perf_counter()
            scorer.add([document.doc_id for document in added.documents], added.vectors)
            scoring_s += time.perf_counter() - begun
        writer.commit()
    seconds = time.perf_counter() - start - scoring_s
    logger.info("Indexed %d documents in %.1f s.", index.searcher.n_docs, seconds)
    float_run = scorer.run(dataset.queries.query_ids)
    return index, _Built(_without_self_matches(float_run, dataset), seconds)


def _search(
    index: Index, dataset: Dataset, vectors: SparseBatch | HybridQueries, threads: int
) -> Run:
    rankings = index.rank(vectors, _depth(dataset), threads)
    run = {
        query_id: index.searcher.named_hits(rankings, number)
        for number, query_id in enumerate(dataset.queries.query_ids)
    }
    return _without_self_matches(run, dataset)


def _depth(dataset: Dataset) -> int:
    return K + 1 if dataset.removes_self_matches else K


def _without_self_matches(run: Run, dataset: Dataset) -> Run:
    """Drop, where the dataset asks for it, the hit that is the query itself, then cut at `K`."""
    if not dataset.removes_self_matches:
        return run
    return {
        query_id: [hit for hit in hits if hit[0] != query_id][:K] for query_id, hits in run.items()
    }
