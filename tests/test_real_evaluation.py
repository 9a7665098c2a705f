"""`lsr eval` on published runs of MS MARCO, judged by the assessors of TREC Deep Learning."""

import gzip
import json
import subprocess
import sys
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


def test_ties_count_as_for_the_ir_measures_command(shared_data: Path, tmp_path: Path) -> None:
    """Scores rounded to whole numbers tie, and trec_eval ranks the later doc_id first.

    By measures that ir_measures leaves to trec_eval; its own RR@10 breaks ties in another way.
    """
    folder = shared_data / "msmarco-dl19-dl20"
    rows = [line.split() for line in _text(folder / "runs" / "dl19.bm25.trec.gz").splitlines()]
    (tmp_path / "run.trec").write_text(
        "".join(f"{row[0]} Q0 {row[2]} {row[3]} {float(row[4]):.0f} x\n" for row in rows)
    )
    judged = (folder / "qrels" / "dl19.full.tsv").read_text().splitlines()[1:]
    (tmp_path / "qrels").write_text(
        "".join(f"{query} 0 {doc} {grade}\n" for query, doc, grade in map(str.split, judged))
    )
    measures = "nDCG@10 AP(rel=2) RR(rel=2) P@5"

    ours = lsr(
        *("eval", "--qrels", tmp_path / "qrels", "--run", tmp_path / "run.trec"),
        *("--measures", measures, "--json"),
    )
    theirs = subprocess.run(
        [sys.executable, "-m", "ir_measures", "qrels", "run.trec", measures, "-p", "9"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    expected = {name: float(value) for name, value in map(str.split, theirs.stdout.splitlines())}
    assert json.loads(ours.stdout)["runs"][0]["measures"] == pytest.approx(expected, abs=1e-9)


def _text(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode()
