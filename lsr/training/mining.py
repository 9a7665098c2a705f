"""Which documents look relevant and are not? Hits of real searches, but for those too good.

Negatives are drawn from some ranks of one or more systems. The first ranks are often left out,
since they hold documents that are relevant and that nobody judged. A teacher sorts out more of
those: a document that it scores nearly as high as the query's positives is left out too.

Paper: G. de Souza P. Moreira et al., "NV-Retriever: Improving text embedding models with effective
hard-negative mining", 2024, section 3 (a margin below the positive).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

import msgspec
import numpy as np

from lsr.conversations import question_text
from lsr.corpus import read_documents
from lsr.errors import ConfigError, InvalidInputError
from lsr.eval.datasets import Dataset
from lsr.eval.run_file import Run
from lsr.training.candidate_file import Candidates
from lsr.training.teachers import Teacher


@dataclass(frozen=True, slots=True, kw_only=True)
class Mining:
    """How negatives are chosen.

    Attributes:
        ranks: first and last rank of the hits that are taken, from 1.
        per_query: how many are drawn at most.
        margin: how far below the query's lowest positive a negative must score by the teacher; None
            to take any.
        seed: of the draws.
    """

    ranks: tuple[int, int] = (1, 200)
    per_query: int = 50
    margin: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.ranks[0] <= self.ranks[1]:
            raise ConfigError(
                f"The ranks run from {self.ranks[0]} to {self.ranks[1]}; give two from 1 on, the "
                "lower one first."
            )


def mine(
    dataset: Dataset, rankings: Sequence[Run], mining: Mining, teacher: Teacher | None = None
) -> list[Candidates]:
    """Return the negatives of each query that has a relevant document.

    Args:
        dataset: queries, judgments and corpus.
        rankings: of one or more systems.
        mining: how negatives are chosen.
        teacher: scores positives and negatives; None for no scores.

    Raises:
        ConfigError: there is a margin, but no teacher.
        InvalidInputError: no query has a hit.
    """
    if mining.margin is not None and teacher is None:
        raise ConfigError("A margin is one of a teacher's scores; name a teacher.")
    positives: dict[str, list[str]] = {}
    for qrel in dataset.qrels:
        if qrel.relevance > 0:
            positives.setdefault(qrel.query_id, []).append(qrel.doc_id)
    pools = {
        query_id: _pool([run.get(query_id, ()) for run in rankings], positives[query_id], mining)
        for query_id in dataset.queries.query_ids
        if query_id in positives
    }
    if not any(pools.values()):
        raise InvalidInputError(
            f"{dataset.name}: no query has a hit between ranks {mining.ranks[0]} and "
            f"{mining.ranks[1]} that is not relevant; check that the systems searched its queries."
        )
    scores: Mapping[str, Mapping[str, float]] = {}
    if teacher is not None:
        named = {query_id: [*positives[query_id], *pool] for query_id, pool in pools.items()}
        scores = _scores(dataset, named, teacher)
    return [
        _drawn(query_id, number, pool, positives[query_id], scores.get(query_id), mining)
        for number, (query_id, pool) in enumerate(pools.items())
    ]


def encoded_lines(candidates: Sequence[Candidates]) -> bytes:
    """Return candidates as JSON lines, which `lsr.training.candidate_file` reads."""
    return b"".join(msgspec.json.encode(one) + b"\n" for one in candidates)


def _pool(
    hits: Sequence[Sequence[tuple[str, float]]], positives: Sequence[str], mining: Mining
) -> list[str]:
    """Return hits of the wanted ranks, those of all systems in turn."""
    first, last = mining.ranks
    columns = [[doc_id for doc_id, _ in one[first - 1 : last]] for one in hits]
    in_turn = chain.from_iterable(zip_longest(*columns))
    relevant = set(positives)
    return [one for one in dict.fromkeys(in_turn) if one is not None and one not in relevant]


def _scores(
    dataset: Dataset, named: Mapping[str, Sequence[str]], teacher: Teacher
) -> dict[str, dict[str, float]]:
    """Return a teacher's score of each query's documents, but for those without text."""
    wanted = {doc_id for ones in named.values() for doc_id in ones}
    texts = {
        document.doc_id: document.full_text
        for batch in read_documents(dataset.corpus)
        for document in batch.documents
        if document.doc_id in wanted and document.full_text.strip()
    }
    rows = {query_id: row for row, query_id in enumerate(named)}
    columns = {doc_id: column for column, doc_id in enumerate(texts)}
    questions = dict(zip(dataset.queries.query_ids, dataset.queries.questions, strict=True))
    pairs = [
        (query_id, doc_id) for query_id, ones in named.items() for doc_id in ones if doc_id in texts
    ]
    found = teacher.score(
        [question_text(questions[query_id], "\n") for query_id in named],
        list(texts.values()),
        np.array([(rows[one], columns[other]) for one, other in pairs], np.int64).reshape(-1, 2),
    )
    scores: dict[str, dict[str, float]] = {}
    for (query_id, doc_id), score in zip(pairs, found.tolist(), strict=True):
        scores.setdefault(query_id, {})[doc_id] = score
    return scores


def _drawn(
    query_id: str,
    number: int,
    pool: Sequence[str],
    positives: Sequence[str],
    scores: Mapping[str, float] | None,
    mining: Mining,
) -> Candidates:
    if mining.margin is not None and scores is not None:
        highest = min((scores[one] for one in positives if one in scores), default=np.inf)
        limit = highest - mining.margin
        pool = [one for one in pool if scores.get(one, np.inf) < limit]
    draw = np.random.default_rng([mining.seed, number])
    places = draw.permutation(len(pool))[: mining.per_query]
    chosen = [pool[place] for place in sorted(places.tolist())]
    kept = (
        {}
        if scores is None
        else {one: scores[one] for one in (*positives, *chosen) if one in scores}
    )
    return Candidates(query_id, negatives=tuple(chosen), scores=kept)
