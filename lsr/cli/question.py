"""What is asked? A text, a conversation or a vector."""

from __future__ import annotations

from typing import Annotated

import typer

from lsr.conversations import Conversation, Question

VectorOption = Annotated[
    str | None,
    typer.Option(
        "--vector", metavar="JSON", help='The question as a vector: {"term": weight, ...}.'
    ),
]
ConversationOption = Annotated[
    str | None,
    typer.Option(
        "--conversation",
        metavar="JSON|FILE|-",
        help='The question and what was said before: [{"role": "user", "text": ...}, ...].',
    ),
]


def parsed_question(
    text: str | None, conversation: str | None, vector: str | None
) -> Question | dict[str, float]:
    """Read the one of the three that is given."""
    if text is not None:
        return text
    if conversation is not None:
        from lsr.corpus import read_conversation

        return read_conversation(conversation)
    return _parsed_vector(str(vector))


def question_as_json(question: Question | dict[str, float]) -> object:
    """Return the question as JSON values: a text, a list of turns, or an object of weights."""
    return question.as_list() if isinstance(question, Conversation) else question


def question_in_words(question: Question | dict[str, float]) -> str:
    """Return what stands above the hits: of a conversation the question, of a vector its terms."""
    if isinstance(question, Conversation):
        return question.last_utterance
    return question if isinstance(question, str) else ", ".join(question)


def _parsed_vector(vector: str) -> dict[str, float]:
    import msgspec

    try:
        return msgspec.json.decode(vector, type=dict[str, float])
    except msgspec.MsgspecError as error:
        raise typer.BadParameter(f"--vector is not a JSON object of weights: {error}") from None
