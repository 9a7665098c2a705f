"""How is a trained encoder saved? In our own layout, so that `load_encoder` and `--model` open it.

docs/formats/encoder-v1.md draws it. Its model card passes on the licences of what it was made from.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
from safetensors.torch import save_file

from lsr.encoders.decoder.residual_file import FILE as RESIDUAL_FILE
from lsr.encoders.layouts import TowerFiles
from lsr.encoders.layouts.own import ENCODER_FILE, HEADS_FILE, EncoderFile, TowerEntry
from lsr.encoders.method import TableWeighting
from lsr.encoders.model_card import CARD, derived_card
from lsr.encoders.query_table import TENSOR
from lsr.encoders.safetensors_file import write_tensor
from lsr.encoders.saving import LICENSE_PATTERNS, TOKENIZER_PATTERNS
from lsr.encoders.torch_model import quiet_transformers
from lsr.training.low_rank import merged
from lsr.training.model_loading import StartingModel
from lsr.training.recipe import Recipe
from lsr.training.towers import NetworkTower, TableTower

TABLE_FILE = "query_weights.safetensors"
QUERIES = "queries"


def save_trained(
    start: StartingModel, folder: Path, recipe: Recipe, figures: Mapping[str, float]
) -> None:
    """Write the towers of a trained model into a folder; what describes them comes last.

    Args:
        start: what was trained, in place.
        folder: that exists.
        recipe: by which it was trained.
        figures: what was last measured of it, by name, for its card.
    """
    part = recipe.model
    max_length, query_max_length = part.max_length, part.query_max_length or part.max_length
    documents, queries = start.encoder.documents, start.encoder.queries
    (folder / ENCODER_FILE).unlink(missing_ok=True)
    _write_tower(documents, start.document_files, folder)
    is_shared = (
        isinstance(queries, NetworkTower)
        and isinstance(documents, NetworkTower)
        and queries.network is documents.network
    )
    query_entry = TowerEntry(queries.side, max_length=query_max_length)
    if isinstance(queries, NetworkTower) and not is_shared:
        query_entry = msgspec.structs.replace(query_entry, folder=QUERIES)
        (folder / QUERIES).mkdir(exist_ok=True)
        _write_tower(queries, start.query_files, folder / QUERIES)
    elif isinstance(queries, TableTower) and isinstance(queries.side.weighting, TableWeighting):
        query_entry = msgspec.structs.replace(query_entry, table=TABLE_FILE)
        weights = queries.table.detach().clamp(min=0).cpu().numpy().astype(np.float32)
        write_tensor(folder / TABLE_FILE, TENSOR, weights)
    _copy(start.document_files.folder, folder, LICENSE_PATTERNS)
    card = derived_card(folder.name, start.sources, start.cards)
    (folder / CARD).write_text(card + training_section(recipe, figures), encoding="utf-8")
    described = EncoderFile(1, TowerEntry(documents.side, max_length=max_length), query_entry)
    encoded = msgspec.json.format(msgspec.json.encode(described))
    (folder / ENCODER_FILE).write_bytes(encoded + b"\n")


def training_section(recipe: Recipe, figures: Mapping[str, float]) -> str:
    """Return what a model card says of a training."""
    data, schedule = recipe.data, recipe.schedule
    losses = ", ".join(str(one.__struct_config__.tag) for one in recipe.losses)
    rows = [
        ("Data", f"{data.dataset} ({data.split})" if data.dataset else data.queries),
        ("Losses", losses),
        ("Steps", f"{schedule.steps:,} of {schedule.batch} queries"),
        ("Learning rate", f"{schedule.learning_rate:g}"),
        *((name.replace("_", " "), f"{value:.4g}") for name, value in figures.items()),
    ]
    if recipe.source:
        rows.insert(0, ("Recipe", recipe.source))
    lines = [f"| {name} | {value} |" for name, value in rows]
    return "\n".join(["", "## Training", "", "| | |", "|---|---|", *lines, ""])


def _write_tower(tower: NetworkTower | TableTower, files: TowerFiles, folder: Path) -> None:
    """Write a network with its heads and its tokenizer."""
    _copy(files.tokenizer, folder, TOKENIZER_PATTERNS)
    if not isinstance(tower, NetworkTower):
        return
    network = tower.network
    with quiet_transformers():
        network.body = merged(network.body)
        network.body.save_pretrained(folder)
    heads = {
        f"{name}.{part}": tensor.detach().cpu().contiguous()
        for name, layer in network.heads.items()
        for part, tensor in layer.state_dict().items()
    }
    if heads:
        save_file(heads, folder / HEADS_FILE)
    if network.residual is not None:
        save_file(network.residual.tensors(), folder / RESIDUAL_FILE)


def _copy(source: Path, target: Path, patterns: tuple[str, ...]) -> None:
    for pattern in patterns:
        for file in source.glob(pattern):
            if file.is_file():
                shutil.copyfile(file, target / file.name)
