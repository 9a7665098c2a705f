import gzip
import io
import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpora import Write
from lsr.conversations import Conversation, Role, Turn
from lsr.corpus import read_histories, read_queries
from lsr.documents import QueryBatch
from lsr.errors import DuplicateIdError, InvalidInputError


def test_reads_beir_lines_and_empty_texts(write: Write) -> None:
    queries = read_queries(
        write("q.jsonl", '{"_id": "1", "text": "wing"}\n{"_id": "2", "text": ""}')
    )

    assert queries.query_ids == ["1", "2"]
    assert queries.questions == ["wing", ""]
    assert queries.vectors is None


def test_a_query_may_be_a_conversation(write: Write) -> None:
    lines = [
        {"_id": "1", "turns": [{"role": "user", "text": "what is a wing"}]},
        {"_id": "2", "text": "wing", "turns": None},
        {"_id": "3", "text": "", "turns": ["user: a wing?", "agent: It lifts.", "how: by air?"]},
    ]

    queries = read_queries(write("q.jsonl", "\n".join(map(json.dumps, lines))))

    user, assistant = Role.USER, Role.ASSISTANT
    assert queries.questions == [
        Conversation((Turn(user, "what is a wing"),)),
        "wing",
        Conversation(
            (Turn(user, "a wing?"), Turn(assistant, "It lifts."), Turn(user, "how: by air?"))
        ),
    ]


def test_reads_conversations_from_parquet(tmp_path: Path) -> None:
    turns = [{"role": "user", "text": "a wing?"}]
    pq.write_table(pa.table({"id": ["q", "r"], "turns": [turns, turns]}), tmp_path / "q.parquet")

    queries = read_queries(tmp_path / "q.parquet")

    assert queries.questions == [Conversation((Turn(Role.USER, "a wing?"),))] * 2


