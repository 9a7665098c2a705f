"""The figures that the README states, on real collections, with the real small model."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

import lsr as library
from command import lsr
from lsr.corpus import read_queries
from lsr.documents import Document, DocumentBatch
from lsr.index import Searcher
from lsr.index.quantization import quantize_query
from lsr.kernels.range_coding import decode_range
from lsr.sparse import SparseBatch

pytestmark = pytest.mark.slow

# nDCG@10 of the published model with float weights; 0.003 covers bfloat16 and 8-bit impacts.
MEASURES = "nDCG@10 R@100 RR(rel=2)@10"
EXPECTED = {"scifact": 0.644, "msmarco-dl19-dl20": 0.645}


@pytest.fixture(
    scope="module",
    # Each collection is encoded once, by one of the processes that run the tests.
    params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in EXPECTED],
)
def evaluated(
    request: pytest.FixtureRequest, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, dict[str, dict[str, float]]]:
    """Name of a collection, its index, and what `lsr eval` said of it."""
    name: str = request.param
    index = tmp_path_factory.mktemp(name) / "idx"
    done = lsr(
        *("eval", "--dataset", shared_data / name, "--model", "splade-tiny"),
        *("--index", index, "--json", "--measures", MEASURES, "--run", index.parent / "run.trec"),
    )
    assert done.code == 0, done.stderr
    return name, index, json.loads(done.stdout)


def test_quality_is_the_published_one(
    evaluated: tuple[str, Path, dict[str, dict[str, float]]],
) -> None:
    name, _, facts = evaluated

    assert facts["measures"]["nDCG@10"] == pytest.approx(EXPECTED[name], abs=0.003)
    assert facts["float_measures"]["nDCG@10"] == pytest.approx(EXPECTED[name], abs=0.003)


def test_the_ir_measures_command_gives_the_run_the_same_figures(
    evaluated: tuple[str, Path, dict[str, dict[str, float]]], shared_data: Path, tmp_path: Path
) -> None:
    name, index, facts = evaluated
    with (shared_data / name / "qrels" / "test.tsv").open() as file:
        next(file)
        rows = [line.split() for line in file]
    qrels = tmp_path / "qrels"
    qrels.write_text("".join(f"{query} 0 {document} {grade}\n" for query, document, grade in rows))

    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "ir_measures",
            qrels,
            index.parent / "run.trec",
            MEASURES,
            "-p",
            "9",
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    found = {measure: float(value) for measure, value in map(str.split, done.stdout.splitlines())}
    assert found == pytest.approx(facts["measures"], abs=1e-9)


def test_8_bits_cost_at_most_two_thousandths(
    evaluated: tuple[str, Path, dict[str, dict[str, float]]],
) -> None:
    _, _, facts = evaluated

    assert abs(facts["quantization_cost"]["nDCG@10"]) <= 0.002


def _stored(searcher: Searcher) -> scipy.sparse.csr_array:
    """Read the postings of a one-segment, one-range index into a matrix."""
    (segment,) = searcher.segments
    indptr, terms, impacts = decode_range(segment.postings, 0, segment.n_docs, segment.n_terms)
    return scipy.sparse.csr_array(
        (impacts.astype(np.int64), terms, indptr), shape=(segment.n_docs, segment.n_terms)
    )


@pytest.mark.parametrize("n_segments", [1, 5])
def test_search_equals_the_oracle(
    evaluated: tuple[str, Path, dict[str, dict[str, float]]],
    shared_data: Path,
    tmp_path: Path,
    n_segments: int,
) -> None:
    """Ids and integer scores of every query at three depths."""
    name, path, _ = evaluated
    source = library.Index.open(path)
    matrix = _stored(source.searcher)
    queries = source.vectors_of(read_queries(shared_data / name))
    searcher = source.searcher
    if n_segments > 1:
        searcher = _rebuilt(matrix, tmp_path / "idx", n_segments)
    step = (searcher.manifest.max_weight or 1.0) / 255

    found = {k: searcher.search_batch(queries, k, threads=2) for k in (10, 100, 1000)}

    for number in range(len(queries)):
        query = quantize_query(*queries.row(number))
        weights = np.zeros(matrix.shape[1], dtype=np.int64)
        weights[query.terms] = query.weights
        scores = matrix @ weights
        order = np.lexsort((np.arange(scores.size), -scores))[:1000]
        order = order[scores[order] > 0]
        for k, rankings in found.items():
            hits = rankings.hits(number)
            assert [doc for doc, _ in hits] == order[:k].tolist()
            integers = np.array([score for _, score in hits]) / (query.step * step)
            np.testing.assert_array_equal(np.rint(integers), scores[order[:k]])


def _rebuilt(matrix: scipy.sparse.csr_array, path: Path, n_segments: int) -> Searcher:
    """Index the stored impacts, which are integers and so kept exactly, in several commits."""
    batch = SparseBatch.from_matrix(matrix)
    edges = np.linspace(0, len(batch), n_segments + 1).astype(int).tolist()
    library.Index.build(path, [])
    for start, stop in pairwise(edges):
        documents = [Document(str(number)) for number in range(start, stop)]
        with library.Index.open(path).writer() as writer:
            writer.add(DocumentBatch(documents, batch.slice(start, stop)))
            writer.commit()
    searcher = Searcher.open(path)
    assert len(searcher.segments) == n_segments
    return searcher
