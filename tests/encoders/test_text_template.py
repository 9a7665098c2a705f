import pytest

from lsr.documents import Document
from lsr.encoders.text_template import TextTemplate, encoded_text
from lsr.errors import ConfigError

LAMP = Document(
    "7", "Lamp", "Oak.", {"brand": "Ulm", "sizes": ["S", "M"], "price": 12.5, "a.b": "dotted"}
)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("{title} by {brand}. {text}", "Lamp by Ulm. Oak."),
        ("{text}\n{sizes}, {price}", "Oak.\nS, M, 12.5"),
        ("{maker} {title}", "Lamp"),
        ("{{{id}}} {a.b}", "{7} dotted"),
    ],
)
def test_fields_are_written_where_the_template_names_them(pattern: str, text: str) -> None:
    assert TextTemplate(pattern).fill(LAMP) == text
    assert encoded_text(LAMP, {"template": pattern}) == text


def test_without_a_template_title_and_text_are_read() -> None:
    assert encoded_text(LAMP, {"model": "tiny"}) == "Lamp Oak."


@pytest.mark.parametrize("pattern", ["", "title", "{}", "{title!r}", "{price:.2f}"])
def test_a_template_must_name_fields(pattern: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TextTemplate(pattern)

    assert str(caught.value) == (
        f"The template {pattern!r} must name fields of documents in braces, such as "
        "{title} {text}."
    )


def test_a_template_with_an_open_brace_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"template '\{title' is not understood \(expected '}'"):
        TextTemplate("{title")
