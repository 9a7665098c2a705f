"""The figures that docs/conversations.md states, on real conversations and the real small model."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cast import write_cast
from command import lsr

pytestmark = pytest.mark.slow

# bfloat16 rounds otherwise on other machines, which may swap neighbours of a ranking.
TOLERANCE = 0.005


@pytest.fixture(scope="module")
def cast(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("conversations") / "cast"
    write_cast(shared_data, folder)
    return folder


def _report(dataset: Path, index: Path, *arguments: str) -> dict[str, Any]:
    done = lsr(
        *("eval", "--dataset", dataset, "--model", "splade-tiny", "--index", index, "--json"),
        *("--measures", "nDCG@10 R@20", *arguments),
    )
    assert done.code == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def _ndcg(report: dict[str, Any]) -> dict[str, float]:
    return {form: one["measures"]["nDCG@10"] for form, one in report["forms"].items()}


def test_multi_turn_rag(shared_data: Path, tmp_path: Path, evidence: Callable[[str], None]) -> None:
    dataset = shared_data / "mtrag-mini"

    rewritten = _report(dataset, tmp_path / "idx", "--query-forms", "last whole rewrite")
    everything = _report(dataset, tmp_path / "idx", "--query-forms", "last whole")

    assert rewritten["n_missing"] == {"last": 0, "whole": 0, "rewrite": 332}
    assert _ndcg(rewritten) == pytest.approx(
        {"last": 0.613, "whole": 0.477, "rewrite": 0.642}, abs=TOLERANCE
    )
    assert _ndcg(everything) == pytest.approx({"last": 0.685, "whole": 0.627}, abs=TOLERANCE)
    evidence(f"nDCG@10 on MT-RAG's conversations: {_ndcg(rewritten)}")


def test_conversational_assistance_track(
    cast: Path, tmp_path: Path, evidence: Callable[[str], None]
) -> None:
    expected = {
        "cast2021": (147, {"last": 0.383, "whole": 0.645, "rewrite": 0.747}),
        "cast2020": (8, {"last": 0.414, "whole": 0.442, "rewrite": 0.635}),
        "cast2019": (17, {"last": 0.368, "whole": 0.478, "rewrite": 0.562}),
    }

    for split, (n_queries, means) in expected.items():
        forms = ("--split", split, "--query-forms", "last whole rewrite")
        report = _report(cast, tmp_path / "idx", *forms)

        assert report["n_judged"] == n_queries
        assert _ndcg(report) == pytest.approx(means, abs=TOLERANCE)
        evidence(f"nDCG@10 on {split}: {_ndcg(report)}")
