"""How is an index read? By texts or vectors: in go queries, out come hits and why they are hits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.conversations import Conversation, Question
from lsr.documents import Document, QueryBatch
from lsr.encoders import Encoder
from lsr.encoders.text_template import encoded_text
from lsr.errors import ConfigError, IndexNotFoundError, InvalidInputError
from lsr.index import (
    EXACT,
    Approximation,
    Filter,
    Rankings,
    Searcher,
    VocabularyKind,
    WeightType,
    parse_filter,
)
from lsr.pruning import prune
from lsr.retrieval.blueprint import Blueprint, refuse_other_vocabulary
from lsr.retrieval.dense_encoding import hybrid_queries
from lsr.retrieval.facts import index_facts
from lsr.retrieval.fusion import HybridQueries, rank_both
from lsr.retrieval.hits import Explanation, Hit, explained_scores, named_hits
from lsr.retrieval.query_vectors import QueryLike, encoded_questions, given_vector
from lsr.sparse import SparseBatch
from lsr.words import TermSpan

FilterLike = str | Mapping[str, object] | Filter


class IndexReader:
    """A snapshot of an index, and the encoder of its queries where it has one.

    Args:
        path: the index's folder.
        blueprint: what its documents were encoded with.
        searcher: the snapshot; None before the first commit.
    """

    def __init__(self, path: Path, blueprint: Blueprint, searcher: Searcher | None) -> None:
        self.path = path
        self._blueprint = blueprint
        self._searcher = searcher

    @property
    def searcher(self) -> Searcher:
        """The snapshot that searches run on."""
        if self._searcher is None:
            raise IndexNotFoundError(f"{self.path} has no commit yet.")
        return self._searcher

    @property
    def encoder(self) -> Encoder:
        """The encoder of queries, loaded when first needed.

        Raises:
            ConfigError: the index was built from vectors and knows no encoder.
            VocabularyMismatchError: the model at its place now has another vocabulary.
        """
        blueprint = self._blueprint
        if blueprint.encoder is None:
            encoder = blueprint.load_encoder(self.path)
            refuse_other_vocabulary(encoder, self.searcher.manifest)
            blueprint.encoder = encoder
        return blueprint.encoder

    @property
    def has_encoder(self) -> bool:
        """Whether queries may be text."""
        return self._blueprint.encoder_settings is not None or self._blueprint.encoder is not None

    def encoded_text(self, document: Document) -> str:
        """Return what of a document's fields its vector was made of, as one text."""
        return encoded_text(document, self._blueprint.encoder_settings or {})

    def vectors_of(self, queries: QueryBatch) -> SparseBatch:
        """Return the vectors of queries in the index's vocabulary, encoding texts.

        Terms that the index does not know are left out.
        """
        if queries.vectors is None:
            return self._encoded(queries.questions)
        return self.searcher.vocabulary.queries(queries.vectors, queries.vocabulary)

    def vector_of(self, query: QueryLike) -> SparseBatch:
        """Return the vector of one query, see `search`, in the index's vocabulary."""
        if isinstance(query, (str, Conversation)):
            return self._encoded([query])
        return given_vector(query, self.searcher.vocabulary)

    def hybrid_queries(self, queries: Sequence[QueryLike], alpha: float) -> HybridQueries:
        """Encode queries for both halves of the index, for `rank`.

        Args:
            queries: texts and conversations.
            alpha: share of the dense half, from 0 to 1.

        Raises:
            ConfigError: the index has no dense half.
            InvalidInputError: a query is a vector, or `alpha` is not from 0 to 1.
        """
        self.refuse_hybrid()
        return hybrid_queries(queries, self.encoder, self.searcher.manifest.dense_size, alpha)

    def refuse_hybrid(self) -> None:
        """Refuse to search both halves of an index that has one.

        Raises:
            ConfigError: it has no dense half.
        """
        if not self.searcher.manifest.dense_size:
            raise ConfigError(
                f"{self.path} has no dense half; search it without --hybrid (alpha=None), or build "
                "it from texts with a method that has one, such as --method promptreps."
            )

    def search(
        self,
        query: QueryLike,
        k: int = 10,
        *,
        where: FilterLike | None = None,
        approximation: Approximation = EXACT,
        alpha: float | None = None,
    ) -> list[Hit]:
        """Return the best `k` documents, best first; ties by the order they were added.

        Args:
            query: a text, a `Conversation`, ``{term: weight}``, a `SparseBatch`, a SciPy sparse
                matrix or a torch sparse tensor of one row.
            k: at least 1.
            where: which documents may be hits, by the index's declared fields: a filter's text
                such as ``"year >= 2020 and not lang = 'en'"`` or its JSON values; None for all.
            approximation: what may be given up for speed; nothing by default.
            alpha: searches both halves of the index, and is the share of the dense one in the
                scores (`lsr.retrieval.fusion`): 0.5, for example. None for the sparse half alone.

        Raises:
            InvalidInputError: the query, `k`, `alpha` or the filter is malformed, the filter names
                a field that is not declared, or `alpha` comes with a vector.
            ConfigError: the index cannot give up what `approximation` offers, or has no dense half.
        """
        (hits,) = self.search_batch(
            [query], k, where=where, approximation=approximation, alpha=alpha
        )
        return hits

    def search_batch(
        self,
        queries: Sequence[QueryLike],
        k: int = 10,
        threads: int = 1,
        *,
        where: FilterLike | None = None,
        approximation: Approximation = EXACT,
        alpha: float | None = None,
    ) -> list[list[Hit]]:
        """Return the hits of each query; see `search`.

        Args:
            queries: queries of any mix of kinds.
            k: at least 1.
            threads: queries scored at the same time.
            where: which documents may be hits.
            approximation: what may be given up for speed.
            alpha: share of the dense half.
        """
        if not queries:
            return []
        vectors: SparseBatch | HybridQueries
        if alpha is None:
            vectors = SparseBatch.concatenate([self.vector_of(query) for query in queries])
        else:
            vectors = self.hybrid_queries(queries, alpha)
        return self.hits(self.rank(vectors, k, threads, where=where, approximation=approximation))

    def rank(
        self,
        vectors: SparseBatch | HybridQueries,
        k: int,
        threads: int = 1,
        *,
        where: FilterLike | None = None,
        approximation: Approximation = EXACT,
        once: bool = False,
        stops: NDArray[np.uint8] | None = None,
    ) -> Rankings:
        """Return the best documents of vectors by number, for `hits` to name; see `search`.

        Args:
            vectors: queries in the index's vocabulary, as `vectors_of` or `hybrid_queries` returns
                them.
            k: at least 1.
            threads: queries scored at the same time.
            where: which documents may be hits.
            approximation: what may be given up for speed.
            once: no search comes after this one, so that loading what makes many fast may not
                pay; it changes no answer.
            stops: see `Searcher.search_batch`; the dense half has no such end.
        """
        self.refuse_approximation(approximation)
        wanted = None if where is None else self.parse_filter(where)
        if isinstance(vectors, HybridQueries):
            return rank_both(
                self.searcher,
                vectors,
                k,
                threads,
                where=wanted,
                approximation=approximation,
                once=once,
                stops=stops,
            )
        return self.searcher.search_batch(
            vectors, k, threads, where=wanted, approximation=approximation, once=once, stops=stops
        )

    def hits(self, rankings: Rankings) -> list[list[Hit]]:
        """Name the documents that `rank` has found, query by query."""
        return named_hits(self.searcher, rankings)

    def parse_filter(self, where: FilterLike) -> Filter:
        """Read a filter, see `search`, and hold it to the fields that the index declares.

        Raises:
            InvalidInputError: it is malformed, or does not suit the fields.
        """
        return parse_filter(where, self.searcher.manifest.fields)

    def refuse_approximation(self, approximation: Approximation) -> None:
        """Refuse to give up what searches of this index cannot give up.

        Raises:
            ConfigError: the index holds float32 weights, and bounds or ranges are to be used.
        """
        if approximation.uses_bounds and self.searcher.manifest.weights is WeightType.FLOAT32:
            raise ConfigError(
                f"{self.path} holds float32 weights, all of which every search looks at; a bound "
                "factor or a number of ranges would change nothing. Leave them out, or prune the "
                "query."
            )

    def explain(
        self, query: QueryLike, doc_id: str, *, approximation: Approximation = EXACT
    ) -> Explanation:
        """Return what each term of `query` adds to the score of a document.

        Args:
            query: see `search`.
            doc_id: the document's id.
            approximation: that of the search whose score is explained; terms that it prunes add
                nothing.

        Raises:
            InvalidInputError: the index has no document of this id.
        """
        (explanation,) = self.explain_all(query, [doc_id], approximation=approximation)
        return explanation

    def explain_all(
        self, query: QueryLike, doc_ids: Sequence[str], *, approximation: Approximation = EXACT
    ) -> list[Explanation]:
        """Return what each term of `query` adds to the scores of several documents.

        Args:
            query: see `search`.
            doc_ids: ids of documents, distinct.
            approximation: see `explain`.

        Raises:
            InvalidInputError: the index has no document of one of the ids.
        """
        searcher = self.searcher
        numbers: dict[str, int] = {}
        for doc_id in doc_ids:
            number = searcher.doc_number(doc_id)
            if number is None:
                raise InvalidInputError(f"{self.path} has no document with the id {doc_id!r}.")
            numbers[doc_id] = number
        vector = self.vector_of(query)
        if approximation.prune:
            vector = prune(vector, approximation.prune)
        return explained_scores(searcher, vector, numbers)

    def term_spans(self, text: str) -> list[TermSpan]:
        """Return (term id, start, end) of the pieces of a text that are terms of the index."""
        spans = self.encoder.term_spans(text)
        vocabulary = self.searcher.vocabulary
        if vocabulary.kind is not VocabularyKind.NAMES:
            return spans
        ids = vocabulary.lookup([self.encoder.tokens[term] for term, _, _ in spans])
        return [
            (term, start, end)
            for term, (_, start, end) in zip(ids.tolist(), spans, strict=True)
            if term >= 0
        ]

    def info(self) -> dict[str, Any]:
        """Return counts, sizes and settings of the index, as JSON values."""
        return index_facts(self.path, self.searcher)

    def _encoded(self, questions: Sequence[Question]) -> SparseBatch:
        vocabulary = self._searcher.vocabulary if self._searcher else None
        return encoded_questions(questions, self.encoder, vocabulary, self.path)
