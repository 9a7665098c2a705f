"""Text in, hits out: where an encoder and an inverted index meet.

>>> import lsr, tempfile
>>> documents = [("a", {"cat": 2.0, "milk": 1.0}), ("b", {"dog": 2.0})]
>>> folder = tempfile.mkdtemp()
>>> index = lsr.Index.build(f"{folder}/pets", documents)
>>> [(hit.doc_id, hit.score) for hit in index.search({"cat": 1.0, "milk": 1.0})]
[('a', 3.0)]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.conversations import Conversation, Question
from lsr.documents import Document, QueryBatch
from lsr.encoders import Backend, Encoder
from lsr.encoders.text_template import encoded_text
from lsr.errors import ConfigError, IndexNotFoundError, InvalidInputError
from lsr.index import (
    EXACT,
    Approximation,
    Filter,
    MemoryBudget,
    Rankings,
    Searcher,
    VocabularyKind,
    WeightType,
    is_index,
    make_snapshot,
    parse_filter,
    read_checkpoint,
    read_manifest,
    write_lock,
)
from lsr.pruning import prune
from lsr.retrieval.blueprint import Blueprint, refuse_other_vocabulary
from lsr.retrieval.dense_encoding import hybrid_queries
from lsr.retrieval.facts import index_facts
from lsr.retrieval.fusion import HybridQueries, rank_both
from lsr.retrieval.hits import Explanation, Hit, explained_scores, named_hits
from lsr.retrieval.query_vectors import QueryLike, encoded_questions, given_vector
from lsr.retrieval.writer import DocumentLike, Writer
from lsr.sparse import SparseBatch
from lsr.words import TermSpan

FilterLike = str | Mapping[str, object] | Filter


class Index:
    """An index on disk and, where it has one, the encoder that made its vectors.

    Make one with `build` or `create`, open one with `open`.
    """

    def __init__(self, path: Path, blueprint: Blueprint, searcher: Searcher | None) -> None:
        self.path = path
        self._blueprint = blueprint
        self._searcher = searcher

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        encoder: Encoder | None = None,
        backend: Backend = Backend.AUTO,
        verify: bool = True,
    ) -> Index:
        """Open the last commit of an index.

        Args:
            path: its folder.
            encoder: encodes queries in place of the encoder that the index remembers.
            backend: what computes that one, where it is needed.
            verify: compare bytes with their checksums before they are first used; False is for
                looking into a damaged index, whose answers may be wrong.

        Raises:
            IndexNotFoundError: there is no index at `path`.
            CorruptIndexError: a file is missing or damaged.
            VocabularyMismatchError: `encoder` has another vocabulary than the index.
            ConfigError: there is no such backend.
        """
        searcher = Searcher.open(Path(path), verify=verify)
        blueprint = Blueprint.of_commit(searcher.manifest, encoder, backend)
        return cls(Path(path), blueprint, searcher)

    @classmethod
    def create(
        cls,
        path: str | Path,
        *,
        encoder: Encoder | None = None,
        encoder_settings: dict[str, Any] | None = None,
        terms: Sequence[str] | None = None,
        max_weight: float | None = None,
        weights: str = WeightType.UINT8,
        prune: str | None = None,
        fields: Mapping[str, str] | None = None,
        properties: dict[str, str] | None = None,
        replace: bool = False,
    ) -> Index:
        """Prepare a new index; nothing is on disk before its writer's first commit.

        Args:
            path: its folder.
            encoder: encodes documents and queries; None for documents that bring vectors.
            encoder_settings: with `terms`, the encoder that made vectors computed elsewhere: it
                is remembered for queries without being loaded now.
            terms: that encoder's vocabulary.
            max_weight: largest weight to hold, 255 impact steps; by default the encoder's ceiling
                or the largest weight of the first documents.
            weights: ``uint8`` to store weights as impacts of 8 bits, ``float32`` to store them as
                they are.
            prune: a rule such as ``max_ratio:0.1`` by which the lightest weights of each document
                are left out (`lsr.pruning`); None to store all.
            fields: metadata that filters can name, with the kind of its values, such as
                ``{"year": "int"}``.
            properties: free text to keep with the index.
            replace: take the place of the index at `path` on the first commit.

        Raises:
            IndexExistsError: there is an index at `path` and `replace` is false.
            InvalidInputError: `path` is a file, or a folder that holds something else, or
                `max_weight` is not above zero.
            ConfigError: `weights` is unknown, or has no use for `max_weight`.
        """
        blueprint = Blueprint.of_new_index(
            Path(path),
            encoder=encoder,
            encoder_settings=encoder_settings,
            terms=terms,
            max_weight=max_weight,
            weights=weights,
            prune=prune,
            fields=fields,
            properties=properties,
            replace=replace,
        )
        return cls(Path(path), blueprint, None)

    @classmethod
    def build(
        cls,
        path: str | Path,
        documents: Iterable[DocumentLike],
        *,
        encoder: Encoder | None = None,
        max_weight: float | None = None,
        weights: str = WeightType.UINT8,
        prune: str | None = None,
        fields: Mapping[str, str] | None = None,
        replace: bool = False,
    ) -> Index:
        """Make an index of documents and commit it.

        Args:
            path: its folder.
            documents: dicts such as ``{"id", "title", "text", ...}``, or, without an encoder,
                pairs of an id and ``{term: weight}``.
            encoder: encodes the texts.
            max_weight: see `create`, as for `weights`, `prune` and `fields`.
            weights: ``uint8`` or ``float32``.
            prune: by which rule to leave out document weights.
            fields: metadata that filters can name.
            replace: take the place of the index at `path`.
        """
        index = cls.create(
            path,
            encoder=encoder,
            max_weight=max_weight,
            weights=weights,
            prune=prune,
            fields=fields,
            replace=replace,
        )
        with index.writer() as writer:
            writer.add_documents(documents)
            writer.commit()
        return index

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

    def refuse_other_encoder(self, settings: Mapping[str, Any]) -> None:
        """Refuse to add documents with other settings than those the index was made with.

        Args:
            settings: of an encoder, as its user named them now; None for what was left open.

        Raises:
            ConfigError: they differ: the new vectors would not compare with the old ones.
        """
        self._blueprint.refuse_other_encoder(self.path, settings)

    @contextmanager
    def writer(self, *, memory_bytes: int | None = None, resume: bool = False) -> Iterator[Writer]:
        """Write to the index: ``with index.writer() as writer: ...; writer.commit()``.

        What was not committed when the block ends is dropped. After a commit, small segments may be
        merged when the block ends.

        Args:
            memory_bytes: bounds what the writer holds; by default a quarter of the machine's.
            resume: go on with the build that an interrupted writer left, if there is one.

        Raises:
            ConfigError: an interrupted build is in the way, or `memory_bytes` is too small.
            IndexLockedError: another writer is at work.
        """
        memory = None if memory_bytes is None else MemoryBudget.of(memory_bytes)
        with write_lock(self.path):
            # The last commit may be younger than this object's snapshot.
            manifest = read_manifest(self.path) if is_index(self.path) else None
            unfinished = read_checkpoint(self.path) if resume else None
            is_new = self._searcher is None
            with self._blueprint.index_writer(
                self.path, manifest, is_new=is_new, memory=memory, unfinished=unfinished
            ) as index_writer:
                yield Writer(self, index_writer)
        published = index_writer.manifest
        if self._searcher and published and published.commit > self._searcher.manifest.commit:
            self.refresh()

    def refresh(self) -> None:
        """See the last commit."""
        before = self._searcher
        self._searcher = before.reopened(self.path) if before else Searcher.open(self.path)

    def reopened(self) -> Index:
        """Return the last commit as another object, which shares the encoder with this one.

        This one keeps its snapshot: searches of both can run at the same time.
        """
        return self.searched_by(self.searcher.reopened(self.path))

    def searched_by(self, searcher: Searcher) -> Index:
        """Return the index with another snapshot, or the same searched in another way."""
        return Index(self.path, self._blueprint, searcher)

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

    def snapshot(self, path: str | Path) -> None:
        """Make an index of the last commit at `path`, also while this one is written.

        Args:
            path: a folder that is not there yet, or empty.

        Raises:
            CorruptIndexError: a file of this index is damaged.
            IndexExistsError: there is an index at `path`.
        """
        make_snapshot(self.path, Path(path))

    def _encoded(self, questions: Sequence[Question]) -> SparseBatch:
        vocabulary = self._searcher.vocabulary if self._searcher else None
        return encoded_questions(questions, self.encoder, vocabulary, self.path)
