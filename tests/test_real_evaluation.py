"""`lsr eval` on published runs of MS MARCO, judged by the assessors of TREC Deep Learning."""

import json
from pathlib import Path

import pytest

from command import lsr

pytestmark = pytest.mark.slow

PUBLISHED = {
    "dl19": {"bm25": 0.5058, "splade-pp-ed": 0.7308},
    "dl20": {"bm25": 0.4796, "splade-pp-ed": 0.7197},
}


@pytest.mark.parametrize("year", PUBLISHED)
def test_stored_runs_have_their_published_figures(shared_data: Path, year: str) -> None:
    folder = shared_data / "msmarco-dl19-dl20"
    paths = {name: folder / "runs" / f"{year}.{name}.trec.gz" for name in PUBLISHED[year]}

    done = lsr(
        *("eval", "--qrels", folder / "qrels" / f"{year}.full.tsv", "--measures", "nDCG@10"),
        *(part for path in paths.values() for part in ("--run", path)),
        "--json",
    )

    assert done.code == 0, done.stderr
    report = json.loads(done.stdout)
    found = [round(one["measures"]["nDCG@10"], 4) for one in report["runs"]]
    assert found == list(PUBLISHED[year].values())
    (comparison,) = report["comparisons"]
    assert comparison["significant"]
    assert comparison["wins"] > 3 * comparison["losses"]
    assert max(comparison["p_holm"], comparison["p_randomization_holm"]) < 0.001
