"""What is trained computes what `load_encoder` computes of the files that are saved of it."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from lsr.encoders import Backend, Precision, load_encoder
from lsr.encoders.method import (
    Activation,
    NetworkWeighting,
    PooledTokens,
    Pooling,
    Repeats,
    Side,
    TableWeighting,
    TokenWeighting,
    VocabularyWeighting,
)
from lsr.encoders.tokenization import TextTokenizer
from lsr.encoders.torch_weighers import TextTensors
from lsr.errors import ConfigError, UnsupportedModelError, VocabularyMismatchError
from lsr.training.model_loading import StartingModel, load_starting_model
from lsr.training.model_saving import save_trained
from lsr.training.recipe import DataPart, Frozen, ModelPart, Recipe, SchedulePart
from lsr.training.towers import NetworkTower, TableTower
from tiny_models import save_tiny_model

TEXTS = ["the sparse index of the river", "water water [SEP] flower", "q", "learned term weight"]
LENGTH = 24
RECIPE = Recipe(
    ModelPart("start", max_length=LENGTH, query_max_length=12),
    DataPart(dataset="data"),
    SchedulePart(steps=1000),
    source="a paper",
)

ROUNDING = 1e-5
"""Logarithms of float32 sums in another order."""

LARGEST_NORM = Side(VocabularyWeighting(), unit_length=True)


def perturbed(start: StartingModel) -> StartingModel:
    """Move all weights a little, as training does: saved must be what is trained."""
    made = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in filter(lambda one: one.requires_grad, start.encoder.parameters()):
            parameter.add_(torch.randn(parameter.shape, generator=made) * 0.05)
    return start


def assert_saved_is_trained(start: StartingModel, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    save_trained(start, folder, RECIPE, {"flops": 1.5})
    encoder = load_encoder(str(folder), backend=Backend.TORCH, precision=Precision.FLOAT32)
    start.encoder.eval()
    for tower, tokenizer, encode in (
        (start.encoder.queries, start.query_texts, encoder.encode_queries),
        (start.encoder.documents, start.document_texts, encoder.encode_documents),
    ):
        with torch.no_grad():
            trained = tower(tokenizer.tokenize(TEXTS)).numpy()
        saved = encode(TEXTS).to_scipy().toarray()
        np.testing.assert_allclose(saved, trained, rtol=ROUNDING, atol=ROUNDING)
        assert (trained > 0).any(1).sum() >= len(TEXTS) - 1


def part(start: Path, **values: object) -> ModelPart:
    return ModelPart(str(start), max_length=LENGTH, query_max_length=12, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "method",
    [
        *("splade-max", "splade-v1", "splade-doc", "splade-lexical", "splade-top-k"),
        *("distilsplade-sep", "qmlp-dmlm", "qmlm-dmlp", "unicoil", "deepimpact", "epic", "sparta"),
        "tilde",
    ],
)
def test_every_method_is_saved_as_it_is_trained(
    tiny_bert: Path, tmp_path: Path, method: str
) -> None:
    start = load_starting_model(part(tiny_bert, method=method), seed=1)
    for network in {one for one in start.encoder.modules() if hasattr(one, "heads")}:
        for head in network.heads.values():
            torch.nn.init.constant_(head.bias, 0.5)  # so that no text loses all its tokens

    assert_saved_is_trained(perturbed(start), tmp_path / "model")


@pytest.mark.parametrize(
    "weighting",
    [
        VocabularyWeighting(saturation=2),
        VocabularyWeighting(activation=Activation.IDENTITY, pooling=Pooling.MAGNITUDE),
        VocabularyWeighting(tokens=PooledTokens.FIRST),
        VocabularyWeighting(saturation=0, lexical=True),
        TokenWeighting(Repeats.MAX, activation=Activation.SOFTPLUS),
    ],
    ids=str,
)
def test_every_formula_is_saved_as_it_is_trained(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weighting: NetworkWeighting
) -> None:
    start = load_starting_model(part(tiny_bert, method="unicoil"), seed=1)
    if isinstance(weighting, VocabularyWeighting):
        start = load_starting_model(part(tiny_bert), seed=1)
    for tower in (start.encoder.documents, start.encoder.queries):
        tower.side = Side(weighting)
    for texts in (start.document_texts, start.query_texts):
        assert isinstance(texts, TextTokenizer)
        texts._pooled = weighting.tokens

    assert_saved_is_trained(perturbed(start), tmp_path / "model")


def test_a_trained_table_is_saved_with_the_model(tiny_bert: Path, tmp_path: Path) -> None:
    table = tmp_path / "idf.json"
    table.write_text('{"the": 0.1, "river": 4.0, "water": 3.0, "q": 1.0, "term": 2.0, "[SEP]": 9}')
    start = load_starting_model(
        part(tiny_bert, query_weights=str(table), trains_query_weights=True), seed=1
    )
    tower = start.encoder.queries
    assert isinstance(tower, TableTower)
    assert isinstance(tower.side.weighting, TableWeighting)

    vectors = tower(start.query_texts.tokenize(["water water [SEP]"]))
    vectors.sum().backward()
    with torch.no_grad():
        tower.table.add_(0.5 * tower.table.grad)

    assert_saved_is_trained(start, tmp_path / "model")
    assert vectors.detach()[vectors > 0].tolist() == [3.0]


def test_sides_share_a_network_unless_the_method_has_two(tiny_bert: Path) -> None:
    for method, is_shared in (("splade-max", True), ("distilsplade-sep", False)):
        encoder = load_starting_model(part(tiny_bert, method=method), seed=0).encoder
        assert isinstance(encoder.queries, NetworkTower)
        assert isinstance(encoder.documents, NetworkTower)
        assert (encoder.queries.network is encoder.documents.network) == is_shared


def test_the_card_says_of_what_and_how_the_model_was_trained(
    tiny_bert: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_bert, tmp_path / "base")
    (folder / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n")
    start = load_starting_model(part(folder), seed=0)
    (tmp_path / "model").mkdir()

    save_trained(start, tmp_path / "model", RECIPE, {"document_terms": 123.45})

    card = (tmp_path / "model" / "README.md").read_text()
    assert 'license: "cc-by-nc-4.0"' in card
    for row in ("Recipe | a paper", "Data | data (train)", "Steps | 1,000", "terms | 123.5 |"):
        assert row in card


def test_towers_of_two_vocabularies_are_refused(tiny_bert: Path, tmp_path: Path) -> None:
    other = save_tiny_model(tmp_path / "roberta", "roberta")

    with pytest.raises(VocabularyMismatchError, match="another vocabulary"):
        load_starting_model(part(tiny_bert, query_start=str(other)), seed=0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"method": "splade-maxx"}, "did you mean splade-max"),
        ({"frozen": Frozen.DOCUMENTS}, "share one network"),
        ({"method": "splade-doc", "frozen": Frozen.DOCUMENTS}, "Nothing would be trained"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    tiny_bert: Path, values: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        load_starting_model(part(tiny_bert, **values), seed=0)


def test_texts_longer_than_the_model_reads_are_refused(tiny_bert: Path) -> None:
    with pytest.raises(ConfigError, match="takes 1 to 64 tokens"):
        load_starting_model(ModelPart(str(tiny_bert), max_length=65), seed=0)


def test_pruning_by_other_rules_than_top_k_is_refused(tiny_bert: Path) -> None:
    start = load_starting_model(part(tiny_bert), seed=0)
    tower = start.encoder.documents
    assert isinstance(tower, NetworkTower)

    with pytest.raises(UnsupportedModelError, match="only top_k can"):
        NetworkTower(tower.network, Side(prune="max_ratio:0.1"), np.empty(0, np.int64))


def test_only_the_heaviest_terms_have_a_gradient(tiny_bert: Path) -> None:
    start = load_starting_model(part(tiny_bert, method="splade-top-k"), seed=0)
    start.encoder.eval()

    vectors = start.encoder.documents(start.document_texts.tokenize(TEXTS))

    assert ((vectors > 0).sum(1) == 32).all()


def test_vectors_of_unit_length_have_finite_gradients_when_empty() -> None:
    from lsr.training.towers import finished

    weights = torch.tensor([[3.0, 4.0], [0.0, 0.0]], requires_grad=True)
    vectors = finished(weights, LARGEST_NORM, None)
    vectors.sum().backward()

    assert vectors.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0, 0]]
    assert weights.grad.isfinite().all()


def test_the_share_of_the_first_token_is_that_of_the_logits_that_it_wins(tiny_bert: Path) -> None:
    start = load_starting_model(part(tiny_bert), seed=0)
    tower, texts = start.encoder.documents.eval(), start.document_texts.tokenize(TEXTS)
    assert isinstance(tower, NetworkTower)
    first_only = [0.0, 0.0]

    found = tower.first_token_share(texts)

    for text in texts:
        batch = TextTensors.of([text], tower.network.pad_id, torch.device("cpu"))
        layer = tower.network.vocabulary
        with torch.no_grad():
            states = tower.network(batch)[1][0][batch.pooled[0]]
            logits = (states @ layer.weight.t() + layer.bias).relu()
        largest, place = logits.max(0)
        first_only[0] += float(largest[place == 0].sum())
        first_only[1] += float(largest.sum())
    assert 0 < first_only[0] < first_only[1]
    assert found == pytest.approx(first_only[0] / first_only[1], rel=ROUNDING)


def test_weights_of_several_tokens_have_no_share_of_the_first(tiny_bert: Path) -> None:
    start = load_starting_model(part(tiny_bert, method="splade-v1"), seed=0)

    assert start.encoder.documents.first_token_share(start.document_texts.tokenize(TEXTS)) is None
