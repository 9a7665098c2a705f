"""Each mistake gets one sentence with place and remedy, its exit code, and changes nothing."""

import json
import resource
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from command import COMMAND, Outcome, environment, lsr, lsr_process, tree

GOOD = [
    {"id": "1", "text": "the cat drank milk", "vector": {"cat": 2.0, "milk": 1.5}},
    {"id": "2", "text": "dogs bark", "vector": {"dog": 2.25}},
]


def _lines(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    (folder / "good.jsonl").write_text(_lines(*GOOD))
    done = lsr("index", "good.jsonl", "--index", "idx", cwd=folder)
    assert (done.code, "2 documents added" in done.stdout) == (0, True), done.stderr
    return folder


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Path:
    """A fresh copy of an index of two documents, and of their file."""
    shutil.copytree(built, tmp_path / "copy")
    return tmp_path / "copy"


def _refused(folder: Path, code: int, *arguments: str, stdin: str | bytes = "") -> str:
    before = tree(folder / "idx")

    done = lsr(*arguments, stdin=stdin, cwd=folder)

    assert done.code == code, done.stderr
    assert done.stdout == ""
    assert tree(folder / "idx") == before
    return done.error


def _index_refuses(folder: Path, line: str | bytes, code: int = 1) -> str:
    content = line if isinstance(line, bytes) else line.encode()
    (folder / "bad.jsonl").write_bytes(_lines({"id": "9", "vector": {"a": 1}}).encode() + content)
    return _refused(folder, code, "index", "bad.jsonl", "--index", "idx")


def test_missing_corpus(folder: Path) -> None:
    error = _refused(folder, 1, "index", "nowhere.jsonl", "--index", "idx")

    assert error.startswith("There is no file or folder 'nowhere.jsonl'; check the path")


def test_empty_corpus(folder: Path) -> None:
    (folder / "empty.jsonl").write_text("")

    error = _refused(folder, 1, "index", "empty.jsonl", "--index", "idx")

    assert "empty.jsonl" in error
    assert "no documents" in error


def test_malformed_json_names_the_line(folder: Path) -> None:
    assert "bad.jsonl:2" in _index_refuses(folder, '{"id": "1", "vector": {')


def test_invalid_utf8_names_the_line(folder: Path) -> None:
    assert "bad.jsonl:2" in _index_refuses(folder, b'{"id": "\xff", "vector": {"a": 1}}\n')


def test_duplicate_ids_in_a_batch_name_both_lines(folder: Path) -> None:
    error = _index_refuses(folder, _lines({"id": "9", "vector": {"a": 1}}))

    assert "bad.jsonl:2: the id '9' occurs twice, first at bad.jsonl:1" in error


def test_duplicate_ids_against_the_index_name_the_remedies(folder: Path) -> None:
    error = _index_refuses(folder, _lines({"id": "1", "vector": {"a": 1}}))

    assert "bad.jsonl:2: the id '1' is in the index already" in error
    assert "--on-error skip" in error
    assert "--update" in error


@pytest.mark.parametrize("doc_id", ["a b", "a\nb", "a\tb", "a\u2028b", "", "x" * 513, None, 1.5])
def test_impossible_ids_name_the_line(folder: Path, doc_id: object) -> None:
    error = _index_refuses(folder, _lines({"id": doc_id, "vector": {"a": 1}}))

    assert "bad.jsonl:2" in error
    assert "id" in error


@pytest.mark.parametrize("weight", ["NaN", "Infinity", "-Infinity", "1e999", "-1", '"1"', "null"])
def test_impossible_weights_name_the_line(folder: Path, weight: str) -> None:
    error = _index_refuses(folder, '{"id": "3", "vector": {"a": 1, "cat": ' + weight + "}}\n")

    assert "bad.jsonl:2" in error


def test_on_error_skip_leaves_bad_records_out_and_counts_them(folder: Path) -> None:
    lines = _lines({"id": "a b", "vector": {"a": 1}}) + "{\n"
    lines += _lines({"id": "1", "vector": {"a": 1}}, {"id": "3", "vector": {"a": 1}})
    (folder / "bad.jsonl").write_text(lines)

    done = lsr("index", "bad.jsonl", "--index", "idx", "--on-error", "skip", "--json", cwd=folder)

    assert done.code == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["added"], facts["skipped"], facts["index"]["n_docs"]) == (1, 3, 3)
    assert done.stderr.count("skipped: bad.jsonl:") == 3


