"""The names of `import lsr` are a promise: adding or removing one must be a decision."""

from types import ModuleType

import pytest

import lsr

PUBLIC = {
    "Approximation",
    "Client",
    "Conversation",
    "Document",
    "Encoder",
    "Explanation",
    "Hit",
    "Index",
    "LsrError",
    "PruneRule",
    "SparseBatch",
    "load_encoder",
}


def test_all_names_the_public_names() -> None:
    assert set(lsr.__all__) == PUBLIC
    assert len(lsr.__all__) == len(PUBLIC)


def test_what_is_visible_is_what_is_public() -> None:
    values = {name: getattr(lsr, name) for name in dir(lsr) if not name.startswith("_")}

    own = {
        name
        for name, value in values.items()
        if not isinstance(value, ModuleType)
        and getattr(value, "__module__", "").split(".")[0] == "lsr"
    }

    assert own == PUBLIC


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'lsr' has no attribute 'Serach'"):
        _ = lsr.Serach
