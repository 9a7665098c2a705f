import json
from pathlib import Path
from typing import Any

import pytest

from lsr.conversations import Conversation
from lsr.documents import QueryBatch
from lsr.errors import ConfigError, EvaluationError
from lsr.eval.datasets import Dataset, load_dataset
from lsr.eval.qrels import Qrel
from lsr.eval.query_forms import QueryForm, in_forms, parse_query_forms

LAST, WHOLE, REWRITE = QueryForm.LAST, QueryForm.WHOLE, QueryForm.REWRITE


def _write(folder: Path, name: str, *lines: dict[str, Any]) -> None:
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Questions q1 to q4, of which the last two are conversations and q4 is not judged."""
    folder = tmp_path / "set"
    (folder / "qrels").mkdir(parents=True)
    _write(folder, "corpus", {"_id": "d1", "text": "bread"})
    _write(
        folder,
        "queries",
        {"_id": "q1", "text": "why?"},
        {"_id": "q2", "text": "when?"},
        {"_id": "q3", "turns": ["bread?", "agent: Yes.", "how long?"]},
        {"_id": "q4", "turns": ["unjudged"]},
    )
    (folder / "qrels" / "test.tsv").write_text(
        "query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td1\t1\nq3\td1\t2\n"
    )
    return folder


def _questions(dataset: Dataset) -> dict[str, Any]:
    return dict(zip(dataset.queries.query_ids, dataset.queries.questions, strict=True))


def test_conversations_have_a_last_utterance_and_texts_a_history(folder: Path) -> None:
    _write(folder, "history", {"_id": "q2", "history": ["a fig?"]}, {"_id": "q1", "history": []})

    formed = in_forms(load_dataset(str(folder)), [WHOLE, LAST])

    assert list(formed.datasets) == [WHOLE, LAST]
    assert (formed.n_judged, formed.n_missing) == (3, {WHOLE: 0, LAST: 0})
    assert _questions(formed.datasets[LAST]) == {"q1": "why?", "q2": "when?", "q3": "how long?"}
    assert _questions(formed.datasets[WHOLE]) == {
        "q1": Conversation.of(["why?"]),
        "q2": Conversation.of(["a fig?", "when?"]),
        "q3": Conversation.of(["bread?", "agent: Yes.", "how long?"]),
    }


def test_all_forms_have_the_same_questions_and_judgments(folder: Path) -> None:
    _write(folder, "history", {"_id": "q1", "history": ["a fig?"]})
    _write(
        folder,
        "queries.rewrite",
        {"_id": "q3", "text": "how long does bread take?"},
        {"_id": "q2", "text": "when is it done?"},
        {"_id": "q4", "text": "unjudged"},
    )

    formed = in_forms(load_dataset(str(folder)), [LAST, WHOLE, REWRITE])

    assert (formed.n_judged, formed.n_missing) == (3, {LAST: 0, WHOLE: 1, REWRITE: 1})
    assert _questions(formed.datasets[REWRITE]) == {"q3": "how long does bread take?"}
    for dataset in formed.datasets.values():
        assert dataset.queries.query_ids == ["q3"]
        assert dataset.qrels == [Qrel("q3", "d1", 2)]


@pytest.mark.parametrize(
    ("forms", "message"),
    [
        ([LAST, REWRITE], "3 of 3 lack the form rewrite; for each, write it to queries.rewrite"),
        ([WHOLE, REWRITE], "no judged query has all of the forms whole, rewrite"),
    ],
)
def test_forms_without_a_common_question_are_refused(
    folder: Path, forms: list[QueryForm], message: str
) -> None:
    with pytest.raises(EvaluationError, match=message):
        in_forms(load_dataset(str(folder)), forms)


def test_whole_conversations_that_nobody_wrote_down_are_refused(folder: Path) -> None:
    _write(folder, "queries", {"_id": "q1", "text": "why?"})

    with pytest.raises(EvaluationError, match=r"1 of 1 lack the form whole; .* to history\.jsonl"):
        in_forms(load_dataset(str(folder)), [WHOLE])


def test_vectors_have_no_forms(folder: Path) -> None:
    _write(folder, "queries.rewrite", {"_id": "q1", "vector": {"bread": 1.0}})
    dataset = load_dataset(str(folder))

    with pytest.raises(ConfigError, match="holds vectors, but a rewrite is a text"):
        in_forms(dataset, [REWRITE])

    _write(folder, "queries", {"_id": "q1", "vector": {"bread": 1.0}})
    with pytest.raises(ConfigError, match="has no query forms"):
        in_forms(load_dataset(str(folder)), [LAST])


def test_what_is_no_folder_has_no_forms() -> None:
    dataset = Dataset("beir/scifact", "irds:beir/scifact", QueryBatch(["q"], ["x"]), [], False)

    with pytest.raises(ConfigError, match="beir/scifact has no query forms: they are read from a"):
        in_forms(dataset, [LAST])


def test_forms_are_parsed_in_the_order_named() -> None:
    assert parse_query_forms("rewrite, last rewrite") == [REWRITE, LAST]
    with pytest.raises(ConfigError, match="'entire' is unknown; the forms are last, whole, rewr"):
        parse_query_forms("last entire")
    with pytest.raises(ConfigError, match="No query form is named"):
        parse_query_forms(" ,")
