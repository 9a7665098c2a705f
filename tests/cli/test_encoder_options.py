import json
from pathlib import Path

import lsr as library
from command import lsr
from tiny_models import WORDS, save_tiny_model

DOCUMENT = '{"_id": "d1", "text": "a garden of flowers in the summer"}\n'


def made(folder: Path, model: Path, *options: str) -> Path:
    (folder / "docs.jsonl").write_text(DOCUMENT)
    done = lsr("index", "docs.jsonl", "--index", "idx", "--model", model, *options, cwd=folder)
    assert done.code == 0, done.stderr
    return folder / "idx"


def test_an_index_remembers_a_table_of_query_weights(tiny_model: Path, tmp_path: Path) -> None:
    document = json.loads(DOCUMENT)["text"]
    plain = library.load_encoder(str(tiny_model))
    words = plain.decode(plain.encode_documents([document]))[0]
    found = next(word for word in WORDS if word in words)
    (tmp_path / "idf.json").write_text(json.dumps({found: 2.0, "zebra": 3.0}))

    index = made(tmp_path, tiny_model, "--query-weights", "idf.json")

    encoder = library.Index.open(index).encoder
    assert encoder.decode(encoder.encode_queries([f"cell {found}"])) == [{found: 2.0}]
    done = lsr("search", f"cell {found}", "--index", "idx", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["hits"][0]["id"] == "d1"


def test_an_index_remembers_a_model_of_queries(tiny_model: Path, tmp_path: Path) -> None:
    queries = save_tiny_model(tmp_path / "queries", seed=1)
    asked = ["a garden of flowers"]

    index = made(tmp_path, tiny_model, "--query-model", "queries")

    encoder = library.Index.open(index).encoder
    alone = library.load_encoder(str(queries))
    found = encoder.encode_queries(asked).to_scipy() - alone.encode_queries(asked).to_scipy()
    assert found.nnz == 0
    assert encoder.settings["query_model"] == str(queries)
    done = lsr("index", "docs.jsonl", "--index", "idx", "--query-model", tiny_model, cwd=tmp_path)
    assert done.code == 1
    assert f"was made with query_model {queries}, not" in " ".join(done.stderr.split())


def test_an_index_remembers_its_precision(tiny_model: Path, tmp_path: Path) -> None:
    index = made(tmp_path, tiny_model, "--precision", "int8")

    assert library.Index.open(index).encoder.settings["precision"] == "int8"


def test_documents_are_not_added_by_another_encoder(tiny_model: Path, tmp_path: Path) -> None:
    made(tmp_path, tiny_model)
    (tmp_path / "idf.json").write_text('{"garden": 2.0}')
    save_tiny_model(tmp_path / "other", seed=1)

    for options, named in (
        (("--precision", "int8"), "precision float32, not int8"),
        (("--max-length", "32"), "max_length 64, not 32"),
        (("--query-weights", "idf.json"), "query_weights None, not "),
        (("--model", "other"), f"model {tiny_model}, not {tmp_path / 'other'}"),
    ):
        done = lsr("index", "docs.jsonl", "--index", "idx", *options, cwd=tmp_path)
        assert done.code == 1
        assert f"was made with {named}" in " ".join(done.stderr.split())


def test_an_unknown_precision_lists_the_known(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "docs.jsonl").write_text(DOCUMENT)
    done = lsr(
        *("encode", "docs.jsonl", "--model", tiny_model, "--output", "v.parquet"),
        *("--precision", "int4"),
        cwd=tmp_path,
    )

    assert done.code == 1
    assert "The precision 'int4' is not one of auto, float32, bfloat16, int8." in " ".join(
        done.stderr.split()
    )


def test_long_texts_are_read_passage_by_passage(tiny_model: Path, tmp_path: Path) -> None:
    index = made(tmp_path, tiny_model, "--max-length", "8", "--on-long", "sum", "--stride", "3")

    encoder = library.Index.open(index).encoder
    assert encoder.settings["passages"] == {"aggregation": "sum", "stride": 3}
    assert len(encoder.split(json.loads(DOCUMENT)["text"])) > 1
    done = lsr("index", "docs.jsonl", "--index", "idx", "--on-long", "max", cwd=tmp_path)
    assert "was made with passages {'aggregation': 'sum', 'stride': 3}, not" in " ".join(
        done.stderr.split()
    )
    done = lsr("index", "docs.jsonl", "--index", "other", "--stride", "3", cwd=tmp_path)
    assert done.code == 2
    assert "--stride goes with --on-long max or --on-long sum" in done.stderr
