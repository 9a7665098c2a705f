"""What does a compressed model say of itself? What its zeros are good for, in compression.json.

The weights are an ordinary checkpoint, with zeros where something was removed. The file tells this
backend where to look for blocks of zeros, and that terms can be left out, so that it changes how
fast a model is, and nothing else. With one exception: terms may be for those texts alone that hold
them, a rule that every backend follows and that whoever reads nothing but weights does not know.

A pruned layer of which too little is zero is computed as a dense one. Measured on layers from
128 x 512 to 3072 x 768 (docs/adr/0014): in float32 blocks are as fast as the whole matrix where
three quarters of it remain, for 8 tokens or for 128. In bytes that is at seven tenths for 128
tokens. For 8 it is at half while a matrix stays in a cache, and at a third in a whole model, whose
weights come from memory: there, columns are half as many bytes again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.json_file import read_json
from lsr.encoders.precision import Precision
from lsr.errors import UnsupportedModelError

Array = NDArray[np.float32]

FILE = "compression.json"
VERSION = 2
VERSION_WITHOUT_LITERAL = 1
"""What a file without literal terms says, which earlier versions read too."""

MOST_BLOCKS = {Precision.FLOAT32: 0.75, Precision.INT8: 0.51}
"""Share of a matrix that may lie in blocks where these are faster than the whole matrix."""

MOST_SHORT_BLOCKS = {Precision.FLOAT32: 0.75, Precision.INT8: 0.34}
"""The same for the few tokens of a query."""


@dataclass(frozen=True, slots=True)
class Compression:
    """What was removed from a model.

    Attributes:
        blocks: {name of a matrix: share of it in 4x1 blocks that are not zero}.
        n_dropped_terms: terms that no text can activate.
        literal_terms: terms that only texts which hold them can activate, rising.
        n_multiplied: weights that every token was multiplied with before whole parts went; 0 where
            none went.
    """

    blocks: Mapping[str, float]
    n_dropped_terms: int
    literal_terms: tuple[int, ...] = ()
    n_multiplied: int = 0

    def pays(self, names: list[str], precision: Precision, *, is_short: bool = False) -> bool:
        """Return whether matrices, multiplied as one, are faster in blocks.

        Args:
            names: of the matrices, of equal size.
            precision: FLOAT32 or INT8.
            is_short: whether for a query alone, of 16 tokens at most.
        """
        shares = [self.blocks.get(name, 1.0) for name in names]
        most = MOST_SHORT_BLOCKS if is_short else MOST_BLOCKS
        return sum(shares) / len(shares) <= most[precision]


NOT_COMPRESSED = Compression({}, 0)


def read_compression(folder: Path) -> Compression:
    """Read what the model in a folder says of itself.

    Raises:
        UnsupportedModelError: it was compressed by a newer version, or its file is damaged.
    """
    file = folder / FILE
    if not file.is_file():
        return NOT_COMPRESSED
    found = read_json(file, dict)
    version, blocks, n_dropped = (
        found.get(key) for key in ("version", "blocks", "n_dropped_terms")
    )
    if isinstance(version, int) and version > VERSION:
        raise UnsupportedModelError(
            f"{file} is of version {version}, but this version of lsr knows {VERSION}; update lsr."
        )
    are_shares = isinstance(blocks, Mapping) and all(
        isinstance(share, int | float) and 0 <= share <= 1 for share in blocks.values()
    )
    literal = found.get("literal_terms", [])
    are_terms = isinstance(literal, list) and all(
        isinstance(term, int) and term >= 0 for term in literal
    )
    n_multiplied = found.get("n_multiplied", 0)
    are_numbers = isinstance(n_dropped, int) and isinstance(n_multiplied, int)
    is_known = version in (VERSION_WITHOUT_LITERAL, VERSION)
    if not (is_known and are_shares and are_terms and are_numbers):
        raise UnsupportedModelError(
            f"{file} must hold 'version', shares of 'blocks' and 'n_dropped_terms'; remove it to "
            "run the model without its blocks."
        )
    shares = {str(name): float(share) for name, share in blocks.items()}
    return Compression(shares, n_dropped, tuple(literal), n_multiplied)


def reachable_terms(rows: Array, bias: Array, gamma: Array, beta: Array) -> NDArray[np.uint32]:
    """Return the terms whose logit can be above zero, whatever goes through a layer norm before.

    ``w (gamma z + beta) <= |w gamma| |z| + w beta``, and a layer norm gives |z| <= sqrt(size).

    Args:
        rows: of the vocabulary matrix, shape (n_terms, size).
        bias: shape (n_terms,).
        gamma: of the layer norm, shape (size,).
        beta: of the layer norm, shape (size,).
    """
    reach = np.linalg.norm(rows * gamma, axis=1) * np.sqrt(np.float32(gamma.size))
    # The sum is rounded; a part in a thousand is far more than that.
    return np.flatnonzero(1.001 * reach + rows @ beta + bias > 0).astype(np.uint32)
