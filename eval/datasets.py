"""What is evaluated on? A corpus, the queries that have judgments, and the judgments.

Named by a folder in BEIR's layout (``corpus.jsonl``, ``queries.jsonl``, ``qrels/SPLIT.tsv``, each
plain or compressed), by an id of ir_datasets, such as ``beir/scifact/test``, or file by file.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lsr.corpus import read_queries
from lsr.documents import QueryBatch, checked_id
from lsr.errors import ConfigError, EvaluationError, InvalidInputError, MissingDependencyError
from lsr.eval.measures import DEFAULT_MEASURES
from lsr.eval.official_measures import official_measures
from lsr.eval.qrels import Qrel, Qrels, read_qrels
from lsr.eval.topics import read_questions

logger = logging.getLogger(__name__)

IRDS_PREFIX = "irds:"
SELF_MATCHING = frozenset({"arguana", "quora"})
"""Collections of BEIR whose queries are documents too; BEIR never counts a query's own document."""

_QRELS_SUFFIXES = (".tsv", ".tsv.gz", ".tsv.zst")


@dataclass(frozen=True, slots=True)
class Dataset:
    """A test collection.

    Attributes:
        name: what the user named.
        corpus: what `lsr.corpus.read_documents` takes.
        queries: those with judgments, in file order.
        qrels: the judgments.
        removes_self_matches: whether a hit whose doc_id is the query's id is left out.
        measures: names of those that papers give for it.
        split: which of its judgments; empty where the name says it.
    """

    name: str
    corpus: str
    queries: QueryBatch
    qrels: Qrels
    removes_self_matches: bool
    measures: str = DEFAULT_MEASURES
    split: str = ""


def load_dataset(name: str, split: str = "test") -> Dataset:
    """Load the queries and judgments of a dataset; the corpus is named, not read.

    Args:
        name: a folder in BEIR's layout, or an ir_datasets id, with or without ``irds:``.
        split: which judgments of a folder, or of an ir_datasets id that has none of its own.

    Raises:
        ConfigError: there is no such dataset or split.
        InvalidInputError: a file of the folder is missing or malformed.
        EvaluationError: the dataset cannot be downloaded, or no query has judgments.
        MissingDependencyError: ir_datasets is not installed.
    """
    if Path(name).is_dir():
        return _load_folder(Path(name), split)
    dataset_id = name.removeprefix(IRDS_PREFIX)
    if dataset_id == name and (name.startswith((".", "/", "~")) or Path(name).exists()):
        raise ConfigError(
            f"{name!r} is not a folder; name one with corpus.jsonl, queries.jsonl and qrels/, or "
            "an ir_datasets id such as beir/scifact/test."
        )
    return _load_ir_dataset(dataset_id, split)


def load_files(corpus: str, queries: str | Path, qrels: str | Path) -> Dataset:
    """Load a dataset of which each part is named by itself.

    Args:
        corpus: what `lsr.corpus.read_documents` takes.
        queries: a file of TREC topics, or what `lsr.corpus.read_queries` takes.
        qrels: a file that `lsr.eval.qrels.read_qrels` takes.

    Raises:
        InvalidInputError: a file is missing or malformed.
        EvaluationError: no query has judgments.
    """
    judgments = read_qrels(qrels)
    return Dataset(
        name=corpus,
        corpus=corpus,
        queries=_judged(read_questions(queries), judgments, str(queries)),
        qrels=judgments,
        removes_self_matches=False,
        measures=measures_of_qrels(qrels),
        split=_stem(qrels),
    )


def measures_of_qrels(path: str | Path) -> str:
    """Return the measures that papers give with a file of judgments, by the name it has."""
    folder = Path(path).resolve().parent
    folder = folder.parent if folder.name == "qrels" else folder
    return official_measures(f"{folder.name}/{_stem(path)}")


def _stem(path: str | Path) -> str:
    name = Path(path).name
    return next((name.removesuffix(one) for one in _QRELS_SUFFIXES if name.endswith(one)), name)


def _load_folder(folder: Path, split: str) -> Dataset:
    qrels_file = _qrels_file(folder / "qrels", split)
    qrels = read_qrels(qrels_file)
    return Dataset(
        name=str(folder),
        corpus=str(folder),
        queries=_judged(read_queries(folder), qrels, str(folder)),
        qrels=qrels,
        removes_self_matches=folder.resolve().name.lower() in SELF_MATCHING,
        measures=measures_of_qrels(qrels_file),
        split=split,
    )


