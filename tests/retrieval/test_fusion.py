"""Two rankings become one by the formula, and an index with two halves is searched by both."""

import math
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lsr
from dense_word_encoder import DENSE_SIZE, DenseWordEncoder, dense_rows
from lsr.documents import Document, DocumentBatch
from lsr.encoders import EncodedTexts, EncodingListener, Passages
from lsr.errors import ConfigError, InvalidInputError
from lsr.index import Rankings, verify_index
from lsr.retrieval import HalfScore, fusion
from word_encoder import WORDS, WordEncoder

Run = dict[int, float]

_SCORES = st.sampled_from([-1.0, 0.25, 0.5, 1.0, 3.0]) | st.floats(-10, 10)
_RUNS = st.dictionaries(st.integers(0, 12), _SCORES, max_size=8)


def _rankings(run: Run, width: int) -> Rankings:
    ranked = sorted(run, key=lambda doc: (-run[doc], doc))
    docs, scores = np.full((1, width), -1), np.zeros((1, width))
    docs[0, : len(run)] = ranked
    scores[0, : len(run)] = [run[doc] for doc in ranked]
    return Rankings(docs, scores)


def _scaled(run: Run) -> Run:
    if not run:
        return {}
    low, high = min(run.values()), max(run.values())
    return {doc: (one - low) / (high - low) if high > low else 1.0 for doc, one in run.items()}


def _formula(sparse: Run, dense: Run, alpha: float) -> list[tuple[int, float]]:
    left, right = _scaled(sparse), _scaled(dense)
    scores = {
        doc: (1 - alpha) * left.get(doc, 0.0) + alpha * right.get(doc, 0.0)
        for doc in left.keys() | right.keys()
    }
    return sorted(scores.items(), key=lambda one: (-one[1], one[0]))


@given(_RUNS, _RUNS, st.sampled_from([0.25, 0.5, 0.9]), st.integers(1, 20))
def test_fuses_by_the_formula(sparse: Run, dense: Run, alpha: float, k: int) -> None:
    fused = fusion.fused(_rankings(sparse, 8), _rankings(dense, 9), k, alpha)

    assert fused.hits(0) == _formula(sparse, dense, alpha)[:k]
    for place, (doc, _) in enumerate(fused.hits(0)):
        halves = fused.halves(0, place)
        assert halves.sparse == HalfScore(sparse.get(doc), _scaled(sparse).get(doc, 0.0))
        assert halves.dense == HalfScore(dense.get(doc), _scaled(dense).get(doc, 0.0))


TEXTS = ["apple", "egg", "apple bread", "", "fig fig cheese", "apple", "honey dough egg", "grape"]


@pytest.fixture
def index(tmp_path: Path) -> lsr.Index:
    """Two segments, and the first document deleted."""
    index = lsr.Index.create(tmp_path / "idx", encoder=DenseWordEncoder(), weights="float32")
    for first, last in ((0, 5), (5, 8)):
        with index.writer() as writer:
            writer.add_documents(_records(first, last))
            writer.commit()
    with index.writer() as writer:
        writer.delete("d0")
        writer.commit()
    return index


def _records(first: int, last: int) -> Iterator[dict[str, str]]:
    return ({"id": f"d{number}", "text": TEXTS[number]} for number in range(first, last))


def _runs(question: str, live: set[int]) -> tuple[Run, Run]:
    """Score all texts in either half, by its definition."""
    encoder = DenseWordEncoder()
    (query,) = encoder.decode(encoder.encode_queries([question]))
    sparse = {}
    for number, terms in enumerate(encoder.decode(encoder.encode_documents(TEXTS))):
        score = math.fsum(weight * terms.get(term, 0.0) for term, weight in query.items())
        if number in live and score:
            sparse[number] = score
    rows, asked = dense_rows(TEXTS).tolist(), dense_rows([question])[0].tolist()
    dense = {
        number: math.fsum(a * b for a, b in zip(rows[number], asked, strict=True))
        for number in live
        if any(rows[number]) and any(asked)
    }
    return sparse, dense


@pytest.mark.parametrize("alpha", [0.5, 0.2])
@pytest.mark.parametrize("question", ["apple fig", "honey", "nothing known"])
def test_an_index_is_searched_by_both_halves(index: lsr.Index, question: str, alpha: float) -> None:
    hits = index.search(question, alpha=alpha)

    sparse, dense = _runs(question, set(range(1, 8)))
    wanted = _formula(sparse, dense, alpha)
    assert [hit.doc_id for hit in hits] == [f"d{number}" for number, _ in wanted]
    # Sparse scores are float32 sums of two products.
    assert [hit.score for hit in hits] == pytest.approx([one for _, one in wanted], abs=1e-6)
    for hit in hits:
        number = int(hit.doc_id[1:])
        assert hit.halves is not None
        assert hit.halves.sparse.score == pytest.approx(sparse.get(number))
        assert hit.halves.dense.score == pytest.approx(dense.get(number))


def test_the_ends_of_alpha_are_either_half_alone(index: lsr.Index) -> None:
    question = "apple fig"

    sparse, dense = (index.search(question, alpha=alpha) for alpha in (0, 1))

    assert [hit.doc_id for hit in sparse] == [hit.doc_id for hit in index.search(question)]
    assert all(hit.halves and hit.halves.dense.score is None for hit in sparse)
    rankings = index.searcher.search_dense_batch(dense_rows([question]), 10)
    wanted = index.searcher.named_hits(rankings, 0)
    assert [(hit.doc_id, hit.halves and hit.halves.dense.score) for hit in dense] == wanted
    assert all(hit.halves and hit.halves.sparse.score is None for hit in dense)
    assert index.search(question)[0].halves is None


