"""Rows of words: every term in exactly one, so that they add up to the score."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from lsr.conversations import Conversation
from lsr.retrieval import Explanation, Index, TermShare, WordShare, explain_in_words, word_shares
from lsr.sparse import SparseBatch
from lsr.words import Word, words_of
from word_encoder import WordEncoder

PIECES = ["index", "##ing", "search", "the", "##ed", "sea", "need", ",", "baby", "[UNK]"]
TERMS = {name: number for number, name in enumerate(PIECES)}


def tokenizer() -> Tokenizer:
    backend = Tokenizer(models.WordPiece(TERMS, unk_token="[UNK]"))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return backend


TOKENIZER = tokenizer()


def spans_of(text: str) -> list[tuple[int, int, int]]:
    encoding = TOKENIZER.encode(text)
    return [
        (term, start, end)
        for term, (start, end) in zip(encoding.ids, encoding.offsets, strict=True)
    ]


class PieceEncoder(WordEncoder):
    """Weights every piece of a text by its number, and always adds "baby"."""

    tokens = tuple(PIECES)

    def term_spans(self, text: str) -> list[tuple[int, int, int]]:
        return spans_of(text)

    def _encode(self, texts: Sequence[str]) -> SparseBatch:
        rows = [{term for term, _, _ in spans_of(text)} | {TERMS["baby"]} for text in texts]
        weighted = [[(term, 1.0 + term / 7) for term in sorted(row)] for row in rows]
        return SparseBatch.from_rows(weighted, n_terms=len(PIECES))


def words(text: str) -> list[Word]:
    return words_of(text, spans_of(text))


def explanation(names: list[str]) -> Explanation:
    """Of a score to which each term adds another power of two."""
    products = [2.0**-number for number in range(len(names))]
    total = sum(products)
    return Explanation(
        "d",
        total,
        [
            TermShare(name, TERMS[name], 1.0, product, product, product / total)
            for name, product in zip(names, products, strict=True)
        ],
    )


def rows(names: list[str], query: str, document: str | None = None) -> dict[str, list[str]]:
    known = None if document is None else words(document)
    found = word_shares(explanation(names), words(query), known, str)
    return {row.word: [share.term for share in row.terms] for row in found}


def test_pieces_of_a_word_are_a_row_in_the_order_of_the_word() -> None:
    assert rows(["##ing", "the", "index"], "Indexing the sea") == {
        "Indexing": ["index", "##ing"],
        "the": ["the"],
    }


def test_a_piece_that_other_words_have_is_a_row_of_its_own() -> None:
    found = rows(["index", "##ing", "search"], "indexing, searching")

    assert found == {"index": ["index"], "##ing": ["##ing"], "search": ["search"]}


def test_a_word_that_begins_another_keeps_its_name() -> None:
    assert rows(["search", "##ing"], "search searching") == {
        "search": ["search"],
        "##ing": ["##ing"],
    }


def test_repeated_words_are_one_row_with_all_places() -> None:
    (row,) = word_shares(explanation(["index", "##ing"]), words("indexing, INDEXING"), None, str)

    assert row.word == "indexing"
    assert [(word.text, word.start) for word in row.query_words] == [
        ("indexing", 0),
        ("INDEXING", 10),
    ]


def test_upper_and_lower_case_are_one_word_though_their_pieces_differ() -> None:
    # As cased tokenizers have them: "Sea" is one piece, "sea" two others.
    query = [Word("Sea", 0, 3, (TERMS["need"],)), Word("sea", 4, 7, (TERMS["sea"], TERMS["##ed"]))]

    (row,) = word_shares(explanation(["##ed", "need", "sea"]), query, None, str)

    assert row.word == "Sea"
    assert [one.term for one in row.terms] == ["need", "sea", "##ed"]


def test_the_row_that_adds_most_comes_first() -> None:
    shares = [TermShare(name, TERMS[name], 1.0, 2.0, 2.0, 1 / 3) for name in ("index", "##ing")]
    shares.insert(0, TermShare("sea", TERMS["sea"], 1.0, 3.0, 3.0, 1 / 3))

    found = word_shares(Explanation("d", 7.0, shares), words("sea indexing"), None, str)

    assert [(row.word, row.product) for row in found] == [("indexing", 4.0), ("sea", 3.0)]


def test_a_word_of_which_one_piece_scores_keeps_its_name() -> None:
    assert rows(["index"], "indexing") == {"indexing": ["index"]}


def test_terms_added_to_the_query_are_gathered_by_words_of_the_document() -> None:
    found = word_shares(
        explanation(["sea", "index", "##ed", "baby"]), words("sea"), words("the indexed sea"), str
    )

    assert [(row.word, row.typed, len(row.document_words or ())) for row in found] == [
        ("sea", True, 1),
        ("indexed", False, 1),
        ("baby", False, 0),
    ]


def test_a_word_of_both_texts_is_not_mixed_with_added_terms() -> None:
    # "need" is one piece in the query and "sea" + "##ed" could be in the document: kept apart.
    query = [Word("needed", 0, 6, (TERMS["need"],))]
    document = [Word("needed", 0, 6, (TERMS["sea"], TERMS["##ed"]))]

    found = word_shares(explanation(["need", "sea", "##ed"]), query, document, str)

    assert [(row.typed, [one.term for one in row.terms]) for row in found] == [
        (True, ["need"]),
        (False, ["sea", "##ed"]),
    ]


def test_what_is_not_known_of_the_document_is_not_said() -> None:
    found = word_shares(explanation(["sea", "baby"]), words("sea"), None, str)

    assert [row.document_words for row in found] == [None, None]


def test_terms_of_a_vector_are_typed_and_rows_by_themselves() -> None:
    found = word_shares(explanation(["index", "##ing"]), None, None, str)

    assert [(row.word, row.typed) for row in found] == [("index", True), ("##ing", True)]


texts = st.lists(
    st.sampled_from(["indexing", "searching", "search", "the", "seaed", ",", "日"])
).map(" ".join)


@given(st.lists(st.sampled_from(PIECES), unique=True), texts, texts)
def test_every_term_is_in_exactly_one_row(names: list[str], query: str, document: str) -> None:
    whole = explanation(names)

    found = word_shares(whole, words(query), words(document), str)

    assert sorted(one.term for row in found for one in row.terms) == sorted(names)
    # Sums of powers of two are exact.
    assert sum(row.product for row in found) == whole.score
    assert [row.product for row in found] == sorted((row.product for row in found), reverse=True)
    for row in found:
        typed = {one.term for one in row.terms} & {PIECES[term] for term, _, _ in spans_of(query)}
        assert row.typed == bool(typed)
        assert typed in (set(), {one.term for one in row.terms})
        for text, places in ((query, row.query_words), (document, row.document_words or ())):
            assert all(text[word.start : word.end] == word.text for word in places)
            held = {one.term_id for one in row.terms}
            assert list(places) == [one for one in words(text) if held & set(one.terms)]


@pytest.fixture
def index(tmp_path: Path) -> Index:
    documents = [
        {"id": "a", "title": "Sea", "text": "the indexed search"},
        {"id": "b", "text": ""},
    ]
    return Index.build(tmp_path / "idx", documents, encoder=PieceEncoder())


@pytest.mark.parametrize("query", ["indexing the sea", "search, searching the baby", "baby"])
def test_words_add_up_to_the_score(index: Index, query: str) -> None:
    found = explain_in_words(index, query, "a")

    (hit,) = [hit for hit in index.search(query) if hit.doc_id == "a"]
    # The same products in another order: a rounding apart.
    assert math.fsum(row.product for row in found.words) == pytest.approx(hit.score, rel=1e-12)
    assert math.fsum(row.share for row in found.words) == pytest.approx(1, rel=1e-12)
    assert sorted(one.term_id for row in found.words for one in row.terms) == sorted(
        one.term_id for one in found.explanation.terms
    )


def test_literal_and_added_terms_are_told_apart_on_either_side(index: Index) -> None:
    found = explain_in_words(index, "indexing the sea", "a")

    def names(terms: frozenset[int] | None) -> set[str]:
        return {PIECES[term] for term in terms or ()}

    assert names(found.typed) == {"index", "##ing", "the", "sea"}
    assert names(found.in_document) == {"index", "the", "sea"}
    rows: dict[str, WordShare] = {row.word: row for row in found.words}
    assert [word.text for word in rows["indexing"].document_words or ()] == ["indexed"]
    # Offsets count from the title: "Sea the indexed search".
    assert [(word.start, word.end) for word in rows["sea"].document_words or ()] == [(0, 3)]
    assert rows["baby"].document_words == ()
    assert not rows["baby"].typed


def test_nothing_is_said_of_the_words_of_a_document_without_text(index: Index) -> None:
    found = explain_in_words(index, "sea", "b")

    assert found.in_document is None
    assert all(row.document_words is None for row in found.words)


def test_the_turns_of_a_conversation_are_the_query(index: Index) -> None:
    chat = Conversation.of(
        [
            {"role": "user", "text": "the sea"},
            {"role": "assistant", "text": "search"},
            {"role": "user", "text": "indexing"},
        ]
    )

    found = explain_in_words(index, chat, "a")

    (row,) = [row for row in found.words if row.word == "sea"]
    (word,) = row.query_words
    assert found.query_text[word.start : word.end] == "sea"
    assert found.query_text.startswith("indexing [SEP] search")


def test_an_index_that_numbers_terms_in_its_own_way_tells_the_same_words(tmp_path: Path) -> None:
    documents = [("a", {"sea": 2.0, "##ing": 1.0, "index": 1.5, "other": 1.0})]
    Index.build(tmp_path / "idx", documents)
    index = Index.open(tmp_path / "idx", encoder=PieceEncoder())

    found = explain_in_words(index, "indexing the sea", "a")

    assert [(row.word, row.typed) for row in found.words] == [("sea", True), ("indexing", True)]
    assert found.typed == {
        index.searcher.vocabulary.names.index(one) for one in ("sea", "##ing", "index")
    }
