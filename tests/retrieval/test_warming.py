"""After `warm_up`, nothing that people do compiles a kernel."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

USE = """
import sys
from numba.core import event

class Listener(event.Listener):
    def on_start(self, happening):
        function = happening.data["dispatcher"].py_func
        if function.__module__.startswith("lsr."):
            compiled.append(function.__qualname__)
    def on_end(self, happening):
        pass

compiled = []
event.register("numba:compile", Listener())
folder, corpus = sys.argv[1:]
from lsr.encoders import load_encoder
from lsr.index import Approximation, verify_index
from lsr.retrieval import Index
for precision in ("float32", "int8"):
    path = f"{folder}/{precision}"
    encoder = load_encoder("splade-tiny", precision=precision)
    texts = [{"id": str(n), "text": text} for n, text in enumerate(corpus.splitlines())]
    index = Index.build(path, texts, encoder=encoder)
    with index.writer() as writer:
        writer.add_documents([{"id": "new", "text": "another document"}])
        writer.delete("1")
        writer.commit()
        writer.merge()
        writer.commit()
    opened = Index.open(path)
    opened.search("document")
    opened.search("document", approximation=Approximation(bound_factor=0.9))
    opened.explain("document", "new")
    verify_index(path)
print("compiled:", compiled)
"""


def run(code: str, cache: Path, *arguments: str) -> str:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    command = [sys.executable, "-c", code, *arguments]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return result.stdout + result.stderr


@pytest.mark.slow
def test_nothing_is_compiled_afterwards(tmp_path: Path) -> None:
    if find_spec("cognition") is None:
        pytest.skip("splade-tiny is not installed")
    warmed = run("from lsr.retrieval.warming import warm_up; warm_up()", tmp_path / "cache")

    used = run(USE, tmp_path / "cache", str(tmp_path), "a document\nof words\n")

    assert warmed.count("Compiling kernels for this processor") == 1
    assert "compiled: []" in used, json.dumps(used)
    assert "Compiling" not in used
