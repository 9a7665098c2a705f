"""A conversation asks like the text that its turns make, in every verb that takes questions."""

import json
from pathlib import Path
from typing import Any

import pytest

from command import lsr

TURNS = [
    {"role": "user", "content": "the garden by the river"},
    {"role": "assistant", "content": "A flower. And water?"},
    {"role": "user", "content": "which in summer"},
]
TEXT = "which in summer [SEP] A flower. And water? [SEP] the garden by the river"


def _hits(folder: Path, *question: str, stdin: str = "") -> dict[str, Any]:
    done = lsr("search", *question, "--index", "idx", "--json", stdin=stdin, cwd=folder)
    assert done.code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_search_takes_json_a_file_or_standard_input(indexed: Path, tmp_path: Path) -> None:
    (tmp_path / "chat.json").write_text(json.dumps(TURNS))

    inline = _hits(indexed, "--conversation", json.dumps(TURNS))
    file = _hits(indexed, "--conversation", str(tmp_path / "chat.json"))
    stdin = _hits(indexed, "--conversation", "-", stdin=json.dumps(TURNS))

    expected = _hits(indexed, TEXT)["hits"]
    assert inline["hits"] == file["hits"] == stdin["hits"] == expected
    assert inline["query"] == [{"role": turn["role"], "text": turn["content"]} for turn in TURNS]


def test_hits_stand_under_the_question_and_know_what_was_said(indexed: Path) -> None:
    done = lsr("search", "--conversation", json.dumps(TURNS), "--index", "idx", cwd=indexed)

    expected = lsr("search", TEXT, "--index", "idx", cwd=indexed)
    assert done.code == 0, done.stderr
    assert done.stdout.splitlines()[0] == "which in summer"
    assert done.stdout.splitlines()[1:] == expected.stdout.splitlines()[1:]


def test_explain_takes_one(indexed: Path) -> None:
    done = lsr("explain", "d2", "--conversation", json.dumps(TURNS), "--index", "idx", cwd=indexed)

    expected = lsr("explain", TEXT, "d2", "--index", "idx", cwd=indexed)
    assert done.code == 0, done.stderr
    assert done.stdout == expected.stdout


def test_files_of_queries_hold_conversations(
    indexed: Path, tiny_model: Path, tmp_path: Path
) -> None:
    contents: dict[str, list[Any]] = {
        "chats.jsonl": [{"_id": "q1", "turns": TURNS}, {"_id": "q2", "text": "query"}],
        "texts.jsonl": [{"_id": "q1", "text": TEXT}, {"_id": "q2", "text": "query"}],
    }
    for name, lines in contents.items():
        (tmp_path / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    model = ("--model", tiny_model, "--max-length", "32")
    lsr("encode", "chats.jsonl", "--queries", *model, "--output", "c.parquet", cwd=tmp_path)

    for name in (*contents, "c.parquet"):
        arguments = ("--queries", name, "--run", f"{name}.trec", "--index", indexed / "idx")
        done = lsr("search", *arguments, cwd=tmp_path)
        assert done.code == 0, done.stderr

    expected = (tmp_path / "texts.jsonl.trec").read_text()
    assert (tmp_path / "chats.jsonl.trec").read_text() == expected
    assert (tmp_path / "c.parquet.trec").read_text() == expected


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        ('["x", "agent: y"]', "error: the conversation, turn 2: the last turn is the assistant's"),
        ("[", "error: the conversation: malformed JSON at character 2"),
        ("absent.json", "error: There is no file 'absent.json'; name one that holds"),
    ],
)
def test_a_bad_conversation_is_one_sentence(indexed: Path, turns: str, message: str) -> None:
    done = lsr("search", "--conversation", turns, "--index", "idx", cwd=indexed)

    assert done.code == 1
    assert done.stdout == ""
    assert done.stderr.startswith(message)
    assert len(done.stderr.splitlines()) == 1


def test_a_bad_line_of_a_query_file_is_named(indexed: Path, tmp_path: Path) -> None:
    lines = ['{"_id": "1", "turns": ["x"]}', '{"_id": "2", "turns": ["x", {"role": "bot"}]}']
    (tmp_path / "q.jsonl").write_text("\n".join(lines))

    done = lsr(
        *("search", "--queries", "q.jsonl", "--run", "out.trec", "--index", indexed / "idx"),
        cwd=tmp_path,
    )

    assert done.code == 1
    assert "q.jsonl:2, turn 2: the role is 'bot'" in done.error
    assert not (tmp_path / "out.trec").exists()


def test_two_questions_are_a_usage_error(indexed: Path) -> None:
    done = lsr("search", "x", "--conversation", "[]", "--index", "idx", cwd=indexed)

    assert done.code == 2
    assert "Give one of: a QUERY, --conversation, --vector, or --queries" in done.error
