from pathlib import Path

import numpy as np
import pytest

from lsr.compression.analysis import HEAD, analyze
from lsr.compression.applying import model_files
from lsr.compression.calibrated_network import CalibratedNetwork
from lsr.compression.checkpoint import Checkpoint
from lsr.compression.texts import tokenized
from tiny_models import WORDS, save_tiny_model


def test_every_matrix_is_measured_and_more_removed_costs_more(tmp_path: Path) -> None:
    files = model_files(str(save_tiny_model(tmp_path, "bert", seed=1)))
    random = np.random.default_rng(1)
    texts = tokenized(files, [" ".join(random.choice(WORDS, 40)) for _ in range(20)])
    network = CalibratedNetwork(files)
    rows, bias = Checkpoint(files).vocabulary()
    before = network.largest_logits(rows, bias, texts)

    found = analyze(Checkpoint(files), network, texts, shares=(0.0, 0.5, 0.9))

    assert found[-1].name == HEAD
    assert [one.name for one in found[:4]] == ["0.qkv", "0.out", "0.up", "0.down"]
    for one in found[:-1]:
        nothing, half, most = one.pruned
        assert nothing.error == 0
        assert nothing.terms == pytest.approx(1)
        assert 0 < half.error < most.error < 1
        assert min(one.microseconds, half.microseconds) > 0
    assert sum(one.work for one in found) < 1
    np.testing.assert_array_equal(network.largest_logits(rows, bias, texts), before)