def test_weights_of_another_scale(folder: Path) -> None:
    error = _index_refuses(folder, _lines({"id": "3", "vector": {"a": 900.0, "b": 700.5}}))

    assert "--max-weight" in error


def test_text_without_a_model(folder: Path) -> None:
    (folder / "text.jsonl").write_text(_lines({"id": "1", "text": "words"}))

    done = lsr("index", "text.jsonl", "--index", "new", cwd=folder)

    assert done.code == 1
    assert "text.jsonl:1" in done.error
    assert "--model splade-tiny" in done.error
    assert not (folder / "new").exists()


def test_unknown_model(folder: Path) -> None:
    (folder / "text.jsonl").write_text(_lines({"id": "1", "text": "words"}))

    done = lsr("index", "text.jsonl", "--index", "new", "--model", "./no-such-folder", cwd=folder)

    assert done.code == 1
    assert "no-such-folder" in done.error
    assert not (folder / "new").exists()


def test_model_without_safetensors(folder: Path) -> None:
    model = folder / "model"
    model.mkdir()
    (model / "config.json").write_text('{"architectures": ["BertForMaskedLM"]}')
    (model / "tokenizer.json").write_text("{}")
    (model / "pytorch_model.bin").write_bytes(b"pickle")

    done = lsr("index", "good.jsonl", "--index", "new", "--model", "model", cwd=folder)

    assert done.code == 1
    assert "pytorch_model.bin" in done.error
    assert "safetensors" in done.error


@pytest.mark.parametrize("k", ["0", "-3", "ten"])
def test_k_below_one_is_a_usage_error(folder: Path, k: str) -> None:
    done = lsr("search", "--vector", '{"cat": 1}', "--index", "idx", "-k", k, cwd=folder)

    assert done.code == 2
    assert "-k" in done.error


@pytest.mark.parametrize("verb", ["search", "info", "verify"])
def test_a_folder_that_is_no_index(folder: Path, verb: str) -> None:
    (folder / "other").mkdir()
    question = ["--vector", '{"cat": 1}'] if verb == "search" else []

    done = lsr(verb, *question, "--index", "other", cwd=folder)

    assert done.code == 1
    assert "other is not an index: it has no manifest.json" in done.error
    assert "lsr index" in done.error


def test_a_folder_with_other_files_is_not_indexed_into(folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "other" / "thesis.txt").write_text("precious")

    done = lsr("index", "good.jsonl", "--index", "other", "--force", cwd=folder)

    assert done.code == 1
    assert "other holds something that is not an index" in done.error
    assert (folder / "other" / "thesis.txt").read_text() == "precious"


def _search(folder: Path) -> Outcome:
    return lsr("search", "--vector", '{"cat": 1}', "--index", "idx", cwd=folder)


@pytest.mark.parametrize("suffix", [".arrays", ".documents.jsonl.zst", ".json"])
def test_a_flipped_byte_is_named(folder: Path, suffix: str) -> None:
    file = next(one for one in sorted((folder / "idx").rglob("*")) if one.name.endswith(suffix))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)

    done = _search(folder)

    assert done.code == 3
    assert file.name in done.error


def test_a_truncated_file_is_named(folder: Path) -> None:
    file = next((folder / "idx").rglob("*.arrays"))
    file.write_bytes(file.read_bytes()[:-8])

    done = _search(folder)

    assert done.code == 3
    assert file.name in done.error
    assert "bytes where" in done.error


