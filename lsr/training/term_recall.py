"""Which terms of a text matter? Those that the texts on the other side hold as well (term recall).

    of a document:  the share of the queries that it is relevant to that hold the term
    of a query:     the share of the documents relevant to it that hold the term

Paper: Z. Dai, J. Callan, "Context-Aware Sentence/Passage Term Importance Estimation For First Stage
Retrieval" (DeepCT), 2019, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.text_input import TextInput
from lsr.training.data import Example, TrainingData


@dataclass(frozen=True, slots=True)
class TermRecall:
    """Recall of the terms that some texts of a batch hold; one entry for each text and term.

    Attributes:
        rows: int64, the text's row in the batch.
        terms: int64, the term's id.
        shares: float32, 0 to 1.
    """

    rows: NDArray[np.int64]
    terms: NDArray[np.int64]
    shares: NDArray[np.float32]


class TermRecalls:
    """Tells the recall of terms in the texts of a training.

    Args:
        data: what is learned from.
        query_texts: makes of a query what its tower reads.
        document_texts: the same of a document.
    """

    def __init__(
        self, data: TrainingData, query_texts: TextInput, document_texts: TextInput
    ) -> None:
        self._data = data
        self._query_texts = query_texts
        self._document_texts = document_texts
        self._askers: dict[str, list[str]] = {}
        for example in data.examples:
            for doc_id in example.positives:
                self._askers.setdefault(doc_id, []).append(example.query)

    def of_queries(self, examples: Sequence[Example]) -> TermRecall:
        """Return the recall of the terms of queries, whose rows are their places."""
        return _together(
            [
                (
                    row,
                    _held(self._query_texts, [example.query])[0],
                    _held(
                        self._document_texts, [self._data.texts[one] for one in example.positives]
                    ),
                )
                for row, example in enumerate(examples)
            ]
        )

    def of_documents(self, doc_ids: Sequence[str], group_size: int) -> TermRecall:
        """Return the recall of the terms of relevant documents.

        Args:
            doc_ids: the first document of each group, which is relevant.
            group_size: documents of a group; the row of the first in group b is b * group_size.
        """
        return _together(
            [
                (
                    number * group_size,
                    _held(self._document_texts, [self._data.texts[doc_id]])[0],
                    _held(self._query_texts, self._askers[doc_id]),
                )
                for number, doc_id in enumerate(doc_ids)
            ]
        )


def _held(tokenizer: TextInput, texts: Sequence[str]) -> list[NDArray[np.int64]]:
    """Return the terms that each text holds, rising; those that a model adds around it left out."""
    return [np.unique(one.ids[one.pooled]) for one in tokenizer.tokenize(texts)]


def _together(
    found: Sequence[tuple[int, NDArray[np.int64], Sequence[NDArray[np.int64]]]],
) -> TermRecall:
    """Return the recall of terms, given each text's row, its terms, and those of the others."""
    rows = [np.full(terms.size, row) for row, terms, _ in found]
    shares = [
        np.mean([np.isin(terms, other) for other in others], axis=0) for _, terms, others in found
    ]
    return TermRecall(
        np.concatenate(rows),
        np.concatenate([terms for _, terms, _ in found]),
        np.concatenate(shares).astype(np.float32),
    )
