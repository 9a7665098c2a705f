import gzip
import io
import sys
from pathlib import Path

import pytest

from lsr.conversations import Conversation, Role, Turn
from lsr.corpus import read_conversation
from lsr.errors import InvalidInputError

JSON = '\n[{"role": "user", "text": "a cat?"},\n "agent: It purrs.", "Why?"]\n'
EXPECTED = Conversation(
    (Turn(Role.USER, "a cat?"), Turn(Role.ASSISTANT, "It purrs."), Turn(Role.USER, "Why?"))
)


def test_reads_json_a_file_and_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "chat.json").write_text(JSON)
    (tmp_path / "chat.json.gz").write_bytes(gzip.compress(JSON.encode()))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(JSON.encode())))

    for source in (JSON, str(tmp_path / "chat.json"), str(tmp_path / "chat.json.gz"), "-"):
        assert read_conversation(source) == EXPECTED


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"chat\.json: malformed JSON at character 1 "),
        (b'["x",\n "y",\n user]', r"chat\.json: malformed JSON at line 3, character 2 "),
        (b'["\xff"]', r"chat\.json: byte 3 is not valid UTF-8"),
        (b'["\\ud800"]', r"chat\.json: .* holds half a surrogate pair"),
        (b"[" * 5000, r"chat\.json: the JSON is nested too deeply"),
        (b'{"turns": ["x"]}', r"chat\.json: a conversation is a list of turns"),
        (b'["x", "agent: y"]', r"chat\.json, turn 2: the last turn is the assistant's"),
    ],
)
def test_a_bad_file_is_refused_with_the_place(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "chat.json").write_bytes(content)

    with pytest.raises(InvalidInputError, match=message):
        read_conversation(str(tmp_path / "chat.json"))


@pytest.mark.parametrize("source", ["nowhere.json", "", "why? " * 1000, "\0", "."])
def test_a_file_that_is_not_there_is_refused(source: str) -> None:
    with pytest.raises(InvalidInputError, match=r"There is no file .*; name one that holds"):
        read_conversation(source)


def test_an_object_is_no_file_name() -> None:
    with pytest.raises(InvalidInputError, match="the conversation: a conversation is a list"):
        read_conversation(' {"role": "user", "text": "Why?"}')


def test_bytes_of_the_command_line_that_are_no_text_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="the conversation: byte 3 is not valid UTF-8"):
        read_conversation('["\udcff"]')
