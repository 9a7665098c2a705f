"""Text in, hits out: where an encoder and an inverted index meet.

>>> import lsr, tempfile
>>> documents = [("a", {"cat": 2.0, "milk": 1.0}), ("b", {"dog": 2.0})]
>>> folder = tempfile.mkdtemp()
>>> index = lsr.Index.build(f"{folder}/pets", documents)
>>> [(hit.doc_id, hit.score) for hit in index.search({"cat": 1.0, "milk": 1.0})]
[('a', 3.0)]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lsr.encoders import Backend, Encoder
from lsr.errors import ConfigError
from lsr.index import (
    MemoryBudget,
    Searcher,
    WeightType,
    is_index,
    make_snapshot,
    origin_of,
    read_checkpoint,
    read_manifest,
    readable_folder,
    write_lock,
)
from lsr.retrieval.blueprint import Blueprint
from lsr.retrieval.reader import IndexReader
from lsr.retrieval.writer import DocumentLike, Writer


class Index(IndexReader):
    """An index on disk and, where it has one, the encoder that made its vectors.

    Make one with `build` or `create`, open one with `open`.
    """

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        encoder: Encoder | None = None,
        backend: Backend = Backend.AUTO,
        verify: bool = True,
    ) -> Index:
        """Open the last commit of an index.

        Args:
            path: its folder; or a URL where it was published, of which the user's cache gets a
                copy, or what has changed (docs/cluster.md).
            encoder: encodes queries in place of the encoder that the index remembers.
            backend: what computes that one, where it is needed.
            verify: compare bytes with their checksums before they are first used; False is for
                looking into a damaged index, whose answers may be wrong.

        Raises:
            IndexNotFoundError: there is no index at `path`.
            CorruptIndexError: a file is missing or damaged.
            VocabularyMismatchError: `encoder` has another vocabulary than the index.
            ConfigError: there is no such backend.
        """
        folder = readable_folder(path)
        searcher = Searcher.open(folder, verify=verify)
        blueprint = Blueprint.of_commit(searcher.manifest, encoder, backend)
        return cls(folder, blueprint, searcher)

    @classmethod
    def create(
        cls,
        path: str | Path,
        *,
        encoder: Encoder | None = None,
        encoder_settings: dict[str, Any] | None = None,
        terms: Sequence[str] | None = None,
        max_weight: float | None = None,
        weights: str = WeightType.UINT8,
        prune: str | None = None,
        fields: Mapping[str, str] | None = None,
        properties: dict[str, str] | None = None,
        replace: bool = False,
    ) -> Index:
        """Prepare a new index; nothing is on disk before its writer's first commit.

        Args:
            path: its folder.
            encoder: encodes documents and queries; None for documents that bring vectors.
            encoder_settings: with `terms`, the encoder that made vectors computed elsewhere: it
                is remembered for queries without being loaded now.
            terms: that encoder's vocabulary.
            max_weight: largest weight to hold, 255 impact steps; by default the encoder's ceiling
                or the largest weight of the first documents.
            weights: ``uint8`` to store weights as impacts of 8 bits, ``float32`` to store them as
                they are.
            prune: a rule such as ``max_ratio:0.1`` by which the lightest weights of each document
                are left out (`lsr.pruning`); None to store all.
            fields: metadata that filters can name, with the kind of its values, such as
                ``{"year": "int"}``.
            properties: free text to keep with the index.
            replace: take the place of the index at `path` on the first commit.

        Raises:
            IndexExistsError: there is an index at `path` and `replace` is false.
            InvalidInputError: `path` is a file, or a folder that holds something else, or
                `max_weight` is not above zero.
            ConfigError: `weights` is unknown, or has no use for `max_weight`.
        """
        blueprint = Blueprint.of_new_index(
            Path(path),
            encoder=encoder,
            encoder_settings=encoder_settings,
            terms=terms,
            max_weight=max_weight,
            weights=weights,
            prune=prune,
            fields=fields,
            properties=properties,
            replace=replace,
        )
        return cls(Path(path), blueprint, None)

    @classmethod
    def build(
        cls,
        path: str | Path,
        documents: Iterable[DocumentLike],
        *,
        encoder: Encoder | None = None,
        max_weight: float | None = None,
        weights: str = WeightType.UINT8,
        prune: str | None = None,
        fields: Mapping[str, str] | None = None,
        replace: bool = False,
    ) -> Index:
        """Make an index of documents and commit it.

        Args:
            path: its folder.
            documents: dicts such as ``{"id", "title", "text", ...}``, or, without an encoder,
                pairs of an id and ``{term: weight}``.
            encoder: encodes the texts.
            max_weight: see `create`, as for `weights`, `prune` and `fields`.
            weights: ``uint8`` or ``float32``.
            prune: by which rule to leave out document weights.
            fields: metadata that filters can name.
            replace: take the place of the index at `path`.
        """
        index = cls.create(
            path,
            encoder=encoder,
            max_weight=max_weight,
            weights=weights,
            prune=prune,
            fields=fields,
            replace=replace,
        )
        with index.writer() as writer:
            writer.add_documents(documents)
            writer.commit()
        return index

    def refuse_other_encoder(self, settings: Mapping[str, Any]) -> None:
        """Refuse to add documents with other settings than those the index was made with.

        Args:
            settings: of an encoder, as its user named them now; None for what was left open.

        Raises:
            ConfigError: they differ: the new vectors would not compare with the old ones.
        """
        self._blueprint.refuse_other_encoder(self.path, settings)

    @contextmanager
    def writer(self, *, memory_bytes: int | None = None, resume: bool = False) -> Iterator[Writer]:
        """Write to the index: ``with index.writer() as writer: ...; writer.commit()``.

        What was not committed when the block ends is dropped. After a commit, small segments may be
        merged when the block ends.

        Args:
            memory_bytes: bounds what the writer holds; by default a quarter of the machine's.
            resume: go on with the build that an interrupted writer left, if there is one.

        Raises:
            ConfigError: an interrupted build is in the way, or `memory_bytes` is too small, or the
                index is a copy of one at a URL.
            IndexLockedError: another writer is at work.
        """
        memory = None if memory_bytes is None else MemoryBudget.of(memory_bytes)
        if origin := origin_of(self.path):
            raise ConfigError(
                f"What is published at {origin} is only read; change the index that it was made "
                f"of, then: lsr snapshot --index DIR --output {origin} --force"
            )
        with write_lock(self.path):
            # The last commit may be younger than this object's snapshot.
            manifest = read_manifest(self.path) if is_index(self.path) else None
            unfinished = read_checkpoint(self.path) if resume else None
            is_new = self._searcher is None
            with self._blueprint.index_writer(
                self.path, manifest, is_new=is_new, memory=memory, unfinished=unfinished
            ) as index_writer:
                yield Writer(self, index_writer)
        published = index_writer.manifest
        if self._searcher and published and published.commit > self._searcher.manifest.commit:
            self.refresh()

    def refresh(self) -> None:
        """See the last commit."""
        before = self._searcher
        readable_folder(origin_of(self.path) or self.path)
        self._searcher = before.reopened(self.path) if before else Searcher.open(self.path)

    def reopened(self) -> Index:
        """Return the last commit as another object, which shares the encoder with this one.

        This one keeps its snapshot: searches of both can run at the same time.
        """
        return self.searched_by(self.searcher.reopened(self.path))

    def searched_by(self, searcher: Searcher) -> Index:
        """Return the index with another snapshot, or the same searched in another way."""
        return Index(self.path, self._blueprint, searcher)

    def snapshot(self, path: str | Path) -> None:
        """Make an index of the last commit at `path`, also while this one is written.

        Args:
            path: a folder that is not there yet, or empty.

        Raises:
            CorruptIndexError: a file of this index is damaged.
            IndexExistsError: there is an index at `path`.
        """
        make_snapshot(self.path, Path(path))
