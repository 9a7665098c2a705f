"""What is a question that leans on what was said before? A conversation, read newest turn first.

An encoder reads one text. A conversation becomes one as in DiSCo: its newest turn, then the turns
before it, backwards, with the encoder's separator between two of them,

    q_n [SEP] a_(n-1) [SEP] q_(n-1) [SEP] ... [SEP] q_1

so that an encoder that cuts a text at its maximum length cuts off the oldest turns.

Paper: S. Lupart, M. Aliannejadi, E. Kanoulas, "DiSCo: LLM Knowledge Distillation for Efficient
Sparse Retrieval in Conversational Search", SIGIR 2025.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lsr.errors import InvalidInputError

EXAMPLE = '[{"role": "user", "text": "..."}]'
"""How messages show a conversation."""

_TEXT_FIELDS = ("text", "content")


class Role(StrEnum):
    """Who speaks."""

    USER = "user"
    ASSISTANT = "assistant"


_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "agent": Role.ASSISTANT}


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side says before the other speaks."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """The turns of a conversation that ends with the question to be answered.

    >>> chat = Conversation.of([{"role": "user", "text": "What is throat cancer?"},
    ...                         {"role": "assistant", "text": "A growth in the throat."},
    ...                         {"role": "user", "text": "Is it treatable?"}])
    >>> chat.text("[SEP]")
    'Is it treatable? [SEP] A growth in the throat. [SEP] What is throat cancer?'

    Attributes:
        turns: oldest first; the last is the user's.

    Raises:
        InvalidInputError: there is no turn, a turn says nothing, or the last is the assistant's.
    """

    turns: tuple[Turn, ...]

    def __post_init__(self) -> None:
        _check_turns(self.turns, "the conversation")

    @classmethod
    def of(cls, turns: object, place: str = "the conversation") -> Conversation:
        """Read a conversation from JSON values.

        Args:
            turns: a list, oldest turn first, of objects such as ``{"role": "user", "text": ...}``
                or of strings such as ``"user: ..."``. The roles are ``user`` and ``assistant``,
                also called ``agent``; the text may be called ``content``. A string that begins
                with none of them is the user's.
            place: where they come from, for messages.

        Raises:
            InvalidInputError: they are no such list, or make no conversation.
        """
        if not isinstance(turns, (list, tuple)):
            raise InvalidInputError(
                f"{place}: a conversation is a list of turns such as {EXAMPLE}, not "
                f"{type(turns).__name__}."
            )
        read = tuple(_turn(turn, _turn_place(place, at)) for at, turn in enumerate(turns))
        _check_turns(read, place)
        return cls(read)

    @property
    def last_utterance(self) -> str:
        """The question, without what was said before."""
        return self.turns[-1].text

    def text(self, separator: str) -> str:
        """Return the text that an encoder reads, newest turn first.

        Args:
            separator: `lsr.encoders.Encoder.separator`.
        """
        return f" {separator} ".join(turn.text for turn in reversed(self.turns))

    def as_list(self) -> list[dict[str, str]]:
        """Return the turns as JSON values, oldest first."""
        return [{"role": turn.role.value, "text": turn.text} for turn in self.turns]


Question = str | Conversation


def question_text(question: Question, separator: str) -> str:
    """Return what an encoder reads of a question; see `Conversation.text`."""
    return question if isinstance(question, str) else question.text(separator)


def _turn(turn: object, place: str) -> Turn:
    if isinstance(turn, Turn):
        return turn
    if isinstance(turn, str):
        name, colon, text = turn.partition(": ")
        return Turn(_ROLES[name], text) if colon and name in _ROLES else Turn(Role.USER, turn)
    if not isinstance(turn, Mapping):
        raise InvalidInputError(
            f"{place}: a turn is an object of role and text, or a string, not "
            f"{type(turn).__name__}."
        )
    return Turn(_role(turn, place), _text(turn, place))


def _role(turn: Mapping[str, Any], place: str) -> Role:
    role = turn.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise InvalidInputError(
            f"{place}: the role is {role!r}, but only {' and '.join(Role)} have turns; rename it, "
            "or leave the turn out."
        )
    return _ROLES[role]


def _text(turn: Mapping[str, Any], place: str) -> str:
    found = [name for name in _TEXT_FIELDS if turn.get(name) is not None]
    if len(found) != 1:
        raise InvalidInputError(
            f"{place}: {'both' if found else 'neither'} of the fields {' and '.join(_TEXT_FIELDS)} "
            "is given, but one must hold what was said."
        )
    text = turn[found[0]]
    if not isinstance(text, str):
        raise InvalidInputError(
            f"{place}: the field {found[0]!r} must be a string, not {type(text).__name__}."
        )
    return text


def _check_turns(turns: tuple[Turn, ...], place: str) -> None:
    if not turns:
        raise InvalidInputError(
            f"{place}: there is no turn, but the last one, the user's, is the question."
        )
    for at, turn in enumerate(turns):
        if not turn.text.strip():
            raise InvalidInputError(
                f"{_turn_place(place, at)}: there is no text; leave the turn out."
            )
    if turns[-1].role is not Role.USER:
        raise InvalidInputError(
            f"{_turn_place(place, len(turns) - 1)}: the last turn is the assistant's, but it must "
            "be the user's question; leave out what follows it."
        )


def _turn_place(place: str, at: int) -> str:
    return f"{place}, turn {at + 1}"
