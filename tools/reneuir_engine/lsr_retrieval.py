#!/usr/bin/env python3
"""How good and how costly is this engine on embeddings of lsr-benchmark (ReNeuIR)?

    lsr_retrieval.py --dataset ID_OR_FOLDER --embedding ID_OR_FOLDER --output FOLDER --k 1000

An engine of that benchmark: it builds an index of the document embeddings, searches the query
embeddings exactly on one thread, and writes run.txt.gz, index-metadata.yml and
retrieval-metadata.yml, the two steps measured apart by tirex_tracker. Reading and converting the
embeddings is not measured, as in the benchmark's other engines.
"""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lsr.documents import Document, DocumentBatch, QueryBatch
from lsr.retrieval import Index
from lsr.sparse import SparseBatch

NAME = "lsr-engine"

Embeddings = Sequence[tuple[str, Any, Any]]
"""An id, terms by their numbers, written out, and weights, as lsr-benchmark loads them."""


def vectors_of(embeddings: Embeddings) -> SparseBatch:
    """Return embeddings as one batch; weights that are not above zero are left out.

    Args:
        embeddings: at least one.
    """
    sizes, terms, weights = [0], [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
    for _, tokens, values in embeddings:
        kept = np.asarray(values, dtype=np.float32) > 0
        terms.append(np.asarray(tokens)[kept].astype(np.int64))
        weights.append(np.asarray(values, dtype=np.float32)[kept])
        sizes.append(int(kept.sum()))
    joined = np.concatenate(terms)
    n_terms = int(joined.max(initial=0)) + 1
    return SparseBatch.from_arrays(np.cumsum(sizes), joined, np.concatenate(weights), n_terms)


def build_index(doc_ids: Sequence[str], vectors: SparseBatch, folder: Path) -> Index:
    """Index documents as impacts of 8 bits, and open what was built for search."""
    index = Index.create(folder)
    with index.writer() as writer:
        writer.add(DocumentBatch(list(map(Document, doc_ids)), vectors))
        writer.commit()
    return index


def search(
    index: Index, query_ids: Sequence[str], vectors: SparseBatch, k: int
) -> dict[str, list[tuple[str, float]]]:
    """Return the best `k` documents of each query with a score above zero, best first."""
    asked = index.vectors_of(QueryBatch(query_ids, [""] * len(query_ids), vectors))
    rankings = index.rank(asked, k)
    return {
        query_id: index.searcher.named_hits(rankings, row) for row, query_id in enumerate(query_ids)
    }


def write_run(path: Path, run: dict[str, list[tuple[str, float]]], tag: str) -> None:
    """Write a run as TREC reads it, compressed."""
    with gzip.open(path, "wt", encoding="utf-8") as file:
        for query_id, hits in run.items():
            for rank, (doc_id, score) in enumerate(hits, start=1):
                file.write(f"{query_id} Q0 {doc_id} {rank} {score!r} {tag}\n")


def main() -> None:
    """Run the engine by the benchmark's own command line."""
    # Not before: the functions above are tested without the benchmark.
    import lsr_benchmark
    from lsr_benchmark.click import retrieve_command
    from lsr_benchmark.irds import embeddings as load_embeddings
    from tirex_tracker import ExportFormat, register_metadata, tracking

    @retrieve_command()  # type: ignore[untyped-decorator, unused-ignore]
    def retrieve(dataset: str, embedding: str, output: Path, k: int) -> None:
        """Build an index of the document embeddings and search the query embeddings."""
        output.mkdir(parents=True, exist_ok=True)
        lsr_benchmark.register_to_ir_datasets(dataset)
        # The name of a folder: its path says nothing on another machine.
        name = Path(embedding).name if Path(embedding).is_dir() else embedding.replace("/", "-")
        register_metadata({"actor": {"team": NAME}, "tag": f"{NAME}-{name}-{k}"})
        documents = load_embeddings(dataset, embedding, "doc")
        queries = load_embeddings(dataset, embedding, "query")
        doc_ids, query_ids = [one[0] for one in documents], [one[0] for one in queries]
        doc_vectors, query_vectors = vectors_of(documents), vectors_of(queries)
        measured = {"export_format": ExportFormat.IR_METADATA}
        with tempfile.TemporaryDirectory() as folder:
            with tracking(export_file_path=output / "index-metadata.yml", **measured):
                index = build_index(doc_ids, doc_vectors, Path(folder) / "index")
            with tracking(export_file_path=output / "retrieval-metadata.yml", **measured):
                run = search(index, query_ids, query_vectors, k)
        write_run(output / "run.txt.gz", run, NAME)

    retrieve()


if __name__ == "__main__":
    main()
