"""What is a checkpoint made of? The files of two towers, whatever layout they lie in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsr.encoders.layouts.model_files import holds_tokenizer
from lsr.encoders.method import SPLADE_MAX, Side, TableWeighting


@dataclass(frozen=True, slots=True)
class TowerFiles:
    """What one tower is made of.

    Attributes:
        folder: of its network if it has one, and of its tokenizer unless that lies elsewhere.
        config: what the config.json of the network says.
        side: how it weights terms.
        table: the file of its weights, where they come from a table.
        tokenizer_folder: where the tokenizer lies elsewhere; None if it does not.
    """

    folder: Path
    config: dict[str, Any]
    side: Side = SPLADE_MAX
    table: Path | None = None
    tokenizer_folder: Path | None = None

    @property
    def tokenizer(self) -> Path:
        """Folder of the tokenizer."""
        return self.tokenizer_folder or self.folder

    @property
    def model_type(self) -> str:
        """What transformers calls the architecture."""
        return str(self.config.get("model_type"))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The towers of a model that can be run safely; equal ones are one."""

    documents: TowerFiles
    queries: TowerFiles

    @classmethod
    def of_one(cls, tower: TowerFiles) -> Checkpoint:
        """Return a model that encodes queries and documents alike."""
        return cls(tower, tower)

    def with_query_table(self, table: Path) -> Checkpoint:
        """Return a model whose queries are weighted by a table."""
        documents = self.documents
        folder = table.parent if holds_tokenizer(table.parent) else documents.tokenizer
        side = Side(TableWeighting())
        return Checkpoint(documents, TowerFiles(folder, documents.config, side, table))
