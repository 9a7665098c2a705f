import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsr.encoders import Backend, Encoder, Precision, load_encoder
from lsr.encoders.network_tower import NetworkTower
from lsr.encoders.two_tower import TwoTowerEncoder
from lsr.errors import InvalidInputError
from lsr.sparse import SparseBatch, vocabulary_fingerprint
from tiny_models import KINDS, WORDS

TEXTS = [
    "sparse retrieval with learned weights",
    "the ocean",
    "",
    "A study of proteins, genes and the river; which method is best for this question?",
    "water",
    "the painter of the island garden in summer and winter, and of mountains by the river",
]


def random_texts(n_texts: int, seed: int = 7) -> list[str]:
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS, random.integers(1, 40))) for _ in range(n_texts)]


def plain_splade(folder: Path, texts: Sequence[str], max_length: int) -> Any:
    """The formula as written, one text at a time over all logits: the oracle."""
    import torch
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForMaskedLM.from_pretrained(folder).eval()
    inputs = tokenizer(
        list(texts), padding=True, truncation=True, max_length=max_length, return_tensors="pt"
    )
    mask = inputs["attention_mask"].bool()
    with torch.inference_mode():
        logits = model(input_ids=inputs["input_ids"], attention_mask=mask.long()).logits
    largest = logits.masked_fill(~mask[..., None], -torch.inf).amax(dim=1)
    return torch.log1p(torch.relu(largest)).numpy()


def network_tower(encoder: Encoder) -> NetworkTower:
    assert isinstance(encoder, TwoTowerEncoder)
    assert isinstance(encoder.documents, NetworkTower)
    return encoder.documents


@pytest.fixture
def tower(tiny_bert: Encoder) -> NetworkTower:
    return network_tower(tiny_bert)


class Recorder:
    def __init__(self) -> None:
        self.n_encoded = self.n_tokens = 0
        self.cut: list[int] = []
        self.threads: set[str] = set()

    def encoded(self, n_texts: int, n_tokens: int) -> None:
        self.n_encoded += n_texts
        self.n_tokens += n_tokens
        self.threads.add(threading.current_thread().name)

    def truncated(self, row: int) -> None:
        self.cut.append(row)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_those_of_the_formula(
    tiny_models: dict[str, Path], kind: str, backend: Backend
) -> None:
    folder = str(tiny_models[kind])
    encoder = load_encoder(folder, max_length=24, precision=Precision.FLOAT32, backend=backend)
    texts = [text for text in TEXTS if text]

    vectors = encoder.encode_documents(texts)

    expected = plain_splade(tiny_models[kind], texts, 24)
    assert 0.02 < (expected > 0).mean() < 0.98  # neither all nor nothing: a test of both sides
    # float32 sums in another order; weights here are of size 1.
    np.testing.assert_allclose(vectors.to_scipy().toarray(), expected, atol=2e-5)


def test_padding_never_contributes(tiny_models: dict[str, Path], backend: Backend) -> None:
    # Beside a long text, "water" is nearly all padding. With logits multiplied by the mask instead
    # of set to -inf, the padding's zero would hide its negative logits under a positive bias.
    folder = str(tiny_models["bert"])
    encoder = load_encoder(folder, max_length=60, precision=Precision.FLOAT32, backend=backend)
    texts = ["water", " ".join(WORDS[:50])]

    together = encoder.encode_documents(texts)

    alone = encoder.encode_documents(texts[:1])
    np.testing.assert_array_equal(together.row(0)[0], alone.row(0)[0])
    np.testing.assert_allclose(together.row(0)[1], alone.row(0)[1], atol=2e-5)


