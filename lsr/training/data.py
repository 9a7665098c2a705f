"""What is learned from? Queries, the documents relevant to them, negatives, and teachers' scores.

Everything is read and checked before the first step: what a training would trip over after hours,
or pass over in silence, is refused now, with its counts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lsr.conversations import question_text
from lsr.corpus import read_documents
from lsr.errors import InvalidInputError
from lsr.eval.datasets import Dataset, load_dataset, load_files
from lsr.training.candidate_file import Candidates, read_candidates
from lsr.training.recipe import DataPart, Missing
from lsr.training.teacher_scores import fused_scores

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Example:
    """A query to learn from.

    Attributes:
        query_id: the query's.
        query: its text.
        positives: documents that are relevant, one at least.
        negatives: documents to draw negatives from.
        scores: {doc_id: score} of the teacher, for all of these where there is one.
    """

    query_id: str
    query: str
    positives: tuple[str, ...]
    negatives: tuple[str, ...]
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class TrainingData:
    """All that is learned from.

    Attributes:
        examples: the queries, in the order of their file.
        texts: {doc_id: text} of every document that an example names.
        counts: how much there is, for a person to read.
    """

    examples: Sequence[Example]
    texts: Mapping[str, str]
    counts: Mapping[str, int]


def load_training_data(part: DataPart, separator: str) -> TrainingData:
    """Read and check what a recipe learns from.

    Args:
        part: of the recipe.
        separator: between the turns of queries that are conversations.

    Raises:
        LsrError: a file is missing or malformed, or queries lack negatives, scores or documents.
    """
    dataset = _dataset(part)
    negatives = [read_candidates(path, part.ranks) for path in part.negatives]
    teachers = [read_candidates(path) for path in part.scores]
    named = _examples(part, dataset, separator, negatives)
    texts = _texts(dataset.corpus, named)
    present = [_with_documents(example, texts) for example in named]
    examples = [one for one in present if one.positives]
    if part.scores:
        examples = [_scored(one, teachers, part) for one in examples]
        _refuse_missing_scores(examples, part)
        examples = [_without_unscored(one, part) for one in examples]
    _refuse_few_negatives(examples, part)
    if not examples:
        raise InvalidInputError(
            f"{dataset.name} has no query with a relevant document in its corpus, so there is "
            "nothing to learn from."
        )
    counts = {
        "queries": len(examples),
        "queries_without_positives": len(dataset.queries.query_ids) - len(examples),
        "documents": len(texts),
        "positives": sum(len(one.positives) for one in examples),
        "negatives": sum(len(one.negatives) for one in examples),
        "absent_documents": _n_documents(named) - len(texts),
    }
    if counts["absent_documents"]:
        logger.warning(
            "%s: %d documents that queries name are not in the corpus, or have no text; they are "
            "left out.",
            dataset.corpus,
            counts["absent_documents"],
        )
    return TrainingData(examples, texts, counts)


def _dataset(part: DataPart) -> Dataset:
    if part.dataset is not None:
        return load_dataset(part.dataset, part.split)
    assert part.corpus is not None
    assert part.queries is not None
    assert part.qrels is not None
    return load_files(part.corpus, part.queries, part.qrels)


def _examples(
    part: DataPart,
    dataset: Dataset,
    separator: str,
    negatives: Sequence[Mapping[str, Candidates]],
) -> list[Example]:
    """Return the queries with the documents that files name, present or not."""
    relevant: dict[str, list[str]] = {}
    for qrel in dataset.qrels:
        if qrel.relevance > 0:
            relevant.setdefault(qrel.query_id, []).append(qrel.doc_id)
    examples = []
    for query_id, question in zip(
        dataset.queries.query_ids, dataset.queries.questions, strict=True
    ):
        own = [file[query_id] for file in negatives if query_id in file]
        positives = dict.fromkeys(
            [*relevant.get(query_id, ()), *(one for file in own for one in file.positives)]
        )
        pool = dict.fromkeys(one for file in own for one in file.negatives if one not in positives)
        query = question_text(question, separator)
        if not query.strip():
            raise InvalidInputError(
                f"{dataset.name}: the query {query_id!r} has no text to learn from; training takes "
                "texts, not vectors."
            )
        examples.append(Example(query_id, query, tuple(positives), tuple(pool), {}))
    return examples


def _texts(corpus: str, examples: Iterable[Example]) -> dict[str, str]:
    """Return the texts of the documents that examples name, but for empty ones."""
    wanted = {one for each in examples for one in (*each.positives, *each.negatives)}
    texts: dict[str, str] = {}
    for batch in read_documents(corpus):
        for document in batch.documents:
            if document.doc_id in wanted and document.full_text.strip():
                texts[document.doc_id] = document.full_text
    return texts


def _n_documents(examples: Iterable[Example]) -> int:
    return len({one for each in examples for one in (*each.positives, *each.negatives)})


def _with_documents(example: Example, texts: Mapping[str, Any]) -> Example:
    return _kept(example, lambda doc_id: doc_id in texts)


def _kept(example: Example, is_kept: Callable[[str], bool]) -> Example:
    return Example(
        example.query_id,
        example.query,
        tuple(filter(is_kept, example.positives)),
        tuple(filter(is_kept, example.negatives)),
        example.scores,
    )


def _scored(
    example: Example, teachers: Sequence[Mapping[str, Candidates]], part: DataPart
) -> Example:
    """Return an example with the scores of its documents."""
    said = [file[example.query_id].scores for file in teachers if example.query_id in file]
    documents = (*example.positives, *example.negatives)
    scores = fused_scores(said, documents, part.fusion, part.scale)
    if part.missing_positive is Missing.HIGHEST and scores:
        highest = max(scores.values())
        scores |= {one: highest for one in example.positives if one not in scores}
    return Example(example.query_id, example.query, example.positives, example.negatives, scores)


def _without_unscored(example: Example, part: DataPart) -> Example:
    if part.missing_negative is not Missing.DROP:
        return example
    return _kept(example, lambda one: one in example.scores)


def _refuse_missing_scores(examples: Sequence[Example], part: DataPart) -> None:
    positives = [
        (example, one)
        for example in examples
        for one in example.positives
        if one not in example.scores
    ]
    negatives = [
        (example, one)
        for example in examples
        for one in example.negatives
        if one not in example.scores and part.missing_negative is Missing.REFUSE
    ]
    for kind, missing, remedy in (
        ("positives", positives, 'data.missing_positive = "highest"'),
        ("negatives", negatives, 'data.missing_negative = "drop"'),
    ):
        if missing:
            example, doc_id = missing[0]
            n_queries = len({one.query_id for one, _ in missing})
            raise InvalidInputError(
                f"{len(missing):,} {kind} of {n_queries:,} queries have no teacher's score, such "
                f"as document {doc_id!r} of query {example.query_id!r}; score them or set {remedy}."
            )


def _refuse_few_negatives(examples: Sequence[Example], part: DataPart) -> None:
    wanted = part.negatives_per_query
    few = [one for one in examples if len(one.negatives) < wanted]
    if few:
        n_none = sum(not one.negatives for one in few)
        raise InvalidInputError(
            f"{len(few):,} of {len(examples):,} queries have fewer than {wanted} negatives "
            f"({n_none:,} have none), such as {few[0].query_id!r}; mine more (`lsr mine`), widen "
            "data.ranks or lower data.negatives_per_query."
        )
