import json
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import ir_datasets
import pytest

from lsr.corpus import read_documents
from lsr.errors import ConfigError, EvaluationError, InvalidInputError, MissingDependencyError
from lsr.eval.datasets import load_dataset, load_files
from lsr.eval.qrels import Qrel

HEADER = "query-id\tcorpus-id\tscore\n"


def _beir_folder(folder: Path, qrels: str = HEADER + "q2\td1\t1\n") -> Path:
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text('{"_id": "d1", "text": "bread"}\n')
    queries = [{"_id": f"q{number}", "text": f"question {number}"} for number in (1, 2, 3)]
    (folder / "queries.jsonl").write_text("".join(json.dumps(one) + "\n" for one in queries))
    (folder / "qrels" / "test.tsv").write_text(qrels)
    return folder


@pytest.fixture
def registered(tmp_path: Path) -> Iterator[str]:
    """The id of a dataset that ir_datasets reads from local files."""
    for name, content in {
        "docs.tsv": "d1\tbread and cheese\nd2\teggs\n",
        "queries.tsv": "q1\twhat is bread\nq2\twhat is an egg\n",
        "qrels": "q2 0 d2 2\nq2 0 d1 0\n",
    }.items():
        (tmp_path / name).write_text(content)
    dataset_id = f"lsr-{tmp_path.name}/quora/dev".replace("_", "-")
    ir_datasets.registry.register(
        dataset_id,
        ir_datasets.create_dataset(
            docs_tsv=str(tmp_path / "docs.tsv"),
            queries_tsv=str(tmp_path / "queries.tsv"),
            qrels_trec=str(tmp_path / "qrels"),
        ),
    )
    yield dataset_id
    del ir_datasets.registry._registered[dataset_id]


def test_a_beir_folder_gives_the_judged_queries(tmp_path: Path) -> None:
    folder = _beir_folder(tmp_path / "set")

    dataset = load_dataset(str(folder))

    assert (dataset.queries.query_ids, dataset.queries.questions) == (["q2"], ["question 2"])
    assert dataset.qrels == [Qrel("q2", "d1", 1)]
    assert dataset.corpus == str(folder)
    assert not dataset.removes_self_matches


