"""Help must come at once, and search must not wait for torch: what a command imports is limited."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import lsr

ENCODING = {"torch", "transformers", "sentence_transformers", "huggingface_hub"}
KERNELS = {"numba", "llvmlite"}
HEAVY = ENCODING | KERNELS | {"scipy", "pyarrow", "ir_datasets", "ir_measures"}

RUN_LSR = """
import os, sys
from lsr.cli.app import main
os._exit = sys.exit
try:
    main()
finally:
    print(*sys.modules, file=open(sys.argv[0], "w"))
"""


def modules_after(code: str, arguments: Sequence[str], listing: Path) -> set[str]:
    """Run code in a fresh Python and return the top-level modules that it imported."""
    set_argv = f"import sys; sys.argv = {[str(listing), *arguments]!r}\n"
    result = subprocess.run([sys.executable, "-c", set_argv + code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return {name.partition(".")[0] for name in listing.read_text().split()}


@pytest.mark.parametrize(
    "verb", ["", "demo", "index", "search", "explain", "encode", "info", "verify", "eval", "doctor"]
)
def test_help_imports_nothing_heavy(verb: str, tmp_path: Path) -> None:
    arguments = [verb, "--help"] if verb else ["--help"]

    imported = modules_after(RUN_LSR, arguments, tmp_path / "modules")

    assert not imported & HEAVY


def test_import_lsr_imports_nothing_heavy(tmp_path: Path) -> None:
    code = "import lsr\nprint(*sys.modules, file=open(sys.argv[0], 'w'))"

    imported = modules_after(code, [], tmp_path / "modules")

    assert not imported & (HEAVY | {"numpy"})


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An index of an inference-free model, whose network nobody needs: documents bring vectors."""
    folder = tmp_path_factory.mktemp("inference-free")
    model = folder / "model"
    model.mkdir()
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "cat", "milk"]
    config = {"architectures": ["BertForMaskedLM"], "model_type": "bert", "vocab_size": len(tokens)}
    (model / "config.json").write_text(json.dumps(config))
    (model / "vocab.txt").write_text("\n".join(tokens))
    (model / "idf.json").write_text(json.dumps({"cat": 2.0, "milk": 1.0}))
    (model / "model.safetensors").write_bytes(b"")
    settings = {"model": str(model), "max_length": 32, "precision": "float32"}
    made = lsr.Index.create(
        folder / "index", encoder_settings=settings, terms=tokens, fields={"year": "int"}
    )
    documents = [
        {"id": "d1", "vector": {"milk": 1.5, "cat": 0.5}, "year": 1999},
        {"id": "d2", "vector": {"cat": 1.0}, "year": 2001},
    ]
    with made.writer() as writer:
        writer.add_documents(documents)
        writer.commit()
    return str(folder / "index")


@pytest.mark.parametrize(
    "arguments",
    [
        ["search", "cat"],
        ["search", "cat", "--explain", "--json", "--filter", "year > 1990"],
        ["search", "--vector", '{"cat": 1}', "--prune", "top_k:1"],
        ["explain", "--vector", '{"cat": 1}', "d1"],
        ["info"],
    ],
    ids=" ".join,
)
def test_an_only_question_is_answered_without_kernels(
    arguments: list[str], index: str, tmp_path: Path
) -> None:
    imported = modules_after(RUN_LSR, [*arguments, "--index", index], tmp_path / "modules")

    assert "lsr" in imported
    assert not imported & (ENCODING | KERNELS | {"scipy", "pyarrow"})


def test_vectors_are_indexed_and_searched_without_torch(tmp_path: Path) -> None:
    documents, queries = tmp_path / "documents.jsonl", tmp_path / "queries.jsonl"
    documents.write_text(json.dumps({"id": "d1", "vector": {"milk": 1.5, "cat": 0.5}}))
    queries.write_text(json.dumps({"id": "q1", "vector": {"milk": 1.0}}))
    index, run = str(tmp_path / "index"), tmp_path / "run.trec"

    indexing = ["index", str(documents), "--index", index]
    searching = ["search", "--queries", str(queries), "--index", index, "--run", str(run)]
    imported = modules_after(RUN_LSR, indexing, tmp_path / "modules")
    imported |= modules_after(RUN_LSR, searching, tmp_path / "modules")

    assert run.read_text().startswith("q1 Q0 d1 1 ")
    assert not imported & (ENCODING | {"pyarrow"})


def test_an_index_with_fields_changes_merges_and_filters_without_arrow(tmp_path: Path) -> None:
    code = f"""
import sys
import lsr
index = lsr.Index.create({str(tmp_path / "index")!r}, fields={{"year": "int", "tags": "tags"}})
for year in (1999, 2001):
    with index.writer() as writer:
        writer.add({{"id": str(year), "vector": {{"sea": 1.0}}, "year": year, "tags": ["t"]}})
        writer.commit()
with index.writer() as writer:
    writer.merge()
    writer.commit()
(hit,) = lsr.Index.open(index.path).search({{"sea": 1.0}}, where="year > 2000 and tags = 't'")
assert hit.document.metadata["year"] == 2001
print(*sys.modules, file=open(sys.argv[0], "w"))
"""

    imported = modules_after(code, [], tmp_path / "modules")

    assert "lsr" in imported
    assert "pyarrow" not in imported


def test_search_of_a_service_loads_neither_kernels_nor_index(tmp_path: Path) -> None:
    address = "http://127.0.0.1:9/v1/indexes/none"  # the port of a service that discards all
    code = f"{RUN_LSR}".replace("    main()\n", "    main()\nexcept SystemExit:\n    pass\n")

    imported = modules_after(code, ["search", "a", "--url", address], tmp_path / "modules")

    assert "httpx" in imported
    assert not imported & (HEAVY | {"fastapi", "pydantic"})
