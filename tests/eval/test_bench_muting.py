import os

import pytest

from lsr.eval.bench.muting import muted


def test_muted_output_is_not_lost_afterwards(capfd: pytest.CaptureFixture[str]) -> None:
    with muted():
        os.write(1, b"inside")
    os.write(1, b"after")

    assert capfd.readouterr().out == "after"
