import sys
from pathlib import Path

import pytest

from lsr.encoders import Precision
from lsr.encoders.backend import Backend
from lsr.eval.bench.peak_memory import PeakMemoryError, encode_here, peak_bytes
from tiny_models import save_tiny_model


def test_memory_is_that_of_a_process_without_torch(tmp_path: Path) -> None:
    model = save_tiny_model(tmp_path / "bert")

    peak = peak_bytes(model, Backend.NATIVE, Precision.FLOAT32, 32, ["sparse retrieval"] * 5)

    if sys.platform != "linux":
        assert peak is None
    else:
        assert peak is not None
        assert 30e6 < peak < 1e9
        here = encode_here(str(model), "native", "float32", "32", ["sparse retrieval"])
        assert here is not None
        assert here > peak  # this process holds torch as well


def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(PeakMemoryError, match=r"exit code 1, .*no config.json"):
        peak_bytes(tmp_path, Backend.NATIVE, Precision.INT8, 32, ["a"])
