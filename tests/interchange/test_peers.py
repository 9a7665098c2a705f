"""Do Anserini and PISA find the same best scores in real vectors, exported to them?"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from anserini_peer import anserini_jar, anserini_run
from lsr.corpus import read_documents
from lsr.documents import DocumentBatch
from lsr.encoders import load_encoder
from lsr.eval.datasets import load_dataset
from lsr.interchange import export_index
from lsr.retrieval import Index
from pisa_peer import pisa_run

N_DOCS, N_QUERIES, K = 5000, 300, 1000

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scifact(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Index, Path]:
    """An index of SciFact's first documents, and its test queries as lines of JSON."""
    folder = tmp_path_factory.mktemp("peers")
    index = Index.create(folder / "idx", encoder=load_encoder("splade-tiny"))
    with index.writer() as writer:
        n_left = N_DOCS
        for batch in read_documents(shared_data / "scifact"):
            documents = batch.documents[:n_left]
            writer.add(DocumentBatch(documents))
            n_left -= len(documents)
        writer.commit()
    queries = load_dataset(str(shared_data / "scifact")).queries
    pairs = zip(queries.query_ids, queries.questions, strict=True)
    lines = [{"_id": query_id, "text": text} for query_id, text in pairs][:N_QUERIES]
    (folder / "queries.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert (index.searcher.n_docs, len(lines)) == (N_DOCS, N_QUERIES)
    return index, folder / "queries.jsonl"


def asked(folder: Path, name: str, separator: str) -> dict[str, dict[str, int]]:
    """Read the queries of an export: words, repeated as often as they weigh."""
    lines = (folder / name).read_text().splitlines()
    parted = (line.partition(separator) for line in lines)
    return {query_id: Counter(words.split(" ")) for query_id, _, words in parted}


def our_run(index: Index, queries: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """Search with the same whole numbers, and return scores in units of impact times weight."""
    step = (index.searcher.manifest.max_weight or 0.0) / 255
    found = index.search_batch(list(queries.values()), k=K)
    return {
        query_id: {hit.doc_id: round(hit.score / step) for hit in hits}
        for query_id, hits in zip(queries, found, strict=True)
    }


def n_equal(
    ours: Mapping[str, Mapping[str, int]], theirs: Mapping[str, Mapping[str, float]]
) -> int:
    """Compare all hits, but for which of the documents tied at the last score were taken."""
    n_hits = 0
    assert set(ours) == set(theirs)
    for query_id, scores in ours.items():
        peer = theirs[query_id]
        assert sorted(scores.values()) == sorted(peer.values()), query_id
        last = min(scores.values())
        above = {doc_id: score for doc_id, score in scores.items() if score > last}
        assert above == {doc_id: score for doc_id, score in peer.items() if score > last}
        n_hits += len(scores)
    return n_hits


def test_pisa_finds_the_same(
    scifact: tuple[Index, Path], tmp_path: Path, evidence: Callable[[str], None]
) -> None:
    pytest.importorskip("pyterrier_pisa", reason="PISA comes with the extra [bench]")
    index, queries = scifact
    export_index(index, "pisa", tmp_path / "out", queries=queries, query_scale=100)
    wanted = asked(tmp_path / "out", "queries.txt", ":")

    n_hits = n_equal(our_run(index, wanted), pisa_run(tmp_path / "out", wanted, hits=K))

    evidence(f"PISA: {len(wanted)} queries, top {K} of {N_DOCS:,}: {n_hits:,} scores equal")


def test_anserini_finds_the_same(
    scifact: tuple[Index, Path], tmp_path: Path, evidence: Callable[[str], None]
) -> None:
    jar = anserini_jar()
    index, queries = scifact
    export_index(index, "anserini", tmp_path / "out", queries=queries, query_scale=100)
    wanted = asked(tmp_path / "out", "queries.tsv", "\t")

    n_hits = n_equal(our_run(index, wanted), anserini_run(jar, tmp_path / "out", hits=K))

    evidence(f"Anserini: {len(wanted)} queries, top {K} of {N_DOCS:,}: {n_hits:,} scores equal")
