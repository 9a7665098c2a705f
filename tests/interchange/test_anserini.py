"""A JsonVectorCollection comes back as it left, and Anserini ranks it as we do."""

import csv
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from anserini_peer import anserini_jar, anserini_run
from interchange import QUERIES, TERMS, found_ranks, make_index, ranks, stored_values
from lsr.interchange import export_index
from lsr.interchange.anserini import ANSERINI
from lsr.retrieval import Index


def documents(folder: Path) -> list[dict[str, object]]:
    lines = (folder / "collection" / "documents.jsonl").read_bytes().splitlines()
    return [json.loads(line) for line in lines]


def test_a_line_is_id_contents_and_vector(index: Index, tmp_path: Path) -> None:
    export_index(index, "anserini", tmp_path / "out")

    found = documents(tmp_path / "out")

    assert {line["id"]: line["vector"] for line in found} == stored_values(index.searcher)
    assert found[1]["contents"] == "T text 1 \u2028 \N{SNOWMAN}"
    assert all(list(line) == ["id", "contents", "vector"] for line in found)


def test_only_documents_are_in_the_folder_that_anserini_reads(index: Index, tmp_path: Path) -> None:
    export_index(index, "anserini", tmp_path / "out")

    assert [one.name for one in (tmp_path / "out" / "collection").iterdir()] == ["documents.jsonl"]


def test_it_comes_back_with_equal_values_and_ranks(index: Index, tmp_path: Path) -> None:
    from lsr.corpus import read_documents

    export_index(index, "anserini", tmp_path / "out")
    back = Index.create(tmp_path / "back")
    with back.writer() as writer:
        for batch in read_documents(tmp_path / "out" / "collection" / "documents.jsonl"):
            writer.add(batch)
        writer.commit()

    stored = stored_values(index.searcher)
    assert stored_values(back.searcher) == stored
    for query in QUERIES:
        assert found_ranks(back, query) == found_ranks(index, query) == ranks(stored, query)


def test_queries_repeat_their_terms(index: Index, tmp_path: Path, queries: Path) -> None:
    export_index(index, "anserini", tmp_path / "out", queries=queries, query_scale=100)

    with (tmp_path / "out" / "queries.tsv").open(newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert [(query_id, Counter(terms.split(" "))) for query_id, terms in rows] == [
        ("q1", {"cat": 200, "zoo": 100}),
        ("q2", {"##x": 25, "cat": 100}),
    ]


def test_a_query_without_terms_is_left_out_and_counted(index: Index, tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text('{"id": "q1", "vector": {}}\n{"id": "q2", "vector": {"cat": 1, "new": 2}}\n')

    record = export_index(index, "anserini", tmp_path / "out", queries=path)

    assert (tmp_path / "out" / "queries.tsv").read_text() == "q2\tcat\n"
    assert record.queries is not None
    assert (record.queries.n_queries, record.queries.n_without_terms) == (2, 1)


@pytest.mark.parametrize(("length", "is_held"), [(255, True), (256, False)])
def test_words_have_at_most_255_characters(length: int, is_held: bool) -> None:
    assert (ANSERINI.term_problem("x" * length) is None) is is_held


def test_characters_are_counted_as_java_does() -> None:
    assert ANSERINI.term_problem("\U0001f600" * 127) is None
    assert ANSERINI.term_problem("\U0001f600" * 128) is not None


@pytest.mark.slow
def test_anserini_gives_the_same_scores(tmp_path: Path, evidence: Callable[[str], None]) -> None:
    jar = anserini_jar()
    index = make_index(tmp_path / "idx", n_docs=300, max_weight=3.0)
    asked = {
        f"q{number}": {term: weight for term, weight in query.items() if term in TERMS}
        for number, query in enumerate(QUERIES)
    }
    lines = [{"id": query_id, "vector": vector} for query_id, vector in asked.items()]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    export_index(index, "anserini", tmp_path / "out", queries=tmp_path / "q.jsonl")

    run = anserini_run(jar, tmp_path / "out", hits=300)

    stored = stored_values(index.searcher)
    n_hits = 0
    for query_id, query in asked.items():
        expected = {
            doc_id: sum(query[term] * value for term, value in row.items() if term in query)
            for doc_id, row in stored.items()
        }
        found = run.get(query_id, {})
        assert found == {doc_id: score for doc_id, score in expected.items() if score}
        n_hits += len(found)
    assert n_hits > 500
    evidence(f"Anserini gives {n_hits} hits of {len(asked)} exported queries the same scores")
