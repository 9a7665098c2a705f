from pathlib import Path

import pytest
import torch

from lsr.training.calibration import calibrate, can_calibrate
from lsr.training.model_loading import load_starting_model
from lsr.training.recipe import ModelPart
from lsr.training.towers import NetworkTower

TEXTS = ["the sparse index of the river", "water flower", "learned term weight of a document"]


@pytest.mark.parametrize("wanted", [1, 10, 100])
def test_texts_have_as_many_terms_as_wanted_in_the_mean(tiny_bert: Path, wanted: int) -> None:
    start = load_starting_model(ModelPart(str(tiny_bert), max_length=24), seed=0)
    tower, texts = start.encoder.documents, start.document_texts.tokenize(TEXTS)
    assert isinstance(tower, NetworkTower)

    calibrate(tower, texts, wanted)

    with torch.no_grad():
        assert int((tower(texts) > 0).sum()) == wanted * len(TEXTS)


@pytest.mark.parametrize(("method", "can"), [("splade-max", True), ("unicoil", False)])
def test_only_a_bias_over_the_vocabulary_can_be_shifted(
    tiny_bert: Path, method: str, can: bool
) -> None:
    part = ModelPart(str(tiny_bert), method=method, max_length=24)
    assert can_calibrate(load_starting_model(part, seed=0).encoder.documents) == can


def test_a_head_without_a_bias_cannot_be_shifted(tiny_bert: Path) -> None:
    tower = load_starting_model(ModelPart(str(tiny_bert), max_length=24), seed=0).encoder.documents
    assert isinstance(tower, NetworkTower)
    tower.network.vocabulary.bias = None

    assert not can_calibrate(tower)
