"""What does a masked-language model, as transformers saves it, mean? SPLADE with max pooling.

So are the models of SPLADE's authors published. Something beside the model may encode queries: a
table of the weights of query terms, in OpenSearch's models without inference for queries; or a
second model in the folder ``query``, as the training code of naver/splade saves two towers.
"""

from __future__ import annotations

from pathlib import Path

from lsr.encoders.layouts.model_files import (
    check_tokenizer,
    holds_tokenizer,
    masked_language_config,
)
from lsr.encoders.layouts.towers import Checkpoint, TowerFiles
from lsr.errors import UnsupportedModelError

QUERY_TABLES = ("idf.json", "query_token_weights.txt")
QUERY_FOLDER = "query"


def read_masked_language(folder: Path) -> Checkpoint:
    """Read a folder that holds a masked-language model; see `Layout`."""
    has_query_tower = (folder / QUERY_FOLDER / "config.json").is_file()
    if has_query_tower and not (folder / "config.json").is_file():
        raise UnsupportedModelError(
            f"The folder {str(folder)!r} holds a model of queries in {QUERY_FOLDER!r}, but none of "
            "documents; name the model of documents, and that folder as its query_model "
            "(--query-model)."
        )
    documents = _tower(folder)
    tables = [folder / name for name in QUERY_TABLES if (folder / name).is_file()]
    if tables and has_query_tower:
        raise UnsupportedModelError(
            f"The folder {str(folder)!r} holds both a table ({tables[0].name}) and a model "
            f"({QUERY_FOLDER!r}) for queries; remove one of them."
        )
    if tables:
        return Checkpoint.of_one(documents).with_query_table(tables[0])
    if has_query_tower:
        return Checkpoint(documents, _tower(folder / QUERY_FOLDER, documents))
    return Checkpoint.of_one(documents)


def _tower(folder: Path, other: TowerFiles | None = None) -> TowerFiles:
    """Read a masked-language model, which may share the tokenizer of another."""
    config = masked_language_config(folder)
    if other is not None and not holds_tokenizer(folder):
        return TowerFiles(folder, config, tokenizer_folder=other.tokenizer)
    check_tokenizer(folder)
    return TowerFiles(folder, config)
