import logging
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsr.errors import ConfigError, EvaluationError, MissingDependencyError
from lsr.eval.measures import DEFAULT_MEASURES, evaluate, parse_measures
from lsr.eval.qrels import Qrel, read_qrels
from lsr.eval.run_file import read_run


def _oracle(gains: list[int], judged: list[int], k: int) -> dict[str, float]:
    """nDCG, R and RR at k of one ranking, given its gains and the gains of all judged documents."""
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ideal = sorted((max(gain, 0) for gain in judged), reverse=True)[:k]
    top = np.maximum(gains[:k], 0)
    best = ideal @ discounts[: len(ideal)]
    found = np.flatnonzero(top > 0)
    n_relevant = sum(gain > 0 for gain in judged)
    return {
        f"nDCG@{k}": float(top @ discounts[: len(top)] / best) if best else 0.0,
        f"R@{k}": found.size / n_relevant if n_relevant else 0.0,
        f"RR@{k}": 1 / (found[0] + 1) if found.size else 0.0,
    }


_DOC_IDS = [f"d{number}" for number in range(12)]
_JUDGMENTS = st.dictionaries(st.sampled_from(_DOC_IDS), st.integers(0, 3), min_size=1)
_RANKINGS = st.lists(st.sampled_from(_DOC_IDS), unique=True)


@given(
    judgments=st.dictionaries(st.sampled_from("abcd"), _JUDGMENTS, min_size=1),
    rankings=st.dictionaries(st.sampled_from("abcde"), _RANKINGS),
    k=st.integers(1, 6),
)
def test_equals_the_formulas_whatever_ties(
    judgments: dict[str, dict[str, int]], rankings: dict[str, list[str]], k: int
) -> None:
    rankings[min(judgments)] = _DOC_IDS[:5]
    qrels = [
        Qrel(query_id, doc_id, relevance)
        for query_id, judged in judgments.items()
        for doc_id, relevance in judged.items()
    ]
    run = {query_id: [(doc_id, 1.0) for doc_id in ids] for query_id, ids in rankings.items()}

    result = evaluate(qrels, run, parse_measures(f"nDCG@{k} R@{k} RR@{k}"))

    expected = {
        query_id: _oracle(
            [judged.get(doc_id, 0) for doc_id in rankings.get(query_id, [])],
            list(judged.values()),
            k,
        )
        for query_id, judged in judgments.items()
    }
    assert result.n_queries == len(judgments)
    assert result.n_without_hits == sum(not rankings.get(query_id) for query_id in judgments)
    for measure, values in result.per_query.items():
        assert list(values) == sorted(judgments)
        for query_id, value in values.items():
            assert value == pytest.approx(expected[query_id][measure], abs=1e-12)
        assert result.means[measure] == pytest.approx(np.mean(list(values.values())))


@pytest.mark.parametrize(
    ("run", "year", "ndcg"),
    [
        ("bm25", 19, 0.5058),
        ("bm25", 20, 0.4796),
        ("splade-pp-ed", 19, 0.7308),
        ("splade-pp-ed", 20, 0.7197),
    ],
)
def test_published_runs_have_their_published_quality(
    shared_data: Path, run: str, year: int, ndcg: float
) -> None:
    folder = shared_data / "msmarco-dl19-dl20"
    qrels = read_qrels(folder / "qrels" / f"dl{year}.full.tsv")

    result = evaluate(
        qrels, read_run(folder / "runs" / f"dl{year}.{run}.trec.gz"), parse_measures("nDCG@10")
    )

    assert round(result.means["nDCG@10"], 4) == ndcg


def test_measures_are_separated_by_spaces_or_commas_and_named_once() -> None:
    measures = parse_measures(" nDCG@10,R@100  AP(rel=2, judged_only=True)@1000 R@100")

    assert [str(measure) for measure in measures] == [
        "nDCG@10",
        "R@100",
        "AP(rel=2,judged_only=True)@1000",
    ]


def test_default_measures_are_known() -> None:
    assert len(parse_measures(DEFAULT_MEASURES)) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ndgc@10", "'ndgc@10' is unknown; did you mean nDCG or"),
        ("MMR@10", "did you mean RR or"),
        ("xyzzy", "'xyzzy' is unknown; try 'nDCG@10"),
        ("", "No measure is named"),
        ("nDCG@x", "'nDCG@x' cannot be read"),
        ("nDCG@", "'nDCG@' cannot be read"),
        ("AP(foo=1)", "'AP(foo=1)' cannot be read"),
        ("R", "'R' cannot be read"),
        ("nDCG@0", "'nDCG@0' has cutoff 0; it must be above 0"),
        ("nDCG@-3", "'nDCG@-3' cannot be read"),
        ("P(rel=0)@5", "has rel 0"),
    ],
)
def test_refuses_measures_that_cannot_be_computed(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("(", r"\(").replace(")", r"\)")):
        parse_measures(text)


def test_a_run_of_other_queries_is_refused_with_examples() -> None:
    with pytest.raises(EvaluationError, match=re.escape("1 queries (such as 'a'), the qrels 2")):
        evaluate(
            [Qrel("q1", "d", 1), Qrel("q2", "d", 1)], {"a": [("d", 1.0)]}, parse_measures("R@5")
        )


def test_a_run_without_any_hit_is_refused() -> None:
    with pytest.raises(EvaluationError, match="share no query with hits"):
        evaluate([Qrel("q1", "d", 1)], {"q1": []}, parse_measures("R@5"))


def test_warns_when_run_and_qrels_name_documents_differently(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        evaluate([Qrel("q1", "MED-1", 1)], {"q1": [("1", 2.0)]}, parse_measures("R@5"))

    assert "such as '1', the qrels such as 'MED-1'" in caplog.text


def test_names_the_extra_when_ir_measures_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ir_measures", None)

    with pytest.raises(MissingDependencyError, match=re.escape("lsr-engine[eval]")):
        parse_measures("nDCG@10")
