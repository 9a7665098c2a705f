"""What do the files of a sentence-transformers SparseEncoder mean? Its modules.json says.

A model is a list of modules: a transformer and its pooling, for queries and documents alike; or a
router, whose own file lists the modules of each.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lsr.encoders.json_file import read_json
from lsr.encoders.layouts.masked_language import read_masked_language
from lsr.encoders.layouts.towers import Checkpoint
from lsr.errors import UnsupportedModelError


def read_sentence_transformers(folder: Path) -> Checkpoint | None:
    """Read a folder that holds a modules.json; see `Layout`."""
    modules_file = folder / "modules.json"
    if not modules_file.is_file():
        return None
    entries = [entry if isinstance(entry, dict) else {} for entry in read_json(modules_file, list)]
    parts = [(_kind(entry.get("type")), folder / str(entry.get("path", ""))) for entry in entries]
    _check_prompts(folder)
    if [kind for kind, _ in parts] == ["Router"]:
        documents, table = _check_router(parts[0][1])
        return read_masked_language(documents).with_query_table(table)
    return read_masked_language(_check_splade(parts, modules_file))


def _check_router(folder: Path) -> tuple[Path, Path]:
    """Check a model of two routes, of which that of queries is a table."""
    file = folder / "router_config.json"
    if not file.is_file():
        raise UnsupportedModelError(f"modules.json names a router, but {file} does not exist.")
    router = read_json(file, dict)
    types, structure = router.get("types"), router.get("structure")
    if not isinstance(types, dict) or not isinstance(structure, dict):
        raise UnsupportedModelError(f"{file} must hold the objects 'types' and 'structure'.")
    routes = {
        route: [(_kind(types.get(str(part))), folder / str(part)) for part in parts]
        for route, parts in structure.items()
        if isinstance(parts, list)
    }
    query, document = routes.get("query", []), routes.get("document", [])
    if [kind for kind, _ in query] != ["SparseStaticEmbedding"]:
        found = " + ".join(kind for kind, _ in query) or "nothing"
        raise UnsupportedModelError(
            f"{file} routes queries to {found}, but this version runs only SparseStaticEmbedding."
        )
    return _check_splade(document, file), _static_table(query[0][1])


def _static_table(folder: Path) -> Path:
    """Return the file of weights that a SparseStaticEmbedding is made of."""
    config = folder / "config.json"
    named = read_json(config, dict).get("path") if config.is_file() else None
    for table in [folder / str(named)] * bool(named) + [folder / "model.safetensors"]:
        if table.is_file():
            return table
    raise UnsupportedModelError(
        f"The folder {str(folder)!r} holds no model.safetensors with the weights of query terms."
    )


def _check_splade(parts: list[tuple[str, Path]], described_in: Path) -> Path:
    """Check that the parts are a masked-language model and its pooling; return its folder."""
    kinds = [kind for kind, _ in parts]
    if (
        len(kinds) != 2
        or kinds[0] not in {"Transformer", "MLMTransformer"}
        or kinds[1] != "SpladePooling"
    ):
        raise UnsupportedModelError(
            f"{described_in} describes {' + '.join(kinds) or 'nothing'}, but this version runs "
            "only a transformer followed by SpladePooling."
        )
    pooling_file = parts[1][1] / "config.json"
    if not pooling_file.is_file():
        raise UnsupportedModelError(
            f"{described_in} names {str(pooling_file)!r}, which does not exist."
        )
    pooling = read_json(pooling_file, dict)
    for key, only in (("pooling_strategy", "max"), ("activation_function", "relu")):
        if pooling.get(key, only) != only:
            raise UnsupportedModelError(
                f"{pooling_file} sets {key} to {pooling[key]!r}, but this version runs only "
                f"{only!r}."
            )
    return parts[0][1]


def _kind(type_name: Any) -> str:
    """Return the name of a class, without the package: that has moved over the years."""
    return str(type_name or "?").rpartition(".")[2]


def _check_prompts(folder: Path) -> None:
    file = folder / "config_sentence_transformers.json"
    prompts = read_json(file, dict).get("prompts") if file.is_file() else None
    used = {name: text for name, text in (prompts or {}).items() if text}
    if used:
        raise UnsupportedModelError(
            f"{file} puts prompts before texts ({used}), which this version does not."
        )