def test_only_the_best_of_a_half_are_scaled(
    index: lsr.Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fusion, "DEPTH", 2)
    monkeypatch.setattr(fusion, "CHUNK_QUERIES", 2)
    questions = ["apple fig", "egg", "honey bread grape", "", "apple"]

    at_two = index.search_batch(questions, 1, alpha=0.5)
    at_five = index.search_batch(questions, 5, alpha=0.5)

    for question, few, more in zip(questions, at_two, at_five, strict=True):
        for depth, hits in ((2, few), (5, more)):
            cut = [
                dict(sorted(run.items(), key=lambda one: (-one[1], one[0]))[:depth])
                for run in _runs(question, set(range(1, 8)))
            ]
            wanted = _formula(cut[0], cut[1], 0.5)[: 1 if depth == 2 else 5]
            assert [hit.doc_id for hit in hits] == [f"d{number}" for number, _ in wanted]


def test_a_filter_holds_for_both_halves(tmp_path: Path) -> None:
    records = [{**record, "year": n} for n, record in enumerate(_records(0, 8))]
    index = lsr.Index.build(
        tmp_path / "idx", records, encoder=DenseWordEncoder(), fields={"year": "int"}
    )

    hits = index.search("apple fig", where="year >= 5", alpha=0.5)

    assert {hit.doc_id for hit in hits} == {"d5", "d6", "d7"}


class _ReadingAhead(DenseWordEncoder):
    """Reads all texts before the first are in the index, which then cannot tell of duplicates."""

    def encode_stream(
        self, runs: Iterable[Sequence[str]], listener: EncodingListener | None = None
    ) -> Generator[EncodedTexts, None, None]:
        yield from super().encode_stream(list(runs), listener)


def test_texts_keep_their_rows_whichever_way_they_come(tmp_path: Path) -> None:
    index = lsr.Index.create(tmp_path / "idx", encoder=_ReadingAhead())
    left_out: list[object] = []
    with index.writer() as writer:
        writer.add({"id": "d0", "text": "egg"})
        documents = [Document(f"d{n}", text=text) for n, text in enumerate(TEXTS)]
        batches = [DocumentBatch(documents[:4]), DocumentBatch([documents[1], *documents[4:]])]
        for added in writer.add_batches(batches, skip_bad=left_out.append):
            assert len(added.documents) in (3, 4)
        writer.commit()
        writer.add({"id": "d2", "text": "grape"}, update=True)
        writer.commit()
        writer.merge()
        writer.commit()

    (segment,) = index.searcher.segments
    assert len(left_out) == 2
    assert segment.dense is not None
    np.testing.assert_array_equal(
        segment.dense.rows(0, 8), dense_rows(["egg", TEXTS[1], *TEXTS[3:], "grape"])
    )
    assert index.info()["dense_size"] == DENSE_SIZE
    (file,) = (tmp_path / "idx" / "segments").glob("*.dense.arrays")
    assert index.info()["dense_bytes"] == file.stat().st_size
    for _ in verify_index(tmp_path / "idx"):
        pass


def test_what_has_no_dense_half_is_refused(index: lsr.Index, tmp_path: Path) -> None:
    plain = lsr.Index.build(tmp_path / "plain", _records(0, 8), encoder=WordEncoder())
    other = lsr.Index.open(index.path, encoder=WordEncoder())
    wider = DenseWordEncoder()
    wider.dense_size = 5

    with pytest.raises(ConfigError, match=r"plain has no dense half; search it without --hybrid"):
        plain.search("apple", alpha=0.5)
    with pytest.raises(
        InvalidInputError, match=r"is a vector has no dense half; ask .* with a text"
    ):
        index.search({"apple": 1.0}, alpha=0.5)
    for opened in (other, lsr.Index.open(index.path, encoder=wider)):
        with pytest.raises(ConfigError, match="The model words gives no dense rows of 4 numbers"):
            opened.search("apple", alpha=0.5)
        with opened.writer() as writer, pytest.raises(ConfigError, match="no dense rows of 4"):
            writer.add({"id": "new", "text": "fig"})
        with opened.writer() as writer, pytest.raises(ConfigError, match="no dense rows of 4"):
            writer.add_documents([{"id": "new", "text": "fig"}])
    for alpha in (-0.1, 1.1, math.nan):
        with pytest.raises(InvalidInputError, match=f"alpha is {alpha:g}, but must be from 0, the"):
            index.search("apple", alpha=alpha)


def test_vectors_do_not_go_into_an_index_with_a_dense_half(index: lsr.Index) -> None:
    rows = DenseWordEncoder().encode_documents(["fig"])
    batch = DocumentBatch([Document("new", place="v.jsonl:3")], rows, WORDS)

    with index.writer() as writer, pytest.raises(InvalidInputError, match=r"v.jsonl:3: the index"):
        writer.add(batch)


def test_passages_have_no_dense_half(tmp_path: Path) -> None:
    encoder = DenseWordEncoder()
    encoder.passages = Passages()

    index = lsr.Index.build(tmp_path / "idx", [{"id": "a", "text": "fig"}], encoder=encoder)

    assert index.info()["dense_size"] == 0
