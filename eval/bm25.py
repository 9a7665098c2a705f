"""What does BM25 find? The ranking that every learned one is held against.

    score(q, d) = sum over the words w of q of idf(w) * tf / (tf + k1 * (1 - b + b * |d| / average))
    idf(w) = ln(1 + (N - df + 1/2) / (df + 1/2))

This is Lucene's form, with the parameters of Anserini; a word that a query repeats counts as often.
bm25s weighs the words of every document, which memory must hold; its weights are searched like any
sparse vectors, so that cost compares, and stay float32. Words are those of Lucene's English
analyzer: cut where Unicode cuts words, in small letters, without 's and 33 stop words, stemmed
after Porter. Lucene itself also rounds the lengths of documents to a byte.

Papers: Robertson et al., "Okapi at TREC-3", 1994; Kamphuis et al., "Which BM25 Do You Mean?",
ECIR 2020; Lù, "BM25S: Orders of Magnitude Faster Lexical Search via Eager Sparse Scoring", 2024.
"""

from __future__ import annotations

import importlib.metadata
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from lsr.conversations import Question, question_text
from lsr.corpus import read_documents
from lsr.documents import DocumentBatch
from lsr.encoders.text_template import SETTING, encoded_text
from lsr.errors import InvalidInputError, MissingDependencyError
from lsr.eval.asking import Asked
from lsr.eval.datasets import Dataset
from lsr.eval.experiment import Experiment, measure_ranking
from lsr.index import WeightType
from lsr.retrieval import Index
from lsr.sparse import SparseBatch

NAME = "BM25"
K1, B = 0.9, 0.4

_WORD = re.compile(r"\w+(?:(?:(?<=[^\W\d_])['\u2019.:](?=[^\W\d_])|(?<=\d)['\u2019.,;](?=\d))\w+)*")
"""Letters and digits, and what stands between two letters or two digits: o'clock, u.s, 1,000.5."""

_POSSESSIVE = re.compile(r"['\u2019]s$")


def require_bm25s() -> None:
    """Raise MissingDependencyError where BM25 cannot be had; to ask before hours of work."""
    try:
        import bm25s  # noqa: F401
        import Stemmer  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError("BM25", "eval") from error


def words_of(text: str) -> list[str]:
    """Return the words of an English text that BM25 counts, in order.

    Example:
        >>> words_of("The river's banks flooded at 1,000.5 m, in the U.S.")
        ['river', 'bank', 'flood', '1,000.5', 'm', 'u.']
    """
    from bm25s.stopwords import STOPWORDS_EN

    words = (_POSSESSIVE.sub("", word) for word in _WORD.findall(text.lower()))
    stemmed: list[str] = _stemmer().stemWords([one for one in words if one not in STOPWORDS_EN])
    return stemmed


class Bm25:
    """BM25 of a corpus, ready to be asked.

    Args:
        corpus: what `lsr.corpus.read_documents` takes; it is read twice.
        path: where its index will be.
        template: joins the fields of a document into its text; None for title and text.
        on_read: hears how many documents were read, batch by batch.

    Raises:
        MissingDependencyError: bm25s is not installed.
        InvalidInputError: the corpus cannot be read, or has no words.
    """

    def __init__(
        self,
        corpus: str,
        path: Path,
        *,
        template: str | None = None,
        on_read: Callable[[int], None] = lambda n_docs: None,
    ) -> None:
        require_bm25s()
        started = time.perf_counter()
        self._template = {SETTING: template} if template else {}
        self._terms: dict[str, int] = {}
        rows = [row for batch in self._counted(corpus, on_read) for row in batch]
        if not self._terms:
            raise InvalidInputError(
                f"{corpus} has no words, which are what BM25 counts; pass a corpus of texts."
            )
        vectors = _weighted(rows, self._terms)
        self._index = Index.create(path, weights=WeightType.FLOAT32)
        with self._index.writer() as writer:
            start = 0
            for batch in read_documents(corpus):
                stop = start + len(batch.documents)
                writer.add(DocumentBatch(batch.documents, vectors.slice(start, stop)))
                start = stop
            writer.commit()
        self._seconds = time.perf_counter() - started

    def vectors_of(self, questions: Sequence[Question]) -> SparseBatch:
        """Return how often each question has each word that any document has."""
        return SparseBatch.from_rows(
            [sorted(Counter(self._known(question_text(one, " "))).items()) for one in questions],
            n_terms=len(self._terms),
        )

    def measure(
        self, dataset: Dataset, measures: list[Any], *, system: str = NAME, threads: int = 1
    ) -> Experiment:
        """Measure it on a dataset of this corpus.

        Args:
            dataset: its queries are texts.
            measures: from `lsr.eval.measures.parse_measures`.
            system: what to call it.
            threads: threads of the search that the measures are taken of.

        Raises:
            InvalidInputError: the queries are vectors.
        """
        if dataset.queries.vectors is not None:
            raise InvalidInputError(
                f"The queries of {dataset.name} are vectors, but BM25 counts the words of texts; "
                "leave the baseline out, or name queries that are texts."
            )
        asked = Asked(
            self.vectors_of(dataset.queries.questions),
            lambda one: self.vectors_of([one]),
            "BM25 in Lucene's form, exact search over an inverted index",
        )
        measured = measure_ranking(
            *(self._index, dataset, asked, measures),
            system=system,
            threads=threads,
            indexing_s=self._seconds,
        )
        return replace(measured, encoder=self._settings())

    def _settings(self) -> dict[str, Any]:
        versions = {name: importlib.metadata.version(name) for name in ("bm25s", "PyStemmer")}
        return {
            "model": "bm25",
            "k1": K1,
            "b": B,
            "stemmer": "porter",
            **versions,
            **self._template,
        }

    def _counted(self, corpus: str, on_read: Callable[[int], None]) -> Iterator[list[list[int]]]:
        """Number the words of documents, batch by batch."""
        terms = self._terms
        for batch in read_documents(corpus):
            texts = [encoded_text(document, self._template) for document in batch.documents]
            yield [[terms.setdefault(word, len(terms)) for word in words_of(one)] for one in texts]
            on_read(len(texts))

    def _known(self, text: str) -> list[int]:
        return [self._terms[word] for word in words_of(text) if word in self._terms]


@cache
def _stemmer() -> Any:
    import Stemmer

    return Stemmer.Stemmer("porter")


def _weighted(rows: list[list[int]], terms: dict[str, int]) -> SparseBatch:
    """Return what each word adds to the score of each document; bm25s knows them by word."""
    import bm25s
    from scipy.sparse import csc_array

    bm25 = bm25s.BM25(k1=K1, b=B, method="lucene")
    bm25.index((rows, terms), create_empty_token=False, show_progress=False)
    by_word = tuple(bm25.scores[name] for name in ("data", "indices", "indptr"))
    return SparseBatch.from_matrix(csc_array(by_word, shape=(len(rows), len(terms))))
