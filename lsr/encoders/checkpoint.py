"""Is this folder a SPLADE checkpoint that can be run safely? Judged by its files, before weights.

Every refusal gives its reason: a checkpoint that means something else than
``log1p(relu(max(logits)))`` must never be encoded with that formula in silence, and a file that can
run code (pickle, a repository's own modules) is never opened.

Three layouts are known: the files of transformers alone; with a table of query weights beside them;
and those of sentence-transformers, whose modules.json names the parts, for queries and documents
alike or, by a router, for each.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsr.encoders.json_file import read_json
from lsr.encoders.method import SPLADE_MAX, Side, TableWeighting
from lsr.errors import ModelNotFoundError, UnsupportedModelError

PICKLE_SUFFIXES = {".bin", ".ckpt", ".pkl", ".pt", ".pth"}
TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json")
QUERY_TABLES = ("idf.json", "query_token_weights.txt")


@dataclass(frozen=True, slots=True)
class TowerFiles:
    """What one tower is made of.

    Attributes:
        folder: of its tokenizer, and of its network if it has one.
        config: what the config.json of the masked-language model says.
        side: how it weights terms.
        table: the file of its weights, where they come from a table.
    """

    folder: Path
    config: dict[str, Any]
    side: Side = SPLADE_MAX
    table: Path | None = None

    @property
    def model_type(self) -> str:
        """What transformers calls the architecture."""
        return str(self.config.get("model_type"))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The towers of a model that can be run safely; equal ones are one."""

    documents: TowerFiles
    queries: TowerFiles

    def with_query_table(self, table: Path) -> Checkpoint:
        """Return a model whose queries are weighted by a table."""
        folder = table.parent if holds_tokenizer(table.parent) else self.documents.folder
        side = Side(TableWeighting())
        return Checkpoint(self.documents, TowerFiles(folder, self.documents.config, side, table))


def check_checkpoint(folder: Path) -> Checkpoint:
    """Check the files of a checkpoint and say what is where.

    Raises:
        ModelNotFoundError: the folder holds no model at all.
        UnsupportedModelError: it holds something that this version does not run.
    """
    top, query_table = folder, _plain_table(folder)
    if (folder / "modules.json").is_file():
        folder, query_table = _check_modules(folder, query_table)
    config_file = folder / "config.json"
    if not config_file.is_file():
        raise ModelNotFoundError(f"The folder {str(folder)!r} holds no config.json, so no model.")
    config = read_json(config_file, dict)
    _check_prompts(top)
    _check_architecture(config_file, config)
    if (folder / "adapter_config.json").is_file():
        raise UnsupportedModelError(
            f"The folder {str(folder)!r} holds an adapter; merge it into its base model first."
        )
    _check_weights(folder)
    if not holds_tokenizer(folder):
        raise UnsupportedModelError(
            f"The folder {str(folder)!r} holds no tokenizer ({', '.join(TOKENIZER_FILES)}); save "
            "the model's tokenizer beside its weights."
        )
    tower = TowerFiles(folder, config)
    checkpoint = Checkpoint(tower, tower)
    return checkpoint if query_table is None else checkpoint.with_query_table(query_table)


def holds_tokenizer(folder: Path) -> bool:
    """Say whether the files of a tokenizer are in a folder."""
    return any((folder / name).is_file() for name in TOKENIZER_FILES)


def _plain_table(folder: Path) -> Path | None:
    tables = [folder / name for name in QUERY_TABLES if (folder / name).is_file()]
    return tables[0] if tables else None


def _check_modules(folder: Path, plain_table: Path | None) -> tuple[Path, Path | None]:
    """Check the sentence-transformers layout, which says how token logits become a vector.

    Returns:
        The folder of the masked-language model, and the table of query weights if there is one.
    """
    modules_file = folder / "modules.json"
    entries = [entry if isinstance(entry, dict) else {} for entry in read_json(modules_file, list)]
    parts = [(_kind(entry.get("type")), folder / str(entry.get("path", ""))) for entry in entries]
    if [kind for kind, _ in parts] == ["Router"]:
        return _check_router(parts[0][1])
    return _check_splade(parts, modules_file), plain_table


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


def _check_architecture(config_file: Path, config: dict[str, Any]) -> None:
    names = config.get("architectures") or []
    if not isinstance(names, list) or not any(str(name).endswith("ForMaskedLM") for name in names):
        named = ", ".join(map(str, names)) if isinstance(names, list) and names else "none"
        raise UnsupportedModelError(
            f"{config_file} names the architecture {named}, but SPLADE reads its weights from a "
            "masked-language model (...ForMaskedLM)."
        )


def _check_weights(folder: Path) -> None:
    if any(folder.glob("*.safetensors")):
        return
    pickles = sorted(file.name for file in folder.iterdir() if file.suffix in PICKLE_SUFFIXES)
    if not pickles:
        raise ModelNotFoundError(f"The folder {str(folder)!r} holds no *.safetensors weights.")
    raise UnsupportedModelError(
        f"The folder {str(folder)!r} holds no *.safetensors weights; {', '.join(pickles)} can hold "
        "code and is never loaded. Convert it where you trust it: "
        "AutoModelForMaskedLM.from_pretrained(folder).save_pretrained(folder)."
    )
