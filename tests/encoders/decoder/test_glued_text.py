"""Inputs of decoders, held against ids glued by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from lsr.encoders.decoder.glued_text import GluedText
from lsr.errors import ConfigError
from tiny_models import byte_level_tokenizer

BEFORE, BETWEEN, AFTER = [0, 7], [9], [2]


@pytest.fixture(scope="module")
def backend() -> Tokenizer:
    return byte_level_tokenizer()


def test_a_text_stands_between_what_is_around_it(backend: Tokenizer) -> None:
    tokens = backend.encode("a cat", add_special_tokens=False).ids

    (text,) = GluedText(backend, 32, before=BEFORE, after=AFTER).tokenize(["a cat"])

    assert text.ids.tolist() == [*BEFORE, *tokens, *AFTER]
    assert text.ids[text.pooled].tolist() == tokens
    assert not text.is_truncated


@settings(max_examples=50, deadline=None)
@given(st.text("ab ", min_size=1, max_size=60), st.integers(6, 40))
def test_both_copies_of_an_echo_are_the_same_and_the_second_alone_is_pooled(
    text: str, max_length: int
) -> None:
    backend = byte_level_tokenizer()
    tokens = backend.encode(text, add_special_tokens=False).ids if text.strip() else []
    room = (max_length - 4) // 2

    echo = GluedText(backend, max_length, before=BEFORE, between=BETWEEN, after=AFTER)
    (got,) = echo.tokenize([text])

    kept = tokens[:room]
    whole = [*BEFORE, *kept, *BETWEEN, *kept, *AFTER] if kept else []
    assert got.ids.tolist() == whole
    assert len(whole) <= max_length
    assert got.is_truncated == (len(tokens) > room)
    if kept:
        assert (got.pooled.start, got.pooled.stop) == (3 + len(kept), 3 + 2 * len(kept))


def test_the_last_token_alone_may_propose_weights(backend: Tokenizer) -> None:
    (text,) = GluedText(backend, 32, after=AFTER, last_token_only=True).tokenize(["a cat"])

    assert text.ids[text.pooled].tolist() == AFTER


def test_counts_what_would_be_read_of_a_text_that_is_not_cut(backend: Tokenizer) -> None:
    n_tokens = len(backend.encode("a cat " * 30, add_special_tokens=False).ids)
    echo = GluedText(backend, 16, before=BEFORE, between=BETWEEN, after=AFTER)

    assert echo.count("a cat " * 30) == 4 + 2 * n_tokens


def test_offsets_are_those_of_the_text_itself(backend: Tokenizer) -> None:
    echo = GluedText(backend, 32, before=BEFORE, between=BETWEEN, after=AFTER)

    assert [(start, end) for _, start, end in echo.spans("abc")] == [(0, 1), (1, 2), (2, 3)]


def test_special_tokens_are_added_only_as_given(backend: Tokenizer) -> None:
    (text,) = GluedText(backend, 32).tokenize(["a"])

    assert text.ids.tolist() == backend.encode("a", add_special_tokens=False).ids


def test_literal_terms_are_found_in_the_text_and_its_ids(backend: Tokenizer) -> None:
    seen = []

    def literal(text: str, ids: np.ndarray) -> np.ndarray:
        seen.append(text)
        return np.unique(ids)

    glued = GluedText(backend, 32, before=BEFORE, after=AFTER, literal=literal)
    first, blank = glued.tokenize(["abba", " "])

    assert first.literal is not None
    assert first.literal.tolist() == sorted(set(backend.encode("ab", add_special_tokens=False).ids))
    assert (seen, blank.ids.size) == (["abba"], 0)


def test_a_length_without_room_for_the_text_is_refused(backend: Tokenizer) -> None:
    with pytest.raises(ConfigError) as caught:
        GluedText(backend, 5, before=BEFORE, between=BETWEEN, after=AFTER)

    assert str(caught.value) == (
        "max_length is 5, but 4 tokens are put around every text that is read twice; it must be "
        "at least 6."
    )
