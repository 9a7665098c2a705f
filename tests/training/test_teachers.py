"""Each teacher's scores against the model called by itself, one pair at a time."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification, BertModel

from lsr.encoders import load_encoder
from lsr.errors import UnsupportedModelError
from lsr.training.teachers import CrossEncoder, DenseEncoder, SparseTeacher, load_teacher

QUERIES = ["water of the river", "sparse index"]
DOCUMENTS = ["the river and the ocean", "a flower", "learned sparse retrieval with an index"]
PAIRS = np.array([[0, 0], [1, 2], [0, 2], [1, 1]])

ROUNDING = 1e-5
"""float32 sums in another order, where texts are filled up."""


@pytest.fixture
def config() -> BertConfig:
    return BertConfig(
        vocab_size=200, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64, num_labels=1,
    )  # fmt: skip


def with_tokenizer(folder: Path, tiny_bert: Path) -> Path:
    AutoTokenizer.from_pretrained(tiny_bert).save_pretrained(folder)
    return folder


def test_a_cross_encoder_reads_query_and_document_together(
    tmp_path: Path, tiny_bert: Path, config: BertConfig
) -> None:
    model = BertForSequenceClassification(config).eval()
    model.save_pretrained(tmp_path)
    with_tokenizer(tmp_path, tiny_bert)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)

    teacher = load_teacher(str(tmp_path), max_length=32)
    found = teacher.score(QUERIES, DOCUMENTS, PAIRS)

    assert isinstance(teacher, CrossEncoder)
    for (query, document), score in zip(PAIRS, found, strict=True):
        read = tokenizer(QUERIES[query], DOCUMENTS[document], return_tensors="pt")
        with torch.no_grad():
            expected = float(model(**read).logits)
        assert float(score) == pytest.approx(expected, abs=ROUNDING)


def test_a_cross_encoder_with_several_labels_is_refused(
    tmp_path: Path, tiny_bert: Path, config: BertConfig
) -> None:
    config.num_labels = 3
    BertForSequenceClassification(config).save_pretrained(tmp_path)
    with_tokenizer(tmp_path, tiny_bert)

    with pytest.raises(UnsupportedModelError, match="has 3 labels"):
        load_teacher(str(tmp_path))


@pytest.mark.parametrize("mode", ["mean", "cls"])
def test_a_dense_encoder_scores_by_cosine(
    tmp_path: Path, tiny_bert: Path, config: BertConfig, mode: str
) -> None:
    model = BertModel(config).eval()
    model.save_pretrained(tmp_path)
    with_tokenizer(tmp_path, tiny_bert)
    package = "sentence_transformers.models"
    modules = [{"type": f"{package}.Transformer"}, {"type": f"{package}.Pooling"}]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    (tmp_path / "1_Pooling").mkdir()
    key = {"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token"}[mode]
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps({key: True}))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)

    def vector(text: str) -> torch.Tensor:
        with torch.no_grad():
            hidden = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        return hidden.mean(0) if mode == "mean" else hidden[0]

    teacher = load_teacher(str(tmp_path), max_length=32)
    found = teacher.score(QUERIES, DOCUMENTS, PAIRS)

    assert isinstance(teacher, DenseEncoder)
    for (query, document), score in zip(PAIRS, found, strict=True):
        cosine = torch.cosine_similarity(vector(QUERIES[query]), vector(DOCUMENTS[document]), 0)
        assert float(score) == pytest.approx(float(cosine), abs=ROUNDING)


def test_a_pooling_that_is_not_known_is_refused(
    tmp_path: Path, tiny_bert: Path, config: BertConfig
) -> None:
    BertModel(config).save_pretrained(tmp_path)
    with_tokenizer(tmp_path, tiny_bert)
    (tmp_path / "modules.json").write_text('[{"type": "sentence_transformers.models.Pooling"}]')

    with pytest.raises(UnsupportedModelError, match="pools in another way"):
        load_teacher(str(tmp_path))


def test_a_sparse_encoder_scores_by_dot_product(tiny_bert: Path) -> None:
    encoder = load_encoder(str(tiny_bert), max_length=32)
    queries = encoder.encode_queries(QUERIES).to_scipy().toarray()
    documents = encoder.encode_documents(DOCUMENTS).to_scipy().toarray()

    teacher = load_teacher(str(tiny_bert), max_length=32)
    found = teacher.score(QUERIES, DOCUMENTS, PAIRS)

    assert isinstance(teacher, SparseTeacher)
    expected = [queries[one] @ documents[two] for one, two in PAIRS]
    np.testing.assert_allclose(found, expected, rtol=ROUNDING)