def _qrels_file(folder: Path, split: str) -> Path:
    for suffix in _QRELS_SUFFIXES:
        if (folder / f"{split}{suffix}").is_file():
            return folder / f"{split}{suffix}"
    names = sorted(path.name for path in folder.glob("*")) if folder.is_dir() else []
    splits = [
        name.removesuffix(suffix)
        for name in names
        for suffix in _QRELS_SUFFIXES
        if name.endswith(suffix)
    ]
    if not splits:
        raise InvalidInputError(f"{folder} holds no judgments; expected {split}.tsv there.")
    raise ConfigError(f"{folder} has no split {split!r}; it has {', '.join(splits)}.")


def _load_ir_dataset(dataset_id: str, split: str) -> Dataset:
    try:
        import ir_datasets
    except ImportError:
        raise MissingDependencyError(f"The dataset {dataset_id!r}", "eval") from None
    found_id, source = _with_judgments(ir_datasets, dataset_id, split)
    with _download_advice(found_id):
        texts = {query.query_id: query.default_text() for query in source.queries_iter()}
        relevances = {
            (qrel.query_id, qrel.doc_id): int(qrel.relevance) for qrel in source.qrels_iter()
        }
    qrels = [Qrel(*pair, relevance) for pair, relevance in relevances.items()]
    queries = QueryBatch(
        query_ids=[checked_id(query_id, f"queries of {found_id}") for query_id in texts],
        questions=list(texts.values()),
    )
    return Dataset(
        name=found_id,
        corpus=IRDS_PREFIX + found_id,
        queries=_judged(queries, qrels, found_id),
        qrels=qrels,
        removes_self_matches=not SELF_MATCHING.isdisjoint(found_id.lower().split("/")),
        measures=official_measures(found_id),
    )


def _with_judgments(ir_datasets: Any, dataset_id: str, split: str) -> tuple[str, Any]:
    """Return the id and the dataset that `dataset_id` and `split` mean."""
    try:
        source = ir_datasets.load(dataset_id)
    except KeyError:
        near = difflib.get_close_matches(dataset_id, list(ir_datasets.registry), n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "the folder's path may be wrong."
        raise ConfigError(
            f"{dataset_id!r} is neither a folder nor a dataset that ir_datasets knows; {hint}"
        ) from None
    if source.has_qrels() and source.has_queries():
        if split not in ("test", dataset_id.rsplit("/", 1)[-1]):
            raise ConfigError(
                f"{dataset_id!r} names its own judgments, so the split {split!r} cannot be chosen; "
                "leave the split out or name another id."
            )
        return dataset_id, source
    within = [name for name in ir_datasets.registry if name.startswith(f"{dataset_id}/")]
    judged = [name for name in within if ir_datasets.load(name).has_qrels()]
    if f"{dataset_id}/{split}" in judged:
        return f"{dataset_id}/{split}", ir_datasets.load(f"{dataset_id}/{split}")
    hint = f"name one of {', '.join(judged[:5])}." if judged else "it cannot be evaluated on."
    raise ConfigError(f"{dataset_id!r} has no judgments for the split {split!r}; {hint}")


@contextmanager
def _download_advice(dataset_id: str) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:  # what ir_datasets lets through from its downloads
        reason = str(error).split("(Caused by")[0].strip().rstrip(".")
        raise EvaluationError(
            f"The dataset {dataset_id!r} could not be downloaded ({reason}); download it where "
            "there is a network, in BEIR's layout, and name the folder instead."
        ) from error


def _judged(queries: QueryBatch, qrels: Qrels, name: str) -> QueryBatch:
    """Return the queries that have judgments."""
    judged_ids = {qrel.query_id for qrel in qrels}
    rows = [row for row, query_id in enumerate(queries.query_ids) if query_id in judged_ids]
    if not rows:
        raise EvaluationError(
            f"{name}: none of the {len(queries.query_ids)} queries (such as "
            f"{_example(queries.query_ids)}) is among the {len(judged_ids)} that have judgments "
            f"(such as {_example(judged_ids)})."
        )
    if len(rows) < len(judged_ids):
        logger.warning(
            "%s: %d of %d queries with judgments have no text and count as 0.",
            name,
            len(judged_ids) - len(rows),
            len(judged_ids),
        )
    return replace(
        queries,
        query_ids=[queries.query_ids[row] for row in rows],
        questions=[queries.questions[row] for row in rows],
        vectors=None if queries.vectors is None else queries.vectors.take(rows),
    )


def _example(query_ids: Any) -> str:
    return repr(min(query_ids, default=""))
