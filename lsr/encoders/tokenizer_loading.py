"""Which tokenizer does a model have? Read alone: none of the model's weights are needed for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from lsr.encoders.json_file import read_json
from lsr.encoders.layouts import check_checkpoint, holds_tokenizer
from lsr.encoders.locating import locate_model
from lsr.encoders.tokenizer_files import read_tokenizer
from lsr.encoders.torch_model import load_transformers_tokenizer


@dataclass(frozen=True, slots=True)
class ModelTokenizer:
    """The tokenizer of a model.

    Attributes:
        model: what the user named.
        backend: the tokenizer.
        ids: of every token, by its name, rising.
        special: names of the special tokens, which say nothing of a text.
    """

    model: str
    backend: Tokenizer
    ids: Mapping[str, int]
    special: frozenset[str]


def load_tokenizer(model: str) -> ModelTokenizer:
    """Load the tokenizer of a model, or one that is saved in a folder without a model.

    Args:
        model: a folder, a hub id or a short name, as for `load_encoder`.

    Raises:
        ModelNotFoundError: there is no such model, or the hub cannot be reached.
        UnsupportedModelError: it has no tokenizer that can be read.
        MissingDependencyError: transformers is needed to read it, and not installed.
    """
    folder = locate_model(model)
    if not holds_tokenizer(folder):
        # It may lie in a folder of its own, as the parts of sentence-transformers' models do.
        folder = check_checkpoint(folder).documents.tokenizer
    backend = read_tokenizer(folder, _model_type(folder)) or load_transformers_tokenizer(folder)
    vocabulary = backend.get_vocab(with_added_tokens=True)
    added = backend.get_added_tokens_decoder().values()
    return ModelTokenizer(
        model=model,
        backend=backend,
        ids=dict(sorted(vocabulary.items(), key=lambda one: one[1])),
        special=frozenset(token.content for token in added if token.special),
    )


def _model_type(folder: Path) -> str:
    file = folder / "config.json"
    return str(read_json(file, dict).get("model_type")) if file.is_file() else ""
