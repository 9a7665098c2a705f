"""What does each shard hold? Documents that follow each other, and the settings of the whole.

One reading of the corpus, before anything costly, finds what shards that are built apart must
share: how many documents there are, that no id occurs twice, the names of all terms in the order
in which they come, and the scale of the impacts. The plan is kept as the checkpoint of the whole
index, so that an interrupted build goes on with what it began with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lsr.corpus import part_of, read_documents
from lsr.documents import DocumentBatch
from lsr.encoders import Backend
from lsr.errors import DuplicateIdError, LsrError
from lsr.index import Checkpoint, ImpactQuantizer, hash_ids
from lsr.pruning import PruneRule, prune
from lsr.retrieval import Index

PROGRESS_NAME = "shards"
"""Where the plan stands in what a checkpoint holds."""

FITTED_DOCS = 1 << 16
"""Documents that the scale is fitted to, as an index without shards does."""


class ShardPlan(msgspec.Struct, frozen=True):
    """A build of shards.

    Attributes:
        sources: the inputs, in order.
        bounds: shard number i holds the documents from bounds[i] on, up to bounds[i + 1].
        memory_bytes: of the writer of a shard; None for its default.
        skips_bad: whether records that cannot be read are left out.
        encodes: whether there are texts, which an encoder turns into vectors.
        backend: what computes it.
    """

    sources: list[str]
    bounds: list[int]
    memory_bytes: int | None
    skips_bad: bool
    encodes: bool
    backend: Backend

    @staticmethod
    def of(unfinished: Checkpoint) -> ShardPlan:
        """Return the plan that a checkpoint holds."""
        return msgspec.convert(unfinished.progress[PROGRESS_NAME], ShardPlan)

    @property
    def n_shards(self) -> int:
        """Number of shards."""
        return len(self.bounds) - 1

    def n_docs(self, number: int) -> int:
        """Return how many documents a shard holds."""
        return self.bounds[number + 1] - self.bounds[number]

    def documents(self, number: int) -> Iterator[DocumentBatch]:
        """Read the documents of a shard."""
        read = read_sources(self.sources, skips_bad=self.skips_bad)
        return part_of(read, self.bounds[number], self.bounds[number + 1])


def read_sources(sources: Iterable[str], *, skips_bad: bool) -> Iterator[DocumentBatch]:
    """Read the documents of several inputs."""
    for source in sources:
        yield from read_documents(source, skip_bad=_pass_over if skips_bad else None)


def scale_of(sources: Sequence[str], rule: str | None, *, skips_bad: bool) -> float | None:
    """Return the largest weight to hold for vectors, as an index of all would fit it.

    Args:
        sources: the inputs.
        rule: by which weights are left out; None to store all.
        skips_bad: whether records that cannot be read are left out.

    Returns:
        The weight, or None when there are texts, or nothing, among the first documents.
    """
    weights: list[NDArray[np.float32]] = []
    for batch in part_of(read_sources(sources, skips_bad=skips_bad), 0, FITTED_DOCS):
        if batch.vectors is None:
            return None
        vectors = prune(batch.vectors, PruneRule.parse(rule)) if rule else batch.vectors
        weights.append(vectors.weights)
    fitted = np.concatenate(weights)
    return ImpactQuantizer.for_weights(fitted).max_weight if fitted.size else None


def plan_shards(
    index: Index,
    sources: Sequence[str],
    n_shards: int,
    *,
    memory_bytes: int | None,
    skips_bad: bool,
    backend: Backend,
    progress: Mapping[str, Any],
    count: Callable[[int], None],
) -> None:
    """Read the corpus and leave a plan at a new index's path.

    Args:
        index: new, with the settings of the whole.
        sources: the inputs.
        n_shards: number of shards.
        memory_bytes: of the writer of a shard.
        skips_bad: whether records that cannot be read are left out.
        backend: what computes the encoder.
        progress: what else the checkpoint is to hold.
        count: told of documents as they are read.

    Raises:
        DuplicateIdError: two documents have one id.
        InvalidInputError: there are texts, but the index has no encoder.
        LsrError: a record cannot be read.
    """
    hashes: list[NDArray[np.uint64]] = []
    encodes = False
    with index.writer(memory_bytes=memory_bytes) as writer:
        for batch in read_sources(sources, skips_bad=skips_bad):
            if batch.vectors is None:
                encodes = bool(writer.encoder_for(batch))
            else:  # its terms enter the vocabulary
                writer.add(DocumentBatch([], batch.vectors.slice(0, 0), batch.vocabulary))
            hashes.append(_hashes(batch))
            count(len(batch.documents))
        of_all = np.concatenate(hashes)
        _refuse_duplicates(of_all, sources, skips_bad)
        bounds = [number * of_all.size // n_shards for number in range(n_shards + 1)]
        plan = ShardPlan(list(sources), bounds, memory_bytes, skips_bad, encodes, backend)
        writer.checkpoint({**progress, PROGRESS_NAME: msgspec.to_builtins(plan)})


def _hashes(batch: DocumentBatch) -> NDArray[np.uint64]:
    return hash_ids([document.doc_id for document in batch.documents])


def _refuse_duplicates(hashes: NDArray[np.uint64], sources: Sequence[str], skips_bad: bool) -> None:
    """Read the corpus again where hashes are equal, to see whether ids are."""
    values, counts = np.unique(hashes, return_counts=True)
    repeated = values[counts > 1]
    if not repeated.size:
        return
    places: dict[str, str] = {}
    for batch in read_sources(sources, skips_bad=skips_bad):
        for row in np.flatnonzero(np.isin(_hashes(batch), repeated)).tolist():
            document = batch.documents[row]
            if document.doc_id in places:
                raise DuplicateIdError(
                    f"{document.place}: the id {document.doc_id!r} occurs twice, first at "
                    f"{places[document.doc_id]}; ids must be unique."
                )
            places[document.doc_id] = document.place


def _pass_over(error: LsrError) -> None:
    """Leave out a record, which the reading for the plan has reported."""
