"""What do the files of a sentence-transformers SparseEncoder mean? Its modules.json says.

A model is a list of modules: a transformer and its pooling, for queries and documents alike; or a
router, whose own file lists the modules of each.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from lsr.encoders.json_file import read_json
from lsr.encoders.layouts.model_options import ModelOptions, read_model_options
from lsr.encoders.layouts.sparse_modules import Module, read_tower
from lsr.encoders.layouts.towers import Checkpoint, TowerFiles
from lsr.encoders.method import Side
from lsr.errors import UnsupportedModelError

QUERY, DOCUMENT = "query", "document"


def read_sentence_transformers(folder: Path) -> Checkpoint | None:
    """Read a folder that holds a modules.json; see `Layout`."""
    file = folder / "modules.json"
    if not file.is_file():
        return None
    modules = [_module(folder, entry, file) for entry in read_json(file, list)]
    if [module.kind for module in modules] == ["Router"]:
        file, routes = _read_router(modules[0].folder)
    else:
        routes = {QUERY: modules, DOCUMENT: modules}
    options = read_model_options(folder)
    documents = read_tower(routes.get(DOCUMENT, []), file)
    queries = read_tower(routes.get(QUERY, []), file, documents)
    return Checkpoint(
        _with_options(documents, options.document, options),
        _with_options(queries, options.query, options),
    )


def _with_options(tower: TowerFiles, prompt: str, options: ModelOptions) -> TowerFiles:
    """Return a tower of a model that has options."""
    return replace(tower, side=Side(tower.side.weighting, prefix=prompt, prune=options.prune))


def _read_router(folder: Path) -> tuple[Path, dict[str, list[Module]]]:
    """Return the file that describes the routes, and the modules of each route."""
    # Older versions wrote config.json, where newer ones may have the transformer's.
    names = ("router_config.json", "config.json")
    file = next((folder / name for name in names if (folder / name).is_file()), folder / names[0])
    if not file.is_file():
        raise UnsupportedModelError(f"modules.json names a router, but {file} does not exist.")
    router = read_json(file, dict)
    types, structure = router.get("types"), router.get("structure")
    if not isinstance(types, dict) or not isinstance(structure, dict):
        raise UnsupportedModelError(f"{file} must hold the objects 'types' and 'structure'.")
    parameters = router.get("parameters")
    if isinstance(parameters, dict) and parameters.get("route_mappings"):
        raise UnsupportedModelError(
            f"{file} maps tasks to routes ({parameters['route_mappings']}), but this version takes "
            "only the routes 'query' and 'document' as they are named."
        )
    routes = {
        route: [_module(folder, {"type": types.get(str(part)), "path": part}, file) for part in ids]
        for route, ids in structure.items()
        if isinstance(ids, list)
    }
    return file, routes


def _module(folder: Path, entry: Any, described_in: Path) -> Module:
    entry = entry if isinstance(entry, dict) else {}
    path = Path(str(entry.get("path", "")))
    if path.is_absolute() or ".." in path.parts:
        raise UnsupportedModelError(
            f"{described_in} names the path {str(path)!r}, which leaves the model's folder."
        )
    # Classes have moved between packages over the years; their names have not changed.
    return Module(str(entry.get("type") or "?").rpartition(".")[2], folder / path, folder)
