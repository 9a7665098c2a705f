import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lsr as library
from command import environment, lsr
from lsr.encoders import Backend, Precision
from tiny_models import WORDS

RUN_WITHOUT_TORCH = """
import sys
sys.modules.update(dict.fromkeys(["torch", "transformers", "safetensors", "huggingface_hub"]))
from lsr.cli.app import main
main()
"""


def without_torch(*arguments: str | Path, cwd: Path) -> str:
    """Run ``lsr ARGUMENTS`` where nothing of [encode] can be imported; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", RUN_WITHOUT_TORCH, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment(),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def hits(index: Path, backend: Any) -> list[tuple[str, float]]:
    found = library.Index.open(index, backend=backend).search("the garden and a song")
    return [(hit.doc_id, hit.score) for hit in found]


def test_text_is_indexed_and_searched_without_torch(
    indexed: Path, tiny_model: Path, tmp_path: Path
) -> None:
    documents = indexed / "docs.jsonl"

    without_torch("index", documents, "--index", "idx", "--model", tiny_model, cwd=tmp_path)
    printed = without_torch("search", "the garden", "--index", "idx", cwd=tmp_path)

    assert "garden of flowers" in printed


def test_an_index_of_one_backend_answers_by_the_other(
    indexed: Path, tiny_model: Path, tmp_path: Path
) -> None:
    for backend in ("native", "torch"):
        done = lsr(
            *("index", indexed / "docs.jsonl", "--index", backend, "--model", tiny_model),
            *("--backend", backend),
            cwd=tmp_path,
        )
        assert done.code == 0, done.stderr

    expected = hits(tmp_path / "native", Backend.NATIVE)
    for index in ("native", "torch"):
        for backend in Backend:
            found = hits(tmp_path / index, backend)
            assert [doc_id for doc_id, _ in found] == [doc_id for doc_id, _ in expected]
            # A precision's rounding may move an impact by a step of its 8 bits.
            np.testing.assert_allclose(
                [score for _, score in found], [score for _, score in expected], rtol=0.02
            )


@pytest.mark.parametrize(
    ("precision", "backend"),
    [(Precision.BFLOAT16, Backend.TORCH), (Precision.INT8, Backend.NATIVE)],
)
def test_an_index_of_any_precision_is_searched_by_either_backend(
    indexed: Path, tiny_model: Path, tmp_path: Path, precision: Precision, backend: Backend
) -> None:
    encoder = library.load_encoder(
        str(tiny_model), max_length=32, precision=precision, backend=backend
    )
    documents = [("a", "the garden and a song"), ("b", "an engine"), ("c", "wheel and river")]
    records = [{"id": doc_id, "text": text} for doc_id, text in documents]
    library.Index.build(tmp_path / "idx", records, encoder=encoder)

    expected = hits(tmp_path / "idx", backend)

    opened = library.Index.open(tmp_path / "idx")
    assert opened.encoder.settings["precision"] == (
        Precision.INT8 if precision is Precision.INT8 else Precision.FLOAT32
    )
    for other in (*Backend, "native"):
        found = hits(tmp_path / "idx", other)
        assert [doc_id for doc_id, _ in found] == [doc_id for doc_id, _ in expected]


def test_documents_may_be_added_by_another_backend(
    indexed: Path, tiny_model: Path, tmp_path: Path
) -> None:
    shutil.copytree(indexed / "idx", tmp_path / "idx")
    encoder = library.load_encoder(str(tiny_model), max_length=32, backend=Backend.TORCH)

    with library.Index.open(tmp_path / "idx", encoder=encoder).writer() as writer:
        writer.add({"id": "new", "text": "a summer garden"})
        writer.commit()
    done = lsr(
        *("search", "a summer garden", "--index", "idx", "--backend", "torch", "--json"),
        cwd=tmp_path,
    )

    assert json.loads(done.stdout)["hits"][0]["id"] == "new"


@pytest.mark.parametrize(
    "arguments",
    [
        ("search", "garden", "--index", "idx"),
        ("index", "docs.jsonl", "--index", "new", "--model", "anything"),
        ("encode", "docs.jsonl", "--model", "anything", "--output", "v.parquet"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_an_unknown_backend_lists_the_known(indexed: Path, arguments: tuple[str, ...]) -> None:
    done = lsr(*arguments, "--backend", "onnx", cwd=indexed)

    assert done.code == 1
    assert done.error == "The backend 'onnx' is not one of auto, native, torch."


def test_queries_of_an_inference_free_model_need_no_weights(
    indexed: Path, tiny_model: Path, tmp_path: Path
) -> None:
    model = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    (model / "idf.json").write_text(json.dumps(dict.fromkeys(WORDS, 3.0)))
    done = lsr(
        *("index", indexed / "docs.jsonl", "--index", "idx", "--model", model),
        cwd=tmp_path,
    )
    assert done.code == 0, done.stderr
    (model / "model.safetensors").write_bytes(b"gone")

    done = lsr(
        "search", " ".join(WORDS[:30]), "--index", "idx", "--json", "--explain", cwd=tmp_path
    )

    assert done.code == 0, done.stderr
    terms = [term for hit in json.loads(done.stdout)["hits"] for term in hit["terms"]]
    assert {term["term"] for term in terms} < set(WORDS)
    assert {term["query_weight"] for term in terms} == {3.0}
