"""What do files say of the documents of a query? Which are negatives, and how teachers score them.

Two forms are read. A run, of TREC or of MS MARCO, ranks the documents of each query: its ranking
gives negatives, and its scores are a teacher's. JSON lines name them one query a line, as
`lsr mine` writes them:

    {"query_id": "7", "negatives": ["d3", "d9"], "positives": ["d1"], "scores": {"d3": 4.5}}

All but the query's id may be left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from lsr.errors import InvalidInputError
from lsr.eval.run_file import read_run
from lsr.eval.text_lines import read_lines

JSON_LINES = (".jsonl", ".jsonl.gz", ".jsonl.zst")


class Candidates(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The documents of a query that a file names.

    Attributes:
        query_id: the query.
        negatives: documents, best first.
        positives: documents that are relevant, beside those of the judgments.
        scores: {doc_id: score} of a teacher.
    """

    query_id: str
    negatives: tuple[str, ...] = ()
    positives: tuple[str, ...] = ()
    scores: dict[str, float] = {}


_decode = msgspec.json.Decoder(Candidates).decode


def read_candidates(
    path: str | Path, ranks: tuple[int, int] | None = None
) -> Mapping[str, Candidates]:
    """Read the candidates of a file by their queries.

    Args:
        path: JSON lines, or a run.
        ranks: first and last rank of a run's hits that count as negatives; None for all.

    Raises:
        InvalidInputError: the file cannot be read or is empty, a line is malformed, a query has two
            lines, or a score is not finite.
    """
    path = Path(path)
    if path.name.endswith(JSON_LINES):
        return _of_lines(path)
    first, last = ranks or (1, None)
    return {
        query_id: Candidates(
            query_id,
            negatives=tuple(doc_id for doc_id, _ in hits[first - 1 : last]),
            scores=dict(hits),
        )
        for query_id, hits in read_run(path).items()
    }


def _of_lines(path: Path) -> dict[str, Candidates]:
    found: dict[str, Candidates] = {}
    for number, candidates in _lines(path):
        if candidates.query_id in found:
            raise InvalidInputError(
                f"{path}:{number}: the query {candidates.query_id!r} has a line already; give each "
                "query one."
            )
        found[candidates.query_id] = candidates
    if not found:
        raise InvalidInputError(f"{path} names no query.")
    return found


def _lines(path: Path) -> Iterator[tuple[int, Candidates]]:
    for number, line in read_lines(path):
        try:
            yield number, _decode(line)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise InvalidInputError(
                f'{path}:{number}: this is not a line such as {{"query_id": "7", "negatives": '
                f'["d3"]}} ({error}).'
            ) from None
