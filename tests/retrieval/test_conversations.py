"""A conversation finds what the text finds that its turns make, written out by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

import lsr
from lsr.documents import QueryBatch
from lsr.errors import InvalidInputError
from lsr.sparse import SparseBatch
from tiny_models import save_tiny_model
from word_encoder import WordEncoder

DOCUMENTS = [
    {"id": "d1", "text": "the index and the query"},
    {"id": "d2", "text": "a garden of flowers in the summer"},
    {"id": "d3", "text": "an engine and a wheel, and a song by the river"},
    {"id": "d4", "text": "water of the ocean by the island"},
]
CHAT = lsr.Conversation.of(
    ["user: the garden by the river", "agent: A flower. And water?", "user: which in winter"]
)
TEXTS = {
    "bert": "which in winter [SEP] A flower. And water? [SEP] the garden by the river",
    "roberta": "which in winter </s> A flower. And water? </s> the garden by the river",
}
MAX_LENGTH = 32


@pytest.fixture(scope="module", params=TEXTS)
def index(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[lsr.Index, str]:
    """An index by a tiny model, and the text that the model reads of CHAT."""
    folder = tmp_path_factory.mktemp(request.param)
    model = save_tiny_model(folder / "model", request.param)
    encoder = lsr.load_encoder(str(model), max_length=MAX_LENGTH)
    return lsr.Index.build(folder / "idx", DOCUMENTS, encoder=encoder), TEXTS[request.param]


def same(first: SparseBatch, second: SparseBatch) -> bool:
    return all(
        np.array_equal(getattr(first, name), getattr(second, name))
        for name in ("indptr", "terms", "weights")
    )


def test_finds_what_the_text_finds_newest_turn_first(index: tuple[lsr.Index, str]) -> None:
    opened, text = index

    found = opened.search(CHAT)

    expected = opened.search(text)
    assert [(hit.doc_id, hit.score) for hit in found] == [
        (hit.doc_id, hit.score) for hit in expected
    ]
    assert opened.explain(CHAT, "d2") == opened.explain(text, "d2")


def test_mixes_with_other_queries(index: tuple[lsr.Index, str]) -> None:
    opened, text = index
    batch = QueryBatch(["a", "b"], ["the garden", CHAT])

    together = opened.search_batch(["the garden", CHAT, {"river": 1.0}])

    assert [[hit.doc_id for hit in hits] for hits in together] == [
        [hit.doc_id for hit in opened.search(query)]
        for query in ("the garden", text, {"river": 1.0})
    ]
    assert same(opened.vectors_of(batch), opened.vectors_of(QueryBatch("ab", ["the garden", text])))


def test_the_oldest_turns_are_cut_off(tmp_path: Path) -> None:
    model = save_tiny_model(tmp_path / "model")
    encoder = lsr.load_encoder(str(model), max_length=MAX_LENGTH)
    index = lsr.Index.create(tmp_path / "idx", encoder=encoder)
    long = "user: " + "garden " * (MAX_LENGTH - 2)

    with_older = lsr.Conversation.of(["user: the ocean", "agent: the river", long])
    with_newer = lsr.Conversation.of(["user: the ocean", "agent: the river", long, "a wheel"])

    alone = index.vector_of(lsr.Conversation.of([long]))
    assert same(index.vector_of(with_older), alone)
    assert not same(index.vector_of(with_newer), alone)


def test_an_inference_free_model_weights_the_words_of_all_turns(tmp_path: Path) -> None:
    model = save_tiny_model(tmp_path / "model")
    weights = {"garden": 2.0, "river": 1.5, "water": 1.0, "winter": 3.0, "[SEP]": 9.0}
    (model / "idf.json").write_text(json.dumps(weights))
    encoder = lsr.load_encoder(str(model), max_length=MAX_LENGTH)
    index = lsr.Index.create(tmp_path / "idx", encoder=encoder)

    (found,) = encoder.decode(index.vector_of(CHAT))

    assert found == {"winter": 3.0, "garden": 2.0, "river": 1.5, "water": 1.0}


def test_a_list_of_turns_is_no_query_by_itself(tmp_path: Path) -> None:
    index = lsr.Index.build(tmp_path / "idx", DOCUMENTS, encoder=WordEncoder())

    with pytest.raises(InvalidInputError, match=r"must be a text, a Conversation, .* not list"):
        index.search(CHAT.as_list())
