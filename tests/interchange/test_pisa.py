"""PISA ranks an export as we do, and finds it as it would have written it."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from command import tree
from interchange import QUERIES, TERMS, stored_values
from lsr.errors import InvalidInputError
from lsr.eval.bench.muting import muted
from lsr.interchange import export_index
from lsr.retrieval import Index
from pisa_peer import pisa_run

pytest.importorskip("pyterrier_pisa", reason="PISA comes with the extra [bench]")


def test_files_are_those_that_pisa_writes(tmp_path: Path) -> None:
    import pyterrier_pisa

    documents = [("d1", {"cat": 3.0, "##x": 2.0}), ("dé2", {"cat": 1.0, "zoo": 255.0}), ("d3", {})]
    export_index(Index.build(tmp_path / "idx", documents), "pisa", tmp_path / "ours")
    with muted():
        theirs = pyterrier_pisa.PisaIndex(str(tmp_path / "theirs"), stemmer="none", stops="none")
        theirs.toks_indexer(scale=1.0).index(
            {"docno": doc_id, "toks": vector} for doc_id, vector in documents
        )

    found, expected = tree(tmp_path / "ours"), tree(tmp_path / "theirs")
    assert json.loads(found.pop("pt_meta.json")) == json.loads(expected.pop("pt_meta.json"))
    del found["lsr-export.json"]
    expected.pop("fwd", None)
    assert found == expected


def test_pisa_gives_the_same_scores(index: Index, tmp_path: Path) -> None:
    export_index(index, "pisa", tmp_path / "out")
    asked = {
        str(number): {term: weight for term, weight in query.items() if term in TERMS}
        for number, query in enumerate(QUERIES)
    }

    found = pisa_run(tmp_path / "out", asked, hits=100)

    stored = stored_values(index.searcher)
    assert sum(map(len, found.values())) > 50
    for query_id, query in asked.items():
        scores = {
            doc_id: sum(query[term] * value for term, value in row.items() if term in query)
            for doc_id, row in stored.items()
        }
        assert found.get(query_id, {}) == {
            doc_id: score for doc_id, score in scores.items() if score
        }


def test_sequences_hold_what_the_index_does(index: Index, tmp_path: Path) -> None:
    export_index(index, "pisa", tmp_path / "out")
    stored = list(stored_values(index.searcher).values())

    docs, freqs, sizes = (
        np.fromfile(tmp_path / "out" / f"inv.{name}", dtype="<u4").tolist()
        for name in ("docs", "freqs", "sizes")
    )
    terms = (tmp_path / "out" / "fwd.terms").read_text().splitlines()

    assert docs[:2] == [1, len(stored)]
    assert sizes == [len(stored), *(sum(row.values()) for row in stored)]
    assert terms == sorted(TERMS)
    at, lists = 0, docs[2:]
    for term in terms:
        size = lists[at]
        span = slice(at + 1, at + 1 + size)
        assert freqs[at] == size
        assert list(zip(lists[span], freqs[span], strict=True)) == [
            (number, row[term]) for number, row in enumerate(stored) if term in row
        ]
        at += 1 + size
    assert at == len(lists) == len(freqs)


def test_queries_are_ids_and_repeated_terms(index: Index, tmp_path: Path, queries: Path) -> None:
    export_index(index, "pisa", tmp_path / "out", queries=queries, query_scale=4)

    lines = (tmp_path / "out" / "queries.txt").read_text().splitlines()
    asked = dict(line.split(":") for line in lines)
    assert {query_id: Counter(terms.split(" ")) for query_id, terms in asked.items()} == {
        "q1": {"cat": 8, "zoo": 4},
        "q2": {"cat": 4, "##x": 1},
    }


def test_a_query_id_with_a_colon_is_refused(index: Index, tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text('{"id": "a:b", "vector": {"cat": 1}}\n')

    with pytest.raises(InvalidInputError, match="query id 'a:b' holds a colon"):
        export_index(index, "pisa", tmp_path / "out", queries=path)
    assert not (tmp_path / "out").exists()
