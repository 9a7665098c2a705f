"""How good is a run? Measures, as ir_measures names and computes them."""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lsr.errors import ConfigError, EvaluationError, MissingDependencyError
from lsr.eval.qrels import Qrels
from lsr.eval.run_file import Run, falling_scores

logger = logging.getLogger(__name__)

DEFAULT_MEASURES = "nDCG@10 R@100 RR@10"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a run is worth.

    Attributes:
        means: {measure: mean over the queries that have judgments}.
        per_query: {measure: {query_id: value}}, every query that has judgments.
        n_without_hits: queries that have judgments but no hit in the run; they count as 0.
        n_without_judgments: queries of the run that have no judgments; they count for nothing.
    """

    means: dict[str, float]
    per_query: dict[str, dict[str, float]]
    n_without_hits: int
    n_without_judgments: int = 0

    @property
    def n_queries(self) -> int:
        """Number of queries that have judgments."""
        return len(next(iter(self.per_query.values())))


def parse_measures(text: str) -> list[Any]:
    """Read measures separated by spaces or commas, such as ``nDCG@10 RR(rel=2)@10``.

    Raises:
        ConfigError: a measure is unknown, has a parameter it cannot have, or needs a program that
            is not installed.
        MissingDependencyError: ir_measures is not installed.
    """
    names = [name for name in re.split(r"[\s,]+(?![^(]*\))", text) if name]
    if not names:
        raise ConfigError(f"No measure is named; name some, such as {DEFAULT_MEASURES!r}.")
    return list(dict.fromkeys(_parse_measure(name) for name in names))


def evaluate(qrels: Qrels, run: Run, measures: Sequence[Any]) -> Evaluation:
    """Compute measures of a run over the queries that have judgments.

    Args:
        qrels: the judgments.
        run: hits of each query, best first; the order counts, ties or not.
        measures: as `parse_measures` returns them.

    Raises:
        EvaluationError: run and qrels share no query, or a measure cannot be computed on them.
        MissingDependencyError: ir_measures is not installed.
    """
    ir_measures = _ir_measures()
    judged = {qrel.query_id for qrel in qrels}
    shared = {
        query_id: _by_doc_id(hits) for query_id, hits in run.items() if query_id in judged and hits
    }
    if not shared:
        raise EvaluationError(
            f"Run and qrels share no query with hits: the run has {len(run)} queries "
            f"(such as {min(run, default='')!r}), the qrels {len(judged)} "
            f"(such as {min(judged, default='')!r})."
        )
    _warn_when_nothing_is_judged(qrels, shared)
    rows = [ir_measures.Qrel(*qrel) for qrel in qrels]
    try:
        result = ir_measures.calc(list(measures), rows, shared)
    except Exception as error:  # the programs behind the measures fail in ways of their own
        names = " ".join(map(str, measures))
        raise EvaluationError(f"{names} could not be computed on this run: {error}.") from error
    per_query: dict[str, dict[str, float]] = {str(measure): {} for measure in measures}
    for metric in result.per_query:
        per_query[str(metric.measure)][metric.query_id] = metric.value
    return Evaluation(
        means={str(measure): result.aggregated[measure] for measure in measures},
        per_query={name: dict(sorted(values.items())) for name, values in per_query.items()},
        n_without_hits=len(judged) - len(shared),
        n_without_judgments=len(run.keys() - judged),
    )


def _ir_measures() -> Any:
    try:
        import ir_measures
    except ImportError:
        raise MissingDependencyError("Evaluation", "eval") from None
    return ir_measures


def _parse_measure(name: str) -> Any:
    ir_measures = _ir_measures()
    try:
        measure = ir_measures.parse_measure(name)
        supported = ir_measures.DefaultPipeline.supports(measure)
    except NameError:
        known = {key.lower(): one.NAME for key, one in ir_measures.measures.registry.items()}
        word = re.split(r"[@(]", name)[0].lower()
        matches = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
        near = dict.fromkeys(known[match] for match in matches)
        hint = f"did you mean {' or '.join(near)}?" if near else f"try {DEFAULT_MEASURES!r}."
        raise ConfigError(f"The measure {name!r} is unknown; {hint}") from None
    except (ValueError, TypeError, KeyError, AssertionError) as error:
        raise ConfigError(
            f"The measure {name!r} cannot be read; write it as nDCG@10 or AP(rel=2)@100."
        ) from error
    # trec_eval ends the whole process on a cutoff below 1.
    for parameter in ("cutoff", "rel"):
        value = measure.params.get(parameter, 1)
        if value < 1:
            raise ConfigError(f"The measure {name!r} has {parameter} {value}; it must be above 0.")
    if not supported:
        raise ConfigError(
            f"The measure {name!r} needs a program that is not installed; "
            "ir_measures' documentation says which."
        )
    return measure


def _by_doc_id(hits: Sequence[tuple[str, float]]) -> dict[str, float]:
    scores = falling_scores([score for _, score in hits]).tolist()
    return {doc_id: score for (doc_id, _), score in zip(hits, scores, strict=True)}


def _warn_when_nothing_is_judged(qrels: Qrels, run: Mapping[str, dict[str, float]]) -> None:
    if not any(qrel.doc_id in run.get(qrel.query_id, ()) for qrel in qrels):
        example = next(iter(next(iter(run.values()))))
        logger.warning(
            "No hit is judged: the run names documents such as %r, the qrels such as %r.",
            example,
            qrels[0].doc_id,
        )
