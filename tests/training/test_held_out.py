"""What is measured while a model is trained: the reciprocal rank, of the corpus that it says."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lsr.errors import EvaluationError
from lsr.training.held_out import HeldOut, reciprocal_rank
from lsr.training.model_loading import StartingModel, load_starting_model
from lsr.training.recipe import HeldOutPart, ModelPart

Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Saves texts, and a question with the grades of documents."""

    def save_collection(texts: list[str], query: str, grades: dict[int, int]) -> Path:
        lines = [json.dumps({"_id": f"d{n}", "text": one}) for n, one in enumerate(texts)]
        (tmp_path / "corpus.jsonl").write_text("\n".join(lines))
        (tmp_path / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": query}))
        (tmp_path / "qrels").mkdir()
        rows = "".join(f"q\td{n}\t{grade}\n" for n, grade in grades.items())
        (tmp_path / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{rows}")
        return tmp_path

    return save_collection


@pytest.fixture(scope="module")
def start(tiny_bert: Path) -> StartingModel:
    # Weights of the text's own tokens alone, so that what is found can be told.
    return load_starting_model(ModelPart(str(tiny_bert), method="splade-lexical", max_length=24), 0)


def held_out(start: StartingModel, folder: Path, n_documents: int = 100) -> HeldOut:
    part = HeldOutPart("test", str(folder), max_documents=n_documents)
    return HeldOut(part, None, start.query_texts, start.document_texts)


def terms_of(start: StartingModel, texts: list[str]) -> list[int]:
    """Return how many terms each text has."""
    start.encoder.eval()
    vectors = start.encoder.documents(start.document_texts.tokenize(texts))
    return [int(number) for number in (vectors > 0).sum(1)]


def test_only_the_first_relevant_document_among_ten_counts() -> None:
    scores = np.zeros((4, 12))
    scores[0, 7] = 1.0
    relevant = np.zeros((4, 12), bool)
    relevant[0, [7, 8]] = True  # first
    relevant[1, [2, 5]] = True  # third, since ties go to the first document
    relevant[2, 11] = True  # twelfth, which is too late

    assert reciprocal_rank(scores, relevant) == pytest.approx((1 + 1 / 3 + 0 + 0) / 4)


def test_a_text_without_tokens_has_no_terms(start: StartingModel, save: Save) -> None:
    texts = ["water of the river", "", "music"]
    folder = save(texts, "music", {2: 1})

    found = held_out(start, folder).measure(start.encoder)

    of_others = terms_of(start, [texts[0], texts[2]])
    assert found["document_terms"] == pytest.approx(sum(of_others) / 3)


def test_the_corpus_is_the_judged_documents_and_the_first_others(
    start: StartingModel, save: Save
) -> None:
    texts = ["water", "river of the water", "music", "painter", "an ocean in summer"]
    folder = save(texts, "music", {4: 1})

    found = held_out(start, folder, 3).measure(start.encoder)

    assert found["document_terms"] == pytest.approx(
        np.mean(np.array(terms_of(start, texts))[[0, 1, 4]])
    )


@pytest.mark.parametrize("grades", [{7: 1}, {0: 0}], ids=["absent", "not relevant"])
def test_a_corpus_without_relevant_documents_is_refused(
    start: StartingModel, save: Save, grades: dict[int, int]
) -> None:
    folder = save(["water", "river"], "water", grades)

    with pytest.raises(EvaluationError, match="no judged document of the split 'test'"):
        held_out(start, folder)
