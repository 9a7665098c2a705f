"""What do the modules of a SparseEncoder compute, one after another? One tower of ours.

Two sequences weight terms: a masked-language model and its pooling, or a table alone. Others make
dense vectors, or weight features that are not terms, and are refused by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lsr.encoders.json_file import read_json
from lsr.encoders.layouts.model_files import (
    check_tokenizer,
    holds_tokenizer,
    masked_language_config,
    refuse_pickles,
)
from lsr.encoders.layouts.towers import TowerFiles
from lsr.encoders.method import Pooling, Side, TableWeighting, VocabularyWeighting
from lsr.errors import UnsupportedModelError

NETWORKS = ("Transformer", "MLMTransformer")
TABLES = ("SparseStaticEmbedding", "IDF")
POOLINGS = ("max", "sum")
SATURATIONS = {"relu": 1, "log1p_relu": 2}
TRANSFORMER_CONFIG = "sentence_bert_config.json"
FILL_MASK = "fill-mask"
NO_LENGTH = 1_000_000
"""Tokenizers without a longest text say so by an enormous one."""

NOT_SPARSE = {
    "SparseAutoEncoder": "weights latent features in place of terms (CSR), so that no vocabulary "
    "says what its dimensions mean",
    "Pooling": "makes one dense vector of a text, not weights of terms",
    "StaticEmbedding": "makes one dense vector of a text, not weights of terms",
}


class Module(NamedTuple):
    """A module's class without its package, its folder, and the folder of the whole model."""

    kind: str
    folder: Path
    model: Path


def read_tower(
    modules: Sequence[Module], described_in: Path, other: TowerFiles | None = None
) -> TowerFiles:
    """Return the tower that modules are.

    Args:
        modules: in the order in which they compute.
        described_in: the file that lists them.
        other: the other tower, whose vocabulary and tokenizer a table shares.

    Raises:
        ModelNotFoundError: there are no weights.
        UnsupportedModelError: the modules compute something else, or a file cannot be used.
    """
    kinds = [module.kind for module in modules]
    if len(kinds) == 2 and kinds[0] in NETWORKS and kinds[1] == "SpladePooling":
        return _network(modules[0], modules[1], described_in)
    if len(kinds) == 1 and kinds[0] in TABLES:
        return _table(modules[0], other)
    found = " + ".join(kinds) or "nothing"
    for kind, reason in NOT_SPARSE.items():
        if kind in kinds:
            raise UnsupportedModelError(f"{described_in} describes {found}: {kind} {reason}.")
    raise UnsupportedModelError(
        f"{described_in} describes {found}, but this version runs only a transformer followed by "
        "SpladePooling, or SparseStaticEmbedding alone."
    )


def _network(transformer: Module, pooling: Module, described_in: Path) -> TowerFiles:
    folder = transformer.folder
    options = _transformer_options(transformer)
    config = masked_language_config(folder)
    check_tokenizer(folder)
    return TowerFiles(
        folder,
        config,
        Side(_weighting(pooling, described_in)),
        max_length=options.get("max_seq_length") or _tokenizer_length(folder),
    )


def _transformer_options(module: Module) -> dict[str, Any]:
    """Return what a transformer's own file says, having refused what would change its output."""
    file = module.folder / TRANSFORMER_CONFIG
    options: dict[str, Any] = read_json(file, dict) if file.is_file() else {}
    task = options.get("transformer_task", FILL_MASK if module.kind == "MLMTransformer" else None)
    if task != FILL_MASK:
        raise UnsupportedModelError(
            f"{file} gives the transformer the task {task!r}, whose output is hidden states, but "
            f"SpladePooling needs the logits of {FILL_MASK!r}."
        )
    for key in ("do_lower_case", "query_length", "document_length", "query_expansion"):
        if options.get(key):
            raise UnsupportedModelError(
                f"{file} sets {key} to {options[key]!r}, which this version does not know."
            )
    return options


def _weighting(pooling: Module, described_in: Path) -> VocabularyWeighting:
    file = pooling.folder / "config.json"
    if not file.is_file():
        raise UnsupportedModelError(f"{described_in} names {str(file)!r}, which does not exist.")
    config = read_json(file, dict)
    strategy = config.get("pooling_strategy", "max")
    activation = config.get("activation_function", "relu")
    for key, value, known in (
        ("pooling_strategy", strategy, POOLINGS),
        ("activation_function", activation, tuple(SATURATIONS)),
    ):
        if value not in known:
            raise UnsupportedModelError(
                f"{file} sets {key} to {value!r}, but this version runs only {', '.join(known)}."
            )
    return VocabularyWeighting(pooling=Pooling(strategy), saturation=SATURATIONS[activation])


def _table(module: Module, other: TowerFiles | None) -> TowerFiles:
    own = module.folder / "config.json"
    options = read_json(own, dict) if own.is_file() else {}
    is_shared = other is not None and not holds_tokenizer(module.folder)
    tokenizer = other.tokenizer if other is not None and is_shared else module.folder
    check_tokenizer(tokenizer)
    return TowerFiles(
        tokenizer,
        {} if other is None else other.config,
        Side(TableWeighting(special_tokens=True)),
        table=_table_file(module, options.get("path")),
        max_length=_tokenizer_length(tokenizer),
    )


def _table_file(module: Module, named: Any) -> Path:
    """Return the file of a table's weights: the one that its options name, or its tensors."""
    if named is not None and str(named).endswith(".json"):
        # The name may be that of a file elsewhere, which a download has put here.
        for folder in (module.folder, module.model):
            file = folder / Path(str(named)).name
            if file.is_file():
                return file
        raise UnsupportedModelError(
            f"{module.folder / 'config.json'} names the table {str(named)!r}, which is not in the "
            "model's folder; put it there."
        )
    file = module.folder / "model.safetensors"
    if not file.is_file():
        refuse_pickles(module.folder)
        raise UnsupportedModelError(
            f"The folder {str(module.folder)!r} holds no model.safetensors with the weights of "
            "terms."
        )
    return file


def _tokenizer_length(folder: Path) -> int | None:
    """Return how many tokens of a text a tokenizer says that it leaves, if it says so."""
    file = folder / "tokenizer_config.json"
    length = read_json(file, dict).get("model_max_length") if file.is_file() else None
    return int(length) if isinstance(length, int | float) and 0 < length < NO_LENGTH else None
