"""How is a model saved for others? In the layout of sentence-transformers' SparseEncoder.

That library opens what is written here, offline, and makes the same vectors of it; so does
`load_encoder`. The classes are named as the first versions with sparse encoders named them, which
later ones still know. Weights are copied as they are; a network for queries and documents alike
lies at the root, where transformers finds it, and two towers lie behind a router.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from lsr.encoders.base import Encoder
from lsr.encoders.json_file import read_json
from lsr.encoders.layouts import TowerFiles
from lsr.encoders.method import Side, VocabularyWeighting
from lsr.encoders.model_card import CARD, derived_card
from lsr.encoders.pairing import find_model
from lsr.encoders.query_table import TENSOR
from lsr.encoders.safetensors_file import SINGLE_FILE, write_tensor
from lsr.encoders.table_tower import TableTower
from lsr.encoders.tower import Tower
from lsr.encoders.two_tower import TwoTowerEncoder
from lsr.encoders.whole_folder import whole_folder
from lsr.errors import UnsupportedModelError
from lsr.pruning import PruneRule, PruneType

MODULES = "modules.json"
OPTIONS = "config_sentence_transformers.json"
PACKAGE = "sentence_transformers.sparse_encoder.models"
ROUTER = "sentence_transformers.models.Router"
ACTIVATIONS = {1: "relu", 2: "log1p_relu"}
POOLINGS = ("max", "sum")
TOKENIZER_PATTERNS = (
    *("tokenizer*", "vocab.*", "merges.txt", "special_tokens_map.json", "added_tokens.json"),
    *("*.model", "*.jinja"),
)
NETWORK_PATTERNS = ("config.json", "*.safetensors", "*.safetensors.index.json")
LICENSE_PATTERNS = ("LICENSE*", "NOTICE*")


@dataclasses.dataclass(frozen=True, slots=True)
class _Part:
    """A module to be written: its class, and what writes its files into a folder."""

    kind: str
    write: Callable[[Path], None]


def save_encoder(encoder: Encoder, folder: str | Path, *, replace: bool = False) -> Path:
    """Save an encoder so that `load_encoder` and sentence-transformers open it; return its folder.

    The folder appears whole or not at all. Its model card passes on the licence of the model that
    the encoder was loaded from.

    Args:
        encoder: from `load_encoder`.
        folder: to write.
        replace: whether a model in `folder` may be replaced.

    Raises:
        UnsupportedModelError: that layout has no words for what the encoder computes.
        InvalidInputError: something is in the way, or the folder cannot be written.
        DiskFullError: the disk is full.
    """
    folder = Path(folder).expanduser()
    settings = encoder.settings
    if not isinstance(encoder, TwoTowerEncoder) or settings.keys() & {"passages", "fold"}:
        raise UnsupportedModelError(
            f"The encoder {encoder.model!r} is more than a model (passages of long documents, or a "
            "fold), and only models can be saved; load it without."
        )
    model, query_model = settings["model"], settings.get("query_model")
    named = find_model(model, query_model, settings.get("query_weights"), settings.get("method"))
    sides = {key: msgspec.convert(settings[key], Side) for key in ("documents", "queries")}
    documents = _parts(named.checkpoint.documents, sides["documents"], encoder.documents)
    queries = _parts(named.checkpoint.queries, sides["queries"], encoder.queries)
    options = _model_options(sides["documents"], sides["queries"])
    is_shared = encoder.documents is encoder.queries or (
        _without_prefix(named.checkpoint.documents, sides["documents"])
        == _without_prefix(named.checkpoint.queries, sides["queries"])
        and "query_max_length" not in settings
    )
    names = [model] if query_model is None else [model, query_model]
    with whole_folder(folder, replace=Path(MODULES) if replace else None) as draft:
        if is_shared:
            _write_modules(draft, documents)
        else:
            _write_router(draft, {"query": queries, "document": documents})
        _write_json(draft / OPTIONS, options)
        _copy(named.checkpoint.documents.folder, draft, LICENSE_PATTERNS)
        card = derived_card(folder.name, names, named.cards)
        (draft / CARD).write_text(card, encoding="utf-8")
    return folder


def _without_prefix(files: TowerFiles, side: Side) -> TowerFiles:
    """Return a tower as it is but for its prompt, which a model has for each side anyway."""
    return dataclasses.replace(files, side=msgspec.structs.replace(side, prefix=""))


def _model_options(documents: Side, queries: Side) -> dict[str, Any]:
    """Return the options that belong to no module.

    Raises:
        UnsupportedModelError: one side leaves out weights in another way than the layout can say.
    """
    options: dict[str, Any] = {
        "model_type": "SparseEncoder",
        "prompts": {"query": queries.prefix, "document": documents.prefix},
        "default_prompt_name": None,
        "similarity_fn_name": "dot",
    }
    rules = {side.prune for side in (documents, queries)}
    if rules == {None}:
        return options
    kept = [PruneRule.parse(rule) for rule in rules if rule is not None]
    if len(rules) > 1 or kept[0].prune_type is not PruneType.TOP_K:
        raise UnsupportedModelError(
            f"Documents are pruned by {documents.prune} and queries by {queries.prune}, but the "
            "layout of sentence-transformers knows only one top_k for both; it cannot be saved "
            "there."
        )
    return {**options, "max_active_dims": int(kept[0].value)}


def _parts(files: TowerFiles, side: Side, tower: Tower) -> list[_Part]:
    """Return the modules that compute what a tower does.

    Raises:
        UnsupportedModelError: there are none.
    """
    if side != Side(side.weighting, prefix=side.prefix, prune=side.prune):
        raise _unwritable(files, f"encodes texts by {side.as_dict()}")
    length = int(tower.settings["max_length"])
    if isinstance(tower, TableTower):
        table = tower
        return [_Part("SparseStaticEmbedding", lambda at: _write_table(files, table, length, at))]
    weighting = side.weighting
    if (
        not isinstance(weighting, VocabularyWeighting)
        or weighting.saturation not in ACTIVATIONS
        or weighting.pooling.value not in POOLINGS
        # Whatever differs from this is more than pooled logits.
        or weighting
        != VocabularyWeighting(pooling=weighting.pooling, saturation=weighting.saturation)
    ):
        raise _unwritable(files, f"weights terms by {msgspec.to_builtins(weighting)}")
    if files.adapter is not None or files.tensor_prefix:
        raise _unwritable(files, "has weights that transformers does not read as they are")
    pooling = {
        "pooling_strategy": weighting.pooling.value,
        "activation_function": ACTIVATIONS[weighting.saturation],
        "word_embedding_dimension": len(tower.tokens),
    }
    return [
        _Part("MLMTransformer", lambda at: _write_network(files, length, at)),
        _Part("SpladePooling", lambda at: _write_json(at / "config.json", pooling)),
    ]


def _unwritable(files: TowerFiles, what: str) -> UnsupportedModelError:
    return UnsupportedModelError(
        f"The model in {str(files.folder)!r} {what}, for which the layout of sentence-transformers "
        "has no words; it cannot be saved there."
    )


def _write_modules(folder: Path, parts: list[_Part]) -> None:
    """Write modules that follow each other, the first at the root."""
    entries = []
    for number, part in enumerate(parts):
        path = f"{number}_{part.kind}" if number else ""
        (folder / path).mkdir(exist_ok=True)
        part.write(folder / path)
        entries.append(
            {"idx": number, "name": str(number), "path": path, "type": f"{PACKAGE}.{part.kind}"}
        )
    _write_json(folder / MODULES, entries)


def _write_router(folder: Path, routes: dict[str, list[_Part]]) -> None:
    """Write a router, and the modules of each of its routes."""
    types, structure = {}, {}
    for route, parts in routes.items():
        names = [f"{route}_{number}_{part.kind}" for number, part in enumerate(parts)]
        structure[route] = names
        for name, part in zip(names, parts, strict=True):
            types[name] = f"{PACKAGE}.{part.kind}"
            (folder / name).mkdir()
            part.write(folder / name)
    parameters = {"default_route": "document", "allow_empty_key": True}
    router = {"types": types, "structure": structure, "parameters": parameters}
    _write_json(folder / "router_config.json", router)
    _write_json(folder / MODULES, [{"idx": 0, "name": "0", "path": "", "type": ROUTER}])


def _write_network(files: TowerFiles, max_length: int, folder: Path) -> None:
    _copy(files.folder, folder, NETWORK_PATTERNS)
    _copy(files.tokenizer, folder, TOKENIZER_PATTERNS)
    options = {"max_seq_length": max_length, "do_lower_case": False}
    _write_json(folder / "sentence_bert_config.json", options)


def _write_table(files: TowerFiles, tower: TableTower, max_length: int, folder: Path) -> None:
    _copy(files.tokenizer, folder, TOKENIZER_PATTERNS)
    file = folder / "tokenizer_config.json"
    options = read_json(file, dict) if file.is_file() else {}
    # The library asks the tokenizer for the length; without a model, it needs the class too.
    options = {"tokenizer_class": "PreTrainedTokenizerFast", **options}
    _write_json(file, {**options, "model_max_length": max_length})
    _write_json(folder / "config.json", {"frozen": True})
    write_tensor(folder / SINGLE_FILE, TENSOR, tower.weights)


def _copy(source: Path, target: Path, patterns: tuple[str, ...]) -> None:
    for pattern in patterns:
        for file in source.glob(pattern):
            if file.is_file():
                shutil.copyfile(file, target / file.name)


def _write_json(file: Path, value: Any) -> None:
    file.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