def test_rows_come_in_input_order_from_many_batches(
    tower: NetworkTower, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [*random_texts(120), "", *random_texts(40, seed=8)]
    in_one_batch = np.concatenate([tower.encode([text]).to_scipy().toarray() for text in texts])
    monkeypatch.setattr(tower, "_token_budget", 100)
    monkeypatch.setattr(tower, "_n_workers", 3)

    vectors = tower.encode(texts)

    assert len(vectors) == len(texts)
    np.testing.assert_allclose(vectors.to_scipy().toarray(), in_one_batch, atol=2e-5)
    for terms, weights in vectors.rows():
        assert (np.diff(terms.astype(np.int64)) > 0).all()
        assert (weights > 0).all()
    assert vectors.terms.dtype == np.uint32
    assert vectors.weights.dtype == np.float32


@pytest.mark.parametrize(("small_work", "n_batches"), [(0, 2), (1e9, 1)])
def test_few_texts_are_shared_by_the_workers_unless_that_is_more_work(
    tower: NetworkTower, monkeypatch: pytest.MonkeyPatch, small_work: float, n_batches: int
) -> None:
    monkeypatch.setattr("lsr.encoders.network_tower.SMALL_WORK", small_work)
    monkeypatch.setattr(tower, "_n_workers", 2)
    encode = tower._network.encode
    sizes = []

    def counted(rows: Any) -> SparseBatch:
        sizes.append(len(rows))
        return encode(rows)

    monkeypatch.setattr(tower._network, "encode", counted)

    tower.encode(["the river and the ocean"] * 8)

    assert sizes == [8 // n_batches] * n_batches


def test_a_small_batch_alone_is_not_split_and_a_large_one_is(
    tiny_models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    encoder = load_encoder(str(tiny_models["bert"]), backend=Backend.TORCH)
    tower = network_tower(encoder)
    encode = tower._network.encode
    counts = []

    def counted(rows: Any) -> SparseBatch:
        counts.append(torch.get_num_threads())
        return encode(rows)

    monkeypatch.setattr(tower._network, "encode", counted)
    before = torch.get_num_threads()
    torch.set_num_threads(2)

    try:
        for small_work in (1e9, 0):
            monkeypatch.setattr("lsr.encoders.network_tower.SMALL_WORK", small_work)
            tower.encode(["water"])
    finally:
        torch.set_num_threads(before)

    assert counts == [1, 2]


def test_a_stream_gives_each_run_the_vectors_that_its_texts_have(
    tower: NetworkTower, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["river " * 40, *random_texts(150), "", "ocean " * 33, *random_texts(30, seed=8)]
    expected = tower.encode(texts).to_scipy().toarray()
    monkeypatch.setattr("lsr.encoders.network_tower.WINDOW_TEXTS", 16)
    monkeypatch.setattr(tower, "_token_budget", 100)
    monkeypatch.setattr(tower, "_n_workers", 3)
    bounds = [0, 0, 70, 70, 71, 100, len(texts), len(texts)]
    recorder = Recorder()

    runs = list(tower.encode_stream((texts[a:b] for a, b in pairwise(bounds)), recorder))

    assert [len(run.vectors) for run in runs] == [b - a for a, b in pairwise(bounds)]
    found = np.concatenate([run.vectors.to_scipy().toarray() for run in runs])
    np.testing.assert_allclose(found, expected, atol=2e-5)
    cut = [start + row for start, run in zip(bounds, runs, strict=False) for row in run.truncated]
    whole = [tower.count_tokens(text) for text in texts]
    assert cut == [row for row, n_tokens in enumerate(whole) if n_tokens > 32]
    assert {0, 152} <= set(cut)
    assert recorder.n_encoded == len(texts)
    assert recorder.n_tokens == sum(min(32, tower.count_tokens(text)) for text in texts if text)
    assert recorder.threads == {threading.current_thread().name}


def test_a_stream_reads_one_run_ahead_and_none_past_a_run_without_texts(
    tower: NetworkTower,
) -> None:
    read = []

    def runs() -> Iterator[list[str]]:
        for number, run in enumerate([["water"], ["river"], [], ["ocean"], ["garden"]]):
            read.append(number)
            yield run

    stream = tower.encode_stream(runs())

    n_read = [len(read) for _ in stream]
    assert n_read == [2, 3, 3, 5, 5]


@pytest.mark.parametrize("n_taken", [0, 1])
def test_closing_a_stream_leaves_no_thread(tower: NetworkTower, n_taken: int) -> None:
    stream = tower.encode_stream(random_texts(200) for _ in range(100))

    for _ in range(n_taken):
        next(stream)
    stream.close()

    assert not [t for t in threading.enumerate() if t.name.startswith("lsr-")]


@pytest.mark.parametrize("error", [OSError("the disk is gone"), KeyboardInterrupt()])
def test_an_error_of_the_reader_ends_a_stream_as_it_is(
    tower: NetworkTower, error: BaseException
) -> None:
    def runs() -> Iterator[list[str]]:
        yield random_texts(200)
        raise error

    with pytest.raises(type(error)) as raised:
        list(tower.encode_stream(runs()))

    assert raised.value is error
    assert not [t for t in threading.enumerate() if t.name.startswith("lsr-")]


def test_a_stream_refuses_what_is_no_text(tower: NetworkTower) -> None:
    runs: Any = [["water"], ["river", 7]]
    stream = tower.encode_stream(runs)

    assert len(next(stream).vectors) == 1
    with pytest.raises(InvalidInputError, match="Text 1 is a int"):
        next(stream)


def test_a_stream_may_be_used_while_texts_are_encoded_otherwise(tower: NetworkTower) -> None:
    texts = random_texts(1100)

    for run in tower.encode_stream([texts, texts]):
        # On torch this would hang if either waited for the other's thread count.
        assert len(tower.encode(texts)) == len(run.vectors)


def test_encoding_twice_gives_the_same_bits(tiny_bert: Encoder) -> None:
    texts = random_texts(30)

    first, second = (tiny_bert.encode_documents(texts) for _ in range(2))

    np.testing.assert_array_equal(first.terms, second.terms)
    np.testing.assert_array_equal(first.weights, second.weights)


def test_texts_without_tokens_get_empty_vectors(tiny_bert: Encoder) -> None:
    recorder = Recorder()

    vectors = tiny_bert.encode_documents(["", " \n\t", "\x00", "water"], recorder)

    assert vectors.active_dims[:3].tolist() == [0, 0, 0]
    assert vectors.active_dims[3] > 0
    assert recorder.n_encoded == 4


def test_no_texts_give_no_rows(tiny_bert: Encoder) -> None:
    vectors = tiny_bert.encode_documents([])

    assert len(vectors) == 0
    assert vectors.n_terms == len(tiny_bert.tokens)


def test_listener_hears_of_every_text_and_every_cut_in_the_callers_thread(
    tower: NetworkTower, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tower, "_token_budget", 60)
    monkeypatch.setattr(tower, "_n_workers", 2)
    recorder = Recorder()
    texts = ["water", "river " * 30, "", "river " * 31, "ocean " * 5000]

    tower.encode(texts, recorder)

    assert recorder.n_encoded == 5
    assert recorder.n_tokens == 3 + 32 + 0 + 32 + 32
    assert recorder.cut == [3, 4]  # 30 words and two special tokens just fit 32
    assert recorder.threads == {threading.current_thread().name}


def test_encoding_leaves_torch_threads_as_they_were(
    tower: NetworkTower, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(tower, "_token_budget", 60)
    monkeypatch.setattr(tower, "_n_workers", 2)
    before = torch.get_num_threads()
    torch.set_num_threads(2)

    try:
        tower.encode(random_texts(20))
        after = torch.get_num_threads()
    finally:
        torch.set_num_threads(before)

    assert after == 2


def test_queries_and_documents_are_encoded_alike(tiny_bert: Encoder) -> None:
    as_query, as_document = tiny_bert.encode_queries(TEXTS), tiny_bert.encode_documents(TEXTS)

    np.testing.assert_array_equal(as_query.weights, as_document.weights)


def test_one_string_instead_of_a_list_is_refused(tiny_bert: Encoder) -> None:
    with pytest.raises(InvalidInputError, match=r"pass \[text\]"):
        tiny_bert.encode_documents("water")


@pytest.mark.parametrize(("text", "message"), [(7, "Text 1 is a int"), ("\ud800", "surrogate")])
def test_what_is_no_text_is_refused_with_its_row(
    tiny_bert: Encoder, text: Any, message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        tiny_bert.encode_documents(["water", text])


def test_decode_names_the_heaviest_terms_first(tiny_bert: Encoder) -> None:
    batch = SparseBatch.from_rows([[(5, 0.5), (6, 2.0), (9, 0.5)], []], len(tiny_bert.tokens))
    token = tiny_bert.tokens

    assert list(tiny_bert.decode(batch)[0].items()) == [
        (token[6], 2.0),
        (token[5], 0.5),
        (token[9], 0.5),
    ]
    assert tiny_bert.decode(batch, top_k=1) == [{token[6]: 2.0}, {}]


def test_decode_refuses_another_vocabulary(tiny_bert: Encoder) -> None:
    with pytest.raises(InvalidInputError, match="vocabulary of 3 terms"):
        tiny_bert.decode(SparseBatch.from_rows([[(1, 1.0)]], 3))
    with pytest.raises(InvalidInputError, match="top_k is 0"):
        tiny_bert.decode(SparseBatch.from_rows([[]], len(tiny_bert.tokens)), top_k=0)


def test_spans_point_at_the_text(tiny_bert: Encoder) -> None:
    text = "Of the Ocean, zz"

    spans = [(tiny_bert.tokens[term], text[a:b]) for term, a, b in tiny_bert.term_spans(text)]

    assert spans == [
        ("of", "Of"),
        ("the", "the"),
        ("ocean", "Ocean"),
        (",", ","),
        ("z", "z"),
        ("##z", "z"),
    ]


def test_settings_load_the_same_encoder_again(tiny_bert: Encoder) -> None:
    settings = tiny_bert.settings

    again = load_encoder(
        settings["model"], max_length=settings["max_length"], precision=settings["precision"]
    )

    assert again.settings == settings
    assert again.fingerprint == tiny_bert.fingerprint == vocabulary_fingerprint(tiny_bert.tokens)
    assert Path(settings["model"]).is_absolute()


def test_an_interrupt_drops_waiting_batches_and_leaves_no_thread(
    tower: NetworkTower, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tower, "_token_budget", 60)
    monkeypatch.setattr(tower, "_n_workers", 2)
    encode_batch = tower._network.encode
    begun = []

    def counted(rows: Any) -> SparseBatch:
        begun.append(len(rows))
        return encode_batch(rows)

    class Interrupting(Recorder):
        def encoded(self, n_texts: int, n_tokens: int) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(tower._network, "encode", counted)

    with pytest.raises(KeyboardInterrupt):
        tower.encode(random_texts(2000), Interrupting())

    assert sum(begun) < 2000
    assert not [t for t in threading.enumerate() if t.name.startswith("lsr-")]


def test_several_threads_may_encode_at_once(tiny_bert: Encoder) -> None:
    texts = random_texts(60)
    expected = tiny_bert.encode_documents(texts).to_scipy().toarray()
    results: list[Any] = [None] * 4

    def encode(number: int) -> None:
        results[number] = tiny_bert.encode_documents(texts).to_scipy().toarray()

    threads = [threading.Thread(target=encode, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for result in results:
        np.testing.assert_allclose(result, expected, atol=2e-5)


def test_bfloat16_moves_weights_by_little(splade_tiny: Path) -> None:
    texts = [text for text in TEXTS if text]
    exact, rounded = (
        load_encoder(str(splade_tiny), precision=precision).encode_documents(texts).to_scipy()
        for precision in (Precision.FLOAT32, Precision.BFLOAT16)
    )

    # Hidden states, weights and logits are each rounded to 8 bits: logits move by about half a
    # percent of their size, weights by log1p's slope of that. Measured: 0.021 on real abstracts.
    assert 0 < abs(exact - rounded).max() < 0.04


def test_agrees_with_sentence_transformers(splade_tiny: Path) -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers")
    texts = [text for text in TEXTS if text] + ["BRCA1 mutations raise the risk. " * 60]
    peer = sentence_transformers.SparseEncoder(str(splade_tiny), device="cpu")
    peer.max_seq_length = 256
    encoder = load_encoder(str(splade_tiny), precision=Precision.FLOAT32)

    expected = peer.encode_document(texts, convert_to_sparse_tensor=False, show_progress_bar=False)

    ours = encoder.encode_documents(texts).to_scipy().toarray()
    assert abs(ours - np.asarray(expected)).max() < 1e-4
    query = peer.encode_query(texts[:1], convert_to_sparse_tensor=False, show_progress_bar=False)
    assert abs(encoder.encode_queries(texts[:1]).to_scipy() - np.asarray(query)).max() < 1e-4
