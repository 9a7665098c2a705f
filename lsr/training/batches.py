"""What is in the batch of a step? A pure function of the recipe, the data and the step.

Nothing is remembered between steps, so that a resumed training reads what an uninterrupted one
would have read. Queries come in an order that is shuffled anew each time all have been seen; a
query's positive and its negatives are drawn each time it comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.text_input import TextInput
from lsr.encoders.tokenization import TokenizedText
from lsr.errors import InvalidInputError
from lsr.training.data import Example, TrainingData
from lsr.training.term_recall import TermRecall, TermRecalls

ORDER, DRAW = 0, 1
"""What a random stream is for; streams of different uses never share numbers."""


@dataclass(frozen=True, slots=True)
class TrainingBatch:
    """The texts of a step that one process encodes, and what is known of the whole batch.

    Attributes:
        queries: texts of this process's queries.
        documents: texts of their documents, group by group.
        group_size: documents of each query; the first of them is relevant.
        relevant: shape (n, n * g), bool, of the whole batch; see `Scores`.
        teacher: shape (n, g), float32, of the whole batch; None where there is no teacher.
        recall: of the terms of all queries, and of all relevant documents, of the whole batch;
            empty where no loss asks.
    """

    queries: Sequence[TokenizedText]
    documents: Sequence[TokenizedText]
    group_size: int
    relevant: NDArray[np.bool_]
    teacher: NDArray[np.float32] | None
    recall: Sequence[TermRecall] = ()


class Batches:
    """The batches of a training, by step; a dataset of torch.

    Args:
        data: what is learned from.
        query_texts: makes of a query what its tower reads.
        document_texts: the same of a document.
        n_steps: optimizer steps.
        batch: queries of a step, on all processes.
        n_negatives: documents of a query beside its positive.
        seed: of all draws.
        needs_recall: whether a loss asks for the recall of terms.
        process: number of this process.
        n_processes: how many share a batch.
    """

    def __init__(
        self,
        data: TrainingData,
        query_texts: TextInput,
        document_texts: TextInput,
        *,
        n_steps: int,
        batch: int,
        n_negatives: int,
        seed: int,
        needs_recall: bool = False,
        process: int = 0,
        n_processes: int = 1,
    ) -> None:
        if batch % n_processes:
            raise InvalidInputError(
                f"A batch of {batch} queries cannot be shared by {n_processes} processes; make "
                "schedule.batch a multiple of them."
            )
        self._data = data
        self._query_texts = query_texts
        self._document_texts = document_texts
        self._n_steps = n_steps
        self._batch = batch
        self._n_negatives = n_negatives
        self._seed = seed
        self._recalls = TermRecalls(data, query_texts, document_texts) if needs_recall else None
        share = batch // n_processes
        self._own = slice(process * share, (process + 1) * share)
        self._order = lru_cache(maxsize=2)(self._shuffled)

    def __len__(self) -> int:
        return self._n_steps

    def __getitem__(self, step: int) -> dict[str, TrainingBatch]:
        """Return the batch of a step, from 0, as transformers' trainer wants it."""
        drawn = [self._drawn(step * self._batch + row) for row in range(self._batch)]
        examples = [example for example, _ in drawn]
        groups = [group for _, group in drawn]
        columns = [doc_id for group in groups for doc_id in group]
        known = [set(example.positives) for example in examples]
        has_teacher = bool(examples[0].scores)
        return {
            "batch": TrainingBatch(
                queries=self._tokenized(
                    self._query_texts,
                    "query",
                    [(one.query_id, one.query) for one in examples[self._own]],
                ),
                documents=self._tokenized(
                    self._document_texts,
                    "document",
                    [(one, self._data.texts[one]) for group in groups[self._own] for one in group],
                ),
                group_size=self._n_negatives + 1,
                relevant=np.array([[one in ids for one in columns] for ids in known]),
                teacher=np.array(
                    [[one.scores[doc_id] for doc_id in group] for one, group in drawn], np.float32
                )
                if has_teacher
                else None,
                recall=self._recall(examples, groups),
            )
        }

    def _recall(
        self, examples: Sequence[Example], groups: Sequence[Sequence[str]]
    ) -> Sequence[TermRecall]:
        if self._recalls is None:
            return ()
        positives = [group[0] for group in groups]
        return (
            self._recalls.of_queries(examples),
            self._recalls.of_documents(positives, self._n_negatives + 1),
        )

    def _tokenized(
        self, tokenizer: TextInput, noun: str, texts: Sequence[tuple[str, str]]
    ) -> Sequence[TokenizedText]:
        tokenized = tokenizer.tokenize([text for _, text in texts])
        for (name, text), one in zip(texts, tokenized, strict=True):
            if not one.ids.size:
                raise InvalidInputError(
                    f"The {noun} {name!r} has no tokens ({text[:40]!r}); leave it out of the data."
                )
        return tokenized

    def _drawn(self, position: int) -> tuple[Example, list[str]]:
        """Return the example at a position of the endless order, and its documents."""
        n_examples = len(self._data.examples)
        order = self._order(position // n_examples)
        example = self._data.examples[order[position % n_examples]]
        draw = np.random.default_rng([self._seed, DRAW, position])
        positive = example.positives[int(draw.integers(len(example.positives)))]
        chosen = draw.choice(len(example.negatives), self._n_negatives, replace=False)
        return example, [positive, *(example.negatives[int(one)] for one in chosen)]

    def _shuffled(self, round_number: int) -> NDArray[np.int64]:
        shuffle = np.random.default_rng([self._seed, ORDER, round_number])
        return shuffle.permutation(len(self._data.examples))
