import gzip
import json
import os
import subprocess
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from command import lsr
from reneuir_engine import lsr_retrieval as engine

ROOT = Path(__file__).parents[2]

# As lsr-benchmark loads them: terms are numbers, written out.
DOCUMENTS: engine.Embeddings = [
    ("a", np.array(["5", "2"]), np.array([2.0, 1.0], dtype=np.float32)),
    ("b", np.array(["2", "7"]), np.array([4.0, 0.0], dtype=np.float32)),
    ("c", np.array([], dtype="U30"), np.array([], dtype=np.float32)),
]
QUERIES: engine.Embeddings = [
    ("q1", np.array(["2", "5", "900"]), np.array([1.0, 3.0, 9.0])),
    ("q2", np.array(["7"]), np.array([1.0])),
    ("q3", np.array(["2", "5"]), np.array([1.0, -3.0])),
]


def test_terms_are_numbers_and_weights_above_zero() -> None:
    vectors = engine.vectors_of(DOCUMENTS)

    expected = np.zeros((3, 6))
    expected[0, [2, 5]] = 1, 2
    expected[1, 2] = 4
    np.testing.assert_array_equal(vectors.to_scipy().toarray(), expected)
    assert engine.vectors_of(DOCUMENTS[2:]).nnz == 0


@pytest.mark.parametrize("k", [1, 2, 1000])
def test_the_best_documents_are_found_with_scores_above_zero(tmp_path: Path, k: int) -> None:
    index = engine.build_index(["a", "b", "c"], engine.vectors_of(DOCUMENTS), tmp_path / "idx")

    run = engine.search(index, ["q1", "q2", "q3"], engine.vectors_of(QUERIES), k)

    found = {query: [(doc, round(score, 6)) for doc, score in hits] for query, hits in run.items()}
    assert found == {
        "q1": [("a", 7.0), ("b", 4.0)][:k],
        "q2": [],
        "q3": [("b", 4.0), ("a", 1.0)][:k],
    }


def test_a_run_is_written_in_six_fields(tmp_path: Path) -> None:
    engine.write_run(tmp_path / "run.gz", {"q1": [("a", 2.5), ("b", 1.0)], "q2": []}, "tag")

    text = gzip.decompress((tmp_path / "run.gz").read_bytes()).decode()
    assert text == "q1 Q0 a 1 2.5 tag\nq1 Q0 b 2 1.0 tag\n"


# What `lsr-benchmark retrieval` does with an engine, its container replaced by a process.
CHECK = """
import shlex, subprocess, sys
from pathlib import Path
from types import SimpleNamespace
from lsr_benchmark._commands import _retrieval
from tira.check_format import check_format

script, dataset, embedding, output, work = sys.argv[1:]

def run(image, command, input_dir, output_dir, mount_directory, **_):
    names = {"$inputDataset": input_dir, "$embeddings": mount_directory["embeddings"],
             "$outputDir": output_dir}
    words = [str(names.get(word, word)) for word in shlex.split(command)]
    subprocess.run([sys.executable, *words], check=True, cwd=work)

_retrieval.Client = lambda: SimpleNamespace(local_execution=SimpleNamespace(run=run))
command = f"{script} --dataset $inputDataset --embedding $embeddings --output $outputDir --k 10"
tag = _retrieval.run_retrieval_engine(
    "image", command, Path(dataset), Path(embedding), Path(output), platform="linux/amd64"
)
status, message = check_format(Path(output), ["ir_metadata"], {})
print(tag, status.name, message, sep="|")
"""


def _with_benchmark(folder: Path) -> Path:
    """Return a Python that has lsr-benchmark, and all that this one has."""
    venv.create(folder, with_pip=True, symlinks=True)
    python = folder / "bin" / "python"
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "parent.pth").write_text(sysconfig.get_path("purelib"))
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "lsr-benchmark==0.1.1"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"lsr-benchmark cannot be installed: {done.stderr.strip()[-200:]}")
    return python


@pytest.mark.slow
def test_the_benchmark_accepts_what_the_engine_makes_of_an_export(
    tmp_path: Path, evidence: Callable[[str], None]
) -> None:
    rng = np.random.default_rng(3)
    rows = [
        {"id": f"d{n}", "vector": {f"t{t}": int(rng.integers(1, 255)) for t in rng.choice(30, 9)}}
        for n in range(40)
    ]
    for name, chosen in (("docs", rows), ("queries", rows[:5])):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in chosen))
    index: list[str | Path] = ["--index", tmp_path / "idx"]
    export = [*index, "--queries", tmp_path / "queries.jsonl", "--output", tmp_path / "tiny"]
    search = [*index, "--queries", tmp_path / "queries.jsonl", "--run", tmp_path / "run.trec"]
    assert lsr("index", tmp_path / "docs.jsonl", *index).code == 0
    assert lsr("export", "lsr-benchmark", *export).code == 0
    assert lsr("search", *search, "-k", "10").code == 0
    for name in ("dataset", "work"):
        (tmp_path / name).mkdir()
    python = _with_benchmark(tmp_path / "env")

    script = ROOT / "tools" / "reneuir_engine" / "lsr_retrieval.py"
    folders = [tmp_path / name for name in ("dataset", "tiny", "out", "work")]
    done = subprocess.run(
        [python, "-c", CHECK, script, *folders],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )

    assert done.returncode == 0, done.stderr[-3000:]
    tag, status, message = done.stdout.splitlines()[-1].split("|")
    assert (tag, status) == ("lsr-engine-tiny-10", "OK")
    for step in ("index", "retrieval"):
        metadata = yaml.safe_load((tmp_path / "out" / f"{step}-metadata.yml").read_text())
        assert metadata["schema version"] == 0.2
        assert {"actor", "data", "implementation", "platform", "resources"} <= set(metadata)
        assert metadata["resources"]["runtime"]["wallclock"]
    theirs = gzip.decompress((tmp_path / "out" / "run.txt.gz").read_bytes()).decode().splitlines()
    ours = (tmp_path / "run.trec").read_text().splitlines()
    assert [line.split()[:4] for line in theirs] == [line.split()[:4] for line in ours]
    evidence(f"lsr-benchmark 0.1.1 on the engine's output: {status}, {message}")
