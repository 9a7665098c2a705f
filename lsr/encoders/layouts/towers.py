"""What is a checkpoint made of? The files of two towers, whatever layout they lie in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lsr.encoders.layouts.model_files import holds_tokenizer
from lsr.encoders.linear_head import LinearHead
from lsr.encoders.method import SPLADE_MAX, Head, Side, TableWeighting
from lsr.errors import UnsupportedModelError


@dataclass(frozen=True, slots=True)
class TowerFiles:
    """What one tower is made of.

    Attributes:
        folder: of its network if it has one, and of its tokenizer unless that lies elsewhere.
        config: what the config.json of the network says.
        side: how it weights terms.
        table: the file of its weights, where they come from a table.
        tokenizer_folder: where the tokenizer lies elsewhere; None if it does not.
        heads: those that it has beside transformers' own.
        adapter: folder of a low-rank adapter to merge into the network; None if there is none.
        tensor_prefix: what the names of the network's tensors begin with, before transformers' own.
        has_method: whether the files say how it weighs terms; if not, `side` is without meaning.
        max_length: how many tokens of a text are read unless the user says; None if the files
            leave it open.
    """

    folder: Path
    config: dict[str, Any]
    side: Side = SPLADE_MAX
    table: Path | None = None
    tokenizer_folder: Path | None = None
    heads: Mapping[Head, LinearHead] = field(default_factory=dict)
    adapter: Path | None = None
    tensor_prefix: str = ""
    max_length: int | None = None
    has_method: bool = True

    @property
    def tokenizer(self) -> Path:
        """Folder of the tokenizer."""
        return self.tokenizer_folder or self.folder

    @property
    def model_type(self) -> str:
        """What transformers calls the architecture."""
        return str(self.config.get("model_type"))

    def head(self, name: Head) -> LinearHead:
        """Return a head that a weighting needs.

        Raises:
            UnsupportedModelError: the checkpoint has none of that name.
        """
        if name not in self.heads:
            raise UnsupportedModelError(
                f"The model in {str(self.folder)!r} has no {name} head, from which its weights "
                "would come, and an untrained one would make them random; use a method that it "
                "was trained for."
            )
        return self.heads[name]


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
        queries = TowerFiles(folder, documents.config, side, table, max_length=documents.max_length)
        return Checkpoint(documents, queries)
