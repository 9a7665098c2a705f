"""What does a masked-language model, as transformers saves it, mean? SPLADE with max pooling.

So are the models of SPLADE's authors published. Beside the model there may be a table of the
weights of query terms: OpenSearch's models without inference for queries lie so.
"""

from __future__ import annotations

from pathlib import Path

from lsr.encoders.layouts.model_files import check_tokenizer, masked_language_config
from lsr.encoders.layouts.towers import Checkpoint, TowerFiles

QUERY_TABLES = ("idf.json", "query_token_weights.txt")


def read_masked_language(folder: Path) -> Checkpoint:
    """Read a folder that holds a masked-language model; see `Layout`."""
    config = masked_language_config(folder)
    check_tokenizer(folder)
    checkpoint = Checkpoint.of_one(TowerFiles(folder, config))
    for name in QUERY_TABLES:
        if (folder / name).is_file():
            return checkpoint.with_query_table(folder / name)
    return checkpoint