def test_joins_queries_with_what_was_said_before(write: Write) -> None:
    lines = [
        {"_id": "2", "history": ["user: a wing?", {"role": "assistant", "text": "It lifts."}]},
        {"_id": "1", "history": []},
        {"_id": "unasked", "history": ["x"]},
        {"_id": "4", "history": ["x"]},
    ]
    path = write("history.jsonl", "\n".join(map(json.dumps, lines)))
    whole = Conversation((Turn(Role.USER, "whole already"),))
    queries = QueryBatch(["1", "2", "3", "4"], ["what is a wing", "how?", "no history", whole])

    assert read_histories(path, queries) == {
        "1": Conversation((Turn(Role.USER, "what is a wing"),)),
        "2": Conversation(
            (
                Turn(Role.USER, "a wing?"),
                Turn(Role.ASSISTANT, "It lifts."),
                Turn(Role.USER, "how?"),
            )
        ),
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            '{"_id": "1", "history": ["x", "agent: "]}',
            r"history\.jsonl:1, turn 2: there is no text",
        ),
        ('{"_id": "1", "history": "x"}', r"history\.jsonl:1: a conversation is a list of turns"),
        ('{"_id": "1", "turns": []}', r"history\.jsonl:1: .* the fields history"),
        ('{"_id": "1", "history": []}\n{', r"history\.jsonl:2: malformed JSON"),
        ('{"_id": "1", "history": []}\n' * 2, r"history\.jsonl:2: the query id '1' was used"),
        ("", "holds no histories"),
    ],
)
def test_bad_histories_are_refused(write: Write, content: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        read_histories(write("history.jsonl", content), QueryBatch(["1"], ["why"]))


def test_reads_tab_separated_lines(write: Write) -> None:
    queries = read_queries(write("q.tsv", '264014\thow long is the "life" of a flea\n'))

    assert (queries.query_ids, queries.questions) == (
        ["264014"],
        ['how long is the "life" of a flea'],
    )


def test_reads_a_beir_folder(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text('{"_id": "d", "text": "x"}')
    (tmp_path / "queries.jsonl.gz").write_bytes(gzip.compress(b'{"_id": "q", "text": "x"}'))

    assert read_queries(tmp_path).query_ids == ["q"]


def test_reads_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"_id": "q", "text": "x"}')))

    assert read_queries("-").query_ids == ["q"]


@pytest.mark.parametrize("field", ["vector", "weights"])
def test_reads_named_weights(write: Write, field: str) -> None:
    queries = read_queries(write("q.jsonl", json.dumps({"_id": "1", field: {"a": 2, "b": 1}})))

    assert queries.vocabulary == ["a", "b"]
    assert queries.vectors is not None
    assert queries.vectors.to_scipy().toarray().tolist() == [[2, 1]]


def test_batches_that_number_terms_differently_agree(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lsr.corpus.batches.MAX_BATCH_DOCUMENTS", 2)
    rows = [{"a": 1.0, "b": 2.0}, {"c": 3.0}, {"d": 1.0, "c": 4.0}, {}, {"b": 5.0, "a": 6.0}]
    lines = [json.dumps({"id": n, "vector": row}) for n, row in enumerate(rows)]

    queries = read_queries(write("q.jsonl", "\n".join(lines)))

    assert queries.vectors is not None
    assert queries.vocabulary is not None
    found = [
        {queries.vocabulary[term]: weight for term, weight in zip(*row, strict=True)}
        for row in queries.vectors.rows()
    ]
    assert found == rows


def test_reads_parquet(tmp_path: Path) -> None:
    path = tmp_path / "q.parquet"
    pq.write_table(pa.table({"id": ["q"], "text": ["x"], "terms": [[5]], "weights": [[0.5]]}), path)

    queries = read_queries(path)

    assert (queries.query_ids, queries.questions, queries.vocabulary) == (["q"], ["x"], None)
    assert queries.vectors is not None
    assert queries.vectors.row(0)[0].tolist() == [5]


def test_names_both_places_of_a_repeated_id(write: Write) -> None:
    path = write("q.tsv", "1\ta\n2\tb\n1\tc\n")

    with pytest.raises(DuplicateIdError, match=r"q\.tsv:3: the query id '1' .*q\.tsv:1;"):
        read_queries(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no queries"),
        ('{"_id": "1", "title": "x"}', "neither a vector nor any of the fields text, contents"),
        ('{"_id": "1", "text": "x"}\n{', "q.jsonl:2: malformed JSON"),
        ('{"_id": "1", "weights": {"a": NaN}}', "the weight of term 'a' is nan"),
        ('{"_id": "1", "weights": {"a": -1}}', "the weight of term 'a' is -1"),
        ('{"_id": "1", "weights": 1.5}', "the field 'weights' is of type float"),
        ('{"_id": "1", "text": "x", "turns": ["y"]}', r"q\.jsonl:1: there are a text and turns"),
        ('{"_id": "1", "turns": []}', r"q\.jsonl:1: there is no turn"),
        ('{"_id": "1", "turns": ["x", {}]}', r"q\.jsonl:1, turn 2: the role is None"),
    ],
)
def test_bad_queries_are_refused(write: Write, content: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        read_queries(write("q.jsonl", content))


def test_a_folder_without_queries_is_refused(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text('{"_id": "d", "text": "x"}')

    with pytest.raises(InvalidInputError, match=r"holds none of queries\.jsonl"):
        read_queries(tmp_path)


def test_an_ir_datasets_id_names_no_queries() -> None:
    with pytest.raises(InvalidInputError, match="queries come from a file or a BEIR folder"):
        read_queries("irds:beir/scifact")


def test_reads_the_real_queries(shared_data: Path) -> None:
    for path in sorted(shared_data.glob("*/queries.jsonl.gz")):
        assert any(read_queries(path.parent).questions)
    ours = read_queries(shared_data / "passages-300k" / "queries-msmarco.parquet")
    named = read_queries(shared_data / "splade-queries" / "dl19-passage.splade-pp-ed.jsonl.gz")

    assert len(ours.query_ids) == 1000
    assert ours.vectors is not None
    assert ours.vectors.nnz > 17_000
    assert len(named.query_ids) == 43
    assert named.vocabulary is not None
    assert "##fish" in named.vocabulary
