import json
from pathlib import Path

import lsr as library
from command import lsr
from tiny_models import save_tiny_model

TEXTS = ["the water of the ocean", "a garden of flowers in the summer"]


def test_two_towers_become_one_model(tiny_model: Path, tmp_path: Path) -> None:
    save_tiny_model(tmp_path / "queries", seed=1)

    done = lsr(
        *("convert", tiny_model, "--query-model", "queries", "--output", "both", "--json"),
        cwd=tmp_path,
    )

    assert done.code == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["output"] == "both"
    assert facts["size_bytes"] > 10_000
    before = library.load_encoder(str(tiny_model), query_model=str(tmp_path / "queries"))
    after = library.load_encoder(str(tmp_path / "both"))
    for expected, found in (
        (before.encode_documents(TEXTS), after.encode_documents(TEXTS)),
        (before.encode_queries(TEXTS), after.encode_queries(TEXTS)),
    ):
        assert (expected.to_scipy() - found.to_scipy()).nnz == 0


def test_a_model_is_replaced_with_force_only(tiny_model: Path, tmp_path: Path) -> None:
    command = ("convert", tiny_model, "--output", "model")
    assert lsr(*command, cwd=tmp_path).code == 0

    again = lsr(*command, cwd=tmp_path)
    forced = lsr(*command, "--force", cwd=tmp_path)

    assert again.code == 1
    assert "model exists; choose another folder, or replace it" in " ".join(again.stderr.split())
    assert forced.code == 0
    assert " to model (" in forced.stdout
