"""Is an index sound? Checksums of every file, then the order that search relies on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lsr.errors import CorruptIndexError
from lsr.index.dense_half import BLOCK_DOCS, are_directions
from lsr.index.manifest import SEGMENT_FOLDER, read_manifest
from lsr.index.searcher import read_vocabulary
from lsr.index.segment import Segment, open_segment, verify_file
from lsr.index.storage import RESTORE
from lsr.kernels.postings import RANGE_SIZE, n_ranges


def verify_index(path: Path) -> Iterator[str]:
    """Check the index at `path`, yielding a line for each part found sound.

    Raises:
        IndexNotFoundError: there is no index.
        CorruptIndexError: names the first part that is not sound.
    """
    manifest = read_manifest(path)
    yield f"manifest: commit {manifest.commit}, {len(manifest.segments)} segments"
    folder = path / SEGMENT_FOLDER
    if manifest.vocabulary.names:
        verify_file(folder / manifest.vocabulary.names.name, manifest.vocabulary.names)
    vocabulary = read_vocabulary(path, manifest)
    if vocabulary.fingerprint != manifest.vocabulary.fingerprint:
        raise CorruptIndexError(f"{path}: the vocabulary is not the manifest's; {RESTORE}")
    yield f"vocabulary: {vocabulary.n_terms:,} terms"
    for entry in manifest.segments:
        for file in entry.files:
            verify_file(folder / file.name, file)
        segment = open_segment(path, entry, manifest.fields, manifest.dense_size)
        for problem in _problems(segment):
            raise CorruptIndexError(f"{path}: segment {entry.name}: {problem}; {RESTORE}")
        yield f"segment {entry.name}: {entry.n_docs:,} documents, {entry.n_postings:,} postings"


def _problems(segment: Segment) -> Iterator[str]:
    """Yield what is wrong with the order and the bounds of a segment's arrays."""
    from lsr.kernels.lists import are_offsets_sound
    from lsr.kernels.range_coding import decode_range

    postings, n_docs, n_terms = segment.postings, segment.n_docs, segment.n_terms
    for number in range(n_ranges(n_docs)):
        in_range = min(RANGE_SIZE, n_docs - number * RANGE_SIZE)
        if not are_offsets_sound(postings, n_terms, number, in_range):
            yield f"a posting list of range {number} does not fit its documents"
            return
        _, terms, impacts = decode_range(postings, number, in_range, n_terms)
        if impacts.size and not impacts.all():
            yield "a posting has no impact"
        largest = np.zeros(n_terms, dtype=impacts.dtype)
        np.maximum.at(largest, terms, impacts)
        if (largest != postings.max_impacts[number :: n_ranges(n_docs)]).any():
            yield "max_impacts is not the maximum of the impacts"
    if segment.dense and not all(
        are_directions(segment.dense.rows(begin, min(begin + BLOCK_DOCS, n_docs)))
        for begin in range(0, n_docs, BLOCK_DOCS)
    ):
        yield "a dense row has another length than 1 or 0"
    ids = segment.doc_ids.to_list()
    if len(set(ids)) != n_docs:
        yield "document ids are not unique"
    if any(segment.doc_ids.number(doc_id) != number for number, doc_id in enumerate(ids)):
        yield "a document id cannot be looked up"
    for number, doc_id in enumerate(ids):
        if segment.documents[number].doc_id != doc_id:
            yield f"the stored document {number} is not {doc_id!r}"
            return
