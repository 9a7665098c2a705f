"""Approximate search: what `lsr search` says that it missed is what the two runs say."""

import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lsr as library
from command import lsr
from lsr.cli.search_settings import SearchSettings
from lsr.documents import Document, DocumentBatch
from lsr.errors import CorruptIndexError
from lsr.sparse import SparseBatch

WORDS = ("cat", "dog", "milk", "yarn")
RANGE_DOCS = 65_536
N_DOCS = RANGE_DOCS + 3_000
N_QUERIES = 230


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index ``idx`` of two ranges of documents, and 230 queries; not to be changed."""
    folder = tmp_path_factory.mktemp("approximation")
    generator = np.random.default_rng(7)
    weights = generator.integers(1, 200, size=(N_DOCS, len(WORDS))).astype(np.float32)
    weights[RANGE_DOCS:, :2] += 50  # cat and dog are heaviest in the second range
    vectors = SparseBatch(
        np.arange(0, weights.size + 1, len(WORDS)),
        np.tile(np.arange(len(WORDS), dtype=np.uint32), N_DOCS),
        weights.ravel(),
        len(WORDS),
    )
    documents = [Document(f"d{number}") for number in range(N_DOCS)]
    index = library.Index.create(folder / "idx", max_weight=255.0)
    with index.writer() as writer:
        writer.add(DocumentBatch(documents, vectors, WORDS))
        writer.commit()
    draw = random.Random(7)
    lines = []
    for number in range(N_QUERIES):
        vector = {word: draw.choice([0.1, 0.25, 1.0]) for word in draw.sample(WORDS, 3)}
        lines.append(json.dumps({"id": f"q{number}", "vector": vector}) + "\n")
    (folder / "queries.jsonl").write_text("".join(lines))
    return folder


def _run(folder: Path, run: Path, *options: str) -> str:
    arguments = ["search", "--queries", "queries.jsonl", "--run", str(run), "--index", "idx"]
    done = lsr(*arguments, *options, cwd=folder)
    assert done.code == 0, done.stderr
    return done.stdout


def _hits(run: Path) -> dict[str, set[str]]:
    hits: dict[str, set[str]] = {}
    for line in run.read_text().splitlines():
        query_id, _, doc_id, *_ = line.split()
        hits.setdefault(query_id, set()).add(doc_id)
    return hits


@pytest.mark.parametrize(
    ("options", "label"),
    [
        (["--prune", "top_k:2"], "prune top_k:2"),
        (["--prune", "max_ratio:0.2"], "prune max_ratio:0.2"),
        (["--bound-factor", "0.6"], "bound factor 0.6"),
        (["--max-ranges", "1"], "max ranges 1"),
        (
            ["--prune", "alpha_mass:0.8", "--bound-factor", "0.9", "--max-ranges", "1"],
            "prune alpha_mass:0.8, bound factor 0.9, max ranges 1",
        ),
    ],
)
def test_the_recall_said_is_that_of_the_runs(
    folder: Path, tmp_path: Path, options: list[str], label: str
) -> None:
    exact_said = _run(folder, tmp_path / "exact.trec", "-k", "7")
    said = _run(folder, tmp_path / "run.trec", "-k", "7", *options)
    facts = json.loads(_run(folder, tmp_path / "run.trec", "-k", "7", "--json", *options))

    exact, found = _hits(tmp_path / "exact.trec"), _hits(tmp_path / "run.trec")
    sample = [f"q{number * N_QUERIES // 100}" for number in range(100)]
    shares = [len(found[one] & exact[one]) / len(exact[one]) for one in sample]
    recall = sum(shares) / len(shares)
    expected = f"Approximate ({label}): recall@7 against exact search {recall:.3f} (100 queries)."
    assert said.splitlines()[-1] == expected
    assert facts["approximation"]["recall"] == pytest.approx(recall)
    assert facts["approximation"]["recall_queries"] == 100
    assert "Approximate" not in exact_said
    if label != "bound factor 0.6":
        assert 0 < recall < 1


def test_one_range_is_that_of_the_heaviest(folder: Path, tmp_path: Path) -> None:
    done = lsr(
        *("search", "--vector", '{"cat": 1, "dog": 1}', "--index", "idx", "--max-ranges", "1"),
        *("--json", "-k", "50"),
        cwd=folder,
    )

    found = json.loads(done.stdout)
    numbers = [int(hit["id"][1:]) for hit in found["hits"]]
    assert len(numbers) == 50
    assert all(number >= RANGE_DOCS for number in numbers)
    assert found["approximation"] == {
        **{"prune": None, "bound_factor": 1.0, "max_ranges": 1},
        **{"recall": 1.0, "recall_k": 50, "recall_queries": 1},
    }


def test_one_answer_says_how_much_of_the_exact_one_it_holds(folder: Path) -> None:
    question = {"cat": 1.0, "dog": 0.9, "milk": 0.8}
    options = ("--vector", json.dumps(question), "--index", "idx", "-k", "12")

    exact = json.loads(lsr("search", *options, "--json", cwd=folder).stdout)
    done = lsr("search", *options, "--prune", "top_k:2", cwd=folder)
    as_json = json.loads(lsr("search", *options, "--prune", "top_k:2", "--json", cwd=folder).stdout)

    best = {hit["id"] for hit in exact["hits"]}
    n_found = len(best & {hit["id"] for hit in as_json["hits"]})
    assert 0 < n_found < 12
    assert done.stdout.splitlines()[-1] == (
        f"Approximate (prune top_k:2): {n_found} of the exact top 12 found."
    )
    assert as_json["approximation"]["recall"] == pytest.approx(n_found / 12)


def test_the_terms_shown_are_those_that_were_searched(folder: Path) -> None:
    question = '{"cat": 1, "dog": 0.9, "milk": 0.8}'
    options = ("--vector", question, "--index", "idx", "--prune", "top_k:2", "--explain")

    as_json = lsr("search", *options, "--json", cwd=folder)
    as_text = lsr("search", *options, cwd=folder)

    for hit in json.loads(as_json.stdout)["hits"]:
        assert {term["term"] for term in hit["terms"]} == {"cat", "dog"}
        assert sum(term["product"] for term in hit["terms"]) == pytest.approx(hit["score"])
    shown = re.findall(r"^ +(\w+) \d+%$", as_text.stdout, re.MULTILINE)
    assert sorted(shown) == ["cat"] * 10 + ["dog"] * 10


def test_an_answer_lost_to_pruning_is_not_blamed_on_the_query(folder: Path, tmp_path: Path) -> None:
    lost = lsr(
        *("search", "--vector", '{"cat": 1}', "--index", "idx", "--prune", "abs_value:2"),
        cwd=folder,
    )
    unknown = lsr(
        *("search", "--vector", '{"bird": 1}', "--index", "idx", "--prune", "abs_value:0.5"),
        cwd=folder,
    )
    said = _run(folder, tmp_path / "run.trec", "--prune", "abs_value:2")

    assert lost.stdout.endswith("Approximate (prune abs_value:2): 0 of the exact top 10 found.\n")
    assert lost.stderr == ""
    assert unknown.stdout.endswith("exact search finds nothing either.\n")
    assert unknown.stderr == "No document shares a term with the query.\n"
    assert said.splitlines()[-1].endswith("recall@1000 against exact search 0.000 (100 queries).")


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (
            ["--prune", "light"],
            1,
            "'light' is not a pruning rule; write one of max_ratio, abs_value",
        ),
        (["--prune", "max_ratio:2"], 1, "max_ratio takes a number from 0 to 1, not 2."),
        (["--bound-factor", "0"], 1, "bound_factor is 0, but must be above 0 and up to 1."),
        (["--bound-factor", "1.5"], 1, "bound_factor is 1.5, but must be above 0 and up to 1."),
        (["--bound-factor", "nan"], 1, "bound_factor is nan, but must be above 0 and up to 1."),
        (["--bound-factor", "much"], 2, "Invalid value for '--bound-factor'"),
        (["--max-ranges", "0"], 2, "Invalid value for '--max-ranges'"),
    ],
)
def test_a_bad_number_is_refused_in_a_sentence(
    folder: Path, options: list[str], code: int, message: str
) -> None:
    done = lsr("search", "--vector", '{"cat": 1}', "--index", "idx", *options, cwd=folder)

    assert done.code == code
    assert done.error.startswith(message)


def test_an_index_of_float32_weights_refuses_bounds_before_it_searches(tmp_path: Path) -> None:
    library.Index.build(tmp_path / "idx", [("a", {"cat": 1.0})], weights="float32")
    (tmp_path / "queries.jsonl").write_text('{"id": "q1", "vector": {"cat": 1}}\n')

    done = lsr(
        *("search", "--queries", "queries.jsonl", "--run", "out.trec", "--index", "idx"),
        *("--bound-factor", "0.9"),
        cwd=tmp_path,
    )

    assert done.code == 1
    assert done.error.startswith("idx holds float32 weights, all of which every search looks at;")
    assert not (tmp_path / "out.trec").exists()


def _watch(monkeypatch: pytest.MonkeyPatch, fail_at: int = -1) -> list[int]:
    """Note how many queries are searched at a time; fail where told."""
    sizes: list[int] = []
    rank = SearchSettings.rank

    def watched(self: SearchSettings, index: Any, vectors: SparseBatch) -> Any:
        if len(sizes) == fail_at:
            raise CorruptIndexError("a file is damaged.")
        sizes.append(len(vectors))
        return rank(self, index, vectors)

    monkeypatch.setattr(SearchSettings, "rank", watched)
    return sizes


@pytest.mark.parametrize("options", [[], ["--prune", "top_k:2", "--threads", "2"]])
def test_a_run_written_in_chunks_is_the_same_run(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    whole = _run(folder, tmp_path / "whole.trec", "-k", "5", *options)
    sizes = _watch(monkeypatch)
    monkeypatch.setattr("lsr.cli.query_file.CHUNK_HITS", 36)

    said = _run(folder, tmp_path / "chunks.trec", "-k", "5", *options)

    assert sum(sizes[:33]) == N_QUERIES
    assert max(sizes) == 36 // 5
    assert (tmp_path / "chunks.trec").read_bytes() == (tmp_path / "whole.trec").read_bytes()
    # The recall, too, does not depend on chunks.
    assert re.findall("Approximate.*", said) == re.findall("Approximate.*", whole)


def test_a_search_that_fails_half_way_leaves_the_run_that_was_there(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out.trec").write_text("the run before\n")
    _watch(monkeypatch, fail_at=2)
    monkeypatch.setattr("lsr.cli.query_file.CHUNK_HITS", 36)

    done = lsr(
        *("search", "--queries", "queries.jsonl", "--run", tmp_path / "out.trec"),
        *("--index", "idx", "-k", "5"),
        cwd=folder,
    )

    assert (done.code, done.error) == (3, "a file is damaged.")
    assert [one.name for one in tmp_path.iterdir()] == ["out.trec"]
    assert (tmp_path / "out.trec").read_text() == "the run before\n"
