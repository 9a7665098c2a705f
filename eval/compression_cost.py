"""What does compression cost in quality, and what does it gain? Measured beside two controls.

Collections differ in what they can show: many are searched as well by a model whose layers compute
nothing, because its vocabulary still repeats the words of a text. So a compressed model stands
beside the dense one, one whose layers were pruned at random, and one whose layers give constants.
What these two keep is no merit of the compression.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from lsr.compression import Allocation, Method, Recipe
from lsr.compression.applying import apply_recipe, model_files
from lsr.compression.learning import Learns
from lsr.compression.recipe import Layers, Removed
from lsr.compression.work import work_left
from lsr.corpus import read_documents
from lsr.encoders import Backend, Encoder, Precision, load_encoder
from lsr.encoders.locating import locate_model
from lsr.errors import EvaluationError
from lsr.eval.bench.cores import some_cores
from lsr.eval.bench.table import aligned
from lsr.eval.datasets import Dataset
from lsr.eval.measures import Evaluation, evaluate, parse_measures
from lsr.eval.quantization_cost import FloatScorer

MEASURE = "nDCG@10"
DEPTH = 11
"""Hits of each query: ten, and the query itself where a collection holds it."""

HEAD = (MEASURE, "kept", "+-", "terms/doc", "terms/query", "work", "docs/s", "us/query", "MB")

N_TIMED = 64
N_QUERIES_TIMED = 16


@dataclass(frozen=True, slots=True)
class System:
    """A model in one number format.

    Attributes:
        name: of the system.
        model: folder or name of the model.
        precision: FLOAT32 or INT8.
        is_control: whether it is there to be compared with, and not timed.
    """

    name: str
    model: str
    precision: Precision
    is_control: bool = False


@dataclass(frozen=True, slots=True)
class Figures:
    """How one system did on one collection.

    Attributes:
        system: its name.
        dataset: name of the collection.
        quality: nDCG@10 by exact scores of the encoder's own weights.
        kept: the same in parts of the first system's.
        error: standard error of the mean difference to the first system, in the same parts.
        document_terms: mean terms of a document.
        query_terms: mean terms of a query.
        work: multiply-adds of a token, in parts of the whole model's.
        documents_per_s: on one core; None for a control.
        query_us: microseconds to encode a query on one core; None for a control.
        size_bytes: of the weights on disk.
    """

    system: str
    dataset: str
    quality: float
    kept: float
    error: float
    document_terms: float
    query_terms: float
    work: float
    documents_per_s: float | None
    query_us: float | None
    size_bytes: int


def controls(
    recipe: Recipe,
    folder: Path,
    *,
    learn: Learns | None = None,
    on_step: Callable[[str], None] = lambda _: None,
) -> list[System]:
    """Make the two controls of a recipe: what goes is chosen by chance, or no layer is left.

    A recipe that leaves layers as they are drops terms by chance. Where one has a training, they
    are trained in the same way, from their masks on.

    Args:
        recipe: the recipe.
        folder: to write them to.
        learn: as `apply_recipe` takes it.
        on_step: hears what is done.
    """
    layers = recipe.layers or Layers()
    corrects_bias = layers.corrects_bias and recipe.calibration is not None
    random = msgspec.structs.replace(
        layers, method=Method.RANDOM, corrects_bias=corrects_bias, exchanges=False
    )
    nothing = msgspec.structs.replace(
        random, pattern="unstructured", sparsity=1.0, allocation=Allocation.UNIFORM
    )
    changes: dict[str, Any] = {}
    if recipe.layers is not None:
        changes["layers"] = random
    if recipe.structure is not None:
        changes["structure"] = msgspec.structs.replace(recipe.structure, at_random=True)
    if not changes:
        assert recipe.vocabulary is not None
        changes["vocabulary"] = msgspec.structs.replace(recipe.vocabulary, at_random=True)
    by_chance = msgspec.structs.replace(recipe, **changes)
    no_body = msgspec.structs.replace(recipe, layers=nothing, structure=None)
    training = recipe.training
    if training is not None:  # their weights are removed at once, so that none comes back
        training = msgspec.structs.replace(training, removed=Removed.GONE)
    found = []
    for name, changed in (("random mask", by_chance), ("no body", no_body)):
        place = folder / name.replace(" ", "-")
        on_step(f"making the control: {name}")
        controlled = msgspec.structs.replace(changed, training=training)
        apply_recipe(controlled, place, learn=learn, on_step=on_step)
        found.append(System(name, str(place), Precision.FLOAT32, is_control=True))
    return found


def measure_systems(
    systems: Sequence[System],
    datasets: Sequence[Dataset],
    *,
    runs: int = 5,
    on_step: Callable[[str], None] = lambda _: None,
) -> list[Figures]:
    """Return the figures of every system on every collection; the first system is what is kept of.

    Args:
        systems: the dense model first.
        datasets: from `lsr.eval.datasets.load_dataset`.
        runs: timed runs of each system, in turns; the fastest counts.
        on_step: hears what is measured next.
    """
    encoders = {
        one.name: load_encoder(one.model, precision=one.precision, backend=Backend.NATIVE)
        for one in systems
    }
    found: list[Figures] = []
    for dataset in datasets:
        timed = {one.name: encoders[one.name] for one in systems if not one.is_control}
        speeds = _speeds(timed, dataset, runs)
        first: Evaluation | None = None
        for one in systems:
            on_step(f"{dataset.name}: {one.name}")
            evaluation, document_terms, query_terms = _quality(encoders[one.name], dataset)
            first = first or evaluation
            kept, error = _kept(first, evaluation)
            rate, query_us = speeds.get(one.name, (None, None))
            found.append(
                Figures(
                    one.name,
                    dataset.name,
                    evaluation.means[MEASURE],
                    kept,
                    error,
                    document_terms,
                    query_terms,
                    work_left(model_files(one.model)),
                    rate,
                    query_us,
                    _size_bytes(one.model),
                )
            )
    return found


def as_table(figures: Sequence[Figures]) -> str:
    """Return the figures as text, a table for each collection."""
    note = (
        f"{MEASURE} by exact scores of float weights; +- is the standard error of the difference "
        "to the first line. Work: multiply-adds, in parts of the whole model's. Speed on one core, "
        "the fastest of runs in turns."
    )
    return collection_tables(figures, lambda one: [one.system, *cells(one)], HEAD, note)


def collection_tables(
    figures: Sequence[Figures],
    row: Callable[[Figures], list[str]],
    head: Sequence[str],
    note: str,
) -> str:
    """Return a table for each collection, and a note under them.

    Args:
        figures: a line each.
        row: makes the cells of a line.
        head: of all columns but the first, which the collection's name stands above.
        note: what the figures mean.
    """
    lines: list[str] = []
    for dataset in dict.fromkeys(one.dataset for one in figures):
        rows = [row(one) for one in figures if one.dataset == dataset]
        lines += [*aligned([[dataset, *head], *rows]), ""]
    return "\n".join([*lines, note])


def cells(one: Figures) -> list[str]:
    """Return figures as cells under `HEAD`."""
    return [
        f"{one.quality:.4f}",
        f"{one.kept:.1%}",
        f"{one.error:.1%}",
        f"{one.document_terms:.1f}",
        f"{one.query_terms:.1f}",
        f"{one.work:.0%}",
        "" if one.documents_per_s is None else f"{one.documents_per_s:,.0f}",
        "" if one.query_us is None else f"{one.query_us:,.0f}",
        f"{one.size_bytes / 1e6:.1f}",
    ]


def _quality(encoder: Encoder, dataset: Dataset) -> tuple[Evaluation, float, float]:
    """Return the evaluation, and the mean terms of documents and of queries."""
    queries = encoder.encode_queries([str(one) for one in dataset.queries.questions])
    scorer = FloatScorer(queries, DEPTH)
    n_documents = n_terms = 0
    for batch in read_documents(dataset.corpus):
        texts = [document.full_text for document in batch.documents]
        vectors = encoder.encode_documents(texts)
        scorer.add([document.doc_id for document in batch.documents], vectors)
        n_documents, n_terms = n_documents + len(texts), n_terms + vectors.nnz
    if not n_documents:
        raise EvaluationError(f"The corpus of {dataset.name} holds no documents.")
    run = scorer.run(dataset.queries.query_ids)
    if dataset.removes_self_matches:
        run = {
            query_id: [hit for hit in hits if hit[0] != query_id] for query_id, hits in run.items()
        }
    evaluation = evaluate(dataset.qrels, run, parse_measures(MEASURE))
    return evaluation, n_terms / n_documents, queries.nnz / max(1, len(queries))


def _kept(first: Evaluation, other: Evaluation) -> tuple[float, float]:
    """Return what is left of the first mean, and the standard error of the difference to it."""
    ours, theirs = first.per_query[MEASURE], other.per_query[MEASURE]
    differences = np.array([theirs[query_id] - ours[query_id] for query_id in ours])
    mean = max(first.means[MEASURE], 1e-12)
    error = differences.std(ddof=1) / np.sqrt(differences.size) if differences.size > 1 else 0.0
    return other.means[MEASURE] / mean, float(error / mean)


def _speeds(
    encoders: Mapping[str, Encoder], dataset: Dataset, runs: int
) -> dict[str, tuple[float, float]]:
    """Return for each encoder documents a second and microseconds a query."""
    texts: list[str] = []
    for batch in read_documents(dataset.corpus):
        texts += [document.full_text for document in batch.documents]
        if len(texts) >= N_TIMED:
            break
    texts = texts[:N_TIMED]
    queries = [str(one) for one in dataset.queries.questions][:N_QUERIES_TIMED]
    best = {name: (float("inf"), float("inf")) for name in encoders}
    with some_cores(1):
        for _ in range(runs + 1):  # the first one warms up, and is never the fastest
            for name, encoder in encoders.items():
                started = time.perf_counter()
                encoder.encode_documents(texts)
                between = time.perf_counter()
                for query in queries:
                    encoder.encode_queries([query])
                ended = time.perf_counter()
                best[name] = (
                    min(best[name][0], between - started),
                    min(best[name][1], ended - between),
                )
    return {
        name: (len(texts) / documents, 1e6 * query / len(queries))
        for name, (documents, query) in best.items()
    }


def _size_bytes(model: str) -> int:
    return sum(file.stat().st_size for file in locate_model(model).glob("*.safetensors"))
