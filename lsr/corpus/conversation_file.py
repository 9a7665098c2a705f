"""What conversation does a file hold? One JSON list of turns."""

from __future__ import annotations

from os.path import isfile
from pathlib import Path

from lsr.conversations import EXAMPLE, Conversation
from lsr.corpus.documents import STDIN
from lsr.corpus.json_lines import json_value
from lsr.corpus.opening import chunks, stdin_chunks
from lsr.errors import InvalidInputError


def read_conversation(source: str) -> Conversation:
    """Read one conversation; see `lsr.conversations.Conversation.of` for its turns.

    Args:
        source: a JSON list, the name of a file that holds one, plain or compressed, or ``-``.

    Raises:
        InvalidInputError: there is no such file, or it holds no conversation.
    """
    if source.lstrip().startswith(("[", "{")):
        # Bytes of a command line that are no UTF-8 are found by the parser.
        contents, name = iter([source.encode(errors="surrogateescape")]), "the conversation"
    elif source == STDIN:
        contents, name = stdin_chunks(), "stdin"
    elif isfile(source):  # noqa: PTH113 - Path.is_file raises where a text is too long for a name
        contents, name = chunks(Path(source)), source
    else:
        raise InvalidInputError(
            f"There is no file {source!r}; name one that holds a conversation, or write its turns: "
            f"{EXAMPLE}."
        )
    return Conversation.of(json_value(contents, name), name)
