"""How a folder is refused: with one sentence or two, on one line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lsr.encoders.layouts import check_checkpoint
from lsr.errors import ModelNotFoundError, UnsupportedModelError


@pytest.fixture
def refusal() -> Callable[[Path], str]:
    """Returns what is said of a folder that cannot be used."""

    def said_of(folder: Path) -> str:
        with pytest.raises((ModelNotFoundError, UnsupportedModelError)) as caught:
            check_checkpoint(folder)
        message = str(caught.value)
        assert message.endswith(".")
        assert "\n" not in message
        return message

    return said_of
