from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsr.encoders import Aggregation, Backend, Encoder, Passages, load_encoder, reload_encoder
from lsr.encoders.passages import aggregate
from lsr.errors import ConfigError, InvalidInputError
from lsr.sparse import SparseBatch
from tiny_models import KINDS, WORDS

SHORT, LONG = "the ocean", " ".join(WORDS) + ", " + " ".join(reversed(WORDS))
LENGTH = 24


def whole_text_encoder(folder: Path, aggregation: Aggregation, stride: int | None) -> Encoder:
    return load_encoder(
        str(folder),
        max_length=LENGTH,
        passages=Passages(aggregation, stride),
        backend=Backend.NATIVE,
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stride", [None, 5])
def test_passages_cover_a_text_from_word_to_word(
    tiny_models: dict[str, Path], kind: str, stride: int | None
) -> None:
    encoder = whole_text_encoder(tiny_models[kind], Aggregation.MAX, stride)

    passages = encoder.split(LONG)

    assert passages[0][0] == 0
    assert passages[-1][1] == len(LONG)
    for (start, end), (following, _) in pairwise(passages):
        assert start < following <= end
        assert stride or following == end
        assert not (LONG[end - 1].isalpha() and LONG[end].isalpha())
        assert not (LONG[following - 1].isalpha() and LONG[following].isalpha())
    for start, end in passages:
        assert encoder.count_tokens(LONG[start:end]) <= LENGTH
    if stride:
        tokens = [encoder.count_tokens(LONG[a:b]) - 2 for (a, _), (b, _) in pairwise(passages)]
        assert max(tokens) <= max(stride, len(" retrieval"))
        assert np.median(tokens) <= stride + 3
    assert encoder.split(SHORT) == [(0, len(SHORT))]


@pytest.mark.parametrize("aggregation", list(Aggregation))
def test_a_text_weighs_what_its_passages_weigh(
    tiny_models: dict[str, Path], aggregation: Aggregation
) -> None:
    folder = tiny_models["bert"]
    encoder = whole_text_encoder(folder, aggregation, 9)
    plain = load_encoder(str(folder), max_length=LENGTH, backend=Backend.NATIVE)

    vectors = encoder.encode_documents([SHORT, LONG, ""]).to_scipy().toarray()

    passages = [LONG[start:end] for start, end in encoder.split(LONG)]
    assert len(passages) > 5
    rows = plain.encode_documents(passages).to_scipy().toarray()
    expected = rows.max(0) if aggregation is Aggregation.MAX else rows.sum(0)
    # A batch of other texts sums float32 in another order.
    np.testing.assert_allclose(vectors[1], expected, rtol=1e-5)
    short = plain.encode_documents([SHORT]).to_scipy().toarray()[0]
    np.testing.assert_allclose(vectors[0], short, rtol=1e-5)
    assert not vectors[2].any()


def test_queries_are_cut(tiny_models: dict[str, Path]) -> None:
    encoder = whole_text_encoder(tiny_models["bert"], Aggregation.MAX, None)
    plain = load_encoder(str(tiny_models["bert"]), max_length=LENGTH, backend=Backend.NATIVE)

    assert encoder.decode(encoder.encode_queries([LONG])) == plain.decode(
        plain.encode_queries([LONG])
    )


def test_without_passages_the_beginning_is_read(tiny_bert: Encoder) -> None:
    ((start, end),) = tiny_bert.split(LONG)

    assert start == 0
    assert end < len(LONG)


def test_a_stream_counts_texts_and_tokens_of_passages(tiny_models: dict[str, Path]) -> None:
    encoder = whole_text_encoder(tiny_models["bert"], Aggregation.MAX, None)
    heard = []

    class Listener:
        def encoded(self, n_texts: int, n_tokens: int) -> None:
            heard.append((n_texts, n_tokens))

        def truncated(self, row: int) -> None:
            raise AssertionError(row)

    runs = list(encoder.encode_stream([[LONG, SHORT], [], [SHORT]], Listener()))

    assert [len(run.vectors) for run in runs] == [2, 0, 1]
    together = encoder.encode_documents([LONG, SHORT, SHORT]).to_scipy().toarray()
    found = np.concatenate([run.vectors.to_scipy().toarray() for run in runs])
    np.testing.assert_allclose(found, together, rtol=1e-5)
    assert sum(n_texts for n_texts, _ in heard) == 3
    passages = [LONG[start:end] for start, end in encoder.split(LONG)] + [SHORT] * 2
    assert sum(n_tokens for _, n_tokens in heard) == sum(map(encoder.count_tokens, passages))


def test_settings_load_the_same_encoder_again(tiny_models: dict[str, Path]) -> None:
    encoder = whole_text_encoder(tiny_models["bert"], Aggregation.SUM, 9)

    again = reload_encoder(encoder.settings, Backend.AUTO)

    assert again.settings == encoder.settings
    assert again.split(LONG) == encoder.split(LONG)
    assert encoder.weight_ceiling is None


@settings(deadline=None)
@given(
    counts=st.lists(st.integers(1, 4), max_size=6),
    aggregation=st.sampled_from(Aggregation),
    data=st.data(),
)
def test_aggregation_goes_term_by_term(
    counts: list[int], aggregation: Aggregation, data: st.DataObject
) -> None:
    row = st.dictionaries(st.integers(0, 5), st.sampled_from([0.25, 0.5, 3.0]), max_size=4)
    rows = [[data.draw(row) for _ in range(count)] for count in counts]
    flat = [sorted(one.items()) for passages in rows for one in passages]

    merged = aggregate(SparseBatch.from_rows(flat, 6), counts, aggregation)

    found = [
        dict(zip(terms.tolist(), weights.tolist(), strict=True)) for terms, weights in merged.rows()
    ]
    expected = []
    for passages in rows:
        weights = defaultdict(list)
        for passage in passages:
            for term, weight in passage.items():
                weights[term].append(weight)
        reduce = max if aggregation is Aggregation.MAX else sum
        expected.append({term: reduce(found) for term, found in weights.items()})
    assert found == expected
    assert all((np.diff(terms.astype(int)) > 0).all() for terms, _ in merged.rows())


def test_what_is_no_text_is_refused(tiny_models: dict[str, Path]) -> None:
    encoder = whole_text_encoder(tiny_models["bert"], Aggregation.MAX, None)
    wrong: list[str] = [SHORT, 7]  # type: ignore[list-item]

    with pytest.raises(InvalidInputError, match="Text 1 is a int"):
        encoder.encode_documents(wrong)
    with pytest.raises(InvalidInputError, match=r"pass \[text\]"):
        encoder.encode_documents(SHORT)
    with pytest.raises(ConfigError, match="stride of passages is 0"):
        Passages(stride=0)
