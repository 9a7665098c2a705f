"""An experiment with figures made up by hand."""

from __future__ import annotations

from lsr.eval.cost import Cost, Latencies
from lsr.eval.experiment import Experiment
from lsr.eval.measures import Evaluation


def made_up_experiment(
    system: str = "words",
    dataset: str = "beir/set",
    values: tuple[float, ...] = (0.5, 0.7),
    *,
    search_ms: tuple[float, ...] = (2.0, 4.0),
) -> Experiment:
    """Return an experiment of one measure, nDCG@10, with these values of its queries q0, q1, ..."""
    per_query = {f"q{number}": value for number, value in enumerate(values)}
    return Experiment(
        system=system,
        dataset=dataset,
        split="test",
        encoder={"model": "words", "max_length": 256},
        index=Evaluation({"nDCG@10": sum(values) / len(values)}, {"nDCG@10": per_query}, 0),
        float_weights=None,
        run={},
        n_docs=3,
        n_queries=len(values),
        cost=Cost(
            k=1000,
            encoding=Latencies([1.0]),
            search=Latencies(list(search_ms)),
            queries_per_second={1: 10.0, 2: 19.0},
            indexing_s=3.5,
            index_bytes=100,
            search_bytes=60,
            bytes_per_posting=1.25,
            flops=0.5,
            query_terms=[2, 3],
            documents_by_terms={4: 2, 6: 1},
            peak_memory_bytes=123_456,
            machine="a processor, 2 cores",
        ),
        retrieval="by hand",
    )