def test_vectors_of_judged_queries_stay_beside_their_ids(tmp_path: Path) -> None:
    folder = _beir_folder(tmp_path / "set")
    rows = [{"id": f"q{number}", "vector": {f"t{number}": float(number)}} for number in (1, 2)]
    (folder / "queries.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))

    queries = load_dataset(str(folder)).queries

    assert queries.query_ids == ["q2"]
    assert queries.vectors is not None
    assert queries.vocabulary is not None
    terms, weights = queries.vectors.row(0)
    assert ([queries.vocabulary[term] for term in terms], weights.tolist()) == (["t2"], [2.0])


def test_a_missing_split_is_answered_with_the_splits_there_are(tmp_path: Path) -> None:
    folder = _beir_folder(tmp_path / "set")
    (folder / "qrels" / "dl19.full.tsv.gz").touch()

    with pytest.raises(ConfigError, match=r"no split 'dev'; it has dl19.full, test\."):
        load_dataset(str(folder), "dev")


def test_a_folder_without_judgments_is_refused(tmp_path: Path) -> None:
    folder = _beir_folder(tmp_path / "set")
    (folder / "qrels" / "test.tsv").unlink()

    with pytest.raises(InvalidInputError, match=r"holds no judgments; expected test\.tsv"):
        load_dataset(str(folder))


def test_queries_and_judgments_that_never_meet_are_refused(tmp_path: Path) -> None:
    folder = _beir_folder(tmp_path / "set", HEADER + "77\td1\t1\n")

    with pytest.raises(EvaluationError, match=r"none of the 3 queries \(such as 'q1'\).*'77'"):
        load_dataset(str(folder))


def test_judged_queries_without_text_are_counted_aloud(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = _beir_folder(tmp_path / "set", HEADER + "q1\td1\t1\nq9\td1\t1\n")

    with caplog.at_level(logging.WARNING):
        load_dataset(str(folder))

    assert "1 of 2 queries with judgments have no text" in caplog.text


@pytest.mark.parametrize(
    ("name", "removes"),
    [("arguana", True), ("ArguAna", True), ("quora", True), ("msmarco", False), ("quoras", False)],
)
def test_self_matches_go_where_beir_says_so(tmp_path: Path, name: str, removes: bool) -> None:
    assert load_dataset(str(_beir_folder(tmp_path / name))).removes_self_matches is removes


def test_a_folder_inside_one_named_quora_keeps_its_hits(tmp_path: Path) -> None:
    folder = _beir_folder(tmp_path / "quora" / "scifact")

    assert not load_dataset(str(folder)).removes_self_matches


@pytest.mark.parametrize("prefix", ["", "irds:"])
def test_an_ir_datasets_id_is_read_through_ir_datasets(registered: str, prefix: str) -> None:
    dataset = load_dataset(prefix + registered)

    assert (dataset.queries.query_ids, dataset.queries.questions) == (["q2"], ["what is an egg"])
    assert sorted(dataset.qrels) == [Qrel("q2", "d1", 0), Qrel("q2", "d2", 2)]
    assert dataset.removes_self_matches
    documents = [one for batch in read_documents(dataset.corpus) for one in batch.documents]
    assert [(one.doc_id, one.text) for one in documents] == [
        ("d1", "bread and cheese"),
        ("d2", "eggs"),
    ]


def test_a_dataset_knows_its_split_and_its_official_measures(
    tmp_path: Path, registered: str
) -> None:
    folder = load_dataset(str(_beir_folder(tmp_path / "scifact")))
    other = load_dataset(str(_beir_folder(tmp_path / "mine")))

    assert (folder.split, folder.measures) == ("test", "nDCG@10 R@100")
    assert other.measures == "nDCG@10 R@100 RR@10"
    assert (load_dataset(registered).split, load_dataset(registered).measures) == (
        *("", "nDCG@10 R@100"),
    )


def test_a_dataset_may_be_named_file_by_file(tmp_path: Path) -> None:
    folder = _beir_folder(tmp_path / "set")
    (tmp_path / "topics").write_text("<top>\n<num> 7\n<title> bread\n</top>")
    (tmp_path / "dl19.qrels").write_text("7 0 d1 2\n")

    dataset = load_files(
        str(folder / "corpus.jsonl"), tmp_path / "topics", str(tmp_path / "dl19.qrels")
    )

    assert (dataset.queries.query_ids, dataset.queries.questions) == (["7"], ["bread"])
    assert dataset.qrels == [Qrel("7", "d1", 2)]
    assert not dataset.removes_self_matches
    assert dataset.measures.startswith("nDCG@10 AP(rel=2)")


def test_the_split_completes_an_id_without_judgments(registered: str) -> None:
    parent = registered.removesuffix("/dev")
    ir_datasets.registry.register(parent, ir_datasets.create_dataset(docs_tsv="unused"))
    try:
        assert load_dataset(parent, "dev").name == registered
        with pytest.raises(
            ConfigError, match=f"no judgments for the split 'test'; name one of {registered}"
        ):
            load_dataset(parent)
    finally:
        del ir_datasets.registry._registered[parent]


def test_an_id_with_judgments_takes_no_other_split(registered: str) -> None:
    with pytest.raises(ConfigError, match="names its own judgments, so the split 'train'"):
        load_dataset(registered, "train")


def test_an_unknown_id_is_answered_with_near_ones() -> None:
    with pytest.raises(ConfigError, match=r"did you mean .*beir/scifact/test"):
        load_dataset("beir/scifcat/test")


def test_a_path_that_is_no_folder_is_not_taken_for_an_id(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a folder"):
        load_dataset(str(tmp_path / "absent"))


def test_a_failed_download_ends_in_advice(registered: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Iterator[object]:
        raise ConnectionError("HTTPSConnectionPool(host='h'): no route (Caused by NameError('x'))")

    monkeypatch.setattr(ir_datasets.load(registered), "queries_iter", fail)

    with pytest.raises(EvaluationError) as caught:
        load_dataset(registered)

    assert re.search(
        r"could not be downloaded \(.*no route\); download it .* name the folder instead\.$",
        str(caught.value),
    )


def test_names_the_extra_when_ir_datasets_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ir_datasets", None)

    with pytest.raises(MissingDependencyError, match=re.escape("lsr-engine[eval]")):
        load_dataset("beir/scifact/test")