def test_a_full_disk(folder: Path) -> None:
    """No file may grow beyond 4 kB; the system's EFBIG is handled as ENOSPC is."""
    rows = [{"id": str(n), "text": str(n) * 90, "vector": {f"t{n}": 1.5}} for n in range(10, 900)]
    (folder / "more.jsonl").write_text(_lines(*rows))
    before = tree(folder / "idx")

    done = lsr_process(
        "index",
        "more.jsonl",
        "--index",
        "idx",
        cwd=folder,
        prepare=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
    )

    assert done.code == 5, done.stderr
    assert "The disk is full" in done.error
    assert "bytes are free" in done.error
    assert tree(folder / "idx") == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["search", "--index", "idx"],
        ["search", "cats", "--vector", "{}", "--index", "idx"],
        ["search", "cats"],
        ["search", "--queries", "q.tsv", "--index", "idx"],
        ["search", "--vector", "[1]", "--index", "idx"],
        ["index", "good.jsonl"],
        ["encode", "good.jsonl", "--model", "splade-tiny", "--output", "x.txt"],
    ],
)
def test_contradictory_options_are_usage_errors(folder: Path, arguments: list[str]) -> None:
    done = lsr(*arguments, cwd=folder)

    assert done.code == 2
    assert done.error


def test_a_text_question_to_an_index_of_vectors(folder: Path) -> None:
    error = _refused(folder, 1, "search", "cats", "--index", "idx")

    assert "built from vectors" in error


@pytest.mark.parametrize("weight", ["NaN", "-1", "1e999"])
def test_an_impossible_query_vector(folder: Path, weight: str) -> None:
    done = lsr("search", "--vector", '{"cat": ' + weight + "}", "--index", "idx", cwd=folder)

    assert done.code in {1, 2}
    assert done.error


def test_adding_with_another_model_is_refused(folder: Path) -> None:
    error = _refused(folder, 1, "index", "good.jsonl", "--index", "idx", "--model", "splade-tiny")

    assert "was made with model None" in error


def test_encoding_vectors_is_refused(folder: Path, tiny_model: Path) -> None:
    done = lsr("encode", "good.jsonl", "--model", tiny_model, "--output", "v.parquet", cwd=folder)

    assert done.code == 1
    assert "good.jsonl holds vectors, not texts to encode" in done.error
    assert not (folder / "v.parquet").exists()


def test_an_archive_without_a_matrix(folder: Path) -> None:
    np.savez(folder / "plain.npz", x=np.eye(3))

    error = _refused(folder, 1, "index", "plain.npz", "--index", "idx")

    assert "plain.npz" in error


def test_a_run_into_a_missing_folder_is_refused_before_the_search(folder: Path) -> None:
    done = lsr(
        *("search", "--queries", "good.jsonl", "--run", "nowhere/out.trec", "--index", "idx"),
        cwd=folder,
    )

    assert done.code == 2
    assert "There is no folder nowhere" in done.error


def test_results_that_do_not_fit_the_disk(folder: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [COMMAND, "info", "--index", "idx"],
            cwd=folder,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            check=False,
        )

    assert done.returncode == 5
    assert done.stderr == "error: the disk is full: the results could not be written.\n"


def test_a_number_index_asked_for_a_name(folder: Path) -> None:
    np.savez(folder / "x.npz", data=[1.0], indices=[3], indptr=[0, 1], shape=[1, 5])
    (folder / "x.ids.txt").write_text("a\n")
    assert lsr("index", "x.npz", "--index", "numbers", cwd=folder).code == 0

    for term in ("cat", "9" * 5000, "\u00b2"):
        vector = json.dumps({term: 1})
        done = lsr("search", "--vector", vector, "--index", "numbers", cwd=folder)
        assert done.code == 1
        assert "numbers its terms, but a query has the term" in done.error


def test_a_model_that_went_away(tmp_path: Path, tiny_model: Path) -> None:
    shutil.copytree(tiny_model, tmp_path / "model")
    lsr(
        *("index", "-", "--index", "idx", "--model", "model"),
        stdin='{"id": "a", "text": "water"}',
        cwd=tmp_path,
    )
    shutil.rmtree(tmp_path / "model")

    done = lsr("search", "water", "--index", "idx", cwd=tmp_path)

    assert done.code == 1
    assert "idx was made with a model that is not there any more" in done.error
    assert "--model" in done.error
