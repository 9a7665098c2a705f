"""Counts and weights, compared with a count in plain Python, one text at a time."""

import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from lsr.encoders.idf import TermCounter, TermCounts, idf
from lsr.encoders.tokenizer_loading import ModelTokenizer, load_tokenizer
from lsr.errors import InvalidInputError
from tiny_models import WORDS, byte_level_tokenizer, unigram_tokenizer, word_piece_tokenizer

SPECIAL = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
MAKERS = [word_piece_tokenizer, byte_level_tokenizer, unigram_tokenizer]
words = st.sampled_from([*WORDS[:20], "[SEP]", "<s>", "naïve", "海", "\n"])
corpora = st.lists(st.lists(words, max_size=8).map(" ".join), max_size=20)


def tokenizer_of(backend: Tokenizer) -> ModelTokenizer:
    added = backend.get_added_tokens_decoder().values()
    ids = dict(sorted(backend.get_vocab().items(), key=lambda one: one[1]))
    return ModelTokenizer("tiny", backend, ids, frozenset(one.content for one in added))


def counted(texts: list[str], make: Callable[[], Tokenizer] = word_piece_tokenizer) -> TermCounts:
    counter = TermCounter(tokenizer_of(make()))
    counter.add(texts)
    return counter.counts(["corpus"])


@pytest.mark.parametrize("make", MAKERS)
@given(corpora)
def test_counts_documents_as_a_plain_count_does(
    make: Callable[[], Tokenizer], texts: list[str]
) -> None:
    found = counted(texts, make)

    backend = make()
    of_each = [
        set(backend.encode(text, add_special_tokens=False).ids) if text.strip() else set()
        for text in texts
    ]
    expected = Counter(number for numbers in of_each for number in numbers)
    named = dict(zip(found.tokens, found.document_frequencies.tolist(), strict=True))
    assert named == {token: expected[number] for token, number in backend.get_vocab().items()}
    assert found.n_docs == sum(map(bool, of_each))
    assert found.n_empty == len(texts) - found.n_docs


@given(st.integers(0, 10**7), st.integers(1, 10**7))
def test_the_weight_is_the_formula_s_in_either_form(frequency: int, n_more: int) -> None:
    n_docs = frequency + n_more

    found = float(idf(frequency, n_docs))

    # Both forms lose digits in the quotient, some 1e-16 of a value near 1 where all documents have
    # the token, and the logarithm there is near zero.
    assert found == pytest.approx(
        math.log(1 + (n_docs - frequency + 0.5) / (frequency + 0.5)), rel=1e-9, abs=1e-15
    )
    assert found == pytest.approx(math.log((n_docs + 1) / (frequency + 0.5)), rel=1e-9, abs=1e-15)
    assert found > 0


def test_the_figures_published_for_ms_marco_come_out() -> None:
    n_docs = 8_841_823

    # The heaviest weight of the published table is that of tokens in one passage, to its digits.
    assert float(idf(1, n_docs)) == pytest.approx(15.590, abs=5e-4)
    assert float(idf(0, n_docs)) == pytest.approx(math.log(2 * n_docs + 2), rel=1e-12)


@given(corpora.filter(lambda texts: any(text.strip() for text in texts)))
def test_a_rarer_token_never_weighs_less(texts: list[str]) -> None:
    found = counted(texts)

    weights = found.weights()

    common = ~found.is_special
    order = np.argsort(found.document_frequencies[common], kind="stable")
    assert (np.diff(weights[common][order]) <= 0).all()
    assert (weights[common] > 0).all()
    assert weights.dtype == np.float32


@pytest.mark.parametrize("unseen", [None, 0.0, 1.0, 2.5])
def test_only_unseen_tokens_get_the_weight_that_is_asked_for(unseen: float | None) -> None:
    found = counted(["the ocean", "the [SEP]", ""])

    named = dict(zip(found.tokens, found.weights(unseen).tolist(), strict=True))

    assert named["the"] == pytest.approx(math.log(1 + 0.5 / 2.5), rel=1e-6)
    assert named["ocean"] == pytest.approx(math.log(1 + 1.5 / 1.5), rel=1e-6)
    expected = math.log(1 + 2.5 / 0.5) if unseen is None else unseen
    assert named["river"] == pytest.approx(expected, rel=1e-6)
    assert {named[token] for token in SPECIAL} == {0.0}
    assert int(found.is_unseen.sum()) == len(found.tokens) - len(SPECIAL) - 2


@given(corpora, corpora)
def test_merged_counts_are_those_of_both_corpora_at_once(first: list[str], more: list[str]) -> None:
    merged = counted(first).merged(counted(more))

    whole = counted(first + more)
    np.testing.assert_array_equal(merged.document_frequencies, whole.document_frequencies)
    assert (merged.n_docs, merged.n_empty) == (whole.n_docs, whole.n_empty)
    assert merged.corpora == ("corpus", "corpus")


def test_counts_of_another_vocabulary_are_not_merged() -> None:
    with pytest.raises(InvalidInputError, match="which has another vocabulary; count both"):
        counted(["the"]).merged(counted(["the"], unigram_tokenizer))


def test_documents_may_come_in_any_portions() -> None:
    texts = ["the ocean", "", "water " * 700, "the"]
    counter = TermCounter(tokenizer_of(word_piece_tokenizer()))

    for text in texts:
        counter.add([text])

    np.testing.assert_array_equal(
        counter.counts([]).document_frequencies, counted(texts).document_frequencies
    )


def test_what_the_tokenizer_would_cut_or_pad_counts_all_the_same() -> None:
    backend = word_piece_tokenizer()
    backend.enable_truncation(4)
    backend.enable_padding()
    counter = TermCounter(tokenizer_of(backend))

    counter.add(["the water of the ocean is a river", "garden"])

    found = counter.counts([])
    named = dict(zip(found.tokens, found.document_frequencies.tolist(), strict=True))
    assert (named["river"], named["[PAD]"], named["[SEP]"]) == (1, 0, 0)


@pytest.mark.parametrize("texts", [[], ["", " \n"]])
def test_a_corpus_without_a_token_has_no_weights(texts: list[str]) -> None:
    with pytest.raises(InvalidInputError, match=rf"None of the {len(texts)} documents of corpus"):
        counted(texts).weights()


@pytest.mark.parametrize("unseen", [-1.0, math.nan, math.inf])
def test_a_weight_that_is_none_is_refused(unseen: float) -> None:
    with pytest.raises(InvalidInputError, match="finite and not negative"):
        counted(["the"]).weights(unseen)


def test_ids_may_have_gaps(tmp_path: Path) -> None:
    backend = word_piece_tokenizer()
    backend.save(str(tmp_path / "tokenizer.json"))
    tokenizer = load_tokenizer(str(tmp_path))
    kept = {token: number for token, number in tokenizer.ids.items() if token != "water"}
    counter = TermCounter(ModelTokenizer("tiny", backend, kept, tokenizer.special))

    counter.add(["the ocean"])

    found = counter.counts([])
    named = dict(zip(found.tokens, found.document_frequencies.tolist(), strict=True))
    assert {token for token, count in named.items() if count} == {"the", "ocean"}
    assert "water" not in named
