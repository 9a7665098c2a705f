from pathlib import Path

import pytest

from lsr.encoders.decoder.chat_prompt import chat_prompt
from lsr.encoders.decoder.weighting import PromptWeighting
from lsr.errors import ConfigError, UnsupportedModelError
from tiny_decoders import CHAT, NO_SYSTEM, save_tiny_decoder

LOUD_USER = "(m['content'] | upper if m['role'] == 'user' else m['content'])"
ASK = PromptWeighting(system="Be brief.", request='Text: "{text}". One word?', answer='It is "')


def test_the_template_of_the_model_is_filled_and_left_open(tmp_path: Path) -> None:
    folder = save_tiny_decoder(tmp_path / "model")

    before, after = chat_prompt(folder, ASK)

    assert before == '<s>[system]Be brief.</s>[user]Text: "'
    assert after == '". One word?</s>[assistant]It is "'


def test_a_template_without_a_system_turn_gets_its_words_in_the_user_turn(tmp_path: Path) -> None:
    folder = save_tiny_decoder(tmp_path / "model", chat_template=NO_SYSTEM + CHAT)

    before, after = chat_prompt(folder, ASK)

    assert before == '<s>[user]Be brief.\nText: "'
    assert after == '". One word?</s>[assistant]It is "'


def test_a_model_without_a_chat_template_is_refused(tmp_path: Path) -> None:
    folder = save_tiny_decoder(tmp_path / "model", chat_template=None)

    with pytest.raises(UnsupportedModelError) as caught:
        chat_prompt(folder, ASK)

    assert str(caught.value) == (
        f"The tokenizer in {str(folder)!r} has no chat template, so the model cannot be prompted; "
        "take one that was tuned to follow instructions."
    )


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ bos_token }}", "cannot be filled in"),
        (CHAT.replace("m['content']", LOUD_USER), "does not leave the text and the begun answer"),
        ("{{ raise_exception('never') }}", "cannot be filled in"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused(
    tmp_path: Path, template: str, message: str
) -> None:
    folder = save_tiny_decoder(tmp_path / "model", chat_template=template)

    with pytest.raises(UnsupportedModelError, match=message):
        chat_prompt(folder, ASK)


def test_a_request_without_a_place_for_the_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        chat_prompt(tmp_path, PromptWeighting("", "One word?", '"'))

    assert (
        str(caught.value) == "The request 'One word?' must hold {text} once, where the text goes."
    )
