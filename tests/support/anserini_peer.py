"""Anserini's own commands, run on an export."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from lsr.eval.bench.engines.anserini import JAR_VARIABLE


def anserini_jar() -> str:
    """Return Anserini's fat jar, which comes with pyserini; skip the test where it is not."""
    found = os.environ.get(JAR_VARIABLE, "")
    if not Path(found).is_file():
        pytest.skip(f"make reference-engines fetches Anserini's jar, or {JAR_VARIABLE} names it")
    if shutil.which("java") is None:
        pytest.skip("there is no java on the PATH")
    return found


def anserini_run(jar: str, folder: Path, hits: int) -> dict[str, dict[str, int]]:
    """Index an export, search for its queries, and return the scores by query and document.

    Scores are whole numbers; among hits of one score, Anserini lowers each a little below the one
    before, which rounding takes back.
    """
    _java(
        *(jar, "io.anserini.index.IndexCollection", "-collection", "JsonVectorCollection"),
        *("-input", folder / "collection", "-index", folder / "lucene", "-threads", "1"),
        *("-generator", "DefaultLuceneDocumentGenerator", "-impact", "-pretokenized"),
    )
    _java(
        *(jar, "io.anserini.search.SearchCollection", "-index", folder / "lucene"),
        *("-topics", folder / "queries.tsv", "-topicReader", "TsvString", "-output"),
        *(folder / "run.txt", "-impact", "-pretokenized", "-hits", str(hits), "-threads", "1"),
    )
    run: dict[str, dict[str, int]] = {}
    for line in (folder / "run.txt").read_text().splitlines():
        query_id, _, doc_id, _, score, _ = line.split()
        run.setdefault(query_id, {})[doc_id] = round(float(score))
    return run


def _java(jar: str, main: str, *arguments: str | Path) -> None:
    done = subprocess.run(
        ["java", "-Xmx1g", "-cp", jar, main, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
