"""PISA, through pyterrier-pisa, run on an export."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from lsr.eval.bench.muting import muted


def pisa_run(
    folder: Path, queries: Mapping[str, Mapping[str, int]], hits: int
) -> dict[str, dict[str, float]]:
    """Search an export for queries and return the scores by query and document."""
    pisa = pytest.importorskip("pyterrier_pisa", reason="PISA comes with the extra [bench]")
    pandas = pytest.importorskip("pandas")
    weights = [{term: float(one) for term, one in query.items()} for query in queries.values()]
    frame = pandas.DataFrame({"qid": list(queries), "query": "", "query_toks": weights})
    with muted():
        index = pisa.PisaIndex(str(folder), stemmer="none", stops="none")
        search = index.quantized(num_results=hits, toks_scale=1.0, query_algorithm="maxscore")
        found = search(frame)
    run: dict[str, dict[str, float]] = {}
    for query_id, doc_id, score in zip(found.qid, found.docno, found.score, strict=True):
        run.setdefault(query_id, {})[doc_id] = score
    return run
