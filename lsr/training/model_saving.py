"""How is a trained encoder saved? In our own layout, so that `load_encoder` and `--model` open it.

docs/formats/encoder-v1.md draws it. Its model card passes on the licences of what it was made from.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import numpy as np
from safetensors.torch import save_file

from lsr.encoders.layouts import TowerFiles
from lsr.encoders.layouts.own import ENCODER_FILE, HEADS_FILE, EncoderFile, TowerEntry
from lsr.encoders.method import TableWeighting
from lsr.encoders.model_card import CARD, derived_card
from lsr.encoders.query_table import TENSOR
from lsr.encoders.safetensors_file import write_tensor
from lsr.encoders.saving import LICENSE_PATTERNS, TOKENIZER_PATTERNS
from lsr.encoders.torch_model import quiet_transformers
from lsr.training.model_loading import StartingModel
from lsr.training.towers import NetworkTower, TableTower

TABLE_FILE = "query_weights.safetensors"
QUERIES = "queries"


def save_trained(
    start: StartingModel, folder: Path, *, max_length: int, query_max_length: int
) -> None:
    """Write the towers of a trained model into a folder; what describes them comes last.

    Args:
        start: what was trained, in place.
        folder: that exists.
        max_length: tokens of a document that were read.
        query_max_length: tokens of a query.
    """
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
    (folder / CARD).write_text(card, encoding="utf-8")
    described = EncoderFile(1, TowerEntry(documents.side, max_length=max_length), query_entry)
    encoded = msgspec.json.format(msgspec.json.encode(described))
    (folder / ENCODER_FILE).write_bytes(encoded + b"\n")


def _write_tower(tower: NetworkTower | TableTower, files: TowerFiles, folder: Path) -> None:
    """Write a network with its heads and its tokenizer."""
    _copy(files.tokenizer, folder, TOKENIZER_PATTERNS)
    if not isinstance(tower, NetworkTower):
        return
    network = tower.network
    with quiet_transformers():
        network.body.save_pretrained(folder)
    heads = {
        f"{name}.{part}": tensor.detach().cpu().contiguous()
        for name, layer in network.heads.items()
        for part, tensor in layer.state_dict().items()
    }
    if heads:
        save_file(heads, folder / HEADS_FILE)


def _copy(source: Path, target: Path, patterns: tuple[str, ...]) -> None:
    for pattern in patterns:
        for file in source.glob(pattern):
            if file.is_file():
                shutil.copyfile(file, target / file.name)
