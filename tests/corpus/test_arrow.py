"""Without pyarrow everything works but Parquet, and that says what to install."""

import json
import subprocess
import sys
from pathlib import Path

WITHOUT_ARROW = """
import sys
sys.modules["pyarrow"] = None
from lsr.cli.app import main
main()
"""
REMEDY = 'error: Parquet needs more packages: pip install "lsr-engine[parquet]".\n'


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_ARROW, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_vectors_are_indexed_and_searched_and_parquet_names_its_extra(tmp_path: Path) -> None:
    index, documents = tmp_path / "idx", tmp_path / "documents.jsonl"
    documents.write_text(json.dumps({"id": "d1", "vector": {"milk": 1.5}}))
    (tmp_path / "documents.parquet").write_bytes(b"PAR1")

    assert run("index", documents, "--index", index, "--quiet").returncode == 0
    found = run("search", "--vector", '{"milk": 1}', "--index", index, "--json", "--quiet")
    refused = run("index", tmp_path / "documents.parquet", "--index", index)
    encoding = run("encode", documents, "--model", "none", "--output", tmp_path / "v.parquet")

    assert json.loads(found.stdout)["hits"][0]["id"] == "d1"
    assert (refused.returncode, refused.stderr) == (1, REMEDY)
    assert (encoding.returncode, encoding.stderr) == (1, REMEDY)
