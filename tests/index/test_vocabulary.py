import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsr.errors import InvalidInputError, VocabularyMismatchError
from lsr.index import Vocabulary, VocabularyKind
from lsr.sparse import SparseBatch, batch_of_named_terms


def _rows(batch: SparseBatch) -> list[dict[int, float]]:
    return [dict(zip(t.tolist(), w.tolist(), strict=True)) for t, w in batch.rows()]


def test_an_empty_vocabulary_takes_the_kind_of_its_first_vectors() -> None:
    named, numbered = Vocabulary.empty(), Vocabulary.empty()

    named.documents(*batch_of_named_terms([{"cat": 1.0}]))
    numbered.documents(SparseBatch.from_rows([[(5, 1.0)]], n_terms=6), None)

    assert named.kind is VocabularyKind.NAMES
    assert (numbered.kind, numbered.n_terms) == (VocabularyKind.NUMBERS, 6)


def test_names_keep_their_ids_as_the_vocabulary_grows() -> None:
    vocabulary = Vocabulary.empty()
    first = vocabulary.documents(*batch_of_named_terms([{"cat": 1.0, "dog": 2.0}]))
    fingerprint = vocabulary.fingerprint

    second = vocabulary.documents(*batch_of_named_terms([{"emu": 3.0, "cat": 4.0}]))

    assert _rows(first) == [{0: 1.0, 1: 2.0}]
    assert _rows(second) == [{2: 3.0, 0: 4.0}]
    assert list(vocabulary.names) == ["cat", "dog", "emu"]
    assert vocabulary.fingerprint != fingerprint


def test_a_models_vocabulary_refuses_unknown_terms() -> None:
    vocabulary = Vocabulary(VocabularyKind.MODEL, ["cat", "dog"])

    with pytest.raises(VocabularyMismatchError, match=r"1 terms .* such as 'emu'"):
        vocabulary.documents(*batch_of_named_terms([{"emu": 1.0}]))
    with pytest.raises(VocabularyMismatchError, match=r"has term 2, .* knows 2 terms"):
        vocabulary.documents(SparseBatch.from_rows([[(2, 1.0)]], n_terms=3), None)


def test_names_and_numbers_do_not_mix() -> None:
    named = Vocabulary(VocabularyKind.NAMES, ["cat"])
    numbered = Vocabulary(VocabularyKind.NUMBERS, n_terms=9)
    numbers = SparseBatch.from_rows([[(0, 1.0)]], n_terms=1)

    with pytest.raises(VocabularyMismatchError, match="number theirs"):
        named.documents(numbers, None)
    with pytest.raises(VocabularyMismatchError, match="number theirs"):
        named.queries(numbers, None)
    with pytest.raises(VocabularyMismatchError, match="name their terms"):
        numbered.documents(*batch_of_named_terms([{"cat": 1.0}]))


def test_query_terms_that_no_document_has_are_left_out() -> None:
    vocabulary = Vocabulary(VocabularyKind.NAMES, ["cat", "dog"])

    queries = vocabulary.queries(
        *batch_of_named_terms([{"emu": 1.0}, {"dog": 2.0, "emu": 1.0, "cat": 3.0}])
    )

    assert _rows(queries) == [{}, {0: 3.0, 1: 2.0}]


def test_numbered_terms_may_be_queried_by_their_digits() -> None:
    vocabulary = Vocabulary(VocabularyKind.NUMBERS, n_terms=9)

    assert _rows(vocabulary.queries(*batch_of_named_terms([{"7": 1.0, "12": 1.0}]))) == [{7: 1.0}]
    with pytest.raises(InvalidInputError, match="has the term 'cat'"):
        vocabulary.queries(*batch_of_named_terms([{"cat": 1.0}]))


@given(
    st.dictionaries(
        st.sampled_from(["emu", "cat", "dog", "bee", "", "ox"]),
        st.integers(0, 3) | st.floats(0, 3.4e38) | st.sampled_from([1e-46, 1e-40]),
    )
)
def test_a_single_query_is_what_many_are(weights: dict[str, float]) -> None:
    names = Vocabulary(VocabularyKind.NAMES, ["dog", "emu", "", "cat"])

    single, many = names.query(weights), names.queries(*batch_of_named_terms([weights]))

    assert single.n_terms == many.n_terms
    for one, other in zip(single.row(0), many.row(0), strict=True):
        assert one.dtype == other.dtype
        assert one.tolist() == other.tolist()
    assert single.indptr.tolist() == many.indptr.tolist()


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf"), True, None, "1", 10**400])
def test_a_single_query_has_sound_weights(weight: float) -> None:
    with pytest.raises(InvalidInputError, match="the weight of term 'cat'"):
        Vocabulary(VocabularyKind.NAMES, ["cat"]).query({"cat": weight})
