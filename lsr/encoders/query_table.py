"""How much does each term weigh in a query of an inference-free model? Read from a table.

Such a model encodes documents only. In a query every term counts once, whatever the query's other
terms, with the weight that a table gives it: zero for special tokens, which say nothing of what is
asked (but see `TableWeighting.special_tokens`), and zero for a term that the table does not name.
Libraries differ in the latter, so that `lsr idf build` writes tables that name every token.

Paper: Z. Geng, Y. Wang, D. Ru, Y. Yang, "Towards Competitive Search Relevance For Inference-Free
Learned Sparse Retrievers", 2024.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.json_file import read_json
from lsr.encoders.safetensors_file import SafetensorsFile
from lsr.errors import UnsupportedModelError

logger = logging.getLogger(__name__)

TENSOR = "weight"


def read_query_table(
    file: Path, tokens: Sequence[str], special: Sequence[int]
) -> NDArray[np.float32]:
    """Return the weight of every term, shape (n_terms,), none below zero.

    Args:
        file: JSON or lines that give weights by token, or safetensors that give them by id.
        tokens: name of every term.
        special: ids of the special tokens.

    Raises:
        UnsupportedModelError: the file is damaged, or belongs to another vocabulary.
    """
    if file.suffix == ".safetensors":
        weights = _by_id(file, len(tokens))
    else:
        weights = _by_token(file, read_named_weights(file), tokens)
    if not np.isfinite(weights).all():
        raise UnsupportedModelError(f"{file} holds a weight that is NaN or infinite.")
    weights[list(special)] = 0
    return np.maximum(weights, 0)


def read_named_weights(file: Path) -> dict[str, float]:
    """Return the weights in a table by the names of their tokens, as they stand there.

    Raises:
        UnsupportedModelError: the file is damaged, or names no tokens.
    """
    if file.suffix == ".safetensors":
        raise UnsupportedModelError(
            f"{file} gives weights by number, without the names of their tokens; pass a table "
            "such as idf.json."
        )
    return _from_json(file) if file.suffix == ".json" else _from_lines(file)


def _by_id(file: Path, n_terms: int) -> NDArray[np.float32]:
    tensors = SafetensorsFile(file)
    found = tensors.read(TENSOR) if TENSOR in tensors else np.empty((0, 0), np.float32)
    if found.ndim != 1 or found.size > n_terms:
        raise UnsupportedModelError(
            f"{file} must hold the tensor {TENSOR!r} with one number for each of the model's "
            f"{n_terms} terms."
        )
    weights = np.zeros(n_terms, dtype=np.float32)
    weights[: found.size] = found
    return weights


def _by_token(file: Path, named: dict[str, float], tokens: Sequence[str]) -> NDArray[np.float32]:
    weights = np.array([named.get(token, 0.0) for token in tokens], dtype=np.float32)
    n_strangers = len(named.keys() - set(tokens))
    if n_strangers == len(named):
        raise UnsupportedModelError(
            f"{file} names none of the model's {len(tokens)} tokens; it belongs to another model."
        )
    if n_strangers:
        logger.warning("%s weights %d tokens that the model does not have.", file, n_strangers)
    return weights


def _from_json(file: Path) -> dict[str, float]:
    named = read_json(file, dict)
    for token, weight in named.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise UnsupportedModelError(f"{file} gives {token!r} the weight {weight!r}.")
    return named


def _from_lines(file: Path) -> dict[str, float]:
    named = {}
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UnsupportedModelError(f"{file} cannot be read ({error}).") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            token, weight = line.rsplit(maxsplit=1)
            named[token] = float(weight)
        except ValueError:
            raise UnsupportedModelError(
                f"{file}:{number} is {line!r}, not a token, a tab and a weight."
            ) from None
    return named
