"""In which form is a conversational question asked? Its last utterance, whole, or rewritten.

What a model makes of conversations shows when the same questions are asked in several forms: the
last utterance alone is what it can do without the conversation, and a person's rewrite, which says
all that the conversation has left unsaid, is what it could do if it understood.

In a folder in BEIR's layout, ``queries.jsonl`` holds conversations, or the last utterances with
``history.jsonl`` beside it; ``queries.rewrite.jsonl`` holds rewrites. A question may lack a form:
forms are compared on the judged questions that have them all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from lsr.conversations import Conversation, Question
from lsr.corpus import find_beir_file, read_histories, read_queries
from lsr.documents import QueryBatch
from lsr.errors import ConfigError, EvaluationError
from lsr.eval.datasets import Dataset


class QueryForm(StrEnum):
    """How a question is put."""

    LAST = "last"
    WHOLE = "whole"
    REWRITE = "rewrite"


_REMEDIES = {
    QueryForm.WHOLE: "give it turns in queries.jsonl, or write what was said before it to "
    "history.jsonl",
    QueryForm.REWRITE: "write it to queries.rewrite.jsonl",
}


@dataclass(frozen=True, slots=True)
class FormedQueries:
    """The same questions in several forms.

    Attributes:
        datasets: {form: the dataset with its questions in this form}.
        n_judged: questions that have judgments.
        n_missing: {form: how many of them lack it}; each form holds those that lack none.
    """

    datasets: Mapping[QueryForm, Dataset]
    n_judged: int
    n_missing: Mapping[QueryForm, int]


def parse_query_forms(text: str) -> list[QueryForm]:
    """Read forms separated by spaces or commas, such as ``last whole``.

    Raises:
        ConfigError: there is none, or one is unknown.
    """
    known = ", ".join(QueryForm)
    names = [name for name in re.split(r"[\s,]+", text) if name]
    unknown = next((name for name in names if name not in list(QueryForm)), None)
    if unknown is not None:
        raise ConfigError(f"The query form {unknown!r} is unknown; the forms are {known}.")
    if not names:
        raise ConfigError(f"No query form is named; the forms are {known}.")
    return [QueryForm(name) for name in dict.fromkeys(names)]


def in_forms(dataset: Dataset, forms: Sequence[QueryForm]) -> FormedQueries:
    """Put the judged questions of a dataset in several forms.

    Args:
        dataset: read from a folder.
        forms: at least one.

    Raises:
        ConfigError: the dataset is no folder, or its queries are vectors.
        EvaluationError: no question has all forms.
        InvalidInputError: a file is damaged, or a line is bad.
    """
    folder = Path(dataset.name)
    if not folder.is_dir() or dataset.queries.vectors is not None:
        raise ConfigError(
            f"{dataset.name} has no query forms: they are read from a folder in BEIR's layout "
            "whose queries are texts or conversations."
        )
    found = {form: _READERS[form](folder, dataset.queries) for form in forms}
    judged = dataset.queries.query_ids
    n_missing = {
        form: sum(query_id not in questions for query_id in judged)
        for form, questions in found.items()
    }
    kept = [query_id for query_id in judged if all(query_id in one for one in found.values())]
    if not kept:
        rarest = max(forms, key=lambda form: n_missing[form])
        raise EvaluationError(
            f"{folder}: no judged query has all of the forms {', '.join(forms)}, and "
            f"{n_missing[rarest]} of {len(judged)} lack the form {rarest}; for each, "
            f"{_REMEDIES[rarest]}."
        )
    wanted = set(kept)
    judgments = [qrel for qrel in dataset.qrels if qrel.query_id in wanted]
    return FormedQueries(
        {
            form: replace(
                dataset,
                queries=QueryBatch(kept, [questions[query_id] for query_id in kept]),
                qrels=judgments,
            )
            for form, questions in found.items()
        },
        len(judged),
        n_missing,
    )


def _last_utterances(folder: Path, queries: QueryBatch) -> dict[str, Question]:
    return {
        query_id: one.last_utterance if isinstance(one, Conversation) else one
        for query_id, one in zip(queries.query_ids, queries.questions, strict=True)
    }


def _whole_conversations(folder: Path, queries: QueryBatch) -> dict[str, Question]:
    whole: dict[str, Question] = {
        query_id: one
        for query_id, one in zip(queries.query_ids, queries.questions, strict=True)
        if isinstance(one, Conversation)
    }
    history = find_beir_file(folder, "history")
    return whole if history is None else {**whole, **read_histories(history, queries)}


def _rewrites(folder: Path, queries: QueryBatch) -> dict[str, Question]:
    file = find_beir_file(folder, "queries.rewrite")
    if file is None:
        return {}
    rewrites = read_queries(file)
    if rewrites.vectors is not None:
        raise ConfigError(f"{file} holds vectors, but a rewrite is a text; write the texts.")
    return dict(zip(rewrites.query_ids, rewrites.questions, strict=True))


_READERS: dict[QueryForm, Callable[[Path, QueryBatch], dict[str, Question]]] = {
    QueryForm.LAST: _last_utterances,
    QueryForm.WHOLE: _whole_conversations,
    QueryForm.REWRITE: _rewrites,
}
