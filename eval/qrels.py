"""What did the assessors say? Relevance judgments, in BEIR's or TREC's file format."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lsr.documents import checked_id
from lsr.errors import InvalidInputError
from lsr.eval.text_lines import read_lines

BEIR_HEADER = ["query-id", "corpus-id", "score"]


class Qrel(NamedTuple):
    """One judgment: how relevant a document is to a query.

    0 and below is not relevant. Grades below 0, such as TREC's -2 for junk, count as 0 in every
    measure, as in trec_eval; the document counts as judged.
    """

    query_id: str
    doc_id: str
    relevance: int


Qrels = Sequence[Qrel]


def read_qrels(path: str | Path) -> list[Qrel]:
    r"""Read judgments, in file order.

    Two formats are told apart by the first line: BEIR's three tab-separated columns under the
    header ``query-id\tcorpus-id\tscore``, and TREC's four columns ``qid 0 docid relevance``. A name
    that ends in ``.gz`` is decompressed.

    Raises:
        InvalidInputError: the file cannot be read or is empty, a line has another number of
            columns or a relevance that is no whole number, or two lines judge one pair differently.
    """
    path = Path(path)
    relevances: dict[tuple[str, str], int] = {}
    is_beir = False
    for number, line in read_lines(path):
        fields = line.split("\t")
        if not relevances and not is_beir and fields == BEIR_HEADER:
            is_beir = True
            continue
        qrel = _qrel(fields if is_beir else line.split(), is_beir, f"{path}:{number}")
        known = relevances.setdefault((qrel.query_id, qrel.doc_id), qrel.relevance)
        if known != qrel.relevance:
            raise InvalidInputError(
                f"{path}:{number}: document {qrel.doc_id!r} is judged {qrel.relevance} for query "
                f"{qrel.query_id!r}, but {known} on an earlier line; keep one of the two."
            )
    if not relevances:
        raise InvalidInputError(f"{path} holds no judgments.")
    return [Qrel(*pair, relevance) for pair, relevance in relevances.items()]


def _qrel(fields: list[str], is_beir: bool, place: str) -> Qrel:
    if len(fields) != (3 if is_beir else 4):
        expected = (
            "query-id, corpus-id and score, separated by tabs, as the header says"
            if is_beir
            else "TREC's four (qid 0 docid relevance) or BEIR's header as the first line"
        )
        raise InvalidInputError(f"{place}: found {len(fields)} columns; expected {expected}.")
    query_id, doc_id = checked_id(fields[0], place), checked_id(fields[-2], place)
    try:
        relevance = float(fields[-1])
    except ValueError:
        relevance = math.nan
    if not relevance.is_integer():
        raise InvalidInputError(
            f"{place}: the relevance is {fields[-1]!r}, but it must be a whole number. trec_eval "
            "would read a fraction without its decimals; multiply or round the grades."
        )
    return Qrel(query_id, doc_id, int(relevance))
