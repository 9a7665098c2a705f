import json
import math
import sys
from pathlib import Path

import pytest

from lsr.conversations import Conversation
from lsr.documents import QueryBatch
from lsr.errors import InvalidInputError, MissingDependencyError
from lsr.eval.bm25 import Bm25, require_bm25s, words_of
from lsr.eval.datasets import Dataset, load_dataset
from lsr.eval.measures import parse_measures
from lsr.eval.qrels import Qrel
from lsr.sparse import SparseBatch

TEXTS = {
    "a": "red red green red",
    "b": "green blue blue green gold pink grey black",
    "c": "blue",
    "d": "",
    "e": "gold red blue",
}
QUERIES = ["red blue", "green green gold", "unheard", "the"]


def _corpus(folder: Path, texts: dict[str, str]) -> str:
    path = folder / "corpus.jsonl"
    path.write_text("".join(json.dumps({"id": key, "text": texts[key]}) + "\n" for key in texts))
    return str(path)


def _dataset(corpus: str, queries: QueryBatch) -> Dataset:
    qrels = [Qrel(query_id, "a", 1) for query_id in queries.query_ids]
    return Dataset("mine", corpus, queries, qrels, removes_self_matches=False)


def _batch(questions: list[str]) -> QueryBatch:
    return QueryBatch([f"q{number}" for number in range(len(questions))], questions)


def _scores(texts: dict[str, str], query: str) -> dict[str, float]:
    """Score documents by the formula, k1 0.9 and b 0.4; words are what spaces part."""
    lengths = {key: len(text.split()) for key, text in texts.items()}
    average = sum(lengths.values()) / len(texts)
    scores = dict.fromkeys(texts, 0.0)
    for word in query.split():
        frequencies = {key: text.split().count(word) for key, text in texts.items()}
        df = sum(one > 0 for one in frequencies.values())
        idf = math.log(1 + (len(texts) - df + 0.5) / (df + 0.5))
        for key, tf in frequencies.items():
            norm = 0.9 * (1 - 0.4 + 0.4 * lengths[key] / average)
            scores[key] += idf * tf / (tf + norm)
    return {key: score for key, score in scores.items() if score > 0}


def test_scores_as_the_formula_says(tmp_path: Path) -> None:
    corpus = _corpus(tmp_path, TEXTS)

    bm25 = Bm25(corpus, tmp_path / "index")
    found = bm25.measure(_dataset(corpus, _batch(QUERIES)), parse_measures("RR@10"))

    for number, query in enumerate(QUERIES):
        expected = _scores(TEXTS, query)
        run = dict(found.run[f"q{number}"])
        # float32 weights have 24 bits, and a score is the sum of three of them at most.
        assert run == pytest.approx(expected, rel=3e-7)
        assert list(run) == sorted(expected, key=lambda key: -expected[key])
    assert found.index.n_without_hits == 2


def test_documents_of_every_batch_have_their_own_words(tmp_path: Path) -> None:
    """Readers give batches of 4,096."""
    corpus = _corpus(tmp_path, {f"d{number}": f"word{number}" for number in range(4100)})

    bm25 = Bm25(corpus, tmp_path / "index")
    dataset = _dataset(corpus, _batch(["word7", "word4098"]))
    found = bm25.measure(dataset, parse_measures("RR@10"))

    assert [[doc_id for doc_id, _ in hits] for hits in found.run.values()] == [["d7"], ["d4098"]]


def test_says_what_it_is_and_what_it_costs(tmp_path: Path) -> None:
    corpus = _corpus(tmp_path, TEXTS)

    bm25 = Bm25(corpus, tmp_path / "index")
    found = bm25.measure(_dataset(corpus, _batch(QUERIES)), parse_measures("RR@10"), threads=2)

    assert (found.system, found.n_docs, found.n_queries) == ("BM25", 5, 4)
    assert found.encoder is not None
    assert (
        found.encoder.items() >= {"model": "bm25", "k1": 0.9, "b": 0.4, "stemmer": "porter"}.items()
    )
    assert found.retrieval.startswith("BM25 in Lucene's form")
    cost = found.cost
    assert cost.encoding is not None
    assert cost.indexing_s is not None
    assert cost.query_terms == [2, 2, 0, 0]
    assert cost.documents_by_terms == {0: 1, 1: 1, 2: 1, 3: 1, 6: 1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Running RUNS, ran!", ["run", "run", "ran"]),
        ("the cat's pyjamas, the dogs\u2019 bowls", ["cat", "pyjama", "dog", "bowl"]),
        (
            "it's o'clock at 3.14 or 1,000,000; U.S. e.g.",
            ["o'clock", "3.14", "1,000,000", "u.", "e.g"],
        ),
        ("a1.b2 x.5 well-known snake_case", ["a1", "b2", "x", "5", "well", "known", "snake_cas"]),
        ("na\u00efve \u00c9COLE", ["na\u00efv", "\u00e9cole"]),
        ("to be or not to be", []),
    ],
)
def test_words_are_those_of_lucenes_english_analyzer(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_template_says_what_is_the_text_of_a_document(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_text('{"id": "a", "text": "red", "brand": "ulm"}\n{"id": "b", "text": "ulm"}\n')

    bm25 = Bm25(str(path), tmp_path / "index", template="{brand}")
    found = bm25.measure(_dataset(str(path), _batch(["ulm", "red"])), parse_measures("RR@10"))

    assert [[doc_id for doc_id, _ in hits] for hits in found.run.values()] == [["a"], []]
    assert found.encoder is not None
    assert found.encoder["template"] == "{brand}"


def test_a_conversation_asks_with_the_words_of_all_turns(tmp_path: Path) -> None:
    bm25 = Bm25(_corpus(tmp_path, TEXTS), tmp_path / "index")
    chat = Conversation.of(["gold?", "red or gold?"])

    assert bm25.vectors_of([chat]).row(0)[1].tolist() == [1.0, 2.0]


def test_a_corpus_of_vectors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_text('{"id": "a", "vector": {"red": 1.0}}\n')

    with pytest.raises(InvalidInputError, match="has no words, which are what BM25 counts"):
        Bm25(str(path), tmp_path / "index")


def test_queries_that_are_vectors_are_refused(tmp_path: Path) -> None:
    corpus = _corpus(tmp_path, TEXTS)
    bm25 = Bm25(corpus, tmp_path / "index")
    queries = QueryBatch(["q"], [""], SparseBatch.from_rows([[(0, 1.0)]], n_terms=1), ["red"])

    with pytest.raises(InvalidInputError, match="The queries of mine are vectors"):
        bm25.measure(_dataset(corpus, queries), parse_measures("RR@10"))


def test_a_missing_library_is_said_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "Stemmer", None)

    with pytest.raises(MissingDependencyError, match=r"BM25 needs .*lsr-engine\[eval\]"):
        require_bm25s()


@pytest.mark.slow
def test_is_as_good_as_anserinis_on_scifact(shared_data: Path, tmp_path: Path) -> None:
    """Anserini publishes nDCG@10 0.6789 and R@100 0.9253; it rounds lengths to a byte."""
    dataset = load_dataset(str(shared_data / "scifact"))

    bm25 = Bm25(dataset.corpus, tmp_path / "index")
    means = bm25.measure(dataset, parse_measures("nDCG@10 R@100")).index.means

    assert means["nDCG@10"] == pytest.approx(0.6789, abs=0.002)
    assert means["R@100"] == pytest.approx(0.9253, abs=0.0005)
