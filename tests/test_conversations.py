from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsr.conversations import Conversation, Role, Turn, question_text
from lsr.errors import InvalidInputError

USER, ASSISTANT = Role.USER, Role.ASSISTANT
TURNS = (Turn(USER, "a cat?"), Turn(ASSISTANT, "It purrs."), Turn(USER, "Why?"))

said = st.text(min_size=1).filter(lambda text: bool(text.strip()))


def test_reads_objects_with_either_name_for_the_text() -> None:
    read = Conversation.of(
        [
            {"role": "user", "content": "a cat?", "name": "Ada"},
            {"role": "assistant", "text": "It purrs.", "content": None},
            {"role": "user", "text": "Why?"},
        ]
    )

    assert read == Conversation(TURNS)


def test_reads_strings_that_begin_with_who_speaks() -> None:
    assert Conversation.of(["user: a cat?", "agent: It purrs.", "Why?"]) == Conversation(TURNS)
    assert Conversation.of(["user: a cat?", "assistant: It purrs.", TURNS[2]]).turns == TURNS


def test_a_string_that_names_nobody_is_the_users() -> None:
    texts = ["note: a cat", "user:no space", "User: in capitals", ": ", "what is user: doing"]

    assert Conversation.of(texts).turns == tuple(Turn(USER, text) for text in texts)


def test_its_text_goes_from_the_newest_turn_to_the_oldest() -> None:
    conversation = Conversation(TURNS)

    assert conversation.text("[SEP]") == "Why? [SEP] It purrs. [SEP] a cat?"
    assert conversation.text("</s>") == "Why? </s> It purrs. </s> a cat?"
    assert conversation.last_utterance == "Why?"


def test_a_single_turn_is_its_text() -> None:
    assert Conversation((TURNS[0],)).text("[SEP]") == "a cat?"


def test_a_question_without_turns_stays_as_it_is() -> None:
    assert question_text("Why? [SEP]", "</s>") == "Why? [SEP]"
    assert question_text(Conversation(TURNS[1:]), "|") == "Why? | It purrs."


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), said)), said)
def test_json_values_come_back(before: list[tuple[str, str]], question: str) -> None:
    turns = [{"role": role, "text": text} for role, text in [*before, ("user", question)]]

    assert Conversation.of(turns).as_list() == turns


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        ({"role": "user", "text": "x"}, "q:1: a conversation is a list of turns such as [{"),
        ("user: x", "q:1: a conversation is a list of turns such as [{"),
        ([], "q:1: there is no turn, but the last one, the user's, is the question."),
        (["x", 7, "y"], "q:1, turn 2: a turn is an object of role and text, or a string, not int."),
        ([{"text": "x"}], "q:1, turn 1: the role is None, but only user and assistant have turns;"),
        ([{"role": "system", "text": "x"}], "q:1, turn 1: the role is 'system', but only"),
        ([{"role": ["user"], "text": "x"}], "q:1, turn 1: the role is ['user'], but only"),
        ([{"role": "user"}], "q:1, turn 1: neither of the fields text and content is given"),
        (
            [{"role": "user", "text": "x", "content": "y"}],
            "q:1, turn 1: both of the fields text and content is given",
        ),
        (
            [{"role": "user", "content": [{"type": "text"}]}],
            "q:1, turn 1: the field 'content' must be a string, not list.",
        ),
        (["x", "agent:  ", "y"], "q:1, turn 2: there is no text; leave the turn out."),
        (["x", "agent: y"], "q:1, turn 2: the last turn is the assistant's, but it must be"),
    ],
)
def test_what_is_no_conversation_is_refused_with_its_place(turns: Any, message: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        Conversation.of(turns, "q:1")

    assert str(caught.value).startswith(message)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("turns", [(), (Turn(USER, " "),), TURNS[:2]])
def test_turns_that_make_no_conversation_are_refused(turns: tuple[Turn, ...]) -> None:
    with pytest.raises(InvalidInputError, match=r"^the conversation(, turn \d)?: "):
        Conversation(turns)
