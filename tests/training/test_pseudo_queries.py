from collections.abc import Sequence
from pathlib import Path

import pytest

from lsr.corpus import read_documents
from lsr.documents import Document
from lsr.errors import InvalidInputError
from lsr.eval.datasets import load_dataset
from lsr.training.pseudo_queries import PseudoQuery, pseudo_queries, write_dataset

TITLE = "Rain and how it falls"
SENTENCES = ["Rain falls from dark clouds.", "The U.S. has seen more of it.", "It is wet."]


def asked(document: Document, n_seeds: int = 30) -> list[PseudoQuery]:
    return [one for seed in range(n_seeds) for one in pseudo_queries([document], seed)]


def words(texts: Sequence[str]) -> list[str]:
    return sorted(word for text in texts for word in text.split())


def test_title_and_long_sentences_ask_and_nothing_is_lost_or_said_twice() -> None:
    document = Document("d", TITLE, " ".join(SENTENCES))

    found = asked(document)

    assert {one.query for one in found} == {TITLE, *SENTENCES[:2]}  # the third has three words
    for one in found:
        assert words([one.query, one.document.full_text]) == words([document.full_text])
        assert one.document.doc_id == "d"


def test_the_title_asks_as_often_as_all_sentences() -> None:
    found = asked(Document("d", TITLE, " ".join(SENTENCES)), n_seeds=400)

    # Four standard deviations of 400 fair draws.
    assert abs(sum(one.query == TITLE for one in found) - 200) < 40


@pytest.mark.parametrize(
    ("title", "text"), [("", SENTENCES[0]), (TITLE, ""), ("", "It is wet. So are we."), ("", "")]
)
def test_documents_that_would_be_empty_or_say_too_little_ask_nothing(title: str, text: str) -> None:
    assert not asked(Document("d", title, text))


def test_a_sentence_too_long_for_a_question_is_none() -> None:
    long = " ".join(["Word", *["word"] * 40]) + "."

    assert {one.query for one in asked(Document("d", "", f"{long} {SENTENCES[0]}"))} == {
        SENTENCES[0]
    }


def test_a_draw_depends_on_seed_and_place_alone() -> None:
    documents = [Document(f"d{n}", TITLE, " ".join(SENTENCES)) for n in range(20)]

    whole = [one.query for one in pseudo_queries(documents, 3)]

    assert [one.query for one in pseudo_queries(documents[:7], 3)] == whole[:7]
    assert [one.query for one in pseudo_queries(documents, 4)] != whole
    assert len(set(whole)) > 1


def test_the_dataset_is_read_as_any_other(tmp_path: Path) -> None:
    documents = [Document("a", TITLE, "Text."), Document("é", "", " ".join(SENTENCES))]

    count = write_dataset(pseudo_queries(documents), tmp_path / "pseudo")

    dataset = load_dataset(str(tmp_path / "pseudo"), "train")
    corpus = [one for batch in read_documents(dataset.corpus) for one in batch.documents]
    assert count == 2
    assert [(one.query_id, one.doc_id) for one in dataset.qrels] == [("a", "a"), ("é", "é")]
    assert dataset.queries.questions[0] == TITLE
    assert corpus[0].full_text == "Text."


def test_a_corpus_that_asks_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="No document has a title"):
        write_dataset(pseudo_queries([Document("d", "", "Short.")]), tmp_path / "pseudo")

    assert not list((tmp_path / "pseudo" / "qrels").iterdir())
