import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from command import lsr
from eval_command import LsrEval
from lsr.cli.evaluate import evaluate
from tiny_models import save_tiny_model
from word_encoder import WordEncoder

DOCUMENTS = [
    {"_id": "d1", "title": "Sparse retrieval", "text": "the index and the query", "year": 2021},
    {"_id": "d2", "text": "a garden of flowers in the summer", "tags": ["plants", "sun"]},
    {"_id": "d3", "title": "Music", "text": "an engine and a wheel, and a song by the river"},
]


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random masked-language model of a few kilobytes."""
    return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """Folder with ``docs.jsonl`` and the index ``idx`` of it; not to be changed."""
    folder = tmp_path_factory.mktemp("indexed")
    (folder / "docs.jsonl").write_text("".join(json.dumps(one) + "\n" for one in DOCUMENTS))
    done = lsr(
        *("index", "docs.jsonl", "--index", "idx", "--model", tiny_model, "--max-length", "32"),
        cwd=folder,
    )
    assert done.code == 0, done.stderr
    return folder


@pytest.fixture
def lsr_eval(monkeypatch: pytest.MonkeyPatch) -> LsrEval:
    """Runs the verb; the model `words` is the only one."""

    def load(model: str, **_: object) -> WordEncoder:
        return WordEncoder(model)

    monkeypatch.setattr("lsr.encoders.load_encoder", load)
    monkeypatch.setattr(
        "lsr.retrieval.blueprint.reload_encoder", lambda settings, _: load(settings["model"])
    )
    app = typer.Typer(rich_markup_mode=None)
    app.command()(evaluate)
    return lambda *arguments: CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    (folder / "qrels").mkdir(parents=True)
    for stem, texts in {
        "corpus": {"d1": "apple bread", "d2": "bread", "d3": "fig"},
        "queries": {"q1": "bread", "q2": "fig", "q3": "unknown"},
    }.items():
        lines = [json.dumps({"_id": key, "text": text}) for key, text in texts.items()]
        (folder / f"{stem}.jsonl").write_text("\n".join(lines))
    (folder / "qrels" / "test.tsv").write_text(
        "query-id\tcorpus-id\tscore\nq1\td2\t1\nq2\td3\t1\nq3\td1\t1\n"
    )
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Qrels, a run that finds both answers first, and one that finds the second answer second."""
    contents = {
        "qrels.txt": "q1 0 a 1\nq2 0 b 1\nq3 0 c 1\n",
        "good.trec": "q1 Q0 a 1 2 x\nq2 Q0 b 1 2 x\nq3 Q0 c 1 2 x\n",
        "poor.trec": "q1 Q0 a 1 2 x\nq2 Q0 x 1 2 x\nq2 Q0 b 2 1 x\n",
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    return tmp_path / "qrels.txt", tmp_path / "good.trec", tmp_path / "poor.trec"
