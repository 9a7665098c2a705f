"""How well does a model that is being trained retrieve? Measured on queries held out.

Every document is scored for every query, in the number format of the weights and without an index,
so that the figure is that of the model alone, and of its sparse half. It is cheap only while the
corpus is small, so the corpus is cut: judged documents first, then others as they come.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from lsr.conversations import question_text
from lsr.corpus import read_documents
from lsr.encoders.text_input import TextInput
from lsr.encoders.tokenization import TokenizedText
from lsr.errors import EvaluationError
from lsr.eval.datasets import load_dataset
from lsr.training.objective import mean_terms
from lsr.training.recipe import HeldOutPart
from lsr.training.towers import Tower, TrainableEncoder

TEXTS_AT_ONCE = 16
CUTOFF = 10


class HeldOut:
    """Queries, documents and judgments that nothing is learned from.

    Args:
        part: of the recipe.
        dataset: that of the data, for a part that names none.
        query_texts: makes of a query what its tower reads.
        document_texts: the same of a document.

    Raises:
        LsrError: the dataset cannot be read, or none of its judged documents is in its corpus.
    """

    def __init__(
        self,
        part: HeldOutPart,
        dataset: str | None,
        query_texts: TextInput,
        document_texts: TextInput,
    ) -> None:
        found = load_dataset(part.dataset or str(dataset), part.split)
        n_queries = part.max_queries
        ids = list(found.queries.query_ids[:n_queries])
        questions = found.queries.questions[:n_queries]
        kept = set(ids)
        relevant = {
            (one.query_id, one.doc_id)
            for one in found.qrels
            if one.relevance > 0 and one.query_id in kept
        }
        texts = _corpus(found.corpus, {doc_id for _, doc_id in relevant}, part.max_documents)
        columns = {doc_id: number for number, doc_id in enumerate(texts)}
        self._relevant = np.zeros((len(ids), len(columns)), bool)
        rows = {query_id: number for number, query_id in enumerate(ids)}
        for query_id, doc_id in relevant:
            if doc_id in columns:
                self._relevant[rows[query_id], columns[doc_id]] = True
        if not self._relevant.any():
            raise EvaluationError(
                f"{found.name}: no judged document of the split {part.split!r} is in its corpus, "
                "so nothing can be measured on it."
            )
        said = [question_text(question, query_texts.separator) for question in questions]
        self._queries = query_texts.tokenize(said)
        self._documents = document_texts.tokenize(list(texts.values()))

    def measure(self, encoder: TrainableEncoder) -> dict[str, float]:
        """Return what the encoder is worth: ``RR@10``, and mean terms of queries and documents."""
        was_training = encoder.training
        encoder.eval()
        with torch.no_grad():
            queries = torch.cat(list(_vectors(encoder.queries, self._queries)))
            scores, terms = [], []
            for vectors in _vectors(encoder.documents, self._documents):
                scores.append((queries @ vectors.t()).cpu().numpy())
                terms += [mean_terms(vectors)] * vectors.shape[0]
        encoder.train(was_training)
        return {
            f"RR@{CUTOFF}": reciprocal_rank(np.concatenate(scores, axis=1), self._relevant),
            "query_terms": mean_terms(queries),
            "document_terms": float(np.mean(terms)),
        }


def reciprocal_rank(scores: NDArray[np.floating], relevant: NDArray[np.bool_]) -> float:
    """Return the mean reciprocal rank among the first ten; ties go to the first document.

    Args:
        scores: shape (n_queries, n_documents).
        relevant: the same shape, bool.
    """
    order = np.argsort(-scores, axis=1, kind="stable")[:, :CUTOFF]
    hits = np.take_along_axis(relevant, order, axis=1)
    first = np.where(hits.any(1), 1 / (hits.argmax(1) + 1), 0.0)
    return float(first.mean())


def _corpus(source: str, judged: set[str], limit: int) -> dict[str, str]:
    """Return the texts of judged documents, and of others up to a limit."""
    texts: dict[str, str] = {}
    room = max(0, limit - len(judged))
    for batch in read_documents(source):
        for document in batch.documents:
            if document.doc_id not in judged:
                if not room:
                    continue
                room -= 1
            texts[document.doc_id] = document.full_text
    return texts


def _vectors(tower: Tower, texts: Sequence[TokenizedText]) -> Iterator[torch.Tensor]:
    """Yield vectors of texts in their order; a text without tokens has none of its terms."""
    blank = [number for number, one in enumerate(texts) if not one.ids.size]
    filler = next(one for one in texts if one.ids.size)
    filled = [one if one.ids.size else filler for one in texts]
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        vectors = tower(filled[start : start + TEXTS_AT_ONCE]).float()
        weights = vectors[:, : tower.n_terms]
        for number in blank:
            if start <= number < start + TEXTS_AT_ONCE:
                weights[number - start] = 0
        yield weights
